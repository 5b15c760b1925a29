"""A pseudo-language: every string that is marked for translation comes out as ⟦string⟧.

What a page shows outside of ⟦ and ⟧ is data or a string that is not marked.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from asgiref.local import Local
from django.conf import settings
from django.utils.translation import trans_real

OPEN, CLOSE = "⟦", "⟧"
# Attributes that people read or hear.
READ_ATTRIBUTES = {"title", "alt", "placeholder", "aria-label", "aria-description", "aria-valuetext"}
NOT_READ = {"script", "style", "code"}
# Two letters: "·", "1." and "©" need no translation.
_WORD = re.compile(r"[^\W\d_]{2,}")


class PseudoTranslation:
    """Stands in for Django's catalog of one language."""

    def gettext(self, message: str) -> str:
        # A context precedes the message: it is never shown.
        return f"{OPEN}{message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]}{CLOSE}"

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def to_language(self) -> str:
        return settings.LANGUAGE_CODE

    def language(self) -> str:
        return settings.LANGUAGE_CODE


def speak_pseudo_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's language be the pseudo-language until the test ends."""
    pseudo = PseudoTranslation()
    monkeypatch.setattr(trans_real, "translation", lambda language: pseudo)
    monkeypatch.setattr(trans_real, "_default", pseudo)
    monkeypatch.setattr(trans_real, "_active", Local())


class _Reader(HTMLParser):
    """Collects what people read of a page: pieces of text, and the attributes in READ_ATTRIBUTES."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self._hidden: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NOT_READ:
            self._hidden.append(tag)
        values = dict(attrs)
        is_button = tag == "input" and values.get("type") in ("submit", "button", "reset")
        # Within a translated sentence, what its markup says was given to the translator, too.
        if self._depth == 0:
            self.attributes += [
                value or ""
                for name, value in attrs
                if name in READ_ATTRIBUTES or (name == "value" and is_button)
            ]

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)
            self._depth += data.count(OPEN) - data.count(CLOSE)


def find_unmarked(html: str, remove_data: Callable[[str], str]) -> list[str]:
    """The words of a page outside of ⟦⟧. `remove_data` removes from a text what needs no translation."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    # A translated sentence may contain markup, and then spans several pieces.
    pieces = "\n".join(reader.texts)
    return [
        text.strip()
        for text in [*outside_of_marks(pieces).split("\n"), *map(outside_of_marks, reader.attributes)]
        if _WORD.search(remove_data(text))
    ]


def outside_of_marks(text: str) -> str:
    """The text without what stands in ⟦⟧, which may be nested."""
    outside, depth = [], 0
    for character in text:
        if character == OPEN:
            depth += 1
        elif character == CLOSE:
            depth -= 1
        elif depth == 0:
            outside.append(character)
    return "".join(outside)
