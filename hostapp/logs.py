"""How log lines are written: one line each, without tokens and without control characters."""

import copy
import logging
import re
from types import TracebackType
from typing import Any

from hostapp.url_tokens import hide_tokens

# C0 and C1 controls, line separators, bidirectional controls, and halves of surrogate pairs: what a stranger
# writes in a header could end our line and begin another, or repaint the terminal in which the log is read.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_MESSAGES = re.compile(f"[\t\n{_CONTROLS}]")
_IN_TRACEBACKS = re.compile(f"[{_CONTROLS}]")

_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """For every handler: the message is one line; a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        # Another handler's formatter may have cached a traceback.
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _escape(_IN_MESSAGES, hide_tokens(super().formatMessage(record)))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        return _escape(_IN_TRACEBACKS, hide_tokens(super().formatException(ei)))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        return _escape(_IN_TRACEBACKS, hide_tokens(super().formatStack(stack_info)))


def _escape(characters: re.Pattern[str], text: str) -> str:
    return characters.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class ForeignHosts(logging.Filter):
    """Django logs a foreign Host header as an error with a traceback, and anyone can send one."""

    def filter(self, record: Any) -> bool:
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.exc_info = record.exc_text = None
        return logging.getLogger().isEnabledFor(logging.INFO)


class WithTraceback(logging.Filter):
    """Drops lines without an exception: they repeat a status that the access log already has."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None
