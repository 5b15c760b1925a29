"""Reports of errors: what is in them, and what is not. Nothing leaves this machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostapp.test_logs import PRELUDE, RESET, TOKEN

ROOT = Path(__file__).resolve().parents[2]
DSN = "https://0a1b2c@errors.acme.example/1"

# A process with a transport that prints the reports.
REPORTING = f"""
import sentry_sdk
from hostapp.error_reports import start_error_reports

class Printing(sentry_sdk.Transport):
    def capture_envelope(self, envelope):
        print(envelope.serialize().decode())

start_error_reports("{DSN}", is_production=True, transport=Printing)
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={"ENV_FILE": "", "PYTHONUTF8": "1", "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
def test_report_of_a_failed_page_has_its_reference_and_nothing_private() -> None:
    result = run(
        PRELUDE + REPORTING + "from unittest import mock\n"
        "def fail(*arguments, **named):\n"
        "    local_secret = 'local-variable-marker'\n"
        f"    raise RuntimeError('broken at /account/reset/Mg/{RESET}/ for ada@acme.example')\n"
        "with mock.patch('enterprises.invitations.find_invitation', side_effect=fail):\n"
        f"    response = client.get('/invitations/{TOKEN}/?code=query-marker', REMOTE_ADDR='203.0.113.77',\n"
        "        headers={'host': 'localhost', 'cookie': 'other=cookie-marker',\n"
        "                 'authorization': 'Bearer header-marker'})\n"
        "print('shown', response['X-Request-Id'])"
    )
    assert result.returncode == 0, result.stderr

    report, _, reference = result.stdout.rpartition("shown ")
    assert "RuntimeError" in report
    assert f'"reference":"{reference.strip()}"' in report.replace(" ", "")
    assert "broken at /account/reset/Mg/" in report
    private = [TOKEN, RESET, "ada@acme.example", "query-marker", "cookie-marker", "header-marker",
               "local-variable-marker", "203.0.113.77", "whsec_current", "sk_test_of_the_tests"]  # fmt: skip
    assert [one for one in private if one in report] == []


@pytest.mark.slow
def test_line_that_the_log_leaves_out_is_not_reported() -> None:
    result = run(
        PRELUDE + REPORTING + "from telemetry.context import LIMITED\n"
        "for number in range(5):\n"
        "    logging.getLogger('webhooks').error('not recorded %s', f'no-{number}', extra=LIMITED)\n"
        "logging.getLogger('webhooks').error('another line')\n"
    )
    assert result.returncode == 0, result.stderr

    reports = [line for line in result.stdout.splitlines() if '"logentry"' in line]
    assert len(reports) == 2
    assert "no-0" in reports[0]
    assert "another line" in reports[1]


def test_missing_package_is_a_start_up_problem_that_names_the_extra() -> None:
    result = run(
        "import sys\nsys.modules['sentry_sdk'] = None\nimport hostapp.settings", DEBUG="on", SENTRY_DSN=DSN
    )

    assert "SENTRY_DSN needs the extra `sentry`" in result.stderr
    assert DSN not in result.stderr


@pytest.mark.parametrize("loaded", ["hostapp.settings", "hostapp.receiver"])
def test_package_is_not_imported_without_a_dsn(loaded: str) -> None:
    result = run(
        f"import sys, {loaded}; print('sentry_sdk' in sys.modules)", DEBUG="on", SECRET_KEY="of-the-tests"
    )

    assert result.stdout == "False\n", result.stderr
