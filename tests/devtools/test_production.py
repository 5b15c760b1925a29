"""Production runs without the package `devtools`."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

# None in sys.modules makes an import fail, as if the package were not there.
CHECK_WITHOUT_DEVTOOLS = """
import sys
sys.modules["devtools"] = None
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check"])
"""


@pytest.mark.slow
def test_production_starts_without_devtools_when_database_url_is_set() -> None:
    check = subprocess.run(
        [sys.executable, "-c", CHECK_WITHOUT_DEVTOOLS],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "hostapp.settings",
            "ENV_FILE": "",
            "SECRET_KEY": "a-long-and-random-one-" + "x" * 50 + "0123456789",
            "SITE_URL": "https://app.acme.example",
            "DATABASE_URL": "postgres://user:password@db.acme.example/app",
            "WORKOS_API_KEY": "sk_live_x",
            "WORKOS_WEBHOOK_SECRET": "whsec_x-and-random",
            "EMAIL_URL": "smtp+tls://user:password@mail.acme.example",
        },
        capture_output=True,
        text=True,
    )

    assert check.returncode == 0, check.stderr


DEMO_WITHOUT_DEVTOOLS = """
import sys
sys.modules["devtools"] = None
sys.argv = ["manage.py", "demo"]
import manage
manage.main()
"""


def test_demo_without_devtools_says_what_it_needs() -> None:
    demo = subprocess.run(
        [sys.executable, "-c", DEMO_WITHOUT_DEVTOOLS], cwd=ROOT, capture_output=True, text=True
    )

    assert demo.returncode == 1
    assert demo.stderr.strip() == "The demo needs the packages of development: `make setup` installs them."
