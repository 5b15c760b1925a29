"""The Events API."""

import json
import re
import urllib.request
from typing import Any

import pytest
from workos import BadRequestError, UnprocessableEntityError, WorkOSClient
from workos.common.models import CreateWebhookEndpointEvents

from sandbox.client import Sandbox

DAY = 86_400


def list_events(workos: WorkOSClient, **params: Any) -> dict[str, Any]:
    response: dict[str, Any] = workos.request_raw("get", ("events",), params=params)
    return response


def event_ids(response: dict[str, Any]) -> list[str]:
    return [event["id"] for event in response["data"]]


@pytest.fixture
def five_organizations(workos: WorkOSClient) -> list[str]:
    """Five organizations, created one after the other."""
    return [workos.organizations.create_organization(name=f"Acme {n}").id for n in range(5)]


def test_events_are_listed_oldest_first_with_a_cursor(
    workos: WorkOSClient, five_organizations: list[str]
) -> None:
    first = list_events(workos, events="organization.created", limit=2)
    second = list_events(
        workos, events="organization.created", limit=2, after=first["list_metadata"]["after"]
    )
    third = list_events(
        workos, events="organization.created", limit=2, after=second["list_metadata"]["after"]
    )

    listed = [event["data"]["id"] for page in (first, second, third) for event in page["data"]]
    assert listed == five_organizations
    assert third["list_metadata"] == {"after": None}


def test_sdk_pages_through_events(workos: WorkOSClient, five_organizations: list[str]) -> None:
    page = workos.events.list_events(events=["organization.created", "organization.deleted"], limit=2)

    assert len(list(page.auto_paging_iter())) == 5


@pytest.mark.parametrize("name", ["", None])
def test_listing_without_event_types_is_answered_422(workos: WorkOSClient, name: str | None) -> None:
    with pytest.raises(UnprocessableEntityError) as error:
        list_events(workos, **({} if name is None else {"events": name}))

    assert error.value.errors[0]["field"] == "events"  # type: ignore[index]


def test_after_together_with_range_start_is_answered_400(
    workos: WorkOSClient, five_organizations: list[str]
) -> None:
    cursor = event_ids(list_events(workos, events="organization.created"))[0]

    with pytest.raises(BadRequestError):
        list_events(workos, events="organization.created", after=cursor, range_start="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00+00:00", "yesterday Z", "Z"])
def test_time_that_is_not_utc_is_answered_400(workos: WorkOSClient, moment: str) -> None:
    with pytest.raises(BadRequestError):
        list_events(workos, events="organization.created", range_start=moment)


def test_events_are_filtered_by_time_and_organization(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze("2026-01-15T12:00:00Z")
    early = workos.organizations.create_organization(name="Early")
    sandbox.advance(60)
    late = workos.organizations.create_organization(name="Late")

    since = list_events(workos, events="organization.created", range_start="2026-01-15T12:00:30Z")
    until = list_events(workos, events="organization.created", range_end="2026-01-15T12:00:30Z")
    owned = list_events(workos, events="organization.created", organization_id=late.id)

    assert [event["data"]["id"] for event in since["data"]] == [late.id]
    assert [event["data"]["id"] for event in until["data"]] == [early.id]
    assert [event["data"]["id"] for event in owned["data"]] == [late.id]


def test_events_older_than_thirty_days_are_gone_but_their_cursors_can_work(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    sandbox.switch(forget_cursors=False)
    sandbox.freeze("2026-01-15T12:00:00Z")
    workos.organizations.create_organization(name="Early")
    [expired] = event_ids(list_events(workos, events="organization.created"))
    sandbox.advance(31 * DAY)
    late = workos.organizations.create_organization(name="Late")

    everything = list_events(workos, events="organization.created")
    beyond = list_events(workos, events="organization.created", after=expired)

    assert [event["data"]["id"] for event in everything["data"]] == [late.id]
    assert event_ids(beyond) == event_ids(everything)


def test_malformed_cursor_is_answered_400(workos: WorkOSClient) -> None:
    with pytest.raises(BadRequestError):
        list_events(workos, events="organization.created", after="org_1")


def test_lifecycle_emits_every_kind_of_event_and_the_sdk_parses_them(
    sandbox: Sandbox, workos: WorkOSClient
) -> None:
    organization_id = sandbox.run_lifecycle()

    events = sandbox.events(organization_id=organization_id)
    kinds = {event["event"] for event in events}
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
    assert len(models) == len(events)
    assert not [model for model in models if type(model).__name__ == "EventSchemaUnknown"]


def test_event_ids_and_times_are_in_workos_format_and_sorted(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.run_lifecycle()

    events = sandbox.events()

    assert all(re.fullmatch(r"event_[0-9A-HJKMNP-TV-Z]{26}", event["id"]) for event in events)
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["created_at"]) for event in events
    )
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)


