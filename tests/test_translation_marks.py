"""Every word of a template is marked for translation."""

import re
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType

from tests.pseudo_locale import find_unmarked

FOLDER = Path(__file__).resolve().parents[1] / "templates"
TEMPLATES = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".html", ".txt"))
# Names, and the zone of the times that are shown without JavaScript.
_NAMES = re.compile(r"\bUTC\b|\bWorkOS\b|\bIP\b")
# A filter that puts words into the page: |default:"none" and the like. Quotes hold dates' formats, too.
_WORDS_OF_FILTERS = re.compile(r"""\|(?:default|default_if_none|yesno|pluralize):["'][^"']*[a-z]{2}""")


def untranslated_part(source: str) -> str:
    """The template's text outside of `translate`, `blocktranslate` and comments, without values and tags."""
    kept: list[str] = []
    closing = ""
    for token in Lexer(source).tokenize():
        tag = token.contents.split()[0] if token.token_type == TokenType.BLOCK and token.contents else ""
        if closing:
            closing = "" if tag == closing else closing
        elif tag in ("blocktranslate", "blocktrans", "comment"):
            closing = f"end{tag}"
        elif token.contents == "block frame":
            # It names a class.
            closing = "endblock"
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
    return "".join(kept)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_template_marks_every_word_for_translation(path: Path) -> None:
    source = path.read_text()
    text = untranslated_part(source)

    assert find_unmarked(text, lambda words: _NAMES.sub("", words)) == []
    assert _WORDS_OF_FILTERS.findall(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Some words</p>",
        '<p title="Some words"></p>',
        '<input type="submit" value="Some words">',
        "{% blocktranslate %}Right{% endblocktranslate %} wrong",
        '{% if a %}Some words{% else %}{% translate "Right" %}{% endif %}',
    ],
)
def test_unmarked_word_is_found(source: str) -> None:
    assert find_unmarked(untranslated_part(source), lambda words: words)


def test_marked_words_values_and_comments_are_not_found() -> None:
    source = """{# A remark #}{% comment %}A remark{% endcomment %}{% translate "Words" %}
        <p class="soft" aria-label="{% translate 'Words' %}">{{ value }} · 1.</p><script>let it;</script>
        {% blocktranslate with a=b %}Some <a href="x" title="words">words</a>{% endblocktranslate %}"""

    assert find_unmarked(untranslated_part(source), lambda words: words) == []
