"""People, groups and memberships: what an identity provider does, and how WorkOS announces it."""

from typing import Any

import pytest
from workos import WorkOSClient

from sandbox.client import Sandbox, SandboxError


@pytest.fixture
def directory(sandbox: Sandbox, workos: WorkOSClient) -> str:
    acme = workos.organizations.create_organization(name="Acme")
    created: str = sandbox.activate_directory(acme.id)["id"]
    return created


def list_people_events(sandbox: Sandbox) -> list[tuple[str, Any]]:
    """(event, data) of the events of people and groups, oldest first."""
    return [
        (event["event"].removeprefix("dsync."), event["data"])
        for event in sandbox.events()
        if event["event"].startswith(("dsync.user", "dsync.group"))
    ]


def list_ids(workos: WorkOSClient, **filters: Any) -> list[str]:
    return [user.id for user in workos.directory_sync.list_users(**filters).data]


def add_member(sandbox: Sandbox, directory: str, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A group and a person in it."""
    group = sandbox.add_group(directory, "Developers")
    return group, sandbox.add_person(directory, group_id=group["id"], **values)


def test_deactivated_person_is_announced_as_inactive(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    group, person = add_member(sandbox, directory)

    sandbox.change_person(directory, person["id"], "deactivate")
    sandbox.change_person(directory, person["id"], "return")

    left, returned = list_people_events(sandbox)[-2:]
    assert (left[0], left[1]["state"]) == ("user.updated", "inactive")
    assert left[1]["previous_attributes"] == {"state": "active"}
    assert (returned[0], returned[1]["state"], returned[1]["id"]) == ("user.updated", "active", person["id"])
    assert list_ids(workos, group=group["id"]) == [person["id"]]


def test_deactivated_person_is_announced_as_deleted_and_kept_without_soft_delete(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    sandbox.switch(soft_delete=False)
    group, person = add_member(sandbox, directory)
    before = len(list_people_events(sandbox))

    sandbox.change_person(directory, person["id"], "deactivate")

    [(event, data)] = list_people_events(sandbox)[before:]
    assert (event, data["id"]) == ("user.deleted", person["id"])
    kept = workos.directory_sync.get_user(person["id"])
    assert kept.state == "inactive"
    assert list_ids(workos, group=group["id"]) == [person["id"]]


@pytest.mark.parametrize(("announced", "events"), [(False, []), (True, ["user.created"])])
def test_return_without_soft_delete_announces_nothing_unless_switched_on(
    sandbox: Sandbox, workos: WorkOSClient, directory: str, announced: bool, events: list[str]
) -> None:
    sandbox.switch(soft_delete=False, announce_returns=announced)
    group, person = add_member(sandbox, directory)
    sandbox.change_person(directory, person["id"], "deactivate")
    before = len(list_people_events(sandbox))

    sandbox.change_person(directory, person["id"], "return")

    assert [event for event, _data in list_people_events(sandbox)[before:]] == events
    assert workos.directory_sync.get_user(person["id"]).state == "active"
    assert list_ids(workos, group=group["id"]) == [person["id"]]


@pytest.mark.parametrize("leaves_first", [True, False])
def test_person_returns_with_a_new_id_and_the_same_idp_id(
    sandbox: Sandbox, workos: WorkOSClient, directory: str, leaves_first: bool
) -> None:
    group, person = add_member(sandbox, directory)
    if leaves_first:
        sandbox.change_person(directory, person["id"], "deactivate")

    returned = sandbox.change_person(directory, person["id"], "return", new_id=True)

    assert returned["id"] != person["id"]
    assert (returned["idp_id"], returned["email"]) == (person["idp_id"], person["email"])
    assert list_ids(workos, directory=directory) == [returned["id"]]
    assert list_ids(workos, group=group["id"]) == []
    assert list_people_events(sandbox)[-1][0] == "user.created"


def test_address_is_given_to_another_person(sandbox: Sandbox, workos: WorkOSClient, directory: str) -> None:
    group, person = add_member(sandbox, directory)

    other = sandbox.change_person(directory, person["id"], "reassign", first_name="Adele")

    assert other["email"] == person["email"]
    assert other["idp_id"] != person["idp_id"]
    assert other["first_name"] == "Adele"
    states = {
        user.id: user.state
        for user in workos.directory_sync.list_users(directory=directory, email=person["email"]).data
    }
    assert states == {person["id"]: "inactive", other["id"]: "active"}
    assert list_ids(workos, group=group["id"]) == [person["id"]]


def test_membership_can_be_announced_before_its_person_and_with_an_id_only(
    sandbox: Sandbox, directory: str
) -> None:
    group = sandbox.add_group(directory, "Developers")

    person = sandbox.add_person(directory, group_id=group["id"], before_user=True, partial=True)

    [_group, (first, membership), (second, user)] = list_people_events(sandbox)
    assert (first, second) == ("group.user_added", "user.created")
    assert membership["user"] == {
        "object": "directory_user",
        "id": person["id"],
        "directory_id": directory,
    }
    assert user["id"] == person["id"]


def test_membership_that_does_not_change_is_not_announced(sandbox: Sandbox, directory: str) -> None:
    group, person = add_member(sandbox, directory)
    before = len(list_people_events(sandbox))

    for action in ("add_member", "remove_member", "remove_member"):
        sandbox.change_group(directory, group["id"], action, user_id=person["id"], partial=True)

    [(event, data)] = list_people_events(sandbox)[before:]
    assert event == "group.user_removed"
    assert "email" not in data["user"]


def test_deleted_group_ends_its_memberships_without_events(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    sandbox.switch(user_groups=True)
    group, person = add_member(sandbox, directory)
    sandbox.change_group(directory, group["id"], "rename", name="Engineering")
    before = len(list_people_events(sandbox))

    sandbox.change_group(directory, group["id"], "remove")

    [(event, data)] = list_people_events(sandbox)[before:]
    assert (event, data["name"], data["idp_id"]) == ("group.deleted", "Engineering", "Engineering")
    assert workos.directory_sync.get_user(person["id"]).groups == []


@pytest.mark.parametrize("listed", [False, True])
def test_people_are_listed_with_groups_only_if_switched_on(
    sandbox: Sandbox, workos: WorkOSClient, directory: str, listed: bool
) -> None:
    sandbox.switch(user_groups=listed)
    group, person = add_member(sandbox, directory)

    [user] = workos.directory_sync.list_users(directory=directory).data

    assert [item.id for item in user.groups or ()] == ([group["id"]] if listed else [])
    assert workos.directory_sync.get_user(person["id"]) == user
    assert [item.id for item in workos.directory_sync.list_groups(user=user.id).data] == [group["id"]]


def test_directory_counts_its_people_and_groups(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    people = [sandbox.add_person(directory) for _ in range(3)]
    sandbox.add_group(directory, "Developers")
    sandbox.change_person(directory, people[0]["id"], "deactivate")
    sandbox.change_person(directory, people[1]["id"], "remove")

    metadata = workos.directory_sync.get_directory(directory).metadata

    assert metadata is not None
    assert metadata.to_dict() == {"users": {"active": 1, "inactive": 1}, "groups": 1}


def test_customer_ids_are_unique_within_a_directory_only(sandbox: Sandbox, workos: WorkOSClient) -> None:
    acme = workos.organizations.create_organization(name="Acme")
    first, second = (sandbox.activate_directory(acme.id)["id"] for _ in range(2))
    for directory in (first, second):
        sandbox.add_group(directory, f"Team of {directory}", id="7")
        sandbox.add_person(directory, id="2836", group_id="7", email=None)

    with pytest.raises(SandboxError, match="2836"):
        sandbox.add_person(first, id="2836")

    for directory in (first, second):
        users = list_scoped(workos, directory, "users")
        assert [(user["id"], user["directory_id"], user["email"]) for user in users] == [
            ("2836", directory, None)
        ]
        assert list_scoped(workos, directory, "users", group="7") == users
        assert get_scoped(workos, directory, "users", "2836") == users[0]
        assert get_scoped(workos, directory, "groups", "7")["name"] == f"Team of {directory}"
    sandbox.change_person(second, "2836", "remove")
    assert list_scoped(workos, second, "users") == []
    assert len(list_scoped(workos, first, "users")) == 1


def list_scoped(workos: WorkOSClient, directory: str, kind: str, **params: Any) -> list[dict[str, Any]]:
    response: dict[str, Any] = workos.request_raw("get", ("directories", directory, kind), params=params)
    found: list[dict[str, Any]] = response["data"]
    return found


def get_scoped(workos: WorkOSClient, directory: str, kind: str, object_id: str) -> dict[str, Any]:
    response: dict[str, Any] = workos.request_raw("get", ("directories", directory, kind, object_id))
    return response


def test_customer_ids_are_cursors(sandbox: Sandbox, workos: WorkOSClient, directory: str) -> None:
    for number in range(5):
        sandbox.add_person(directory, id=str(number))

    found = list(
        workos.directory_sync.list_users(directory=directory, limit=2, order="asc").auto_paging_iter()
    )

    assert [user.id for user in found] == ["0", "1", "2", "3", "4"]


def test_filled_directory_lists_its_people_by_group_in_pages(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    filled = sandbox.fill_directory(directory, 30, groups=4, groups_per_person=2)

    groups = workos.directory_sync.list_groups(directory=directory, order="asc").data
    members = {
        group.id: [
            user.id
            for user in workos.directory_sync.list_users(
                group=group.id, limit=4, order="asc"
            ).auto_paging_iter()
        ]
        for group in groups
    }
    everybody = list_ids(workos, directory=directory, limit=100, order="asc")
    assert filled["metadata"] == {"users": {"active": 30, "inactive": 0}, "groups": 4}
    assert [len(found) for found in members.values()] == [15] * 4
    assert all(found == [user for user in everybody if user in found] for found in members.values())
    assert list_people_events(sandbox) == []


def test_filling_a_directory_can_be_announced(sandbox: Sandbox, directory: str) -> None:
    sandbox.fill_directory(directory, 2, groups=1, groups_per_person=1, announced=True)

    assert [event for event, _data in list_people_events(sandbox)] == [
        "group.created",
        *["user.created", "group.user_added"] * 2,
    ]


@pytest.mark.parametrize("newest_first", [True, False])
def test_default_order_of_lists_is_a_switch(
    sandbox: Sandbox, workos: WorkOSClient, directory: str, newest_first: bool
) -> None:
    sandbox.switch(newest_first=newest_first)
    people = [sandbox.add_person(directory)["id"] for _ in range(3)]

    response: dict[str, Any] = workos.request_raw(
        "get", ("directory_users",), params={"directory": directory}
    )

    listed = [user["id"] for user in response["data"]]
    assert listed == (people[::-1] if newest_first else people)
