"""The demo in a real browser, from `manage.py demo` to an active connection."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser import picture_descriptions
from tests.processes import create_open_folder, wait_until

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_demo(folder: str, port: int, sandbox_port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), "--sandbox-port", str(sandbox_port)],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": folder, "DATABASE_URL": "postgres://not-this-one.example/x"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def create_database_of_older_version(folder: str) -> None:
    """Create a table with a current name and other columns, and record a migration that is gone."""
    statement = (
        "from django.db import connection\n"
        "from django.db.migrations.recorder import MigrationRecorder\n"
        "connection.cursor().execute('CREATE TABLE enterprises_enterprise (old integer)')\n"
        "MigrationRecorder(connection).record_applied('enterprises', '0001_older')"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", statement],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": folder, "DJANGO_SETTINGS_MODULE": "hostapp.demo_settings"},
        check=True,
    )


@dataclass
class Demo:
    url: str
    sandbox: str
    output: str
    process: "subprocess.Popen[str]"
    folder: str = ""

    @property
    def password(self) -> str:
        return str(re.findall(r"ada@acme\.example +(\S+)", self.output)[0])


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    port, sandbox_port = free_port(), free_port()
    with create_open_folder("demo-") as parent:
        folder = str(parent)
        create_database_of_older_version(folder)
        # The secret is random: one in 64 begins with a dash.
        Path(folder, "webhook_secret").write_text("-a-secret-that-begins-with-a-dash-0123456789")
        process = start_demo(folder, port, sandbox_port)
        output = ""
        for line in process.stdout or ():
            output += line
            if "Ctrl-C stops everything" in line:
                break
        assert "The demo is running" in output, output
        assert "Replaced the database of an older version.\n" in output
        yield Demo(f"http://localhost:{port}", f"http://localhost:{sandbox_port}", output, process, folder)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=90)
        assert process.returncode == 0, rest
        assert "Stopped." in rest
        # The server stops after its last user; until then it writes into the folder.
        wait_until(lambda: not Path(folder, "postgres", "data", "postmaster.pid").exists(), seconds=30)


def sign_in(page: Page, demo: Demo, email: str) -> None:
    page.goto(demo.url)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()


def single_sign_on(page: Page, demo: Demo, at: Callable[[str], None]) -> None:
    """Set up Single Sign-On as Ada; call `at` with the name of each README picture when the page shows it."""
    sign_in(page, demo, "ADA@acme.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    section = page.get_by_role("region", name="Single sign-on")
    expect(section).to_contain_text("Not set up")
    at("1-not-set-up")

    with page.expect_response(re.compile("/portal/sso/")) as response:
        page.get_by_role("button", name="Configure SSO").click()
    assert response.value.status == 303
    page.wait_for_url(f"{demo.sandbox}/**")
    expect(page.locator("body")).to_contain_text("Acme Inc.")
    page.get_by_role("radio", name="Okta", exact=True).check()
    at("2-admin-portal")

    for button in ("Continue", "Continue", "Test sign-in", "Finish"):
        page.get_by_role("button", name=button).click()
    page.wait_for_url(f"{demo.url}/enterprises/acme-inc/")
    expect(section.get_by_text("Active", exact=True)).to_be_visible()
    expect(section).to_contain_text("Okta")
    expect(page.get_by_role("status").filter(has_text="Single sign-on is active.")).to_be_visible()
    page.evaluate("window.scrollTo(0, 0)")
    at("3-active")


def test_it_admin_sets_up_single_sign_on_and_sees_it_active(demo: Demo, page: Page) -> None:
    shown = {}
    single_sign_on(page, demo, lambda name: shown.update({name: picture_descriptions.describe_page(page)}))

    assert shown == picture_descriptions.load_descriptions(), (
        "The README's pictures are outdated: run `make screenshots` and review them"
    )


def test_it_admin_sets_up_directory_sync_by_keyboard_alone(demo: Demo, page: Page) -> None:
    page.goto(demo.url)
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("cleo@birch.example")
    page.keyboard.press("Tab")
    page.keyboard.type(demo.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/enterprises/birch-ltd/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    button = page.get_by_role("button", name="Configure directory sync")
    for _ in range(15):
        if button.evaluate("it => it === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{demo.sandbox}/**")
    page.get_by_role("radio", name="Okta", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Test connection").press("Enter")
    page.get_by_role("button", name="Finish").press("Enter")

    page.wait_for_url(f"{demo.url}/enterprises/birch-ltd/")
    section = page.get_by_role("region", name="Directory sync")
    expect(section.get_by_text("Active", exact=True)).to_be_visible()


def test_member_sees_the_state_and_no_button(demo: Demo, page: Page) -> None:
    sign_in(page, demo, "ben@acme.example")

    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("button", name="Configure SSO")).to_have_count(0)
    expect(page.get_by_role("main")).to_contain_text("Ada Adeyemi")


def test_page_needs_no_horizontal_scrolling_on_a_phone(demo: Demo, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    sign_in(page, demo, "ada@acme.example")
    page.wait_for_url("**/enterprises/acme-inc/")

    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_demo_names_a_port_that_is_in_use(demo: Demo) -> None:
    port = int(demo.url.rsplit(":", 1)[1])
    with create_open_folder("demo-") as parent:
        folder = str(parent)
        output, _ = start_demo(folder, port, free_port()).communicate(timeout=90)

    assert f"Port {port} is in use" in output
    assert "--port" in output


def test_second_demo_in_the_same_folder_stops_and_leaves_the_first_running(demo: Demo) -> None:
    output, _ = start_demo(demo.folder, free_port(), free_port()).communicate(timeout=90)

    assert "A demo is already running in this folder." in output
    assert "Traceback" not in output
    with urlopen(f"{demo.url}/account/login/", timeout=10) as response:  # noqa: S310
        assert response.status == 200
