"""`{% time at style="moment" %}`: a time in the reader's time zone, with UTC on hover.

A tag and not a template that is included, because some pages show a hundred times.
"""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_CLOCKS = {"date": "", "time": "%H:%M", "minute": "%H:%M", "moment": "%H:%M:%S"}


@register.simple_tag(name="time", takes_context=True)
def show_time(context: template.Context, at: datetime, style: str) -> SafeString:
    """`style` is `date`, `time`, `minute` or `moment`, which has seconds."""
    return render_time(at, style, is_zone_chosen=bool(context.get("account_time_zone")))


def render_time(at: datetime, style: str, *, is_zone_chosen: bool = False) -> SafeString:
    """The element <time>. Unless the reader has chosen a time zone, the browser puts its own."""
    in_utc = at.astimezone(UTC)
    text, local = _format(timezone.localtime(at), style), ""
    if not is_zone_chosen:
        text = text if style == "date" else f"{text} UTC"
        local = format_html(' data-local="{}"', style)
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        in_utc.isoformat(),
        _format(in_utc, "moment"),
        local,
        text,
    )


def _format(at: datetime, style: str) -> str:
    """`2 March 2026, 14:07:31`"""
    clock = _CLOCKS[style]
    if style == "time":
        return f"{at:{clock}}"
    day = f"{at.day} {MONTHS[at.month]} {at.year}"
    return f"{day}, {at:{clock}}" if clock else day
