"""A launch mints a five-minute Portal Link and redirects to it."""

import json
import logging

import pytest
import requests
import responses
from django.apps import apps
from django.contrib.messages import get_messages
from django.test import Client

from enterprises.models import Enterprise
from hostapp.models import User
from portal.models import PortalSession
from tests.conftest import signed_in
from tests.gateway.test_gateway import API

pytestmark = pytest.mark.django_db

SECRET = "token-of-the-portal-link"
LINK = f"https://setup.workos.com?token={SECRET}"
PATH = "/enterprises/acme-inc/portal/sso/"


@pytest.fixture
def portal(workos_api: responses.RequestsMock) -> responses.BaseResponse:
    answer: responses.BaseResponse = workos_api.post(
        f"{API}/portal/generate_link", status=201, json={"link": LINK}
    )
    return answer


def test_it_admin_is_redirected_to_the_portal(portal: responses.BaseResponse, ada: User) -> None:
    response = signed_in(ada).post(PATH)

    assert response.status_code == 303
    assert response["Location"] == LINK
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("intent", ["sso", "dsync"])
def test_launch_sends_user_intent_and_return_urls_to_workos(
    portal: responses.BaseResponse, ada: User, intent: str
) -> None:
    signed_in(ada).post(f"/enterprises/acme-inc/portal/{intent}/")

    session = PortalSession.objects.get()
    sent = json.loads(portal.calls[0].request.body or b"")
    assert sent["intent"] == intent
    assert sent["organization"] == session.enterprise.organization_id
    assert sent["external_user_id"] == str(ada.pk)
    base = "http://localhost:8000/enterprises/acme-inc/portal"
    assert sent["success_url"] == f"{base}/finished/{session.nonce}/"
    assert sent["return_url"] == f"{base}/returned/{session.nonce}/"


def test_launch_creates_a_portal_session(portal: responses.BaseResponse, ada: User) -> None:
    signed_in(ada).post(PATH)

    session = PortalSession.objects.get()
    assert (session.user, session.intent, session.outcome) == (ada, "sso", "opened")
    assert session.client_ip == "127.0.0.1"


