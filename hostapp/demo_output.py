"""What the demo prints: one time format, a color per process, mails as boxes."""

import os
import re
from datetime import datetime
from typing import TextIO

# Cyan, yellow and magenta can be read on light and dark.
_COLORS = {"web": "36", "sandbox": "35", "worker": "33"}
# The times that the processes write themselves: 2026-01-15 12:00:00,123 or 12:00:00.
_OWN_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d([.,]\d+)?Z? ")


def is_colored(stream: TextIO) -> bool:
    """Whether to write colors: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def format_line(name: str, line: str, now: datetime, *, colored: bool) -> str:
    """The line of the process `name`, with the time of day in place of the process's own."""
    label = f"{name:>8}"
    if colored:
        label = f"\x1b[{_COLORS[name]}m{label}\x1b[0m"
    return f"{now:%H:%M:%S} {label} | {_OWN_TIME.sub('', line, count=1) if _OWN_TIME.match(line) else line}"


def format_box(to: str, subject: str, link: str) -> str:
    """A mail as a box of three lines."""
    lines = [f"To       {to}", f"Subject  {subject}", f"Link     {link}"]
    width = max(map(len, lines))
    edge = "─" * (width + 2)
    body = "".join(f"│ {line:<{width}} │\n" for line in lines)
    return f"┌{edge}┐\n{body}└{edge}┘"
