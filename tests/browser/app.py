"""Runs web server and worker as real processes on the test's database, with the sandbox in WorkOS's place."""

import itertools
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
from axe_playwright_python.base import AXE_FILE_PATH, AxeResults
from django.db import connection
from django.test import Client
from playwright.sync_api import Page

from enterprises.models import Enterprise
from hostapp.models import User
from sandbox.client import Sandbox
from tests import factories
from tests.browser.pausable_worker import RUN_LOCK, STEP_LOCK
from tests.processes import ROOT, build_environment

# If set, a folder: `check_page` saves a picture of every page there.
PICTURES_FOLDER = os.environ.get("PICTURES")

_AXE = AXE_FILE_PATH.read_text()


@dataclass
class App:
    url: str
    mail_folder: Path
    # Everything that the two processes print.
    log_file: Path

    # While this connection holds RUN_LOCK, the worker runs. Not the tests' own: a test may close that.
    _permission: "psycopg.Connection[tuple[Any, ...]] | None" = None

    def resume_worker(self) -> None:
        self._withdraw_permission()
        self._permission = _connect()
        self._permission.execute("SELECT pg_advisory_lock_shared(%s)", [RUN_LOCK])

    def pause_worker(self) -> None:
        """Stop the worker's steps, and wait for the one that is running."""
        self._withdraw_permission()
        with _connect() as own:
            own.execute("SELECT pg_advisory_lock(%s)", [STEP_LOCK])

    def _withdraw_permission(self) -> None:
        if self._permission:
            self._permission.close()

    def read_mails(self) -> list[str]:
        """The mails sent so far, as raw text, oldest first."""
        return [file.read_text() for file in sorted(self.mail_folder.glob("*.log"))]


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connect() -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(**{**connection.get_connection_params(), "autocommit": True})


@contextmanager
def run_app(sandbox_url: str, mail_folder: Path) -> Iterator[App]:
    """Run the application, which writes its mails to `mail_folder`. The worker starts paused."""
    port = find_free_port()
    url = f"http://localhost:{port}"
    environ = {
        **build_environment(),
        "DJANGO_SETTINGS_MODULE": "tests.browser.app_settings",
        "APP_URL": url,
        "APP_SANDBOX": sandbox_url,
        "APP_MAILS": str(mail_folder),
        "WEB_ACCESS_LOG": "on",
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "4",
    }
    commands = (
        ["manage.py", "serve", "--port", str(port)],
        ["-m", "tests.browser.pausable_worker", "--interval", "0.05"],
    )
    log_file = mail_folder.parent / "log.txt"
    with log_file.open("w") as log:
        children = [
            subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            _wait_until_reachable(f"{url}/account/login/")
            yield App(url, mail_folder, log_file)
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(20)


def _wait_until_reachable(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)


def create_organization(sandbox: Sandbox, enterprise: Enterprise, domain: str = "acme.example") -> str:
    """Create the enterprise's organization in the sandbox, with one pending domain, and return its id."""
    body = {
        "name": enterprise.name,
        "external_id": str(uuid.uuid4()),
        "domain_data": [{"domain": domain, "state": "pending"}],
    }
    organization_id: str = call_api(sandbox, "POST", "organizations", body)["id"]
    organization = factories.create_organization(organization_id, name=enterprise.name)
    Enterprise.objects.filter(pk=enterprise.pk).update(organization=organization)
    return organization_id


def call_api(sandbox: Sandbox, method: str, path: str, body: object = None) -> Any:
    """Call WorkOS's API as another client than the application does, and return the decoded JSON."""
    request = Request(  # noqa: S310
        f"{sandbox.url}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {sandbox.api_key}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as response:  # noqa: S310
        return json.loads(response.read() or b"null")


def sign_in(page: Page, url: str, user: User) -> None:
    """Give the browser a session of `user`. The sign-in page has tests of its own."""
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])