def test_portal_link_is_stored_nowhere(
    portal: responses.BaseResponse, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in(ada)
    response = client.post(PATH)
    page = client.get("/enterprises/acme-inc/")

    for model in apps.get_models():
        for row in model._default_manager.values():
            assert SECRET not in repr(row), model
    assert SECRET not in caplog.text
    assert SECRET not in page.text
    assert SECRET not in response.text
    assert not any(SECRET in str(message) for message in get_messages(response.wsgi_request))
    assert SECRET not in json.dumps(dict(client.session))


def test_launch_by_a_stranger_is_a_404(
    portal: responses.BaseResponse, cleo: User, dan: User, acme: Enterprise
) -> None:
    assert signed_in(cleo).post(PATH).status_code == 404
    assert signed_in(dan).post(PATH).status_code == 404
    assert not portal.calls


def test_launch_by_a_member_is_a_403(portal: responses.BaseResponse, ben: User) -> None:
    assert signed_in(ben).post(PATH).status_code == 403
    assert not portal.calls


def test_anonymous_launch_redirects_to_the_sign_in(portal: responses.BaseResponse, acme: Enterprise) -> None:
    page = "/enterprises/acme-inc/"
    response = Client().post(PATH, headers={"Referer": f"http://testserver{page}"})

    # Back to the page and not to the launch: nothing is performed by itself after the sign-in.
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={page}")
    assert not portal.calls


def test_launch_without_a_csrf_token_is_refused(portal: responses.BaseResponse, ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)

    assert client.post(PATH).status_code == 403
    assert not portal.calls


@pytest.mark.parametrize("method", ["get", "head"])
def test_get_of_the_launch_url_mints_no_link_and_redirects_to_the_page(
    portal: responses.BaseResponse, ada: User, method: str
) -> None:
    response = getattr(signed_in(ada), method)(PATH)

    assert (response.status_code, response["Location"]) == (302, "/enterprises/acme-inc/")
    assert not portal.calls


def test_intent_outside_the_plan_is_refused_with_the_reason(
    portal: responses.BaseResponse, ada: User, acme: Enterprise
) -> None:
    response = signed_in(ada).post("/enterprises/acme-inc/portal/audit_logs/", follow=True)

    assert "Your plan doesn’t include this: Audit logs. Contact sales to upgrade." in response.text
    assert portal.call_count == 0
    assert not PortalSession.objects.exists()


def test_domain_verification_needs_single_sign_on_in_the_plan(
    portal: responses.BaseResponse, ada: User, acme: Enterprise
) -> None:
    client = signed_in(ada)
    assert client.post("/enterprises/acme-inc/portal/domain_verification/").status_code == 303

    acme.intents = ["dsync"]
    acme.save()
    response = client.post("/enterprises/acme-inc/portal/domain_verification/", follow=True)

    assert "Your plan doesn’t include this: Domains." in response.text


@pytest.mark.parametrize("intent", ["SSO", "billing", "directory_sync"])
def test_unknown_intent_is_a_404(portal: responses.BaseResponse, ada: User, intent: str) -> None:
    assert signed_in(ada).post(f"/enterprises/acme-inc/portal/{intent}/").status_code == 404
    assert not portal.calls


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
def test_workos_error_is_shown_on_the_page_with_a_reference(
    workos_api: responses.RequestsMock, ada: User, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    workos_api.post(f"{API}/portal/generate_link", status=status, json={"message": "raw words of the API"})

    response = signed_in(ada).post(PATH, follow=True)

    assert response.redirect_chain == [("/enterprises/acme-inc/#failure", 302)]
    assert "Nothing changed" in response.text
    assert "raw words" not in response.text
    assert "API key" not in response.text
    reference = response.text.split("Reference: <code>")[1][:8]
    assert reference in caplog.text
    assert PortalSession.objects.get().outcome in ("refused", "unavailable")


@pytest.mark.parametrize("failure", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_unreachable_workos_is_shown_on_the_page(
    workos_api: responses.RequestsMock, ada: User, failure: Exception
) -> None:
    workos_api.post(f"{API}/portal/generate_link", body=failure)

    response = signed_in(ada).post(PATH, follow=True)

    assert "We couldn’t reach WorkOS. Nothing changed. Try again in a few minutes." in response.text
    assert PortalSession.objects.get().outcome == "unavailable"


def test_portal_link_with_an_unsafe_scheme_is_not_followed(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": "javascript:alert(1)"})

    response = signed_in(ada).post(PATH)

    assert response["Location"] == "/enterprises/acme-inc/#failure"


def test_launch_for_an_unprovisioned_enterprise_is_explained(
    workos_api: responses.RequestsMock, ada: User
) -> None:
    Enterprise.objects.update(organization=None)

    response = signed_in(ada).post(PATH, follow=True)

    assert "isn’t connected to WorkOS yet" in response.text


@pytest.mark.parametrize(("name", "field"), [("finished", "finished_at"), ("returned", "returned_at")])
def test_return_time_is_stored_once(portal: responses.BaseResponse, ada: User, name: str, field: str) -> None:
    client = signed_in(ada)
    client.post(PATH)
    nonce = PortalSession.objects.get().nonce

    response = client.get(f"/enterprises/acme-inc/portal/{name}/{nonce}/")
    first = getattr(PortalSession.objects.get(), field)
    client.get(f"/enterprises/acme-inc/portal/{name}/{nonce}/")

    assert response["Location"] == "/enterprises/acme-inc/"
    assert first is not None
    assert getattr(PortalSession.objects.get(), field) == first


def test_return_by_another_user_is_not_stored(
    portal: responses.BaseResponse, ada: User, ben: User, cleo: User
) -> None:
    signed_in(ada).post(PATH)
    nonce = PortalSession.objects.get().nonce

    assert signed_in(ben).get(f"/enterprises/acme-inc/portal/finished/{nonce}/").status_code == 302
    assert signed_in(cleo).get(f"/enterprises/acme-inc/portal/finished/{nonce}/").status_code == 404
    assert PortalSession.objects.get().finished_at is None
