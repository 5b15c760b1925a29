"""The rate limit of /directory_users, and faults in lists."""

import http.client
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from workos import RateLimitExceededError, WorkOSClient, WorkOSError

from sandbox.client import Sandbox


@pytest.fixture
def directory(sandbox: Sandbox, workos: WorkOSClient) -> str:
    acme = workos.organizations.create_organization(name="Acme")
    created: str = sandbox.activate_directory(acme.id, users=5)["id"]
    return created


def refuse_soon(call: Callable[[], object]) -> RateLimitExceededError:
    """Call until it is refused. With a limit of one, two calls in one second are enough."""
    for _ in range(200):
        try:
            call()
        except RateLimitExceededError as error:
            return error
    raise AssertionError("200 calls were never two in one second")


def test_people_of_a_directory_are_limited_per_second_with_a_bare_text(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    sandbox.switch(directory_requests_per_second=1)
    group = sandbox.add_group(directory, "Developers")
    [user] = workos.directory_sync.list_users(directory=directory, limit=1).data

    for call in (
        lambda: workos.directory_sync.list_users(directory=directory),
        lambda: workos.directory_sync.list_users(group=group["id"]),
        lambda: workos.directory_sync.get_user(user.id),
        lambda: workos.request_raw("get", ("directories", directory, "users")),
    ):
        error = refuse_soon(call)
        assert error.raw_body == "Ratelimited"
        assert error.retry_after == 1
    assert sandbox.state()["rate_limited_requests"] == 4


def test_limit_is_per_directory_and_for_people_only(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    sandbox.switch(directory_requests_per_second=1)
    [owner] = sandbox.directories()
    other = sandbox.activate_directory(owner["organization_id"])["id"]
    refuse_soon(lambda: workos.directory_sync.list_users(directory=directory))

    assert workos.directory_sync.list_users(directory=other).data == []
    assert [workos.directory_sync.list_groups(directory=directory).data for _ in range(5)] == [[]] * 5


@pytest.mark.parametrize(
    ("kind", "values", "kept"),
    [
        ("empty_list", {}, []),
        ("short_list", {"keep": 2}, [0, 1]),
        ("gap", {"count": 2}, [0, 3]),
    ],
)
def test_list_is_empty_short_or_has_a_gap(
    sandbox: Sandbox, workos: WorkOSClient, directory: str, kind: str, values: dict[str, Any], kept: list[int]
) -> None:
    sandbox.fault(kind, path="/directory_users", **values)

    page = workos.directory_sync.list_users(directory=directory, limit=4, order="asc")
    whole = workos.directory_sync.list_users(directory=directory, limit=4, order="asc")

    assert [user.id for user in page.data] == [whole.data[number].id for number in kept]
    assert (page.after is None) == (kind != "gap")


def test_list_faults_leave_other_responses_as_they_are(
    sandbox: Sandbox, workos: WorkOSClient, directory: str
) -> None:
    sandbox.fault("empty_list", times=None)

    assert workos.directory_sync.get_directory(directory).id == directory
    assert workos.directory_sync.list_directories().data == []


def test_body_is_cut_in_the_middle(sandbox: Sandbox, workos: WorkOSClient, directory: str) -> None:
    sandbox.fault("cut_body", path="/directory_users", times=2)
    request = urllib.request.Request(  # noqa: S310  (an http URL of this machine)
        f"{sandbox.url}/directory_users?directory={directory}",
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
    )

    with (
        urllib.request.urlopen(request) as response,  # noqa: S310
        pytest.raises(http.client.IncompleteRead) as error,
    ):
        response.read()

    assert error.value.partial.startswith(b'{"object": "list"')
    with pytest.raises(WorkOSError):
        workos.directory_sync.list_users(directory=directory)
    assert len(workos.directory_sync.list_users(directory=directory).data) == 5
