"""`{% time at style="moment" %}`: a time in the reader's time zone, with UTC on hover.

A tag and not a template that is included, because some pages show a hundred times.
"""

from datetime import UTC, datetime
from html import escape

from django import template
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_RENDERER = "time_renderer"


@register.simple_tag(name="time", takes_context=True)
def show_time(context: template.Context, at: datetime, style: str) -> SafeString:
    """`style` is `date`, `time`, `minute` or `moment`, which has seconds."""
    html = find_time_renderer(context).render(at, style)
    # Of digits and of what is escaped already.
    return mark_safe(html)  # noqa: S308


def render_time(at: datetime, style: str) -> SafeString:
    """The element <time>, outside of a page."""
    return mark_safe(TimeRenderer().render(at, style))  # noqa: S308


class TimeRenderer:
    """Renders times for one reader of one template, and translates each month once."""

    def __init__(self, *, is_zone_chosen: bool = False) -> None:
        self._zone = timezone.get_current_timezone()
        self._is_zone_chosen = is_zone_chosen
        self._months: dict[int, str] = {}

    def render(self, at: datetime, style: str) -> str:
        """The element <time>. Unless the reader has chosen a time zone, the browser puts its own."""
        in_utc = at.astimezone(UTC)
        text, local = self._format(at.astimezone(self._zone), style), ""
        if not self._is_zone_chosen:
            text = text if style == "date" else f"{text} UTC"
            local = f' data-local="{style}"'
        title = self._format(in_utc, "moment")
        return f'<time datetime="{in_utc.isoformat()}" title="{title} UTC"{local}>{text}</time>'

    def _format(self, at: datetime, style: str) -> str:
        """`2 March 2026, 14:07:31`"""
        clock = f"{at.hour:02}:{at.minute:02}"
        if style == "time":
            return clock
        month = self._months.get(at.month)
        if month is None:
            month = self._months[at.month] = escape(str(MONTHS[at.month]))
        day = f"{at.day} {month} {at.year}"
        if style == "date":
            return day
        return f"{day}, {clock}:{at.second:02}" if style == "moment" else f"{day}, {clock}"


def find_time_renderer(context: template.Context) -> TimeRenderer:
    """That of the template that is being rendered."""
    known: TimeRenderer | None = context.render_context.get(_RENDERER)
    if known is None:
        known = TimeRenderer(is_zone_chosen=bool(context.get("account_time_zone")))
        context.render_context[_RENDERER] = known
    return known