def test_switch_silences_cascading_deletions(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.switch(cascade_deletions=False)
    acme = workos.organizations.create_organization(name="Acme")
    sandbox.activate_connection(acme.id)

    workos.organizations.delete_organization(acme.id)

    assert [event["event"] for event in sandbox.events()][-1] == "organization.deleted"
    assert sandbox.events("connection.deleted") == []


def test_forgotten_cursor_is_answered_400(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze("2026-01-15T12:00:00Z")
    workos.organizations.create_organization(name="Early")
    [known] = event_ids(list_events(workos, events="organization.created"))

    assert event_ids(list_events(workos, events="organization.created", after=known)) == []
    with pytest.raises(BadRequestError):
        list_events(
            workos, events="organization.created", after=f"{known[:-1]}{'0' if known[-1] != '0' else '1'}"
        )
    sandbox.advance(31 * DAY)
    with pytest.raises(BadRequestError):
        list_events(workos, events="organization.created", after=known)


@pytest.mark.parametrize(
    "spelling",
    ["events={0},{1}", "events={0}&events={1}", "events[]={0}&events[]={1}", "events[0]={0}&events[1]={1}"],
)
def test_event_types_can_be_spelled_in_every_way(
    sandbox: Sandbox, workos: WorkOSClient, spelling: str
) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    workos.organizations.delete_organization(acme.id)
    query = spelling.format("organization.created", "organization.deleted")

    request = urllib.request.Request(  # noqa: S310  (an http URL of this machine)
        f"{sandbox.url}/events?{query}", headers={"Authorization": f"Bearer {sandbox.api_key}"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        listed = json.loads(response.read())["data"]

    assert [event["event"] for event in listed] == ["organization.created", "organization.deleted"]


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-01-01T00:00:00Z", "2026-01-31T00:00:00.001Z"), ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")],
)
def test_range_of_more_than_thirty_days_is_answered_400(workos: WorkOSClient, start: str, end: str) -> None:
    with pytest.raises(BadRequestError):
        list_events(workos, events="organization.created", range_start=start, range_end=end)


def test_range_of_thirty_days_is_listed(sandbox: Sandbox, workos: WorkOSClient) -> None:
    sandbox.freeze("2026-01-15T12:00:00Z")
    acme = workos.organizations.create_organization(name="Acme")

    found = list_events(
        workos,
        events="organization.created",
        range_start="2026-01-01T00:00:00Z",
        range_end="2026-01-31T00:00:00Z",
    )

    assert [event["data"]["id"] for event in found["data"]] == [acme.id]


def test_events_are_listed_newest_first_if_asked_for(
    workos: WorkOSClient, five_organizations: list[str]
) -> None:
    first = list_events(workos, events="organization.created", limit=3, order="desc")
    second = list_events(
        workos, events="organization.created", order="desc", after=first["list_metadata"]["after"]
    )

    listed = [event["data"]["id"] for page in (first, second) for event in page["data"]]
    assert listed == five_organizations[::-1]


def test_events_are_found_by_time_when_the_clock_was_set_back(sandbox: Sandbox, workos: WorkOSClient) -> None:
    ids = {}
    for moment in ("2026-01-15T12:00:00Z", "2026-01-14T12:00:00Z", "2026-01-16T12:00:00Z"):
        sandbox.freeze(moment)
        ids[moment] = workos.organizations.create_organization(name=moment).id

    found = list_events(
        workos,
        events="organization.created",
        range_start="2026-01-14T00:00:00Z",
        range_end="2026-01-15T00:00:00Z",
    )

    assert [event["data"]["id"] for event in found["data"]] == [ids["2026-01-14T12:00:00Z"]]


def test_newest_event_types_can_be_subscribed_to(workos: WorkOSClient) -> None:
    types = [item.value for item in CreateWebhookEndpointEvents]

    endpoint = workos.webhooks.create_webhook_endpoint(endpoint_url="https://acme.example/", events=types)

    assert endpoint.events == types
