"""A directory…"""

from typing import Any

import pytest
from workos import NotFoundError, UnprocessableEntityError, WorkOSClient

from sandbox.client import Sandbox


@pytest.fixture
def acme(workos: WorkOSClient) -> Any:
    return workos.organizations.create_organization(name="Acme")


def test_is_linked_in_the_api_and_active_in_events(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    made = sandbox.activate_directory(acme.id)

    [listed] = workos.directory_sync.list_directories(organization_id=acme.id).data
    [event] = sandbox.events("dsync.activated")

    assert listed.id == made["id"]
    assert listed.state == "linked"
    assert event["data"]["state"] == "active"


def test_lists_its_people_and_nobody_elses(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    other = workos.organizations.create_organization(name="Other")
    made = sandbox.activate_directory(acme.id, users=12)
    sandbox.activate_directory(other.id, users=3)

    listed = list(workos.directory_sync.list_users(directory=made["id"], limit=5).auto_paging_iter())

    assert len(listed) == 12
    assert {user.directory_id for user in listed} == {made["id"]}
    assert workos.directory_sync.get_user(listed[0].id).email == listed[0].email
    by_email = workos.directory_sync.list_users(directory=made["id"], email=listed[3].email or "").data
    assert [user.id for user in by_email] == [listed[3].id]


def test_needs_to_be_named_to_list_people(workos: WorkOSClient) -> None:
    with pytest.raises(UnprocessableEntityError):
        workos.directory_sync.list_users()
    with pytest.raises(UnprocessableEntityError):
        workos.directory_sync.list_groups()


def test_falls_silent_about_its_people_after_its_end(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any
) -> None:
    made = sandbox.activate_directory(acme.id, users=2)

    workos.directory_sync.delete_directory(made["id"])

    assert sandbox.events()[-1]["event"] == "dsync.deleted"
    assert sandbox.events("dsync.user.deleted") == []
    with pytest.raises(NotFoundError):
        workos.directory_sync.list_users(directory=made["id"])


@pytest.mark.parametrize(("deed", "state"), [("unlink", "unlinked"), ("refuse", "invalid_credentials")])
def test_changes_silently_when_its_provider_does(
    sandbox: Sandbox, workos: WorkOSClient, acme: Any, deed: str, state: str
) -> None:
    made = sandbox.activate_directory(acme.id)
    before = len(sandbox.events())

    sandbox.change_directory(made["id"], deed)

    assert workos.directory_sync.get_directory(made["id"]).state == state
    assert len(sandbox.events()) == before


def test_tells_what_changed_about_a_person(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
    made = sandbox.activate_directory(acme.id, users=1)
    [user] = workos.directory_sync.list_users(directory=made["id"]).data
    people = f"directories/{made['id']}/people"

    sandbox.request("POST", f"{people}/update", {"user_id": user.id, "job_title": "Director"})
    sandbox.request("POST", f"{people}/remove", {"user_id": user.id})

    [updated] = sandbox.events("dsync.user.updated")
    assert updated["data"]["previous_attributes"] == {"job_title": "Software Engineer"}
    assert updated["data"]["job_title"] == "Director"
    [created] = sandbox.events("dsync.user.created")
    assert created["data"]["job_title"] == "Software Engineer"
    with pytest.raises(NotFoundError):
        workos.directory_sync.get_user(user.id)


def test_shows_groups_and_their_members(sandbox: Sandbox, workos: WorkOSClient, acme: Any) -> None:
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
