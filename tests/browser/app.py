"""The application as real processes: web and worker on the test's database, with the sandbox for WorkOS."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import Page

from enterprises.models import Enterprise
from hostapp.models import User
from sandbox.client import Sandbox
from tests.processes import ROOT, environment, until

# A folder: then every state is also kept as pictures, to be looked at.
PICTURES = os.environ.get("PICTURES")


@dataclass(frozen=True)
class App:
    url: str
    mail_folder: Path
    said: Path
    worker: "subprocess.Popen[bytes]"

    def pause(self) -> None:
        """Hold the worker between two transactions: emptying the tables must not wait for it."""
        until(self._held)

    def _held(self) -> bool:
        self.worker.send_signal(signal.SIGSTOP)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            if cursor.fetchone() == (0,):
                return True
        self.go_on()
        return False

    def go_on(self) -> None:
        self.worker.send_signal(signal.SIGCONT)

    def mails(self) -> list[str]:
        return [file.read_text() for file in sorted(self.mail_folder.glob("*.log"))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(sandbox_url: str, mail_folder: Path) -> Iterator[App]:
    port = free_port()
    url = f"http://localhost:{port}"
    environ = {
        **environment(),
        "DJANGO_SETTINGS_MODULE": "tests.browser.app_settings",
        "APP_URL": url,
        "APP_SANDBOX": sandbox_url,
        "APP_MAILS": str(mail_folder),
    }
    commands = (
        [
            "-m",
            "gunicorn",
            "hostapp.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--threads",
            "4",
            "--access-logfile",
            "-",
        ],
        ["manage.py", "worker", "--interval", "0.05"],
    )
    with (mail_folder.parent / "said.txt").open("w") as said:
        children = [
            subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stdout=said, stderr=said)
            for command in commands
        ]
        try:
            _wait_for(f"{url}/account/login/")
            yield App(url, mail_folder, mail_folder.parent / "said.txt", children[1])
        finally:
            for child in children:
                # One that is held hears nothing.
                child.send_signal(signal.SIGCONT)
                child.terminate()
            for child in children:
                child.wait(20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)


def organization(sandbox: Sandbox, enterprise: Enterprise, domain: str = "acme.example") -> str:
    """Give the enterprise an organization at the sandbox, with a domain that is not verified yet."""
    body: dict[str, Any] = {
        "name": enterprise.name,
        "external_id": str(uuid.uuid4()),
        "domain_data": [{"domain": domain, "state": "pending"}],
    }
    request = Request(  # noqa: S310
        f"{sandbox.url}/organizations",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {sandbox.api_key}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        organization_id: str = json.loads(answer.read())["id"]
    Enterprise.objects.filter(pk=enterprise.pk).update(organization_id=organization_id)
    return organization_id


def sign_in(page: Page, app: App, user: User) -> None:
    """As if they had just signed in; the sign-in's own page has its own test."""
    client = Client()
    client.force_login(user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": app.url}]
    )


def look(page: Page, name: str) -> None:
    """The page as it stands has nothing that axe minds, light and dark, and fits a narrow phone."""
    before = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        _keep(page, f"{name}-{scheme}")
    page.emulate_media(color_scheme="light")
    # 320 px is also what 200 % zoom leaves of a small laptop.
    for width in (375, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 375:
            _keep(page, f"{name}-375")
    if before:
        page.set_viewport_size(before)


def _keep(page: Page, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
