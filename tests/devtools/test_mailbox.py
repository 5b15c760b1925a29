"""Mails of development are files for their user alone. Production has no page that shows them."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from devtools.mailbox import files
from devtools.mailbox.files import list_names, read_mail, save_mail
from enterprises.mail import Mail, send_mail
from hostapp.models import User
from outbox.runner import run_due_tasks
from tests.browser.app import check_page
from tests.hostapp.test_password_reset import request_reset
from tests.hostapp.test_settings import PRODUCTION, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.EMAIL_BACKEND = "devtools.mailbox.backend.EmailBackend"
    settings.DEV_MAILBOX = str(tmp_path / "mailbox")
    settings.ROOT_URLCONF = "tests.devtools.urls_with_mailbox"
    return tmp_path / "mailbox"


def send(subject: str = "Hello · Acme Inc.", heading: str = "Hello.") -> None:
    mail = Mail(subject, heading, "Open Acme Inc.", "http://localhost:8000/some/page/", "You asked for it.")
    send_mail("ada@acme.example", mail)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_mails_are_readable_for_their_user_alone(folder: Path, set_umask: Callable[[int], int]) -> None:
    # An older folder may be open to others.
    folder.mkdir(mode=0o755)
    set_umask(0)

    send()

    assert mode_of(folder) == 0o700
    assert [mode_of(file) for file in folder.iterdir()] == [0o600]


@pytest.fixture
def set_umask() -> Iterator[Callable[[int], int]]:

    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def test_newest_mails_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_MAILS", 3)
    for number in range(5):
        save_mail(folder, f"Subject: {number}\n\n".encode())

    mails = [read_mail(folder, name) for name in list_names(folder)]

    assert [mail.subject for mail in mails if mail] == ["4", "3", "2"]
    assert files.MAX_MAILS == 3
    assert len(list(folder.iterdir())) == 3


def test_limit_of_mails_is_two_hundred() -> None:
    assert files.MAX_MAILS == 200


def test_mailed_link_is_found_and_works(folder: Path, ada: User) -> None:
    request_reset(ada.email)
    run_due_tasks(now=timezone.now())

    client = Client()
    page = client.get("/dev/mailbox/")
    (address,) = re.findall(r'href="(/dev/mailbox/[^"]+)"', page.text)
    mail = client.get(address)

    assert "Reset your password · Portal Host" in page.text
    assert "ada@acme.example" in page.text
    (link,) = re.findall(r'href="http://localhost:8000(/account/reset/[^"]+)"', mail.text)
    assert "New password" in client.get(link, follow=True).text


def test_html_of_a_mail_runs_no_script_and_loads_nothing(folder: Path) -> None:
    send(heading="<script>alert(1)</script>")
    (name,) = list_names(folder)

    page, html = Client().get(f"/dev/mailbox/{name}/"), Client().get(f"/dev/mailbox/{name}/html/")

    assert '<iframe class="mail" sandbox ' in page.text
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    policy = html["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"(^|; )sandbox(;|$)", policy)
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert html["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script>" not in html.text
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("path", ["", "{name}/", "{name}/html/"])
def test_other_machines_get_404(folder: Path, path: str) -> None:
    send()
    address = "/dev/mailbox/" + path.format(name=list_names(folder)[0])

    assert Client().get(address).status_code == 200
    assert Client(REMOTE_ADDR="::1").get(address).status_code == 200
    for other in ("192.0.2.1", ""):
        assert Client(REMOTE_ADDR=other).get(address).status_code == 404
    assert Client().post(address).status_code == 405


@pytest.mark.parametrize("name", ["nothing", "..", "00000000000000000000-00000000", "%2e%2e%2fsecret_key"])
def test_unknown_name_is_404(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder.parent / "secret_key.eml").write_text("Subject: secret\n\n")

    assert Client().get(f"/dev/mailbox/{name}/").status_code == 404


def test_empty_mailbox_says_so(folder: Path) -> None:
    assert "No mails yet." in Client().get("/dev/mailbox/").text


DEVELOPMENT = {"DEBUG": "on", "SECRET_KEY": "any"}
RESOLVE = """
import django; django.setup()
from django.conf import settings
from django.urls import Resolver404, resolve
try:
    print(resolve("/dev/mailbox/").url_name, settings.EMAIL_BACKEND)
except Resolver404:
    print("absent", settings.EMAIL_BACKEND)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (DEVELOPMENT, "mailbox devtools.mailbox.backend.EmailBackend"),
        (PRODUCTION, "absent django.core.mail.backends.smtp.EmailBackend"),
        (
            {**DEVELOPMENT, "EMAIL_URL": "consolemail://"},
            "absent django.core.mail.backends.console.EmailBackend",
        ),
    ],
    ids=["development", "production", "development with another backend"],
)
def test_only_development_has_the_mailbox(environment: dict[str, str], expected: str) -> None:
    result = run(RESOLVE, environment)

    assert result.stdout.strip() == expected, result.stderr


@pytest.mark.browser
def test_mailbox_in_a_browser(folder: Path, live_server: Any, page: Page, ada: User, settings: Any) -> None:
    settings.SITE_URL = live_server.url
    request_reset(ada.email)
    run_due_tasks(now=timezone.now())
    page.goto(f"{live_server.url}/dev/mailbox/")
    check_page(page, "mailbox")

    page.get_by_role("link", name="Reset your password · Portal Host").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("link", name="Set a new password")).to_be_visible()
    check_page(page, "mailbox-mail", keyboard=False)
    page.get_by_role("link", name="/account/reset/").click()
    expect(page.get_by_label("New password", exact=True)).to_be_visible()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
