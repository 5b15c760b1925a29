"""The API, told to misbehave…"""

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
def test_answers_the_status_once(
    sandbox: Sandbox, workos: WorkOSClient, status: int, error: type[WorkOSError]
) -> None:
    sandbox.fault("status", status=status)

    with pytest.raises(error):
        workos.organizations.create_organization(name="Acme")

    assert sandbox.organizations() == []
    workos.organizations.create_organization(name="Acme")


def test_says_how_long_to_wait(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("status", status=429, retry_after=7)

    with pytest.raises(RateLimitExceededError) as refusal:
        workos.organizations.list_organizations()

    assert refusal.value.retry_after == 7


def test_hangs_though_the_deed_is_done(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("hang", seconds=30, method="POST", path="/organizations")
    began = time.monotonic()

    with pytest.raises(WorkOSTimeoutError):
        workos.organizations.create_organization(
            name="Acme", external_id="acme-1", request_options={"timeout": 0.3}
        )

    assert time.monotonic() - began < 5
    assert workos.organizations.get_organization_by_external_id("acme-1").name == "Acme"


def test_cuts_the_connection_before_the_deed(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("cut", path="/organizations")

    with pytest.raises(WorkOSError) as broken:
        workos.organizations.create_organization(name="Acme")

    assert not isinstance(broken.value, WorkOSTimeoutError)
    assert sandbox.organizations() == []


def test_cuts_the_connection_after_the_deed(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("cut", after=1)

    with pytest.raises(WorkOSError):
        workos.organizations.create_organization(name="Acme")

    assert [row["name"] for row in sandbox.organizations()] == ["Acme"]


def test_answers_an_empty_200(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.fault("empty", path="/portal/*")

    link = workos.admin_portal.generate_link(organization=acme.id, intent="sso")

    assert link is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://portal.elsewhere.example/?token=t"])
def test_answers_a_link_that_leads_to_no_portal(sandbox: Sandbox, workos: WorkOSClient, link: str) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.fault("link", link=link, path="/portal/*")

    assert workos.admin_portal.generate_link(organization=acme.id, intent="sso").link == link
    assert workos.admin_portal.generate_link(organization=acme.id, intent="sso").link != link


@pytest.mark.parametrize("values", [{"link": 7}, {"seconds": 1}])
def test_refuses_a_link_that_is_none(sandbox: Sandbox, values: dict[str, object]) -> None:
    with pytest.raises(SandboxError, match="link"):
        sandbox.fault("link", **values)


def test_spares_paths_and_methods_that_are_not_named(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.fault("status", status=500, method="DELETE", path="/organizations/*", times=None)
    acme = workos.organizations.create_organization(name="Acme")

    workos.organizations.get_organization(acme.id)
    for _ in range(2):
        with pytest.raises(ServerError):
            workos.organizations.delete_organization(acme.id)

    sandbox.clear_faults()
    workos.organizations.delete_organization(acme.id)


def test_says_no_such_organization_with_400_where_the_switch_says_so(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.switch(unknown_organization_status=400)

    with pytest.raises(WorkOSError) as refusal:
        workos.admin_portal.generate_link(organization="org_1", intent="sso")

    assert not isinstance(refusal.value, NotFoundError)
    assert refusal.value.status_code == 400  # type: ignore[attr-defined]


def test_is_unreachable_when_it_is_not_there() -> None:
    client = WorkOSClient(
        api_key="sk_test_x", client_id="c", base_url="http://127.0.0.1:9", max_retries=0, request_timeout=1
    )

    with pytest.raises(WorkOSConnectionError):
        client.organizations.list_organizations()

    client.close()
