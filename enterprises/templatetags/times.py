"""`{% time at style="moment" %}`: a time in the reader's time zone, with UTC on hover.

A tag and not a template that is included, because some pages show a hundred times.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag(name="time", takes_context=True)
def show_time(context: template.Context, at: datetime, style: str) -> SafeString:
    """`style` is `date`, `time`, `minute` or `moment`, which has seconds."""
    return render_time(at, style, is_zone_chosen=bool(context.get("account_time_zone")))


def render_time(at: datetime, style: str, *, is_zone_chosen: bool = False) -> SafeString:
    """The element <time>. Unless the reader has chosen a time zone, the browser puts its own."""
    in_utc, in_zone = at.astimezone(UTC), timezone.localtime(at)
    months = {month: escape(str(MONTHS[month])) for month in {in_utc.month, in_zone.month}}
    text, local = _format(in_zone, style, months), ""
    if not is_zone_chosen:
        text = text if style == "date" else f"{text} UTC"
        local = f' data-local="{style}"'
    title = _format(in_utc, "moment", months)
    # Of digits and of what is escaped already: a page may show hundreds.
    html = f'<time datetime="{in_utc.isoformat()}" title="{title} UTC"{local}>{text}</time>'
    return mark_safe(html)  # noqa: S308


def _format(at: datetime, style: str, months: Mapping[int, str]) -> str:
    """`2 March 2026, 14:07:31`"""
    clock = f"{at.hour:02}:{at.minute:02}"
    if style == "time":
        return clock
    day = f"{at.day} {months[at.month]} {at.year}"
    if style == "date":
        return day
    return f"{day}, {clock}:{at.second:02}" if style == "moment" else f"{day}, {clock}"
