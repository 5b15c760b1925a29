"""One-line texts, such as names and subjects. Plain Python."""

import re
import unicodedata

# Characters that break a line, control a terminal, or reverse the direction of the text that follows it.
_CONTROL_CATEGORIES = {"Cc", "Zl", "Zp", "Cs"}
_DIRECTION_CHARACTERS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = re.compile(r"\s+")


def fold_to_one_line(text: str) -> str:
    """The text in one line: control characters and runs of blanks become one blank each.

    A mail's header cannot hold a line break, and a name that holds one adds lines to a mail's body, to a CSV
    file and to a log.
    """
    # Printable characters are neither controls nor separators, and the only blank among them is the space.
    # Most texts have nothing else: this is many times faster.
    if text.isprintable():
        return (_BLANKS.sub(" ", text) if "  " in text else text).strip(" ")
    folded = "".join(" " if is_control_character(letter) else letter for letter in text)
    return _BLANKS.sub(" ", folded).strip()


def is_control_character(letter: str) -> bool:
    return unicodedata.category(letter) in _CONTROL_CATEGORIES or letter in _DIRECTION_CHARACTERS
