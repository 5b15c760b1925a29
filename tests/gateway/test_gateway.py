"""The gateway through the real SDK: the requests it sends, and the result or error of each response."""

import json
import uuid
from typing import Any

import pytest
import requests
import responses

import gateway
from tests.conftest import ACME_ORGANIZATION

API = "https://api.workos.com"
EXTERNAL_ID = str(uuid.uuid4())
TIMES = {"created_at": "2026-01-15T12:00:00.000Z", "updated_at": "2026-01-15T12:00:00.000Z"}


def organization(**changes: Any) -> dict[str, Any]:
    return {
        "object": "organization",
        "id": ACME_ORGANIZATION,
        "name": "Acme Inc.",
        "external_id": EXTERNAL_ID,
        "domains": [],
        "metadata": {},
        **TIMES,
        **changes,
    }


def generate_link() -> str:
    return gateway.generate_portal_link(
        organization_id=ACME_ORGANIZATION,
        intent="sso",
        return_url="https://app.example/back",
        success_url="https://app.example/done",
        external_user_id="7",
    )


def test_find_organization_looks_it_up_by_external_id(workos_api: responses.RequestsMock) -> None:
    workos_api.get(f"{API}/organizations/external_id/{EXTERNAL_ID}", json=organization())

    found = gateway.find_organization_by_external_id(EXTERNAL_ID)

    assert found
    assert (found.organization_id, found.external_id) == (ACME_ORGANIZATION, EXTERNAL_ID)


def test_find_organization_returns_none_for_a_404(workos_api: responses.RequestsMock) -> None:
    workos_api.get(
        f"{API}/organizations/external_id/{EXTERNAL_ID}", status=404, json={"message": "Not found"}
    )

    assert gateway.find_organization_by_external_id(EXTERNAL_ID) is None


def test_create_organization_sends_domains_as_pending(
    workos_api: responses.RequestsMock,
) -> None:
    workos_api.post(f"{API}/organizations", status=201, json=organization())

    gateway.create_organization(name="Acme Inc.", external_id=EXTERNAL_ID, domains=["acme.example"])

    sent = json.loads(workos_api.calls[0].request.body or b"")
    assert sent == {
        "name": "Acme Inc.",
        "external_id": EXTERNAL_ID,
        "domain_data": [{"domain": "acme.example", "state": "pending"}],
    }


def test_portal_link_request_sends_the_return_urls_and_the_external_user_id(
    workos_api: responses.RequestsMock,
) -> None:
    workos_api.post(
        f"{API}/portal/generate_link", status=201, json={"link": "https://setup.workos.com?token=abc"}
    )

    assert generate_link() == "https://setup.workos.com?token=abc"
    assert json.loads(workos_api.calls[0].request.body or b"") == {
        "organization": ACME_ORGANIZATION,
        "intent": "sso",
        "return_url": "https://app.example/back",
        "success_url": "https://app.example/done",
        "external_user_id": "7",
    }


GOOD_LINKS = [
    "https://setup.workos.com?token=abc",
    "https://setup.workos.com/?token=a%20b&x=[1]",
    "https://id.workos.com/portal/launch?secret=abc",
]
BAD_LINKS = [
    None,
    "",
    7,
    {"href": "https://setup.workos.com"},
    "javascript:alert(1)",
    "JavaScript:alert(1)//https://setup.workos.com",
    "data:text/html,hello",
    "http://setup.workos.com?token=abc",
    "//setup.workos.com",
    "/portal",
    "https://evil.example/?https://setup.workos.com",
    "https://setup.workos.com.evil.example",
    "https://setup.workos.com:444",
    "https://setup.workos.com@evil.example",
    "https://evil.example\\@setup.workos.com",
    "https://evil.example#@setup.workos.com",
    "https://setup.workos.com\r\nX: y",
    " https://setup.workos.com",
    "https://setup.workos.com/\u202e",
]


@pytest.mark.parametrize("address", GOOD_LINKS)
def test_portal_link_to_a_workos_host_is_accepted(workos_api: responses.RequestsMock, address: str) -> None:
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": address})

    assert generate_link() == address


@pytest.mark.parametrize("address", BAD_LINKS, ids=repr)
def test_portal_link_that_is_not_a_workos_url_is_rejected(
    workos_api: responses.RequestsMock, address: object
) -> None:
    workos_api.post(f"{API}/portal/generate_link", status=201, json={"link": address})

    with pytest.raises(gateway.GatewayError):
        generate_link()


ERRORS = [
    (400, gateway.Refused),
    (401, gateway.Refused),
    (403, gateway.Refused),
    (404, gateway.Refused),
    (409, gateway.Refused),
    (422, gateway.Refused),
    (429, gateway.Unavailable),
    (500, gateway.Unavailable),
    (502, gateway.Unavailable),
    (503, gateway.Unavailable),
]


@pytest.mark.parametrize(("status", "error_type"), ERRORS)
def test_error_status_raises_refused_or_unavailable(
    workos_api: responses.RequestsMock,
    status: int,
    error_type: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    workos_api.post(
        f"{API}/portal/generate_link",
        status=status,
        json={"message": ["secret things"], "code": "some_code"},
        headers={"X-Request-ID": "req_1"},
    )

    with pytest.raises(error_type) as raised:
        generate_link()

    assert isinstance(raised.value, gateway.GatewayError)
    assert (raised.value.status, raised.value.request_id) == (status, "req_1")
    assert "secret things" not in str(raised.value) + caplog.text
    assert vars(caplog.records[-1])["fields"] == {"request_id": "req_1"}


@pytest.mark.parametrize(
    "failure", [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError("reset")]
)
def test_network_failure_raises_unavailable(workos_api: responses.RequestsMock, failure: Exception) -> None:
    workos_api.post(f"{API}/portal/generate_link", body=failure)

    with pytest.raises(gateway.Unavailable):
        generate_link()


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "<html>", '"link"'])
def test_malformed_200_response_raises_a_gateway_error(workos_api: responses.RequestsMock, body: str) -> None:
    workos_api.post(f"{API}/portal/generate_link", body=body)
    workos_api.post(f"{API}/organizations", body=body)

    with pytest.raises(gateway.GatewayError):
        generate_link()
    with pytest.raises(gateway.GatewayError):
        gateway.create_organization(name="Acme Inc.", external_id=EXTERNAL_ID, domains=[])


def test_failed_request_is_sent_only_once(workos_api: responses.RequestsMock) -> None:
    workos_api.post(f"{API}/organizations", status=503)

    with pytest.raises(gateway.Unavailable):
        gateway.create_organization(name="Acme Inc.", external_id=EXTERNAL_ID, domains=[])

    assert len(workos_api.calls) == 1


def test_missing_api_key_is_named_in_the_error(settings: Any) -> None:
    settings.WORKOS_API_KEY = ""
    gateway.get_client.cache_clear()

    with pytest.raises(gateway.Refused, match="WORKOS_API_KEY"):
        gateway.find_organization_by_external_id(EXTERNAL_ID)


def test_unavailable_error_carries_the_retry_after_seconds(workos_api: responses.RequestsMock) -> None:
    workos_api.post(f"{API}/organizations", status=429, json={}, headers={"Retry-After": "7"})

    with pytest.raises(gateway.Unavailable) as raised:
        gateway.create_organization(name="Acme Inc.", external_id=EXTERNAL_ID, domains=[])

    assert raised.value.retry_after == 7
