"""Every page is sent with strict headers; the way out and the addresses with a token with stricter ones."""

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from enterprises.models import Enterprise
from hostapp.models import User
from hostapp.tokens import hide
from tests.conftest import signed_in

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


def policy(response: object) -> dict[str, str]:
    header = response["Content-Security-Policy"]  # type: ignore[index]
    return dict((*part.strip().split(" ", 1), "")[:2] for part in header.split(";"))


@pytest.fixture
def everybody(acme: Enterprise, ada: User) -> Client:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    return signed_in(ada)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_strict_headers(everybody: Client, path: str) -> None:
    response = everybody.get(path)

    directives = policy(response)
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["base-uri"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["form-action"].startswith("'self'")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/enterprises/acme-inc/"])
def test_forms_of_other_pages_lead_nowhere_else(everybody: Client, path: str) -> None:
    assert policy(everybody.get(path))["form-action"] == "'self'"


def test_the_page_with_the_buttons_lets_its_forms_lead_to_https(everybody: Client) -> None:
    allowed = policy(everybody.get("/enterprises/acme-inc/"))["form-action"].split()

    assert allowed == ["'self'", "https:"]


def test_an_address_with_a_token_is_told_to_nobody(ada: User) -> None:
    uid, token = urlsafe_base64_encode(force_bytes(ada.pk)), default_token_generator.make_token(ada)
    response = Client().get(f"/account/reset/{uid}/{token}/")

    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    page = Client().get(f"/account/reset/{uid}/{token}/", follow=True)
    # It has a form, which needs its origin; the token is not in its address.
    assert page["Referrer-Policy"] == "strict-origin"


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
        ('"GET /webhooks/workos/?secret=abc HTTP/1.1"', "/webhooks/workos/?… HTTP"),
        ('"GET /enterprises/a-long-name-of-an-enterprise/ HTTP/1.1"', "/a-long-name-of-an-enterprise/"),
    ],
)  # fmt: skip
def test_access_logs_keep_the_address_without_its_token(line: str, kept: str) -> None:
    assert kept in hide(line)
