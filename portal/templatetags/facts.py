"""`{% facts rows %}`: terms and their values. Built here, because a page may show two hundred."""

from collections.abc import Sequence

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from enterprises.templatetags.times import render_time
from portal.page.lines import Fact

register = template.Library()


@register.simple_tag(name="facts", takes_context=True)
def show_facts(context: template.Context, facts: Sequence[Fact]) -> SafeString:
    is_zone_chosen = bool(context.get("account_time_zone"))
    copied, copy = escape(_("Copied")), escape(_("Copy"))
    parts = ['<dl class="facts">']
    for fact in facts:
        term, text = escape(fact.term), escape(fact.text)
        if fact.id:
            object_id = escape(fact.id)
            value = (
                f'<code>{object_id}</code><button type="button" class="copy" hidden data-copy="{object_id}"'
                f' data-copied="{copied}">{copy}<span class="visually-hidden"> {term}</span></button>'
            )
        else:
            value = f'<a href="{escape(fact.url)}">{text}</a>' if fact.url else text
            if fact.at:
                time = render_time(fact.at, fact.style, is_zone_chosen=is_zone_chosen)
                value = f"{value}, {time}" if value else time
        parts.append(f"<dt>{term}</dt> <dd>{value}</dd> ")
    # Each text was escaped above.
    return mark_safe("".join([*parts, "</dl>"]))  # noqa: S308
