"""`{% object_lines section %}` and `{% facts rows %}`: the objects of a section, and terms with their values.

Built here, and not in templates, because a page may show fifty objects with two hundred facts.
"""

from collections.abc import Sequence
from html import escape

from django import template
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from enterprises.templatetags.times import find_time_renderer
from portal.page.lines import Fact, Line
from portal.page.sections.section import Section
from portal.page.wording import Text

register = template.Library()


@register.simple_tag(name="facts", takes_context=True)
def show_facts(context: template.Context, facts: Sequence[Fact]) -> SafeString:
    # The renderer escapes each text.
    return mark_safe(Renderer(context).render_facts(facts))  # noqa: S308


@register.simple_tag(name="object_lines", takes_context=True)
def show_lines(context: template.Context, section: Section) -> SafeString:
    renderer = Renderer(context)
    # The renderer escapes each text.
    return mark_safe("\n".join(renderer.render_line(section, line) for line in section.lines))  # noqa: S308


class Renderer:
    """Renders for one tag, and translates each text once, however many objects repeat it."""

    def __init__(self, context: template.Context) -> None:
        self._times = find_time_renderer(context)
        self._copy, self._copied = escape(_("Copy")), escape(_("Copied"))
        # By identity: to compare texts would translate them. Kept, so that no other text gets the same one.
        self._translated: dict[int, tuple[Text, str]] = {}

    def render_line(self, section: Section, line: Line) -> str:
        """An object: its state unless the section's heading says it, and its facts or else its name."""
        words, parts = line.words, ['<div class="object">']
        has_own_state = section.has_several_objects or words is not section.state
        if has_own_state or line.note or not line.facts:
            parts.append("<p>")
            if has_own_state:
                parts.append(f'<span class="state {words.tone}">{self._escape(words.label)}</span> ')
            if line.text and not line.facts:
                parts.append(f"<strong>{escape(line.text)}</strong>{self._render_since(line)} ")
            if line.note:
                parts.append(f'<span class="note">{self._escape(line.note)}</span>')
            parts.append("</p>")
        if line.facts:
            parts.append(self.render_facts(line.facts))
        return "".join([*parts, "</div>"])

    def _render_since(self, line: Line) -> str:
        since = self._escape(line.words.since)
        if line.since is None or not since:
            return ""
        return f' <span class="soft">{since} {self._times.render(line.since, "date")}</span>'

    def render_facts(self, facts: Sequence[Fact]) -> str:
        return "".join(['<dl class="facts">', *(self._render_fact(fact) for fact in facts), "</dl>"])

    def _render_fact(self, fact: Fact) -> str:
        term = self._escape(fact.term)
        if fact.id:
            object_id = escape(fact.id)
            value = (
                f'<code>{object_id}</code><button type="button" class="copy" hidden data-copy="{object_id}"'
                f' data-copied="{self._copied}">{self._copy}<span class="visually-hidden"> {term}</span>'
                "</button>"
            )
        else:
            text = escape(fact.text)
            value = f'<a href="{escape(fact.url)}">{text}</a>' if fact.url else text
            if fact.at:
                time = self._times.render(fact.at, fact.style)
                value = f"{value}, {time}" if value else time
        return f"<dt>{term}</dt> <dd>{value}</dd> "

    def _escape(self, text: Text) -> str:
        if not isinstance(text, Promise):
            return escape(text)
        if (known := self._translated.get(id(text))) is None:
            known = self._translated[id(text)] = (text, escape(str(text)))
        return known[1]
