"""The Events API of the sandbox…"""

import re
from typing import Any

import pytest
from workos import BadRequestError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox

DAY = 86_400


def read(workos: WorkOSClient, **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = workos.request_raw("get", ("events",), params=params)
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [event["id"] for event in answer["data"]]


@pytest.fixture
def five(workos: WorkOSClient) -> list[str]:
    """Five organizations, created one after the other."""
    return [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(5)]


def test_lists_oldest_first_and_leads_on_by_after(workos: WorkOSClient, five: list[str]) -> None:
    first = read(workos, events="organization.created", limit=2)
    second = read(workos, events="organization.created", limit=2, after=first["list_metadata"]["after"])
    third = read(workos, events="organization.created", limit=2, after=second["list_metadata"]["after"])

    listed = [event["data"]["id"] for page in (first, second, third) for event in page["data"]]
    assert listed == five
    assert third["list_metadata"] == {"after": None}


def test_pages_through_the_sdk(workos: WorkOSClient, five: list[str]) -> None:
    page = workos.events.list_events(events=["organization.created", "organization.deleted"], limit=2)

    assert len(list(page.auto_paging_iter())) == 5


@pytest.mark.parametrize("name", ["", None])
def test_needs_to_know_which_events(workos: WorkOSClient, name: str | None) -> None:
    with pytest.raises(UnprocessableEntityError) as refusal:
        read(workos, **({} if name is None else {"events": name}))

    assert refusal.value.errors[0]["field"] == "events"  # type: ignore[index]


def test_refuses_a_cursor_together_with_a_beginning(workos: WorkOSClient, five: list[str]) -> None:
    cursor = ids(read(workos, events="organization.created"))[0]

    with pytest.raises(BadRequestError):
        read(workos, events="organization.created", after=cursor, range_start="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00+00:00", "yesterday Z", "Z"])
def test_takes_only_utc_times_that_end_in_z(workos: WorkOSClient, moment: str) -> None:
    with pytest.raises(BadRequestError):
        read(workos, events="organization.created", range_start=moment)


def test_narrows_by_time_and_by_organization(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze("2026-01-15T12:00:00Z")
    early = workos.organizations.create_organization(name="Early")
    sandbox.advance(60)
    late = workos.organizations.create_organization(name="Late")

    since = read(workos, events="organization.created", range_start="2026-01-15T12:00:30Z")
    until = read(workos, events="organization.created", range_end="2026-01-15T12:00:30Z")
    owned = read(workos, events="organization.created", organization_id=late.id)

    assert [event["data"]["id"] for event in since["data"]] == [late.id]
    assert [event["data"]["id"] for event in until["data"]] == [early.id]
    assert [event["data"]["id"] for event in owned["data"]] == [late.id]


def test_forgets_after_thirty_days_but_takes_a_forgotten_cursor(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.freeze("2026-01-15T12:00:00Z")
    workos.organizations.create_organization(name="Early")
    [forgotten] = ids(read(workos, events="organization.created"))
    sandbox.advance(31 * DAY)
    late = workos.organizations.create_organization(name="Late")

    everything = read(workos, events="organization.created")
    beyond = read(workos, events="organization.created", after=forgotten)

    assert [event["data"]["id"] for event in everything["data"]] == [late.id]
    assert ids(beyond) == ids(everything)


def test_refuses_a_cursor_that_is_no_event(workos: WorkOSClient) -> None:
    with pytest.raises(BadRequestError):
        read(workos, events="organization.created", after="org_1")


def test_tells_a_whole_life_in_events_that_the_sdk_reads(sandbox: Sandbox, workos: WorkOSClient) -> None:
    organization_id = sandbox.run_lifecycle()

    told = sandbox.events(organization_id=organization_id)
    kinds = {event["event"] for event in told}
    models = list(workos.events.list_events(events=sorted(kinds), limit=100).auto_paging_iter())

    assert kinds == {
        "connection.activated",
        "connection.deactivated",
        "connection.deleted",
        "connection.saml_certificate_renewal_required",
        "connection.saml_certificate_renewed",
        "dsync.activated",
        "dsync.deleted",
        "dsync.group.created",
        "dsync.group.deleted",
        "dsync.group.updated",
        "dsync.group.user_added",
        "dsync.group.user_removed",
        "dsync.user.created",
        "dsync.user.deleted",
        "dsync.user.updated",
        "organization.created",
        "organization.deleted",
        "organization.updated",
        "organization_domain.created",
        "organization_domain.deleted",
        "organization_domain.updated",
        "organization_domain.verification_failed",
        "organization_domain.verified",
    }
    assert len(models) == len(told)
    assert not [model for model in models if type(model).__name__ == "EventSchemaUnknown"]


def test_gives_ids_and_times_in_workos_form_and_in_order(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.run_lifecycle()

    told = sandbox.events()

    assert all(re.fullmatch(r"event_[0-9A-HJKMNP-TV-Z]{26}", event["id"]) for event in told)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["created_at"]) for event in told)
    assert [event["id"] for event in told] == sorted(event["id"] for event in told)


def test_can_hide_what_a_deletion_takes_with_it(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.switch(cascade_deletions=False)
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.activate_connection(acme.id)

    workos.organizations.delete_organization(acme.id)

    assert [event["event"] for event in sandbox.events()][-1] == "organization.deleted"
    assert sandbox.events("connection.deleted") == []
