"""Authentication, errors and rate limits of the API."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from workos import AuthenticationError, NotFoundError, RateLimitExceededError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import create_client


def send(url: str, key: str | None = None, data: bytes | None = None) -> tuple[int, dict[str, str], Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read())


@pytest.mark.parametrize("key", ["sk_live_abc", "pk_test_abc", "nonsense"])
def test_key_that_is_not_a_test_key_is_answered_401(sandbox: Sandbox, key: str) -> None:
    client = create_client(sandbox, api_key=key)

    with pytest.raises(AuthenticationError):
        client.organizations.list_organizations()

    client.close()


def test_missing_key_is_answered_401(sandbox: Sandbox) -> None:
    status, _headers, body = send(f"{sandbox.url}/organizations")

    assert status == 401
    assert "message" in body


def test_error_has_a_request_id_that_the_sdk_reports(workos: WorkOSClient) -> None:
    with pytest.raises(NotFoundError) as first:
        workos.organizations.get_organization("org_1")
    with pytest.raises(NotFoundError) as second:
        workos.organizations.get_organization("org_1")

    assert first.value.request_id
    assert first.value.request_id != second.value.request_id
    assert first.value.code == "entity_not_found"


def test_unknown_path_is_answered_404_in_json(sandbox: Sandbox) -> None:
    status, _headers, body = send(f"{sandbox.url}/nothing/here", sandbox.api_key)

    assert status == 404
    assert body["message"] == "Cannot GET /nothing/here"


def test_unsupported_method_is_answered_404(sandbox: Sandbox) -> None:
    status, _headers, body = send(f"{sandbox.url}/organizations/x/it_contacts/y/invite", sandbox.api_key)

    assert status == 404
    assert body["message"] == "Cannot GET /organizations/x/it_contacts/y/invite"


def test_body_that_is_not_json_is_answered_400(sandbox: Sandbox) -> None:
    status, _headers, body = send(f"{sandbox.url}/organizations", sandbox.api_key, b"{name:")

    assert status == 400
    assert "JSON" in body["message"]


def test_request_over_the_rate_limit_is_answered_429_with_retry_after(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.freeze("2026-01-15T12:00:15Z")
    sandbox.switch(requests_per_minute=3)
    for _ in range(3):
        workos.organizations.list_organizations()

    with pytest.raises(RateLimitExceededError) as error:
        workos.organizations.list_organizations()

    assert error.value.retry_after == 45
    sandbox.advance(45)
    workos.organizations.list_organizations()


def test_rate_limit_counts_each_key_separately(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze()
    sandbox.switch(requests_per_minute=1)
    workos.organizations.list_organizations()
    other = create_client(sandbox, api_key="sk_test_other")

    other.organizations.list_organizations()

    other.close()
    with pytest.raises(RateLimitExceededError):
        workos.organizations.list_organizations()


def test_rate_limit_allows_fifty_organization_deletions_per_minute(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.freeze()
    created = [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(51)]
    for organization_id in created[:50]:
        workos.organizations.delete_organization(organization_id)

    with pytest.raises(RateLimitExceededError):
        workos.organizations.delete_organization(created[50])

    assert [row["id"] for row in sandbox.organizations()] == [created[50]]
