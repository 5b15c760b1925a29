"""The application as real processes: web and worker on the test's database, with the sandbox for WorkOS."""

import json
import os
import shutil
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

import psycopg
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import Page

from enterprises.models import Enterprise
from hostapp.models import User
from sandbox.client import Sandbox
from tests.browser.pausable_worker import PAUSE_LOCK
from tests.factories import create_organization
from tests.processes import ROOT, environment, until

# A folder: then every state is also kept as pictures, to be looked at.
PICTURES = os.environ.get("PICTURES")

_axe = Axe()


@dataclass(frozen=True)
class App:
    url: str
    mail_folder: Path
    said: Path
    # Holds the lock while the worker is paused. Not the tests' own connection: a test may close it, and that
    # releases the lock.
    pause_connection: "psycopg.Connection[tuple[Any, ...]]"

    def pause_worker(self) -> None:
        """Wait until the worker is between two turns, and hold it there until `resume_worker`.

        Then also wait until the web server has no open transaction: then nothing holds a lock on the tables
        that are emptied next.
        """
        self.pause_connection.execute("SELECT pg_advisory_lock(%s)", [PAUSE_LOCK])
        until(self._database_is_idle)

    def resume_worker(self) -> None:
        self.pause_connection.execute("SELECT pg_advisory_unlock(%s)", [PAUSE_LOCK])

    def _database_is_idle(self) -> bool:
        busy = self.pause_connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        ).fetchone()
        return busy == (0,)

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
        ["-m", "tests.browser.pausable_worker", "--interval", "0.05"],
    )
    with (
        psycopg.connect(**{**connection.get_connection_params(), "autocommit": True}) as pause_connection,
        (mail_folder.parent / "said.txt").open("w") as said,
    ):
        # The worker begins paused: no test has asked for it yet.
        pause_connection.execute("SELECT pg_advisory_lock(%s)", [PAUSE_LOCK])
        children = [
            subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stdout=said, stderr=said)
            for command in commands
        ]
        try:
            _wait_for(f"{url}/account/login/")
            yield App(url, mail_folder, mail_folder.parent / "said.txt", pause_connection)
        finally:
            for child in children:
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
    body = {
        "name": enterprise.name,
        "external_id": str(uuid.uuid4()),
        "domain_data": [{"domain": domain, "state": "pending"}],
    }
    organization_id: str = call(sandbox, "POST", "organizations", body)["id"]
    create_organization(organization_id)
    Enterprise.objects.filter(pk=enterprise.pk).update(organization=organization_id)
    return organization_id


def call(sandbox: Sandbox, method: str, path: str, body: object = None) -> Any:
    """A call of WorkOS's API, as somebody else than us makes it."""
    request = Request(  # noqa: S310
        f"{sandbox.url}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {sandbox.api_key}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def sign_in(page: Page, url: str, user: User) -> None:
    """As if they had just signed in; the sign-in's own page has its own test."""
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])


def look(page: Page, name: str, *, keyboard: bool = True) -> None:
    """The page as it stands: nothing that axe minds, all of it by keyboard, and room on every screen.

    Light and dark, on a narrow phone, and with letters of twice the size.
    """
    before = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # Colours may be on their way.
        page.evaluate("Promise.all(document.getAnimations().map((it) => it.finished))")
        found = _axe.run(page)
        assert found.violations_count == 0, found.generate_report()
        _keep(page, f"{name}-{scheme}")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if keyboard:
        _goes_by_keyboard(page)
    # 320 px is also what 400 % zoom leaves of 1280; 640 what 200 % does.
    for width in (640, 375, 320):
        page.set_viewport_size({"width": width, "height": 800})
        _fits(page, width)
        if width == 375:
            _keep(page, f"{name}-375")
    page.set_viewport_size(before or {"width": 1280, "height": 900})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    _fits(page, page.evaluate("innerWidth"))
    page.evaluate("document.documentElement.style.fontSize = ''")


_BEYOND = """() => [...document.querySelectorAll('body *')]
  .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
  .map((it) => it.outerHTML.slice(0, 120))"""


def _fits(page: Page, width: int) -> None:
    if page.evaluate("document.documentElement.scrollWidth") > width:
        raise AssertionError(f"At {width} px these reach beyond the screen: {page.evaluate(_BEYOND)}")


# Of a group of radio buttons the keyboard stops at one.
_MARK = """() => {
  const groups = new Set();
  const all = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const stops = [...document.querySelectorAll(all)]
    .filter((it) => it.checkVisibility({visibilityProperty: true}) && !it.disabled && it.tabIndex >= 0)
    .filter((it) => it.type !== 'radio' || !(groups.has(it.name) || !groups.add(it.name)));
  stops.forEach((it, number) => { it.dataset.stop = it.type === 'radio' ? it.name : number; });
  stops[0].focus();
  return stops.map((it) => it.dataset.stop);
}"""
_AT = """() => {
  const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
  const radio = it.type === 'radio' && document.querySelector(`[data-stop="${CSS.escape(it.name)}"]`);
  return {
    stop: it.dataset.stop ?? (radio ? it.name : null),
    what: it.outerHTML.slice(0, 200),
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0
      && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def _goes_by_keyboard(page: Page) -> None:
    """Every link, button and field is reached by the tab key, and one sees where one is."""
    # News may replace what was marked; then it is gone through again.
    for _ in range(3):
        stops = page.evaluate(_MARK)
        reached = []
        # A date takes several presses.
        for key in ("Tab", "Shift+Tab", *["Tab"] * (len(stops) + 20)):
            page.keyboard.press(key)
            at = page.evaluate(_AT)
            if at["stop"] is None:
                # Beyond the last stop the browser's own controls begin.
                break
            assert at["seen"], f"The focus is not seen on {at['what']}"
            reached.append(at["stop"])
        if page.locator("[data-stop]").count() == len(stops):
            break
    missed = [
        page.locator(f'[data-stop="{stop}"]').first.evaluate("it => it.outerHTML")
        for stop in stops
        if stop not in reached
    ]
    assert not missed, f"The keyboard does not reach {missed}"


def _keep(page: Page, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
