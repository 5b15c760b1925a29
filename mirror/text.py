"""Text as WorkOS sends it, made storable. Plain Python: the webhook receiver imports it, too.

PostgreSQL's text and jsonb hold neither NUL nor half of a surrogate pair, both of which JSON can spell.
"""

import re
from typing import Any

from audit.one_line import fold_to_one_line

REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def replace_unstorable(text: str) -> str:
    """The text with each character that PostgreSQL cannot hold replaced by U+FFFD."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def replace_unstorable_in(value: Any) -> Any:
    """A JSON value with the texts and keys in it made storable. It must not be nested deeply."""
    if isinstance(value, str):
        return replace_unstorable(value)
    if isinstance(value, dict):
        return {replace_unstorable(key): replace_unstorable_in(one) for key, one in value.items()}
    if isinstance(value, list):
        return [replace_unstorable_in(one) for one in value]
    return value


def fold_line(text: str) -> str:
    """The text as one storable line."""
    # Nearly all texts are printable and have nothing to replace or to fold.
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    return fold_to_one_line(replace_unstorable(text))
