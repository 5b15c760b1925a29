"""`check --deploy` is clean with the documented settings, and finds what would only fail in production."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.hostapp.test_settings import PRODUCTION, ROOT, run

DEPLOY = """
import sys
from django.conf import settings
settings.STATIC_ROOT = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
if sys.argv[2:]:
    call_command("collectstatic", interactive=False, verbosity=0)
call_command("check", deploy=True, fail_level="WARNING")
"""


def check_deployment(folder: Path, *, collect: bool, **changed: str) -> "subprocess.CompletedProcess[str]":
    environment = {**PRODUCTION, "BEHIND_TLS_PROXY": "on", "TRUSTED_PROXIES": "10.0.0.0/8", **changed}
    arguments = ["-c", DEPLOY, str(folder / "static"), *(["collect"] if collect else [])]
    return run("", environment, "-W", "error", *arguments)


def test_deployment_check_is_clean_with_the_documented_settings(tmp_path: Path) -> None:
    result = check_deployment(tmp_path, collect=True)

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_deployment_check_names_static_files_that_were_not_collected(tmp_path: Path) -> None:
    result = check_deployment(tmp_path, collect=False)

    assert result.returncode != 0
    assert "hostapp.E001" in result.stderr
    assert "collectstatic" in result.stderr


@pytest.mark.parametrize("url", ["consolemail://", "memorymail://", "dummymail://"])
def test_deployment_check_names_mail_that_is_not_sent(tmp_path: Path, url: str) -> None:
    assert "hostapp.W002" in check_deployment(tmp_path, collect=True, EMAIL_URL=url).stderr


SERVE = """
import sys
from django.conf import settings
settings.STATIC_ROOT = sys.argv[1]
from hostapp.wsgi import application
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
application.load_middleware()
from django.test import Client
from django.contrib.staticfiles.storage import staticfiles_storage
client = Client(headers={"host": "app.acme.example"})
for name in ("staticfiles.json", "staticfiles.json.gz", staticfiles_storage.stored_name("hostapp/style.css")):
    print(client.get(f"/static/{name}", secure=True).status_code)
"""


def test_list_of_static_files_is_not_served(tmp_path: Path) -> None:
    result = run("", PRODUCTION, "-c", SERVE, str(tmp_path / "static"))

    assert result.stdout.split() == ["404", "404", "200"], result.stderr
    assert not list((tmp_path / "static").glob("*.json*"))


def test_ci_runs_the_deployment_check_with_the_settings_that_the_documentation_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    guide = (ROOT / "docs/going-live.md").read_text()
    (documented,) = re.findall(r"^DOCUMENTED_SETTINGS = ((?:.*\\\n)*.*)", makefile, re.MULTILINE)
    names = set(re.findall(r"\b([A-Z_]+)=", documented)) - {"ENV_FILE"}

    assert "check --deploy --fail-level WARNING" in makefile
    assert "make check" in (ROOT / ".ci/run").read_text()
    assert names == {*PRODUCTION, "BEHIND_TLS_PROXY", "TRUSTED_PROXIES"}
    assert all(f"`{name}" in guide for name in names)
