"""Reconcile of people, groups and memberships, against the sandbox over loopback."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

import gateway
from audit.actor import COMMAND_LINE
from audit.models import AuditEntry
from enterprises import provisioning
from enterprises.models import Enterprise
from enterprises.people_reconcile import enqueue_people_reconcile
from gateway import pacing
from mirror.models import Directory
from mirror.people import upsert_people
from mirror.people_models import DirectoryGroup, DirectoryMembership, DirectoryUser
from mirror.people_parsing import Said, parse_removed_group
from mirror.people_reading import PeopleReader
from mirror.people_reading_models import ListedObject, PeopleReading
from mirror.reading_place import HeldElsewhere, Stopped
from outbox.models import Task
from outbox.runner import run_due_tasks
from sandbox.client import Sandbox
from tests.factories import create_directory, create_enterprise
from tests.processes import Manage, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db: None, workos_sandbox: Sandbox) -> Enterprise:
    """Acme, with an organization and an empty directory in the sandbox."""
    enterprise = provisioning.enroll(name="Acme Inc.", domains=[])
    provisioning.provision(enterprise, COMMAND_LINE)
    enterprise.refresh_from_db()
    return enterprise


@pytest.fixture
def directory_id(acme: Enterprise, workos_sandbox: Sandbox) -> str:
    return str(workos_sandbox.activate_directory(str(acme.organization_id))["id"])


def reconcile(*arguments: str) -> dict[str, Any]:
    """The report of a run, whatever it exits with: `exit` says so."""
    out = StringIO()
    code = 0
    try:
        call_command("reconcile", *arguments, "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        code = error.returncode
    report: dict[str, Any] = json.loads(out.getvalue())
    (enterprise,) = report["enterprises"]
    return {**enterprise, "exit": code}


def states() -> dict[str, str]:
    return dict(DirectoryUser.objects.values_list("user_id", "state"))


def current_members() -> set[tuple[str, str]]:
    current = DirectoryMembership.objects.current()
    return set(current.values_list("user__user_id", "group__group_id"))


def test_first_apply_seeds_people_groups_and_memberships(workos_sandbox: Sandbox, directory_id: str) -> None:
    workos_sandbox.fill_directory(directory_id, 120, groups=3, groups_per_person=2)

    assert reconcile("--apply")["exit"] == 0

    assert DirectoryUser.objects.filter(state="active").count() == 120
    assert DirectoryGroup.objects.count() == 3
    assert len(current_members()) == 240
    directory = Directory.objects.get()
    assert (directory.listed_people, directory.listed_groups) == (120, 3)
    assert not ListedObject.objects.exists()
    assert reconcile()["difference_count"] == 0


def test_groups_that_people_are_listed_with_need_no_lists_by_group(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    workos_sandbox.switch(user_groups=True)
    workos_sandbox.fill_directory(directory_id, 30, groups=3, groups_per_person=2)

    (read,) = reconcile("--apply")["directories"]

    assert len(current_members()) == 60
    # The directory twice, its people, and its groups.
    assert read["requests"] == 4


def test_check_shows_differences_and_changes_nothing(workos_sandbox: Sandbox, directory_id: str) -> None:
    ada = workos_sandbox.add_person(directory_id, email="ada@acme.example")
    ben = workos_sandbox.add_person(directory_id, email="ben@acme.example")
    group = workos_sandbox.add_group(directory_id, "Engineering")
    assert reconcile("--apply")["exit"] == 0
    workos_sandbox.change_person(directory_id, ada["id"], "deactivate")
    workos_sandbox.change_person(directory_id, ben["id"], "update", email="ben.b@acme.example")
    workos_sandbox.change_group(directory_id, group["id"], "add_member", user_id=ben["id"])

    report = reconcile("--check")

    assert report["exit"] == 1
    assert sorted(report["differences"]) == sorted(
        [
            f"directory_user {ada['id']}: state active → inactive",
            f"directory_user {ben['id']}: email changed",
            f"membership of {ben['id']} in {group['id']}: new",
        ]
    )
    assert states() == {ada["id"]: "active", ben["id"]: "active"}
    assert not current_members()

    assert reconcile("--apply")["exit"] == 0
    assert states() == {ada["id"]: "inactive", ben["id"]: "active"}
    assert current_members() == {(ben["id"], group["id"])}
    assert reconcile("--check")["exit"] == 0


def test_person_and_member_absent_from_complete_lists_end(workos_sandbox: Sandbox, directory_id: str) -> None:
    ada, ben = (workos_sandbox.add_person(directory_id) for _ in range(2))
    group = workos_sandbox.add_group(directory_id, "Engineering")
    gone = workos_sandbox.add_group(directory_id, "Sales")
    for one in (ada, ben):
        workos_sandbox.change_group(directory_id, group["id"], "add_member", user_id=one["id"])
    reconcile("--apply")
    workos_sandbox.change_person(directory_id, ada["id"], "remove")
    workos_sandbox.change_group(directory_id, group["id"], "remove_member", user_id=ben["id"])
    workos_sandbox.change_group(directory_id, gone["id"], "remove")

    report = reconcile("--apply")

    assert report["exit"] == 0
    assert states() == {ada["id"]: "inactive", ben["id"]: "active"}
    assert current_members() == set()
    assert DirectoryGroup.objects.get(group_id=gone["id"]).state == "deleted"


def test_members_of_a_group_that_returned_are_members_again(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    ada = workos_sandbox.add_person(directory_id)
    group = workos_sandbox.add_group(directory_id, "Engineering")
    workos_sandbox.change_group(directory_id, group["id"], "add_member", user_id=ada["id"])
    reconcile("--apply")
    now = timezone.now()
    removed = parse_removed_group(
        {"id": group["id"], "directory_id": directory_id}, Said(now, now, "event_1")
    )
    upsert_people("directory_group", [removed])
    assert not current_members()

    report = reconcile("--apply")

    assert f"membership of {ada['id']} in {group['id']}: new" in report["differences"]
    assert current_members() == {(ada["id"], group["id"])}
    assert reconcile("--check")["exit"] == 0


@pytest.mark.parametrize(
    "fault", [{"kind": "gap", "count": 2}, {"kind": "short_list", "keep": 10}], ids=["gap", "cut"]
)
def test_list_that_disagrees_with_the_count_ends_nobody_and_is_reported(
    workos_sandbox: Sandbox, directory_id: str, fault: dict[str, Any]
) -> None:
    workos_sandbox.fill_directory(directory_id, 12, groups=1)
    reconcile("--apply")
    workos_sandbox.fault(**fault, path="/directory_users", times=1)

    report = reconcile("--apply")

    assert report["exit"] == 1
    assert "and counts 12, so what it does not list was kept" in report["problems"][0]
    assert set(states().values()) == {"active"}


@pytest.mark.parametrize("kind", ["empty_list", "short_list"])
def test_suspiciously_short_list_changes_nothing_and_is_reported(
    workos_sandbox: Sandbox, directory_id: str, kind: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 49)
    first = workos_sandbox.add_person(directory_id, email="ada@acme.example")
    reconcile("--apply")
    workos_sandbox.change_person(directory_id, first["id"], "update", email="new@acme.example")
    values = {"keep": 39} if kind == "short_list" else {}
    workos_sandbox.fault(kind, path="/directory_users", times=1, **values)
    before = set(DirectoryUser.objects.values_list("user_id", "state", "email"))

    report = reconcile("--apply")

    assert report["exit"] == 1
    assert "suspiciously few, so nothing was changed" in report["problems"][0]
    assert set(DirectoryUser.objects.values_list("user_id", "state", "email")) == before


def test_directory_that_counts_suspiciously_few_people_is_not_read(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 15)
    reconcile("--apply")
    for user_id in list(states())[:11]:
        workos_sandbox.change_person(directory_id, user_id, "remove")

    report = reconcile("--apply")

    assert "WorkOS counts 4 active people, and we have 15" in report["problems"][0]
    assert set(states().values()) == {"active"}
    assert report["directories"][0]["requests"] == 1


@pytest.fixture
def shrunk(workos_sandbox: Sandbox, directory_id: str) -> str:
    """A directory that lost 11 of its 15 people, and we got no event."""
    workos_sandbox.fill_directory(directory_id, 15, groups=1, groups_per_person=1)
    reconcile("--apply")
    for user_id in sorted(states())[:11]:
        workos_sandbox.change_person(directory_id, user_id, "remove")
    return directory_id


def test_short_list_that_is_accepted_ends_who_is_not_listed(acme: Enterprise, shrunk: str) -> None:
    arguments = (acme.slug, "--accept-short-list", acme.slug)
    preview = reconcile(*arguments)
    assert sum("not listed, inactive" in one for one in preview["differences"]) == 11
    assert set(states().values()) == {"active"}

    report = reconcile(*arguments, "--apply", "--yes")

    assert (report["exit"], report["problems"]) == (0, [])
    assert sorted(states().values()) == ["active"] * 4 + ["inactive"] * 11
    assert len(current_members()) == 4
    entry = AuditEntry.objects.get(action="short_list_accepted")
    assert (entry.subject, entry.actor) == (acme.external_id, "Support (command line)")


def test_accepted_short_list_that_disagrees_with_the_count_ends_nobody(
    workos_sandbox: Sandbox, acme: Enterprise, shrunk: str
) -> None:
    workos_sandbox.fault("short_list", keep=2, path="/directory_users", times=1)

    report = reconcile(acme.slug, "--accept-short-list", acme.slug, "--apply", "--yes")

    assert "lists 2 active people and counts 4, so what it does not list was kept" in report["problems"][0]
    assert set(states().values()) == {"active"}


def test_short_list_of_a_group_removes_its_members_only_when_it_is_accepted(
    workos_sandbox: Sandbox, acme: Enterprise, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 15, groups=1, groups_per_person=1)
    reconcile("--apply")
    group_id = DirectoryGroup.objects.get().group_id
    for user_id in sorted(states())[:11]:
        workos_sandbox.change_group(directory_id, group_id, "remove_member", user_id=user_id)

    refused = reconcile("--apply")
    assert refused["exit"] == 1
    assert f"WorkOS lists 4 of our 15 members of the group {group_id}" in refused["problems"][0]
    assert "accept the short list" in refused["problems"][0]
    preview = reconcile(acme.slug, "--accept-short-list", acme.slug)
    assert sum("not listed" in one for one in preview["differences"]) == 11
    assert len(current_members()) == 15

    accepted = reconcile(acme.slug, "--accept-short-list", acme.slug, "--apply", "--yes")

    assert (accepted["exit"], accepted["problems"], accepted["difference_count"]) == (0, [], 11)
    assert len(current_members()) == 4
    assert set(states().values()) == {"active"}
    assert reconcile("--check")["exit"] == 0


def test_short_list_of_groups_ends_them_only_when_it_is_accepted_and_agrees_with_the_count(
    workos_sandbox: Sandbox, acme: Enterprise, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 3, groups=15, groups_per_person=1)
    reconcile("--apply")
    for group_id in sorted(DirectoryGroup.objects.values_list("group_id", flat=True))[:11]:
        workos_sandbox.change_group(directory_id, group_id, "remove")
    active = DirectoryGroup.objects.filter(state="active")
    arguments = (acme.slug, "--accept-short-list", acme.slug, "--apply", "--yes")

    refused = reconcile("--apply")
    assert "WorkOS lists 4 groups, and we have 15" in refused["problems"][0]
    assert "accept the short list" in refused["problems"][0]
    workos_sandbox.fault("short_list", keep=2, path="/directory_groups", times=1)
    disagreeing = reconcile(*arguments)
    assert (
        "WorkOS lists 2 groups and counts 4, so what it does not list was kept" in disagreeing["problems"][0]
    )
    assert active.count() == 15

    accepted = reconcile(*arguments)

    assert (accepted["exit"], accepted["problems"]) == (0, [])
    assert active.count() == 4
    assert set(states().values()) == {"active"}


def test_short_list_is_accepted_only_by_the_slug_of_an_enterprise_that_is_compared(
    acme: Enterprise, shrunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "y")
    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("reconcile", "--apply", "--accept-short-list", acme.slug, stderr=StringIO())
    create_enterprise("Birch Ltd", "birch-ltd", "org_birch")
    with pytest.raises(CommandError, match="birch-ltd, which is not compared") as raised:
        call_command("reconcile", acme.slug, "--apply", "--accept-short-list", "birch-ltd")

    assert raised.value.returncode == 2
    assert set(states().values()) == {"active"}
    assert not AuditEntry.objects.filter(action="short_list_accepted").exists()


@pytest.mark.parametrize(("removed", "left"), [(9, 0), (10, 10)])
def test_list_is_suspicious_from_ten_people_and_a_fifth(
    workos_sandbox: Sandbox, directory_id: str, removed: int, left: int
) -> None:
    workos_sandbox.fill_directory(directory_id, 12)
    reconcile("--apply")
    for user_id in sorted(states())[:removed]:
        workos_sandbox.change_person(directory_id, user_id, "remove")

    reconcile("--apply")

    assert (
        DirectoryUser.objects.filter(user_id__in=sorted(states())[:removed], state="active").count() == left
    )


def test_memberships_of_a_deactivated_person_are_kept(workos_sandbox: Sandbox, directory_id: str) -> None:
    ada = workos_sandbox.add_person(directory_id)
    group = workos_sandbox.add_group(directory_id, "Engineering")
    workos_sandbox.change_group(directory_id, group["id"], "add_member", user_id=ada["id"])
    reconcile("--apply")
    workos_sandbox.change_person(directory_id, ada["id"], "deactivate")

    reconcile("--apply")

    assert DirectoryMembership.objects.filter(is_member=True).count() == 1
    assert current_members() == set()


def test_person_learned_after_the_list_was_begun_is_not_ended(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 3)
    reconcile("--apply")
    directory = Directory.objects.get()
    DirectoryUser.objects.create(
        directory=directory,
        user_id="directory_user_new",
        state="active",
        is_announced=True,
        as_of=timezone.now(),
        observed_at=timezone.now() + timedelta(seconds=60),
    )

    reconcile("--apply")

    assert states()["directory_user_new"] == "active"


def mirror_directory(directory_id: str) -> None:
    create_directory(Enterprise.objects.get(), directory_id=directory_id)


def read_directory(stop_after: int = 10**6) -> PeopleReading:
    """Read in this process, and stop after so many pages."""
    stop = threading.Event()
    pages = iter(range(stop_after - 1, -1, -1))

    def count_page(_: PeopleReading) -> None:
        if next(pages) == 0:
            stop.set()

    reader = PeopleReader(
        Directory.objects.get(), writes=True, clock=timezone.now, stop=stop, report_progress=count_page
    )
    return reader.read()


def test_stopped_reading_goes_on_where_it_was(workos_sandbox: Sandbox, directory_id: str) -> None:
    workos_sandbox.fill_directory(directory_id, 250, groups=2, groups_per_person=1)
    mirror_directory(directory_id)

    for _ in range(6):
        with pytest.raises(Stopped):
            read_directory(stop_after=1)
    reading = read_directory()

    assert DirectoryUser.objects.count() == 250
    assert len(current_members()) == 250
    # The directory twice, three pages of people, one of groups and two of each group: none twice.
    assert reading.requests == 10


def test_place_that_workos_forgot_is_read_from_the_beginning(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 250)
    mirror_directory(directory_id)
    with pytest.raises(Stopped):
        read_directory(stop_after=1)
    PeopleReading.objects.update(after="directory_user_forgotten")

    assert read_directory().listed_active == 250
    assert DirectoryUser.objects.filter(state="active").count() == 250


def test_directory_that_another_process_reads_is_left_to_it(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    reconcile("--apply")
    PeopleReading.objects.update(
        holder="3f0b1d3e-0000-4000-8000-000000000000", held_until=timezone.now() + timedelta(seconds=9)
    )

    with pytest.raises(HeldElsewhere, match="Another process reads"):
        read_directory()
    PeopleReading.objects.update(held_until=timezone.now() - timedelta(seconds=1))

    assert read_directory().step == "done"


def test_directory_that_was_deleted_at_workos_ends_on_its_404(
    workos_sandbox: Sandbox, directory_id: str
) -> None:
    workos_sandbox.fill_directory(directory_id, 3)
    reconcile("--apply")
    workos_sandbox.change_directory(directory_id, "delete")

    report = reconcile("--apply")

    assert Directory.objects.get().state == "deleted"
    assert report["differences"] == [f"directory {directory_id}: state active → deleted"]


def test_forbidden_list_ends_nothing(workos_sandbox: Sandbox, directory_id: str) -> None:
    workos_sandbox.fill_directory(directory_id, 3)
    reconcile("--apply")
    workos_sandbox.fault("status", status=403, path="/directory_users")

    report = reconcile("--apply")

    assert report["exit"] == 1
    assert "Our API key may not do this" in report["error"]
    assert set(states().values()) == {"active"}


def test_429_in_the_middle_is_waited_for(
    workos_sandbox: Sandbox, directory_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    limit = pacing.RateLimit(10_000, clock=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("gateway.people.get_directory_limit", lambda _: limit)
    workos_sandbox.fill_directory(directory_id, 120)
    workos_sandbox.fault("status", status=429, path="/directory_users", times=2)

    assert reconcile("--apply")["exit"] == 0

    assert DirectoryUser.objects.count() == 120
    assert round(sum(slept)) == 2


def test_worker_reads_what_is_due(workos_sandbox: Sandbox, directory_id: str, settings: Any) -> None:
    settings.RECONCILE_INTERVAL = 3600
    workos_sandbox.fill_directory(directory_id, 3)
    now = timezone.now()
    reconcile("--apply")
    assert enqueue_people_reconcile(now) == 0
    PeopleReading.objects.update(completed_at=now - timedelta(hours=2))
    person = workos_sandbox.add_person(directory_id)

    assert enqueue_people_reconcile(now) == 1
    run_due_tasks(now=timezone.now())

    assert states()[person["id"]] == "active"
    assert enqueue_people_reconcile(timezone.now()) == 0


def test_worker_reads_a_large_directory_in_pieces(
    workos_sandbox: Sandbox, directory_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile("--apply")
    PeopleReading.objects.update(completed_at=None)
    workos_sandbox.fill_directory(directory_id, 250)
    ends: list[Callable[[], None]] = []

    class Timer:
        """Its time is over when the next page of people is read."""

        def __init__(self, seconds: float, end: Callable[[], None]) -> None:
            ends.append(end)

        def start(self) -> None: ...

        cancel = start

    def list_people(*arguments: Any, **options: Any) -> gateway.Page:
        ends[-1]()
        return read(*arguments, **options)

    read = gateway.list_people
    monkeypatch.setattr("outbox.time_slices.threading", SimpleNamespace(Event=threading.Event, Timer=Timer))
    monkeypatch.setattr("gateway.list_people", list_people)
    enqueue_people_reconcile(timezone.now())

    run_due_tasks(now=timezone.now())

    # A piece for each page, and the rest.
    assert len(ends) >= 3
    assert DirectoryUser.objects.count() == 250
    reading = PeopleReading.objects.get()
    assert (reading.step, reading.requests) == ("done", 2 + 3 + 1)
    assert not Task.objects.filter(kind="reconcile_people").exists()


def test_other_enterprise_is_untouched(workos_sandbox: Sandbox, acme: Enterprise, directory_id: str) -> None:
    workos_sandbox.fill_directory(directory_id, 3)
    create_enterprise("Birch Ltd", "birch-ltd", "org_birch")

    assert reconcile(acme.slug, "--apply")["slug"] == acme.slug
    with pytest.raises(CommandError, match="no enterprise"):
        call_command("reconcile", "nobody")


@pytest.mark.django_db(transaction=True)
def test_killed_process_is_continued_by_the_next_one(
    workos_sandbox: Sandbox, directory_id: str, manage: Manage, acme: Enterprise
) -> None:
    workos_sandbox.fill_directory(directory_id, 450, groups=2, groups_per_person=1)
    # Slow enough to be killed in the middle.
    workos_sandbox.fault("hang", seconds=0.3, path="/directory_users")
    process = manage("reconcile", "--apply")
    wait_until(lambda: DirectoryUser.objects.count() >= 200)
    process.kill()
    process.communicate()
    workos_sandbox.clear_faults()
    before = PeopleReading.objects.get()
    assert before.step == "people"
    # Its turn ends by itself; nobody waits for that here.
    PeopleReading.objects.update(held_until=timezone.now() - timedelta(seconds=1))

    report = reconcile("--apply")

    assert report["exit"] == 0
    assert DirectoryUser.objects.filter(state="active").count() == 450
    assert len(current_members()) == 450
    # No page that was written is read again.
    assert report["directories"][0]["requests"] == 2 + 5 + 1 + 2 * 3
