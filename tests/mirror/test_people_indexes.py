"""The lists of people and groups read their indexes from a row onwards, at 30,000 people."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mirror import people_lists
from mirror.models import Directory, Organization
from mirror.people_lists import Wanted
from mirror.people_models import DirectoryGroup, DirectoryUser, DirectoryUserState

pytestmark = pytest.mark.django_db

PEOPLE = 30_000
ACTIVE, INACTIVE = DirectoryUserState.ACTIVE, DirectoryUserState.INACTIVE

_TABLES = "mirror_directoryuser, mirror_directorygroup, mirror_directorymembership"
# A third has no name. One in 50 is deactivated.
_PEOPLE = """
INSERT INTO mirror_directoryuser (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, user_id, idp_id, state, name, email, name_key, last_name_key, email_key)
SELECT %s, true, now(), '', false, now(), 'user_' || n, 'idp_' || n,
    CASE WHEN n %% 50 = 0 THEN 'inactive' ELSE 'active' END, '', '',
    CASE WHEN n %% 3 > 0 THEN 'name ' || n ELSE '' END, CASE WHEN n %% 3 > 0 THEN 'last ' || n ELSE '' END,
    n || '@acme.example'
FROM generate_series(1, %s) n
"""
_GROUPS = """
INSERT INTO mirror_directorygroup (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, group_id, state, name, name_key, deleted_event)
SELECT %s, true, now(), '', false, now(), 'group_' || n, 'active', '', 'group ' || n, ''
FROM generate_series(1, 2000) n
"""
# All are in the first group, and each is in one of the others.
_MEMBERSHIPS = """
INSERT INTO mirror_directorymembership (user_id, group_id, is_member, as_of, as_of_event)
SELECT person.id, found.id, true, now(), ''
FROM (SELECT id, substr(user_id, 6)::int AS n FROM mirror_directoryuser) person
    CROSS JOIN LATERAL (VALUES (1), (2 + n % 1999)) AS wanted (place)
    JOIN mirror_directorygroup found ON found.group_id = 'group_' || place
"""


@pytest.fixture(scope="module")
def directory(django_db_setup: None, django_db_blocker: Any) -> Iterator[Directory]:
    """A directory, committed and vacuumed: the planner must know that an index is enough."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        now = timezone.now()
        Organization.objects.create(organization_id="org_1", as_of=now)
        directory = Directory.objects.create(
            organization_id="org_1", directory_id="directory_1", state="active", as_of=now, state_since=now
        )
        cursor.execute(_PEOPLE, [directory.pk, PEOPLE])
        cursor.execute(_GROUPS, [directory.pk])
        cursor.execute(_MEMBERSHIPS)
        cursor.execute(f"VACUUM ANALYZE {_TABLES}")
    yield directory
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLES}")
        Organization.objects.get(organization_id="org_1").delete()


def explain_lists(read: Callable[[], Any]) -> list[str]:
    """The plans of the queries of a list, without those of its cursor."""
    with CaptureQueriesContext(connection) as queries:
        read()
    plans = []
    for one in queries:
        if "IN (SELECT" in one["sql"]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {one['sql']}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert plans
    return plans


def find_cursor(state: DirectoryUserState = ACTIVE) -> str:
    """A row among those that have no name."""
    return f"0.{DirectoryUser.objects.filter(state=state, name_key='').order_by('pk')[100].pk}"


def list_people(state: DirectoryUserState = ACTIVE, **wanted: str) -> Callable[[Directory], Any]:
    return lambda directory: people_lists.list_people(directory.pk, state, Wanted(**wanted))


def list_groups(**wanted: str) -> Callable[[Directory], Any]:
    return lambda directory: people_lists.list_groups(directory.pk, Wanted(**wanted))


LISTS: dict[str, tuple[Callable[[Directory], Any], list[str]]] = {
    "people": (list_people(), ["directory_user_name"]),
    "people, search": (
        list_people(search="zzz"),
        ["directory_user_name", "directory_user_last_name", "directory_user_email"],
    ),
    "deactivated people": (list_people(INACTIVE), ["directory_user_name"]),
    "groups": (list_groups(), ["directory_group_name"]),
    "groups, search": (list_groups(search="group 9"), ["directory_group_name"]),
}


@pytest.mark.parametrize(("read", "indexes"), LISTS.values(), ids=LISTS.keys())
def test_list_uses_its_indexes(
    directory: Directory, read: Callable[[Directory], Any], indexes: list[str]
) -> None:
    plans = explain_lists(lambda: read(directory))

    assert len(plans) == len(indexes)
    for plan, index in zip(plans, indexes, strict=True):
        assert f"using {index}" in plan, plan
        assert "Seq Scan on mirror_directoryuser" not in plan, plan


@pytest.mark.parametrize("state", [ACTIVE, INACTIVE])
@pytest.mark.parametrize("side", ["after", "before"])
def test_page_begins_in_the_index_also_among_many_of_one_name(
    directory: Directory, state: DirectoryUserState, side: str
) -> None:
    cursor = find_cursor(state)
    [plan] = explain_lists(lambda: list_people(state, **{side: cursor})(directory))

    [condition] = [line for line in plan.splitlines() if "Index Cond" in line and "name_key" in line]
    assert f"ROW(name_key, id) {'>' if side == 'after' else '<'} ROW(" in condition, plan
    assert "Filter" not in plan, plan
    assert "using directory_user_name" in plan, plan


@pytest.mark.parametrize("place", ["first page", "after", "search"])
def test_members_of_a_large_group_are_looked_up_by_name(directory: Directory, place: str) -> None:
    group = DirectoryGroup.objects.get(group_id="group_1")
    wanted = {"after": Wanted(after=find_cursor()), "search": Wanted(search="name 9")}.get(place, Wanted())

    plan, *_ = explain_lists(lambda: people_lists.list_members(group, wanted))

    assert "using directory_user_name" in plan, plan
    # With so few rows, both indexes of memberships cost the same.
    assert re.search("using (directory_membership_members|mirror_directorymembership_pkey)", plan), plan
    assert "Seq Scan" not in plan, plan


def test_members_of_a_small_group_are_found_by_its_index(directory: Directory) -> None:
    group = DirectoryGroup.objects.get(group_id="group_77")
    [plan] = explain_lists(lambda: people_lists.list_members(group))

    # By an index-only scan or a bitmap of it: that depends on what has been vacuumed.
    assert "directory_membership_members" in plan, plan
    assert "directory_user_name" not in plan, plan
    assert "Seq Scan" not in plan, plan


def test_groups_and_other_entries_of_a_person_use_their_indexes(directory: Directory) -> None:
    person = DirectoryUser.objects.get(user_id="user_77")
    with CaptureQueriesContext(connection) as queries:
        people_lists.list_memberships(person)
        people_lists.list_former_rows(person)
        people_lists.find_latest_rows([person])
    plans = []
    for one in list(queries):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {one['sql']}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))

    memberships, former, latest = plans
    assert "mirror_directorymembership_pkey" in memberships, memberships
    assert "directory_user_idp_id" in former, former
    assert "directory_user_idp_id" in latest, latest
    assert not any("Seq Scan on mirror_directoryuser" in one for one in plans), plans
