"""`{% facts rows %}`: terms and their values. Built here, because a page may show two hundred."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from enterprises.templatetags.times import render_time
from portal.page.lines import Fact

register = template.Library()


@register.simple_tag(name="facts", takes_context=True)
def show_facts(context: template.Context, facts: Sequence[Fact]) -> SafeString:
    is_zone_chosen = bool(context.get("account_time_zone"))
    labels = (_("Copied"), _("Copy"))
    values = ((fact.term, _render_value(fact, labels, is_zone_chosen=is_zone_chosen)) for fact in facts)
    return format_html('<dl class="facts">{}</dl>', format_html_join("", "<dt>{}</dt> <dd>{}</dd> ", values))


def _render_value(fact: Fact, labels: tuple[str, str], *, is_zone_chosen: bool) -> str:
    if fact.id:
        return format_html(
            '<code>{0}</code><button type="button" class="copy" hidden data-copy="{0}" data-copied="{1}">{2}'
            '<span class="visually-hidden"> {3}</span></button>',
            fact.id,
            *labels,
            fact.term,
        )
    text = format_html('<a href="{}">{}</a>', fact.url, fact.text) if fact.url else fact.text
    if fact.at is None:
        return text
    time = render_time(fact.at, fact.style, is_zone_chosen=is_zone_chosen)
    return format_html("{}, {}", text, time) if text else time
