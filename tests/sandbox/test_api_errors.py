"""Every answer of the API…"""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from workos import AuthenticationError, NotFoundError, RateLimitExceededError, WorkOSClient

from sandbox.client import Sandbox
from tests.sandbox.conftest import client_of


def ask(url: str, key: str | None = None, data: bytes | None = None) -> tuple[int, dict[str, str], Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read())


@pytest.mark.parametrize("key", ["sk_live_abc", "pk_test_abc", "nonsense"])
def test_is_401_for_a_key_that_is_not_a_test_key(sandbox: Sandbox, key: str) -> None:
    client = client_of(sandbox, api_key=key)

    with pytest.raises(AuthenticationError):
        client.organizations.list_organizations()

    client.close()


def test_is_401_without_a_key(sandbox: Sandbox) -> None:
    status, _headers, body = ask(f"{sandbox.url}/organizations")

    assert status == 401
    assert "message" in body


def test_has_a_request_id_that_the_sdk_reports(workos: WorkOSClient) -> None:
    with pytest.raises(NotFoundError) as first:
        workos.organizations.get_organization("org_1")
    with pytest.raises(NotFoundError) as second:
        workos.organizations.get_organization("org_1")

    assert first.value.request_id
    assert first.value.request_id != second.value.request_id
    assert first.value.code == "entity_not_found"


def test_is_json_for_a_path_that_is_not_there(sandbox: Sandbox) -> None:
    status, _headers, body = ask(f"{sandbox.url}/nothing/here", sandbox.api_key)

    assert status == 404
    assert body["message"] == "Cannot GET /nothing/here"


def test_is_404_for_a_method_that_a_path_does_not_take(sandbox: Sandbox) -> None:
    status, _headers, body = ask(f"{sandbox.url}/organizations/x/it_contacts/y/invite", sandbox.api_key)

    assert status == 404
    assert body["message"] == "Cannot GET /organizations/x/it_contacts/y/invite"


def test_is_400_for_a_body_that_is_not_json(sandbox: Sandbox) -> None:
    status, _headers, body = ask(f"{sandbox.url}/organizations", sandbox.api_key, b"{name:")

    assert status == 400
    assert "JSON" in body["message"]


def test_is_429_with_retry_after_beyond_the_limit(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze("2026-01-15T12:00:15Z")
    sandbox.switch(requests_per_minute=3)
    for _ in range(3):
        workos.organizations.list_organizations()

    with pytest.raises(RateLimitExceededError) as refusal:
        workos.organizations.list_organizations()

    assert refusal.value.retry_after == 45
    sandbox.advance(45)
    workos.organizations.list_organizations()


def test_counts_each_key_by_itself(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze()
    sandbox.switch(requests_per_minute=1)
    workos.organizations.list_organizations()
    other = client_of(sandbox, api_key="sk_test_other")

    other.organizations.list_organizations()

    other.close()
    with pytest.raises(RateLimitExceededError):
        workos.organizations.list_organizations()


def test_allows_fifty_deletions_of_organizations_a_minute(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze()
    made = [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(51)]
    for organization_id in made[:50]:
        workos.organizations.delete_organization(organization_id)

    with pytest.raises(RateLimitExceededError):
        workos.organizations.delete_organization(made[50])

    assert [row["id"] for row in sandbox.organizations()] == [made[50]]
