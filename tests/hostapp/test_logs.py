"""Log lines: one per message, without tokens, control characters or payloads."""

import ast
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostapp.logs import LineFormatter

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOpQ"
RESET = "cs5u1x-0f3a8c6d2e4b5a697887969594"

PRELUDE = """
import logging
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
"""


def logged(code: str, **environment: str) -> list[str]:
    """The lines that a process with the production's logging writes while it runs `code`."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + code],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONUTF8": "1",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    # Not splitlines: a separator that gets through must not look like two lines.
    return [line for line in (result.stderr + result.stdout).split("\n") if line]


LOGGERS = [
    "django.request",
    "django.security.csrf",
    "uvicorn.access",
    "uvicorn.error",
    "django.server",
    "any",
]
PATHS = {
    f"/account/reset/Mg/{RESET}/": "/account/reset/Mg/…/",
    f"/invitations/{TOKEN}/": "/invitations/…/",
    "/invitations/short/?secret=1": "/invitations/…/?…",
}


def test_no_logger_writes_a_token_and_each_writes_a_line_once() -> None:
    lines = logged(
        f"for logger in {LOGGERS!r}:\n"
        f"    for path in {list(PATHS)!r}:\n"
        "        logging.getLogger(logger).error('Forbidden: %s', path, exc_info=ValueError(path))",
        WEB_ACCESS_LOG="on",
    )

    messages = [line for line in lines if "Forbidden" in line]
    expected = [(logger, hidden) for logger in LOGGERS for hidden in PATHS.values()]
    assert [(line.split()[3], line.split()[-1]) for line in messages] == expected
    tracebacks = [line for line in lines if line.startswith("ValueError")]
    assert [line.split()[-1] for line in tracebacks] == [hidden for _, hidden in expected]
    assert not any(secret in line for line in lines for secret in (TOKEN, RESET, "short", "secret"))


def test_token_is_hidden_in_the_traceback_of_a_failed_page() -> None:
    lines = logged(
        "from unittest import mock\n"
        "with mock.patch('enterprises.invitations.find_invitation', side_effect=RuntimeError('broken')):\n"
        f"    client.get('/invitations/{TOKEN}/', headers={{'host': 'localhost'}})\n"
    )

    assert any("RuntimeError: broken" in line for line in lines)
    assert not any(TOKEN in line for line in lines)


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred", "one\ntwo", "one\r\ntwo", "one\x85two", "one\u2028two", "\x9b31m", "\u202egnp.exe",
     "\x00", "\ud800", "tab\there"],
)  # fmt: skip
def test_control_characters_are_escaped(text: str) -> None:
    record = logging.LogRecord("access", logging.INFO, "", 0, '"GET / HTTP/1.1" "%s"', (text,), None)

    line = LineFormatter("{message}", style="{").format(record)

    assert line.isprintable()
    assert ast.literal_eval(f"'{line}'") == f'"GET / HTTP/1.1" "{text}"'


def test_traceback_keeps_its_lines_and_escapes_the_rest() -> None:
    try:
        raise ValueError("\x1b[31mred")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    record.exc_text = "cached by another handler \x1b"

    lines = LineFormatter("{message}", style="{").format(record).split("\n")

    assert (lines[0], lines[-1]) == ("failed", "ValueError: \\x1b[31mred")
    assert len(lines) > 3


def test_foreign_host_is_one_line_without_a_traceback() -> None:
    request = "client.get('/account/login/', headers={'host': 'evil.example'})"

    (line,) = logged(request)
    assert "INFO django.security.DisallowedHost Invalid HTTP_HOST header: 'evil.example'" in line
    assert logged(request, LOG_LEVEL="WARNING") == []


def test_missing_page_and_unavailable_service_add_no_line_to_the_access_log() -> None:
    assert logged(
        "client.get('/admin/login/nowhere/', headers={'host': 'localhost'})\n"
        "from django.utils.log import log_response\n"
        "from django.http import HttpResponse\n"
        "log_response('%s: %s', 'Service Unavailable', '/', response=HttpResponse(status=503))"
    ) == []  # fmt: skip