def check_page(page: Page, name: str, *, keyboard: bool = True) -> None:
    """Check the current page: no axe violation, everything reachable by keyboard, no sideways scrolling.

    Checks light and dark mode, narrow screens, and text of twice the size. `name` names the saved pictures.
    """
    before = page.viewport_size
    # The theme changes colors only: axe checks the rest once.
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    _check_axe(page, _COLOR_RULES)
    _save_picture(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")
    _check_axe(page, _ALL_RULES)
    _save_picture(page, f"{name}-light")
    if keyboard:
        _check_keyboard(page)
    # A screen of 1280 px has 320 px at a zoom of 400 %, and 640 px at 200 %.
    for width in (640, 375, 320):
        page.set_viewport_size({"width": width, "height": 800})
        _check_width(page, width)
        if width == 375:
            _save_picture(page, f"{name}-375")
    page.set_viewport_size(before or {"width": 1280, "height": 900})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    _check_width(page, page.evaluate("innerWidth"))
    page.evaluate("document.documentElement.style.fontSize = ''")


# Without the nodes that passed, which take longer to describe than to check.
_ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"], "reporter": "no-passes"}
_COLOR_RULES = {**_ALL_RULES, "runOnly": ["color-contrast", "link-in-text-block"]}
# A color transition may be running.
_RUN_AXE = """async (options) => {
  await Promise.all(document.getAnimations().map((it) => it.finished));
  const {violations} = await axe.run(options);
  return violations;
}"""


def _check_axe(page: Page, options: dict[str, object]) -> None:
    # It stays in a page until the next one is opened.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    violations = page.evaluate(_RUN_AXE, options)
    assert not violations, AxeResults({"violations": violations}).generate_report()


_TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
  .map((it) => it.outerHTML.slice(0, 120))"""


def _check_width(page: Page, width: int) -> None:
    if page.evaluate("document.documentElement.scrollWidth") > width:
        raise AssertionError(
            f"At {width} px these elements are wider than the screen: {page.evaluate(_TOO_WIDE)}"
        )


# Marks everything that the Tab key must reach, and notes where the focus is after each key. In a group of
# radio buttons it stops at one.
_MARK_STOPS = """() => {
  const groups = new Set();
  const all = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const stops = [...document.querySelectorAll(all)]
    .filter((it) => it.checkVisibility({visibilityProperty: true}) && !it.disabled && it.tabIndex >= 0)
    .filter((it) => it.type !== 'radio' || !(groups.has(it.name) || !groups.add(it.name)));
  stops.forEach((it, number) => { it.dataset.stop = it.type === 'radio' ? it.name : number; });
  const describe = () => {
    const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
    const radio = it.type === 'radio' && document.querySelector(`[data-stop="${CSS.escape(it.name)}"]`);
    return {
      stop: it.dataset.stop ?? (radio ? it.name : null),
      html: it.outerHTML.slice(0, 200),
      visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0
        && box.bottom > 0 && box.top < innerHeight,
    };
  };
  window.testFocused = [];
  window.testNote ??= addEventListener('keyup', () => testFocused.push(describe()), true) ?? true;
  stops[0].focus();
  return stops.map((it) => it.dataset.stop);
}"""
_COUNT_STOPS = "() => document.querySelectorAll('[data-stop]').length"


def _check_keyboard(page: Page) -> None:
    """Check that the Tab key reaches every link, button and field, and that the focus is visible."""
    # A live update may replace the marked elements. Then start again.
    for _ in range(3):
        stops = page.evaluate(_MARK_STOPS)
        reached = _press_tab_until_it_leaves(page, len(stops))
        if page.evaluate(_COUNT_STOPS) == len(stops):
            break
    missed = [
        page.locator(f'[data-stop="{stop}"]').first.evaluate("it => it.outerHTML")
        for stop in stops
        if stop not in reached
    ]
    assert not missed, f"The keyboard does not reach {missed}"


def _press_tab_until_it_leaves(page: Page, stops: int) -> list[str]:
    """What the focus reached before it left the page for the browser's own controls."""
    focused: list[dict[str, Any]] = []
    # A date field takes several presses.
    for keys in (["Tab", "Shift+Tab", *["Tab"] * stops], *[["Tab"] * 5] * 4):
        for key in keys:
            page.keyboard.press(key)
        focused = page.evaluate("testFocused")
        reached = list(itertools.takewhile(lambda it: it["stop"] is not None, focused))
        if len(reached) < len(focused):
            break
    for it in reached:
        assert it["visible"], f"The focus is not visible on {it['html']}"
    return [it["stop"] for it in reached]


def _save_picture(page: Page, name: str) -> None:
    if PICTURES_FOLDER:
        Path(PICTURES_FOLDER).mkdir(exist_ok=True)
        page.screenshot(path=Path(PICTURES_FOLDER) / f"{name}.png", full_page=True)


def empty_folder(folder: Path) -> None:
    """Delete everything in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
