"""One block of settings changes the product's name, logo and links everywhere; every page has a title."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.template.base import Lexer, TokenType
from django.test import Client
from django.utils.formats import date_format

from enterprises.models import Enterprise, Invitation
from hostapp.models import User
from tests.conftest import signed_in

FOLDER = Path(__file__).resolve().parents[2] / "templates"
DOCUMENTS = [
    path
    for path in sorted(FOLDER.rglob("*.html"))
    if "<title>" in path.read_text() or re.search(r"{% extends ", path.read_text())
]


@pytest.fixture
def renamed(settings: Any) -> None:
    settings.PRODUCT_NAME = "Fern & Co"
    settings.PRODUCT_LOGO = "fern/mark.svg"
    settings.PRODUCT_URL = "https://fern.example/"
    settings.HELP_URL = "https://help.fern.example/"
    settings.STATUS_URL = "https://status.fern.example/"
    settings.PRIVACY_URL = "https://fern.example/privacy"
    settings.SUPPORT_EMAIL = "care@fern.example"


def assert_shows_the_product(page: str) -> None:
    assert "Portal Host" not in page
    assert re.search(r"<title>[^<]+ · Fern &amp; Co</title>", page)
    assert page.count("/static/fern/mark.svg") == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("ada", "/enterprises/acme-inc/"),
        ("ada", "/enterprises/acme-inc/members/"),
        ("ada", "/no-such-page/"),
        ("ada", "/staff/enterprises/"),
        ("sam", "/staff/enterprises/"),
        ("", "/account/login/"),
    ],
)
def test_settings_change_bar_title_and_footer_of_every_page(
    who: str, path: str, renamed: None, acme: Enterprise, ada: User, sam: User
) -> None:
    client = signed_in(User.objects.get(email__startswith=who)) if who else Client()
    page = client.get(path).text

    assert_shows_the_product(page)
    for link in ("fern.example/", "help.fern.example/", "status.fern.example/", "fern.example/privacy"):
        assert f'href="https://{link}"' in page
    assert 'href="mailto:care@fern.example' in page


@pytest.mark.django_db
def test_links_that_are_not_set_are_not_shown(settings: Any, ada: User) -> None:
    page = signed_in(ada).get("/enterprises/acme-inc/").text

    assert 'href=""' not in page
    assert "https://" not in page.partition("<footer")[2]


@pytest.mark.django_db
def test_settings_change_the_error_page(renamed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.contrib.auth.views.LoginView.get", lambda *args, **kwargs: 1 / 0)

    response = Client(raise_request_exception=False).get("/account/login/")

    assert response.status_code == 500
    assert_shows_the_product(response.text)


@pytest.mark.django_db
def test_settings_change_the_administration(renamed: None, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)

    page = signed_in(sam).get("/admin/").text

    assert_shows_the_product(page)
    assert "Fern &amp; Co administration" in page


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_template_names_its_page_in_the_title(path: Path) -> None:
    """`base.html` and the administration add the product's name."""
    if "mail/" in str(path.relative_to(FOLDER)) and "mailbox" not in str(path):
        # Mail programs show the subject.
        return
    source = path.read_text()
    if path.name in ("base.html", "base_site.html") or "<title>" in source:
        assert re.search(r"· {{ product\.name }}(?:</title>|{% endblock %})", source)
        return
    if "admin/" in str(path) or path.name in ("page.html", "customer_page.html", "directory.html"):
        return
    tags = [token.contents for token in Lexer(source).tokenize() if token.token_type == TokenType.BLOCK]

    assert "block title" in tags
    if '{% extends "enterprises/page.html" %}' in source:
        assert re.search(r"{% block title %}.* · {{ enterprise }}{% endblock %}", source)


@pytest.mark.django_db
def test_administration_writes_dates_in_words_and_times_as_iso_utc(acme: Enterprise, sam: User) -> None:
    User.objects.filter(pk=sam.pk).update(is_superuser=True)
    at = datetime(2026, 11, 25, 0, 38, 35, tzinfo=UTC)
    Invitation.objects.create(
        enterprise=acme, email="x@acme.example", role="member", token_hash="x", invited_at=at, expires_at=at
    )

    page = signed_in(sam).get("/admin/enterprises/invitation/").text

    assert "2026-11-25 00:38:35 UTC" in page
    assert date_format(at) == "25 November 2026"


@pytest.mark.django_db
def test_second_language_is_shown_to_those_who_ask_for_it(settings: Any, client: Client) -> None:
    """The steps of docs/translating.md: a language, and the middleware that chooses it."""
    settings.LANGUAGES = [*configured.LANGUAGES, ("de", "Deutsch")]
    after_session = configured.MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware") + 1
    settings.MIDDLEWARE = [
        *configured.MIDDLEWARE[:after_session],
        "django.middleware.locale.LocaleMiddleware",
        *configured.MIDDLEWARE[after_session:],
    ]

    german = client.post("/account/password_reset/", {}, headers={"Accept-Language": "de"}).text
    english = client.post("/account/password_reset/", {}, headers={"Accept-Language": "fr"}).text

    assert '<html lang="de">' in german
    assert "Dieses Feld ist zwingend erforderlich." in german
    assert '<html lang="en-gb">' in english
