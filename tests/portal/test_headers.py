"""Every page has strict security headers; launches and URLs with a token have stricter ones."""

from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from enterprises.models import Enterprise
from hostapp.models import Session, User
from portal.models import PortalSession
from telemetry.redaction import hide_tokens
from tests.conftest import signed_in
from tests.enterprises.test_access import MATRIX
from tests.enterprises.test_memberships import mailed_link

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
    "/staff/provision-enterprise/",
    "/admin/",
    "/no-such-page/",
]


def content_security_policy(response: Any) -> dict[str, str]:
    header = response["Content-Security-Policy"]
    return dict((*part.strip().split(" ", 1), "")[:2] for part in header.split(";"))


@pytest.fixture
def ada_with_all_roles(acme: Enterprise, ada: User) -> Client:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    return signed_in(ada)


def assert_strict_headers(response: Any) -> None:
    directives = content_security_policy(response)
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
def test_every_page_has_strict_headers(ada_with_all_roles: Client, path: str) -> None:
    response = ada_with_all_roles.get(path)

    assert_strict_headers(response)
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("name", [name for name, (method, _, _) in MATRIX.items() if method == "get"])
def test_every_get_url_has_strict_headers(ada_with_all_roles: Client, name: str) -> None:
    arguments = MATRIX[name][1]
    response = ada_with_all_roles.get(reverse(name, kwargs=arguments))

    assert_strict_headers(response)
    has_token = {"token", "nonce"} & arguments.keys()
    assert response["Referrer-Policy"] == ("no-referrer" if has_token else "same-origin")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/enterprises/acme-inc/"])
def test_form_action_of_other_pages_allows_only_our_site(ada_with_all_roles: Client, path: str) -> None:
    assert content_security_policy(ada_with_all_roles.get(path))["form-action"] == "'self'"


def test_form_action_of_the_enterprise_page_allows_https(ada_with_all_roles: Client) -> None:
    allowed = content_security_policy(ada_with_all_roles.get("/enterprises/acme-inc/"))["form-action"].split()

    assert allowed == ["'self'", "https:"]


@pytest.fixture
def reset(ada: User) -> str:
    return f"/account/reset/{urlsafe_base64_encode(force_bytes(ada.pk))}"


@pytest.fixture
def tokens(acme: Enterprise, ada: User, reset: str) -> dict[str, str]:
    """One URL of each kind that contains a token."""
    session = PortalSession.objects.create(
        enterprise=acme, user=ada, intent="sso", outcome="opened", launched_at=timezone.now()
    )
    return_url = f"/enterprises/acme-inc/portal/returned/{session.nonce}/"
    return {
        "set a password": f"{reset}/{default_token_generator.make_token(ada)}/",
        "an expired password link": f"{reset}/c9f0f8-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
        "an invitation": "/invitations/0f3a8c6d2e4b5a697887969594/",
        "the return URL": return_url,
    }


@pytest.mark.parametrize(
    "name", ["set a password", "an expired password link", "an invitation", "the return URL"]
)
def test_url_with_a_token_redirects_without_the_token_and_sends_no_referrer(
    tokens: dict[str, str], ada: User, name: str
) -> None:
    client = signed_in(ada)
    response = client.get(tokens[name])

    assert (response.status_code, response["Referrer-Policy"]) == (302, "no-referrer")
    assert "no-store" in response["Cache-Control"]
    secret = tokens[name].rstrip("/").rpartition("/")[2]
    page = client.get(tokens[name], follow=True)
    assert secret not in page.redirect_chain[-1][0]
    # Without an origin, the POST of a form there would fail the CSRF check.
    assert page["Referrer-Policy"] == "same-origin"


def test_stranger_s_404_at_a_url_with_a_token_has_no_form(tokens: dict[str, str], cleo: User) -> None:
    response = signed_in(cleo).get(tokens["the return URL"])

    assert (response.status_code, response["Referrer-Policy"]) == (404, "no-referrer")
    assert "cleo@birch.example" in response.text
    assert "<form" not in response.text


def test_password_can_be_set_after_the_token_is_removed_from_the_url(
    tokens: dict[str, str], ada: User, reset: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get(tokens["set a password"], follow=True)
    csrf = str(page.context["csrf_token"])
    new = {"new_password1": "a very good battery", "new_password2": "a very good battery"}
    client.post(f"{reset}/set-password/", {**new, "csrfmiddlewaretoken": csrf})

    ada.refresh_from_db()
    assert ada.check_password("a very good battery")


def test_expired_password_link_says_that_it_no_longer_works(tokens: dict[str, str]) -> None:
    page = Client().get(tokens["an expired password link"], follow=True)

    assert "This link no longer works" in page.text


def test_secret_url_parameters_have_names_that_the_middleware_knows() -> None:
    """The middleware knows secrets by parameter name; another name would not be protected."""
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
    ("line", "expected"),
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
def test_access_log_hides_tokens_in_urls(line: str, expected: str) -> None:
    assert expected in hide_tokens(line)


@pytest.mark.parametrize("path", [*PAGES, "/account/password_change/done/", "/account/login/"])
def test_no_page_of_a_person_may_be_stored(ada_with_all_roles: Client, path: str) -> None:
    """After the sign-out, Back must not show it."""
    response = ada_with_all_roles.get(path)

    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


def test_sign_in_sign_out_and_refusals_may_not_be_stored(ada: User, ben: User) -> None:
    client = Client()
    credentials = {"username": ada.email, "password": "correct horse battery"}
    for response in (
        client.post("/account/login/", credentials),
        client.post("/account/logout/"),
        signed_in(ben).post("/enterprises/acme-inc/portal/sso/"),
        signed_in(ben).get("/enterprises/acme-inc/history/"),
    ):
        assert "no-store" in response["Cache-Control"]


def test_static_files_may_be_stored_by_everyone(ada_with_all_roles: Client) -> None:
    response = ada_with_all_roles.get("/static/hostapp/style.css")
    response.close()

    assert response.status_code == 200
    assert "no-store" not in response["Cache-Control"]


@pytest.mark.parametrize("name", [name for name, (method, _, _) in MATRIX.items() if method == "get"])
def test_head_is_answered_as_get(ada_with_all_roles: Client, name: str) -> None:
    """Mail scanners look at links with HEAD before a person opens them."""
    url = reverse(name, kwargs=MATRIX[name][1])
    head, get = ada_with_all_roles.head(url), ada_with_all_roles.get(url)

    assert (head.status_code, head.get("Location")) == (get.status_code, get.get("Location"))
    assert not b"".join(head) if head.streaming else not head.content


def test_head_of_a_mailed_link_stores_nothing_and_the_link_still_works(
    acme: Enterprise, ada: User, tokens: dict[str, str]
) -> None:
    signed_in(ada).post("/enterprises/acme-inc/members/invite/", {"email": "e@x.example", "role": "member"})
    link = mailed_link()
    Session.objects.all().delete()

    for path in (link, tokens["set a password"]):
        assert Client().head(path).status_code == 302
    assert signed_in(ada).head(tokens["the return URL"]).status_code == 302

    assert PortalSession.objects.get().returned_at is None
    assert Client().get(link, follow=True).status_code == 200
