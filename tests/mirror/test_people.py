"""People are written by events and by the API: what each may replace, and two writers at once."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from enterprises.models import Enterprise
from mirror.models import Directory
from mirror.people import upsert_memberships, upsert_people
from mirror.people_counts import Counts, merge_counts, read_counts
from mirror.people_models import DirectoryCount, DirectoryGroup, DirectoryMembership, DirectoryUser
from mirror.people_parsing import (
    Said,
    build_membership,
    parse_group,
    parse_removed_group,
    parse_removed_user,
    parse_user,
)
from mirror.registry import MIRRORED
from mirror.upsert import Outcome, upsert
from tests.factories import create_directory
from tests.processes import someone_waits_for_a_lock, wait_until

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
ADA = {"id": "user_ada", "directory_id": "directory_1", "email": "ada@acme.example", "name": "Ada"}
ENGINEERS = {"id": "group_1", "directory_id": "directory_1", "name": "Engineers"}


@pytest.fixture
def directory(acme: Enterprise) -> Directory:
    return create_directory(acme)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def by_event(number: int, *, learned: int | None = None) -> Said:
    return Said(minute(number), minute(learned or number), event_id=f"event_{number:03}")


def by_api(number: int) -> Said:
    return Said(minute(number), minute(number), is_from_api=True)


def user(updated: int, **fields: Any) -> dict[str, Any]:
    return {**ADA, "idp_id": "1", "state": "active", "updated_at": minute(updated).isoformat(), **fields}


def write_user(data: dict[str, Any], said: Said) -> Outcome:
    [outcome] = upsert_people("directory_user", [parse_user(data, said)])
    return outcome


def remove_user(said: Said) -> Outcome:
    [outcome] = upsert_people("directory_user", [parse_removed_user(ADA, said)])
    return outcome


def write_membership(said: Said, *, is_member: bool = True) -> Outcome:
    one = build_membership("directory_1", "user_ada", "group_1", said, is_member=is_member)
    [outcome] = upsert_memberships([one])
    return outcome


def get_state() -> str:
    return DirectoryUser.objects.get().state


@pytest.mark.django_db
def test_person_whom_the_api_still_lists_returns_after_a_deletion_without_news(directory: Directory) -> None:
    write_user(user(1), by_event(1))
    remove_user(by_event(5))

    assert write_user(user(1), by_api(10)) is Outcome.APPLIED
    assert get_state() == "active"
    # The same deletion is old now, and the API's next answer counts again.
    assert remove_user(by_event(5)) is Outcome.STALE
    assert write_user(user(1, state="inactive"), by_api(11)) is Outcome.APPLIED
    assert get_state() == "inactive"


@pytest.mark.django_db
def test_page_of_the_api_that_was_asked_for_before_a_deletion_arrived_revives_nobody(
    directory: Directory,
) -> None:
    write_user(user(1), by_event(1))
    remove_user(by_event(5, learned=7))

    assert write_user(user(1), by_api(6)) is Outcome.STALE
    assert get_state() == "inactive"


@pytest.mark.django_db
def test_older_answer_of_the_api_replaces_no_newer_news(directory: Directory) -> None:
    write_user(user(5, name="New"), by_event(5))

    assert write_user(user(1, name="Old"), by_api(10)) is Outcome.STALE
    assert DirectoryUser.objects.get().name == "New"


@pytest.mark.django_db
def test_person_who_is_absent_from_the_api_returns_with_newer_news(directory: Directory) -> None:
    write_user(user(1), by_event(1))

    assert remove_user(by_api(10)) is Outcome.APPLIED
    # It is late: its name is news, and its state is not.
    write_user(user(8, name="Ada Byron"), by_event(8, learned=12))
    assert (get_state(), DirectoryUser.objects.get().name) == ("inactive", "Ada Byron")
    assert write_user(user(11), by_event(11)) is Outcome.APPLIED
    assert get_state() == "active"


@pytest.mark.django_db
def test_membership_that_the_api_lists_counts_and_one_that_it_does_not_list_ends(
    directory: Directory,
) -> None:
    write_user(user(1), by_event(1))
    upsert_people("directory_group", [parse_group(ENGINEERS, by_event(1))])

    assert write_membership(by_api(2)) is Outcome.APPLIED
    assert DirectoryMembership.objects.current().count() == 1
    assert write_membership(by_api(3), is_member=False) is Outcome.APPLIED
    assert DirectoryMembership.objects.current().count() == 0
    assert write_membership(by_event(2)) is Outcome.STALE


@pytest.mark.django_db
def test_group_that_the_api_lists_again_brings_no_older_membership_back(directory: Directory) -> None:
    write_user(user(1), by_event(1))
    write_membership(by_event(2))
    upsert_people("directory_group", [parse_removed_group(ENGINEERS, by_event(5))])
    upsert_people("directory_group", [parse_group(ENGINEERS, by_api(10))])

    assert DirectoryGroup.objects.get().state == "active"
    assert DirectoryMembership.objects.current().count() == 0


@pytest.mark.django_db
def test_upsert_of_a_batch_applies_the_newest_of_each_person_and_says_so(directory: Directory) -> None:
    news = [parse_user(user(number), by_event(number)) for number in (2, 3, 1)]
    other = parse_user(user(1, id="user_bob"), by_event(4))

    outcomes = upsert_people("directory_user", [*news, other])

    assert outcomes == [Outcome.APPLIED, Outcome.APPLIED, Outcome.STALE, Outcome.APPLIED]
    assert DirectoryUser.objects.get(user_id="user_ada").as_of == minute(3)
    assert upsert_people("directory_user", []) == []
    assert upsert_memberships([]) == []


@pytest.mark.django_db
def test_numbers_that_the_api_lists_are_kept_whatever_the_directorys_time(directory: Directory) -> None:
    data = {
        "id": "directory_1",
        "organization_id": directory.organization_id,
        "state": "linked",
        "updated_at": directory.as_of.isoformat(),
    }

    def observe(**fields: Any) -> None:
        now = directory.as_of + timedelta(hours=1)
        upsert("directory", [MIRRORED["directory"].observe({**data, **fields}, happened_at=now)])
        directory.refresh_from_db()

    observe(metadata={"users": {"active": 7, "inactive": 2}, "groups": 3})
    assert (directory.listed_people, directory.listed_groups) == (9, 3)

    observe(metadata={"users": {"active": 8, "inactive": 2}})
    assert (directory.listed_people, directory.listed_groups) == (10, 3)

    odd_values: list[Any] = [{"users": "many", "groups": -1}, [], {"users": {"active": True, "inactive": 1}}]
    for odd in odd_values:
        observe(metadata=odd)
    assert (directory.listed_people, directory.listed_groups) == (10, 3)


@pytest.mark.django_db
def test_merged_counts_are_the_same_counts_in_one_row(directory: Directory) -> None:
    for number in range(5):
        write_user(user(number, id=f"user_{number}"), by_event(number))
    before = read_counts([directory.pk])
    assert DirectoryCount.objects.count() == 5

    assert merge_counts(START) == 1

    assert read_counts([directory.pk]) == before == {directory.pk: Counts(5, 0, 0, minute(4))}
    assert DirectoryCount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_person_whom_two_workers_announce_at_once_is_counted_once(directory: Directory) -> None:
    def announce() -> None:
        write_user(user(2), by_event(2))
        connection.close()

    with transaction.atomic():
        write_user(user(1), by_event(1))
        other = Thread(target=announce)
        other.start()
        wait_until(someone_waits_for_a_lock)
    other.join(10)

    assert DirectoryUser.objects.get().as_of == minute(2)
    assert read_counts([directory.pk])[directory.pk].active_people == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_change_different_people_of_a_directory_do_not_wait_for_each_other(
    directory: Directory,
) -> None:
    write_user(user(1, id="user_bob"), by_event(1))
    finished = []

    def deactivate_bob() -> None:
        finished.append(write_user(user(3, id="user_bob", state="inactive"), by_event(3)))
        connection.close()

    with transaction.atomic():
        write_user(user(2), by_event(2))
        # It ends while this transaction, which has changed the same counts, is open.
        other = Thread(target=deactivate_bob)
        other.start()
        other.join(10)
        assert finished == [Outcome.APPLIED]

    counts = read_counts([directory.pk])[directory.pk]
    assert (counts.active_people, counts.inactive_people) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_counts_that_are_merged_while_a_worker_adds_to_them_lose_nothing(directory: Directory) -> None:
    write_user(user(1, id="user_bob"), by_event(1))

    def merge() -> None:
        merge_counts(START)
        connection.close()

    with transaction.atomic():
        write_user(user(2), by_event(2))
        merging = Thread(target=merge)
        merging.start()
        merging.join(10)
        assert not merging.is_alive()
    merge_counts(START)

    assert read_counts([directory.pk])[directory.pk].active_people == 2
    assert DirectoryCount.objects.count() == 1
