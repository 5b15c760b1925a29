"""Directories, their users and groups in the API."""

from typing import Any

import pytest
from workos import NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_active_directory_is_linked_in_the_api_and_active_in_events(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    created = sandbox.activate_directory(acme.id)

    [listed] = workos.directory_sync.list_directories(organization_id=acme.id).data
    [event] = sandbox.events("dsync.activated")

    assert listed.id == created["id"]
    assert listed.state == "linked"
    assert event["data"]["state"] == "active"


def test_users_are_listed_by_directory_and_email(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    other = workos.organizations.create_organization(name="Other")
    created = sandbox.activate_directory(acme.id, users=12)
    sandbox.activate_directory(other.id, users=3)

    listed = list(workos.directory_sync.list_users(directory=created["id"], limit=5).auto_paging_iter())

    assert len(listed) == 12
    assert {user.directory_id for user in listed} == {created["id"]}
    assert workos.directory_sync.get_user(listed[0].id).email == listed[0].email
    by_email = workos.directory_sync.list_users(directory=created["id"], email=listed[3].email or "").data
    assert [user.id for user in by_email] == [listed[3].id]


def test_listing_users_or_groups_without_a_directory_is_answered_422(workos: WorkOSClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.directory_sync.list_users()
    with pytest.raises(UnprocessableEntityError):
        workos.directory_sync.list_groups()


def test_deleted_directory_emits_no_events_of_its_users(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    created = sandbox.activate_directory(acme.id, users=2)

    workos.directory_sync.delete_directory(created["id"])

    assert sandbox.events()[-1]["event"] == "dsync.deleted"
    assert sandbox.events("dsync.user.deleted") == []
    with pytest.raises(NotFoundError):
        workos.directory_sync.list_users(directory=created["id"])


@pytest.mark.parametrize(("action", "state"), [("unlink", "unlinked"), ("refuse", "invalid_credentials")])
def test_provider_failure_changes_the_state_without_an_event(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, action: str, state: str
) -> None:
    created = sandbox.activate_directory(acme.id)
    before = len(sandbox.events())

    sandbox.change_directory(created["id"], action)

    assert workos.directory_sync.get_directory(created["id"]).state == state
    assert len(sandbox.events()) == before


def test_user_update_event_has_the_previous_attributes(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    created = sandbox.activate_directory(acme.id, users=1)
    [user] = workos.directory_sync.list_users(directory=created["id"]).data
    people = f"directories/{created['id']}/people"

    sandbox.request("POST", f"{people}/update", {"user_id": user.id, "job_title": "Director"})
    sandbox.request("POST", f"{people}/remove", {"user_id": user.id})

    [updated] = sandbox.events("dsync.user.updated")
    assert updated["data"]["previous_attributes"] == {"job_title": "Software Engineer"}
    assert updated["data"]["job_title"] == "Director"
    [created] = sandbox.events("dsync.user.created")
    assert created["data"]["job_title"] == "Software Engineer"
    with pytest.raises(NotFoundError):
        workos.directory_sync.get_user(user.id)


def test_seeded_group_is_listed_and_has_no_members(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    sandbox.request(
        "POST",
        "seed",
        {
            "organizations": [
                {"name": "Zenith", "directories": [{"type": "okta scim v2.0", "groups": ["Ops"]}]}
            ]
        },
    )
    [directory] = sandbox.directories()

    [group] = workos.directory_sync.list_groups(directory=directory["id"]).data

    assert group.name == "Ops"
    assert workos.directory_sync.get_group(group.id) == group
    assert workos.directory_sync.list_users(group=group.id).data == []
