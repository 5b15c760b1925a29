"""`{% select_options widget.optgroups %}`: the options of a <select>.

Built here, and not in the template, because a person chooses from four hundred time zones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# An option as Django's widgets describe it: value, label and attrs.
_Option = Mapping[str, Any]


@register.simple_tag
def select_options(groups: Iterable[tuple[str | None, Sequence[_Option], int]]) -> SafeString:
    # Each part is escaped.
    return mark_safe("".join(_render_groups(groups)))  # noqa: S308


def _render_groups(groups: Iterable[tuple[str | None, Sequence[_Option], int]]) -> Iterator[str]:
    for name, options, _ in groups:
        if name:
            yield f'\n  <optgroup label="{conditional_escape(name)}">'
        yield from map(_render_option, options)
        if name:
            yield "\n  </optgroup>"


def _render_option(option: _Option) -> str:
    attributes = "".join(
        f" {conditional_escape(name)}" + ("" if value is True else f'="{conditional_escape(str(value))}"')
        for name, value in option["attrs"].items()
        if value is not False
    )
    value, label = conditional_escape(str(option["value"])), conditional_escape(option["label"])
    return f'\n  <option value="{value}"{attributes}>{label}</option>'
