"""Batches of people and groups end as their observations merged one by one, also from several workers.

What `mirror.people_writes` decides in SQL must be what `mirror.people_merge` says.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from enterprises.models import Enterprise
from mirror.models import Directory
from mirror.people import upsert_people
from mirror.people_counts import read_counts
from mirror.people_merge import PEOPLE_KINDS, Row, build_row, merge
from mirror.people_models import DirectoryUser
from mirror.people_parsing import (
    ObservedRow,
    Said,
    build_membership,
    parse_group,
    parse_removed_group,
    parse_removed_user,
    parse_user,
    parse_version,
)
from mirror.upsert import Outcome
from tests.factories import create_directory
from tests.processes import someone_waits_for_a_lock, wait_until

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
KINDS = ["directory_user", "directory_group"]
PARSERS = {
    "directory_user": (parse_user, parse_removed_user),
    "directory_group": (parse_group, parse_removed_group),
}
NAMES = ["Ada", 'Ada "Augusta"', "Ada \\ Byron", "Ádá NULL", "{a,b}", ""]


@pytest.fixture
def directory(acme: Enterprise) -> Directory:
    return create_directory(acme)


def observe_anything(kind: str, random: Random, number: int, *, may_be_api: bool = True) -> ObservedRow:
    """Something that an event or the API may say of one of a few people or groups."""
    object_id = f"id_{random.randrange(6)}"
    at = START + timedelta(minutes=random.randrange(8))
    is_from_api = may_be_api and random.random() < 0.15
    observed_at = START + timedelta(hours=number)
    said = Said(at, observed_at, "" if is_from_api else f"event_{random.randrange(9)}", is_from_api)
    data: dict[str, Any] = {"id": object_id, "directory_id": "directory_1"}
    what = random.random()
    if what < 0.1:
        named = build_membership("directory_1", object_id, object_id, said, is_member=True)
        return named.user
    parse, parse_removed = PARSERS[kind]
    if what < 0.25:
        return parse_removed(data, said)
    fields = {
        "updated_at": at.isoformat(),
        "created_at": (START - timedelta(days=random.randrange(3))).isoformat(),
        "state": random.choice(["active", "inactive"]),
        "name": random.choice(NAMES),
        "last_name": random.choice(NAMES),
        "email": f"ada{random.randrange(3)}@acme.example",
        "idp_id": f"idp_{random.randrange(3)}",
    }
    # Mostly all that can be said.
    left_out = random.sample(sorted(fields), random.choice([0, 0, 0, 1, 3]))
    return parse({**data, **{name: fields[name] for name in fields if name not in left_out}}, said)


def merge_one_by_one(
    kind: str, directory: Directory, observations: Sequence[ObservedRow]
) -> tuple[dict[str, Row], list[Outcome]]:
    rows: dict[str, Row] = {}
    outcomes = []
    for one in observations:
        is_first = one.object_id not in rows
        row = rows.setdefault(one.object_id, build_row(PEOPLE_KINDS[kind], (directory.pk, one.object_id)))
        is_news = merge(row, one, PEOPLE_KINDS[kind].fields)
        outcomes.append(Outcome.APPLIED if is_news else Outcome.STALE)
        assert is_first or row is rows[one.object_id]
    return rows, outcomes


def describe(kind: str, row: Row, *, without: Sequence[str] = ()) -> dict[str, Any]:
    columns = {one.attname: getattr(row, one.attname) for one in PEOPLE_KINDS[kind].columns}
    # The same version may be written in several ways.
    older = row.older_fields or {}
    columns["older_fields"] = {name: parse_version(version) for name, version in older.items()}
    return {name: value for name, value in columns.items() if name not in without}


def describe_stored(kind: str, *, without: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    id_field = PEOPLE_KINDS[kind].id_field
    return {
        getattr(row, id_field): describe(kind, row, without=without)
        for row in PEOPLE_KINDS[kind].model._default_manager.all()
    }


def require_right_counts(directory: Directory) -> None:
    counts = read_counts([directory.pk]).get(directory.pk)
    found = (counts.active_people, counts.inactive_people, counts.groups) if counts else (0, 0, 0)
    announced: Counter[str] = Counter()
    for kind in KINDS:
        rows = PEOPLE_KINDS[kind].model._default_manager.filter(is_announced=True)
        announced.update(f"{kind} {row.state}" for row in rows)
    expected = ("directory_user active", "directory_user inactive", "directory_group active")
    assert found == tuple(announced[one] for one in expected)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_batches_end_as_their_observations_merged_one_by_one(
    directory: Directory, kind: str, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    observations = [observe_anything(kind, random, number) for number in range(60)]
    expected, outcomes = merge_one_by_one(kind, directory, observations)

    found: list[Outcome] = []
    while len(found) < len(observations):
        size = random.choice([1, 2, 5, 10])
        found += upsert_people(kind, observations[len(found) : len(found) + size])

    assert describe_stored(kind) == {key: describe(kind, row) for key, row in expected.items()}
    assert found == outcomes
    require_right_counts(directory)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_workers_with_the_same_people_neither_deadlock_nor_lose_anything(
    directory: Directory, kind: str
) -> None:
    random = Random(1)  # noqa: S311
    observations = [observe_anything(kind, random, number, may_be_api=False) for number in range(120)]
    # No two of the same version, between which only the order decides.
    observations = [
        one._replace(observed_at=START, version=one.version._replace(event_id=f"event_{number:03}"))
        if one.values
        else one
        for number, one in enumerate(observations)
    ]
    expected, _ = merge_one_by_one(kind, directory, observations)
    failures: list[Exception] = []

    def apply_in_batches(seed: int) -> None:
        shuffled = Random(seed).sample(observations, len(observations))  # noqa: S311
        try:
            for start in range(0, len(shuffled), 20):
                upsert_people(kind, shuffled[start : start + 20])
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    workers = [Thread(target=apply_in_batches, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert not failures
    # When a state was entered depends on the order of arrival.
    by_order = ("state_since",)
    assert describe_stored(kind, without=by_order) == {
        key: describe(kind, row, without=by_order) for key, row in expected.items()
    }
    require_right_counts(directory)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("second", "state"), [(1, "active"), (3, "inactive")], ids=["older waits", "newer waits"]
)
def test_worker_that_waited_for_another_compares_with_what_that_one_wrote(
    directory: Directory, second: int, state: str
) -> None:
    def observe(minute: int, state: str) -> ObservedRow:
        at = START + timedelta(minutes=minute)
        data = {"id": "user_ada", "directory_id": "directory_1", "state": state, "updated_at": at.isoformat()}
        return parse_user(data, Said(at, at, f"event_{minute}"))

    upsert_people("directory_user", [observe(0, "inactive")])
    outcomes = []

    def deactivate() -> None:
        outcomes.extend(upsert_people("directory_user", [observe(second, "inactive")]))
        connection.close()

    with transaction.atomic():
        upsert_people("directory_user", [observe(2, "active")])
        other = Thread(target=deactivate)
        other.start()
        wait_until(someone_waits_for_a_lock)
    other.join(10)

    [row] = describe_stored("directory_user").values()
    assert row["state"] == state
    assert row["as_of"] == START + timedelta(minutes=max(second, 2))
    assert outcomes == [Outcome.STALE if second < 2 else Outcome.APPLIED]
    require_right_counts(directory)


@pytest.mark.django_db(transaction=True)
def test_worker_locks_in_order_also_what_another_has_changed_since_it_compared(directory: Directory) -> None:
    def observe(number: int, minute: int) -> ObservedRow:
        at = START + timedelta(minutes=minute)
        data = {"id": f"id_{number}", "directory_id": "directory_1", "updated_at": at.isoformat()}
        return parse_user({**data, "name": "Ada"}, Said(at, at, f"event_{minute}"))

    has_inserted, may_end = Event(), Event()
    outcomes: list[Outcome] = []

    def insert_in_vain() -> None:
        with transaction.atomic():
            upsert_people("directory_user", [observe(3, 0)])
            has_inserted.set()
            may_end.wait(60)
            transaction.set_rollback(True)
        connection.close()

    def update_all() -> None:
        try:
            outcomes.extend(upsert_people("directory_user", [observe(number, 1) for number in (1, 2, 3)]))
        finally:
            connection.close()

    upsert_people("directory_user", [observe(1, 0), observe(2, 0)])
    threads = [Thread(target=insert_in_vain), Thread(target=update_all)]
    threads[0].start()
    has_inserted.wait(60)
    threads[1].start()
    # It has compared, and waits to insert the third.
    wait_until(someone_waits_for_a_lock)
    upsert_people("directory_user", [observe(1, 2)])
    with transaction.atomic():
        locked = DirectoryUser.objects.select_for_update(no_key=True)
        locked.get(user_id="id_1")
        may_end.set()
        threads[0].join(60)
        wait_until(someone_waits_for_a_lock)
        locked.get(user_id="id_2")
    threads[1].join(60)

    assert outcomes == [Outcome.STALE, Outcome.APPLIED, Outcome.APPLIED]


@pytest.mark.django_db
def test_update_of_a_few_people_writes_no_index(directory: Directory) -> None:
    def observe(number: int, minute: int) -> ObservedRow:
        at = START + timedelta(minutes=minute)
        data = {
            "id": f"user_{number}",
            "directory_id": "directory_1",
            "updated_at": at.isoformat(),
            "created_at": START.isoformat(),
            "state": "active",
            "name": "Ada Adeyemi",
            "email": "ada@acme.example",
            "idp_id": f"idp_{number}",
        }
        return parse_user(data, Said(at, at, f"event_{minute}"))

    def count_updates() -> tuple[int, int]:
        """All of the session's and those of them that wrote no index, since its counts were reported."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables"
                " WHERE relname = 'mirror_directoryuser'"
            )
            return cursor.fetchone() or (0, 0)

    upsert_people("directory_user", [observe(number, 0) for number in range(300)])
    before = count_updates()

    upsert_people("directory_user", [observe(number, 5) for number in range(0, 300, 20)])

    after = count_updates()
    assert (after[0] - before[0], after[1] - before[1]) == (15, 15)
