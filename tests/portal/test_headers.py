"""Every page is sent with strict headers; the way out and the addresses with a token with stricter ones."""

from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from enterprises.models import Enterprise
from hostapp.models import User
from hostapp.tokens import hide
from portal.models import PortalSession
from tests.conftest import signed_in
from tests.enterprises.test_access import MATRIX

pytestmark = pytest.mark.django_db

PAGES = [
    "/",
    "/account/login/",
    "/account/password_reset/",
    "/account/password_change/",
    "/enterprises/acme-inc/",
    "/enterprises/acme-inc/status/",
    "/enterprises/acme-inc/setup-links/",
    "/enterprises/acme-inc/members/",
    "/enterprises/acme-inc/history/",
    "/staff/enterprises/",
    "/staff/enterprises/new/",
    "/admin/",
    "/no-such-page/",
]


def policy(response: Any) -> dict[str, str]:
    header = response["Content-Security-Policy"]
    return dict((*part.strip().split(" ", 1), "")[:2] for part in header.split(";"))


@pytest.fixture
def everybody(acme: Enterprise, ada: User) -> Client:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    return signed_in(ada)


def has_strict_headers(response: Any) -> None:
    directives = policy(response)
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["base-uri"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["form-action"].startswith("'self'")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_strict_headers(everybody: Client, path: str) -> None:
    response = everybody.get(path)

    has_strict_headers(response)
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("name", [name for name, (method, _, _) in MATRIX.items() if method == "get"])
def test_every_address_that_can_be_opened_has_them(everybody: Client, name: str) -> None:
    arguments = MATRIX[name][1]
    response = everybody.get(reverse(name, kwargs=arguments))

    has_strict_headers(response)
    has_token = {"token", "nonce"} & arguments.keys()
    assert response["Referrer-Policy"] == ("no-referrer" if has_token else "same-origin")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/enterprises/acme-inc/"])
def test_forms_of_other_pages_lead_nowhere_else(everybody: Client, path: str) -> None:
    assert policy(everybody.get(path))["form-action"] == "'self'"


def test_the_page_with_the_buttons_lets_its_forms_lead_to_https(everybody: Client) -> None:
    allowed = policy(everybody.get("/enterprises/acme-inc/"))["form-action"].split()

    assert allowed == ["'self'", "https:"]


@pytest.fixture
def reset(ada: User) -> str:
    return f"/account/reset/{urlsafe_base64_encode(force_bytes(ada.pk))}"


@pytest.fixture
def tokens(acme: Enterprise, ada: User, reset: str) -> dict[str, str]:
    """An address of each kind that carries a token."""
    visit = PortalSession.objects.create(
        enterprise=acme, user=ada, intent="sso", outcome="opened", launched_at=timezone.now()
    )
    back = f"/enterprises/acme-inc/portal/returned/{visit.nonce}/"
    return {
        "set a password": f"{reset}/{default_token_generator.make_token(ada)}/",
        "a password link that works no longer": f"{reset}/c9f0f8-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
        "an invitation": "/invitations/0f3a8c6d2e4b5a697887969594/",
        "the way back": back,
    }


@pytest.mark.parametrize(
    "name", ["set a password", "a password link that works no longer", "an invitation", "the way back"]
)
def test_an_address_with_a_token_shows_no_page_and_is_told_to_nobody(
    tokens: dict[str, str], ada: User, name: str
) -> None:
    client = signed_in(ada)
    response = client.get(tokens[name])

    assert (response.status_code, response["Referrer-Policy"]) == (302, "no-referrer")
    assert "no-store" in response["Cache-Control"]
    secret = tokens[name].rstrip("/").rpartition("/")[2]
    page = client.get(tokens[name], follow=True)
    assert secret not in page.redirect_chain[-1][0]
    # A form there needs its origin, or its POST would fail CSRF.
    assert page["Referrer-Policy"] == "same-origin"


def test_a_stranger_s_404_there_has_no_form_that_would_fail(tokens: dict[str, str], cleo: User) -> None:
    response = signed_in(cleo).get(tokens["the way back"])

    assert (response.status_code, response["Referrer-Policy"]) == (404, "no-referrer")
    assert "cleo@birch.example" in response.text
    assert "<form" not in response.text


def test_a_password_is_set_though_the_token_is_gone_from_the_address(
    tokens: dict[str, str], ada: User, reset: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get(tokens["set a password"], follow=True)
    csrf = str(page.context["csrf_token"])
    new = {"new_password1": "a very good battery", "new_password2": "a very good battery"}
    client.post(f"{reset}/set-password/", {**new, "csrfmiddlewaretoken": csrf})

    ada.refresh_from_db()
    assert ada.check_password("a very good battery")


def test_a_link_that_works_no_longer_says_so(tokens: dict[str, str]) -> None:
    page = Client().get(tokens["a password link that works no longer"], follow=True)

    assert "This link no longer works" in page.text


def test_every_address_with_a_token_is_known_to_the_middleware() -> None:
    """A parameter that could be a secret under another name would slip through."""
    names: set[str] = set()

    def walk(patterns: list[URLPattern | URLResolver]) -> None:
        for pattern in patterns:
            names.update(pattern.pattern.regex.groupindex)
            if isinstance(pattern, URLResolver) and pattern.app_name != "admin":
                walk(pattern.url_patterns)

    walk(get_resolver().url_patterns)
    assert {"token", "nonce"} <= names
    assert not {name for name in names if "secret" in name or "key" in name or "hash" in name}


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('"GET /account/reset/MQ/cs5u1x-0f3a8c6d2e4b5a697887969594/ HTTP/1.1"', "/account/reset/MQ/…/ HTTP"),
        ("GET /e/acme-inc/portal/finished/0b9d4a36-3c4e-4f7b-9a51-2f6f0a6b7c1d/", "/portal/finished/…/"),
        ('"GET /invitations/AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOpQ/ HTTP/1.1"', "/invitations/…/ HTTP"),
        ('"GET /invitations/accept/ HTTP/1.1"', "/invitations/accept/ HTTP"),
        ('"GET /account/reset/MQ/set-password/ HTTP/1.1"', "/account/reset/MQ/set-password/ HTTP"),
        ('"POST /webhooks/workos/short HTTP/1.1"', "/webhooks/workos/… HTTP"),
        ('"GET /webhooks/workos/?secret=abc HTTP/1.1"', "/webhooks/workos/?… HTTP"),
        ('"GET /enterprises/a-long-name-of-an-enterprise/ HTTP/1.1"', "/a-long-name-of-an-enterprise/"),
    ],
)  # fmt: skip
def test_access_logs_keep_the_address_without_its_token(line: str, kept: str) -> None:
    assert kept in hide(line)
