"""Faults in the API's responses."""

import time

import pytest
from workos import (
    AuthenticationError,
    AuthorizationError,
    ConflictError,
    NotFoundError,
    RateLimitExceededError,
    ServerError,
    UnprocessableEntityError,
    WorkOSClient,
    WorkOSError,
)
from workos._errors import WorkOSConnectionError, WorkOSTimeoutError

from sandbox.client import Sandbox, SandboxError


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (403, AuthorizationError),
        (409, ConflictError),
        (422, UnprocessableEntityError),
        (429, RateLimitExceededError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_status_fault_answers_the_status_once(
    sandbox: Sandbox, workos: WorkOSClient, status: int, error: type[WorkOSError]
) -> None:
    sandbox.fault("status", status=status)

    with pytest.raises(error):
        workos.organizations.create_organization(name="Acme")

    assert sandbox.organizations() == []
    workos.organizations.create_organization(name="Acme")


def test_status_fault_429_has_retry_after(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("status", status=429, retry_after=7)

    with pytest.raises(RateLimitExceededError) as error:
        workos.organizations.list_organizations()

    assert error.value.retry_after == 7


def test_hang_fault_processes_the_request_and_delays_the_response(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.fault("hang", seconds=30, method="POST", path="/organizations")
    started = time.monotonic()

    with pytest.raises(WorkOSTimeoutError):
        workos.organizations.create_organization(
            name="Acme", external_id="acme-1", request_options={"timeout": 0.3}
        )

    assert time.monotonic() - started < 5
    assert workos.organizations.get_organization_by_external_id("acme-1").name == "Acme"


def test_cut_fault_closes_the_connection_without_processing_the_request(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.fault("cut", path="/organizations")

    with pytest.raises(WorkOSError) as error_info:
        workos.organizations.create_organization(name="Acme")

    assert not isinstance(error_info.value, WorkOSTimeoutError)
    assert sandbox.organizations() == []


def test_cut_fault_with_after_closes_the_connection_when_the_request_is_processed(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.fault("cut", after=1)

    with pytest.raises(WorkOSError):
        workos.organizations.create_organization(name="Acme")

    assert [row["name"] for row in sandbox.organizations()] == ["Acme"]


def test_empty_fault_answers_200_without_a_body(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.fault("empty", path="/portal/*")

    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso")

    assert link is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://portal.elsewhere.example/?token=t"])
def test_link_fault_replaces_the_portal_link_once(sandbox: Sandbox, workos: WorkOSClient, link: str) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.fault("link", link=link, path="/portal/*")

    assert workos.admin_portal.generate_link(organization=acme.id, intent="sso").link == link
    assert workos.admin_portal.generate_link(organization=acme.id, intent="sso").link != link


@pytest.mark.parametrize("values", [{"link": 7}, {"seconds": 1}])
def test_link_fault_with_invalid_values_is_rejected(sandbox: Sandbox, values: dict[str, object]) -> None:
    with pytest.raises(SandboxError, match="link"):
        sandbox.fault("link", **values)


def test_fault_applies_to_its_method_and_path_only(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("status", status=500, method="DELETE", path="/organizations/*", times=None)
    acme = workos.organizations.create_organization(name="Acme")

    workos.organizations.get_organization(acme.id)
    for _ in range(2):
        with pytest.raises(ServerError):
            workos.organizations.delete_organization(acme.id)

    sandbox.clear_faults()
    workos.organizations.delete_organization(acme.id)


def test_switch_makes_unknown_organization_answer_400(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.switch(unknown_organization_status=400)

    with pytest.raises(WorkOSError) as error:
        workos.admin_portal.generate_link(organization="org_1", intent="sso")

    assert not isinstance(error.value, NotFoundError)
    assert error.value.status_code == 400  # type: ignore[attr-defined]


def test_sdk_raises_a_connection_error_when_no_sandbox_runs() -> None:
    client = WorkOSClient(
        api_key="sk_test_x", client_id="c", base_url="http://127.0.0.1:9", max_retries=0, request_timeout=1
    )

    with pytest.raises(WorkOSConnectionError):
        client.organizations.list_organizations()

    client.close()
