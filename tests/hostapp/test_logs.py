"""Log lines: one per message, without tokens, control characters or payloads."""

import ast
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hostapp import logs
from hostapp.logs import JsonFormatter, LineFormatter, Repeats
from telemetry.context import LIMITED, get_reference, log_fields, more_fields
from tests.processes import wait_until

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
            "LOG_FORMAT": "text",
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


@pytest.mark.slow
def test_no_logger_writes_a_token_and_each_writes_a_line_once() -> None:
    lines = logged(
        f"for logger in {LOGGERS!r}:\n"
        f"    for path in {list(PATHS)!r}:\n"
        "        logging.getLogger(logger).error('Forbidden: %s', path, exc_info=ValueError(path))",
        WEB_ACCESS_LOG="on",
    )

    messages = [line for line in lines if "Forbidden" in line]
    expected = [(logger, hidden) for logger in LOGGERS for hidden in PATHS.values()]
    assert [(line.split()[2], line.split()[-1]) for line in messages] == expected
    tracebacks = [line for line in lines if line.startswith("ValueError")]
    assert [line.split()[-1] for line in tracebacks] == [hidden for _, hidden in expected]
    assert not any(secret in line for line in lines for secret in (TOKEN, RESET, "short", "secret"))


@pytest.mark.slow
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

    line = LineFormatter().format(record)
    in_json = JsonFormatter().format(record)

    assert line.isprintable()
    assert in_json.isascii()
    assert in_json.isprintable()
    message = line.split(" ", 3)[3]
    assert ast.literal_eval(f"'{message}'") == f'"GET / HTTP/1.1" "{text}"'
    assert json.loads(in_json)["message"] == f'"GET / HTTP/1.1" "{text}"'


def test_traceback_keeps_its_lines_and_escapes_the_rest() -> None:
    try:
        raise ValueError("\x1b[31mred")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    record.exc_text = "cached by another handler \x1b"

    lines = LineFormatter().format(record).split("\n")

    assert lines[0].endswith("ERROR a failed")
    assert lines[-1] == "ValueError: \\x1b[31mred"
    assert len(lines) > 3


@pytest.mark.slow
def test_foreign_host_is_one_line_without_a_traceback() -> None:
    request = "client.get('/account/login/', headers={'host': 'evil.example'})"

    (line,) = logged(request)
    assert "INFO django.security.DisallowedHost Invalid HTTP_HOST header: 'evil.example'" in line
    assert logged(request, LOG_LEVEL="WARNING") == []


@pytest.mark.slow
def test_missing_page_and_unavailable_service_add_no_line_to_the_access_log() -> None:
    assert logged(
        "client.get('/admin/login/nowhere/', headers={'host': 'localhost'})\n"
        "from django.utils.log import log_response\n"
        "from django.http import HttpResponse\n"
        "log_response('%s: %s', 'Service Unavailable', '/', response=HttpResponse(status=503))"
    ) == []  # fmt: skip


FAIL = (
    "from unittest import mock\n"
    "with mock.patch('enterprises.invitations.find_invitation', side_effect={error}):\n"
    "    for _ in range({times}):\n"
    "        response = client.get('/invitations/x/', headers={{'host': 'localhost'}})\n"
    "print('shown', response.status_code, response['X-Request-Id'], response.content.count(\n"
    "    response['X-Request-Id'].encode()))"
)


@pytest.mark.slow
def test_json_line_of_a_failed_page_has_the_reference_that_the_page_shows() -> None:
    *lines, shown = logged(FAIL.format(error="RuntimeError('broken')", times=1), LOG_FORMAT="json")

    (line,) = map(json.loads, lines)
    assert shown == f"shown 500 {line['reference']} 2"
    assert (line["level"], line["logger"]) == ("ERROR", "django.request")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert "RuntimeError: broken" in line["exception"]


@pytest.mark.slow
def test_pages_that_the_database_fails_write_one_line_without_a_traceback() -> None:
    *lines, shown = logged(FAIL.format(error="OperationalError('away')", times=5).replace(
        "from unittest", "from django.db import OperationalError\nfrom unittest", 1
    ))  # fmt: skip

    assert len(lines) == 1
    assert "the database cannot be used (OperationalError)" in lines[0]
    assert shown.startswith("shown 503 ")
    assert shown.endswith(" 2")


def test_line_carries_the_fields_of_its_block_and_its_own() -> None:
    record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", (), None)
    vars(record).update(more_fields(request_id="req_1", blank=""))
    with log_fields(reference="0a1b2c3d", enterprise="acme-inc"):
        assert get_reference() == "0a1b2c3d"
        line, in_json = LineFormatter().format(record), json.loads(JsonFormatter().format(record))

    assert line.endswith("ERROR a failed [reference=0a1b2c3d enterprise=acme-inc request_id=req_1]")
    assert (in_json["reference"], in_json["enterprise"], in_json["request_id"]) == (
        "0a1b2c3d",
        "acme-inc",
        "req_1",
    )
    assert "blank" not in in_json


def test_limited_line_is_written_once_and_then_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs, "LIMIT_SECONDS", 0.05)
    logger = logging.getLogger("tests.repeats")
    repeats = Repeats()
    logger.addFilter(repeats)
    try:
        for number in range(5):
            logger.error("Webhook %s not recorded", number, extra=LIMITED)
            logger.error("Other %s", number)
        wait_until(lambda: len(caplog.messages) == 7)
        logger.error("Webhook %s not recorded", 9, extra=LIMITED)
    finally:
        logger.removeFilter(repeats)

    limited = [message for message in caplog.messages if not message.startswith("Other")]
    assert limited == [
        "Webhook 0 not recorded",
        "4 more like this in 0.05 s: Webhook 0 not recorded",
        "Webhook 9 not recorded",
    ]
    assert len(caplog.messages) == 8
