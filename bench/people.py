"""Measure how fast the pages of a directory with a million people are answered.

    python -m bench.people --people 1000000

Starts its own PostgreSQL in a temporary folder, fills a directory, and asks for each page through Django's
test client: without a network, with every query and template. Prints the median (p50) in milliseconds, and
the median of the time that this process and the database computed: on a busy machine the rest is waiting.
"""

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ORGANIZATION = "org_01BENCHAAAAAAAAAAAAAAAAAAA"
GROUPS = 10_000
REPETITIONS = 30

# One in 50 is deactivated, and half of these returned with a new id.
_INSERT_PEOPLE = """
INSERT INTO mirror_directoryuser (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, state_since, created_at, user_id, idp_id, state, name, email, name_key, last_name_key,
    email_key)
SELECT %s, true, now(), 'event_' || n, false, now(), now(), now(), 'user_' || n,
    'idp_' || CASE WHEN n %% 100 = 0 THEN n - 1 ELSE n END,
    CASE WHEN n %% 50 = 0 THEN 'inactive' ELSE 'active' END, first || ' ' || last,
    lower(first || '.' || last || '.' || n || '@acme.example'), lower(first || ' ' || last), lower(last),
    lower(first || '.' || last || '.' || n || '@acme.example')
FROM (SELECT n, (ARRAY['Ada', 'Marcelina', 'Jonah', 'Priya', 'Sven', 'Leila', 'Kwame'])[1 + n %% 7] AS first,
    (ARRAY['Davis', 'Torp', 'Okafor', 'Tanaka', 'Rao'])[1 + n %% 5] || n %% 997 AS last
    FROM generate_series(1, %s) AS n) AS numbered
"""
_INSERT_GROUPS = """
INSERT INTO mirror_directorygroup (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, state_since, created_at, group_id, state, name, name_key, deleted_event)
SELECT %s, true, now(), 'event_' || n, false, now(), now(), now(), 'group_' || n, 'active', 'Group ' || n,
    'group ' || n, ''
FROM generate_series(1, %s) AS n
"""
# Everybody is in the first group, one in 200 in the second, and each in two of the others.
_INSERT_MEMBERSHIPS = """
INSERT INTO mirror_directorymembership (user_id, group_id, is_member, as_of, as_of_event)
SELECT person.id, found.id, true, now(), 'event'
FROM (SELECT id, substr(user_id, 6)::int AS n FROM mirror_directoryuser) person
    CROSS JOIN LATERAL (VALUES (1), (CASE WHEN hashint4(n) %% 200 = 0 THEN 2 END), (3 + n %% (%s - 2)),
        (3 + (n + 1 + n / (%s - 2)) %% (%s - 2))) AS wanted (place)
    JOIN mirror_directorygroup found ON found.group_id = 'group_' || place
ORDER BY person.id
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000, help="people (default: 1,000,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # For root, the server runs as a user of its own.
        Path(folder).chmod(0o711)
        os.environ.update(
            ENV_FILE="",
            DEBUG="on",
            DATABASE_URL="",
            LOG_LEVEL="ERROR",
            SECRET_KEY=secrets.token_hex(32),
            SITE_URL="http://127.0.0.1",
            EMBEDDED_POSTGRES=f"{folder}/data",
            DJANGO_SETTINGS_MODULE="hostapp.settings",
        )
        measure(options.people)


def measure(people: int) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    from django.conf import settings

    # The embedded PostgreSQL needs it, and production has it off.
    settings.DEBUG = False
    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    client = fill(people)
    print(f"{people:,} people in {time.perf_counter() - started:.0f} s")
    for name, path in find_pages().items():
        elapsed, computed = measure_page(client, path)
        print(f"  {name:<32}{elapsed:7.1f} ms, of them {computed:6.1f} ms computing", flush=True)


def fill(people: int) -> Any:
    """Create the directory, and return a client that is signed in as its IT admin."""
    from django.db import connection
    from django.test import Client
    from django.utils import timezone

    from enterprises.models import Enterprise, Membership
    from hostapp.models import User
    from mirror.models import Directory, Organization
    from mirror.people_models import DirectoryCount

    now = timezone.now()
    organization = Organization.objects.create(organization_id=ORGANIZATION, as_of=now)
    enterprise = Enterprise.objects.create(name="Bench", slug="bench", organization=organization)
    user = User.objects.create_user("ada@acme.example")
    Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    directory = Directory.objects.create(
        organization=organization, directory_id="directory_1", state="active", as_of=now, state_since=now
    )
    with connection.cursor() as cursor:
        # Pages only read: how writes reach the disk makes no difference to them.
        for setting in ("fsync = off", "max_wal_size = '8GB'", "maintenance_work_mem = '512MB'"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
        cursor.execute("SELECT pg_reload_conf()")
        # Without a look-up of the foreign keys of each row, which are right.
        cursor.execute("SET session_replication_role = replica")
        with indexes_built_afterwards(cursor, "mirror_directoryuser"):
            cursor.execute(_INSERT_PEOPLE, [directory.pk, people])
        cursor.execute(_INSERT_GROUPS, [directory.pk, GROUPS])
        with indexes_built_afterwards(cursor, "mirror_directorymembership"):
            cursor.execute(_INSERT_MEMBERSHIPS, [GROUPS] * 3)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    DirectoryCount.objects.create(
        directory=directory,
        active_people=people - people // 50,
        inactive_people=people // 50,
        groups=GROUPS,
        changed_at=now,
    )
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client


@contextmanager
def indexes_built_afterwards(cursor: Any, table: str) -> Iterator[None]:
    """Insert without the table's indexes and build them then: three times as fast."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _, definition in indexes:
        cursor.execute(definition)


def find_pages() -> dict[str, str]:
    """Each page's name and URL."""
    from mirror.people_models import DirectoryGroup, DirectoryUser, DirectoryUserState

    def find_place(state: str, share: float) -> int:
        rows = DirectoryUser.objects.filter(state=state).order_by("name_key", "pk")
        return rows[int(rows.count() * share)].pk

    active, inactive = DirectoryUserState.ACTIVE, DirectoryUserState.INACTIVE
    base = "/enterprises/bench/directory/"
    everybody, team, small = (
        DirectoryGroup.objects.get(group_id=f"group_{number}").pk for number in (1, 2, 4711)
    )
    middle = find_place(active, 0.5)
    last_group = DirectoryGroup.objects.order_by("-name_key")[30].pk
    return {
        "people": base,
        "people, in the middle": f"{base}?after=0.{middle}",
        "people, back from the middle": f"{base}?before=0.{middle}",
        "people, last page": f"{base}?after=0.{find_place(active, 0.99998)}",
        "deactivated": f"{base}?state=inactive",
        "deactivated, in the middle": f"{base}?state=inactive&after=0.{find_place(inactive, 0.5)}",
        "search: m": f"{base}?search=m",
        "search: a last name": f"{base}?search=okafor12",
        "search: an address": f"{base}?search=priya.rao9%40",
        "search: nobody": f"{base}?search=zzz",
        "groups": f"{base}groups/",
        "groups, last page": f"{base}groups/?after=0.{last_group}",
        "groups, search": f"{base}groups/?search=group+47",
        "one person": f"{base}people/{middle}/",
        "a group of all": f"{base}groups/{everybody}/",
        "a group of all, in the middle": f"{base}groups/{everybody}/?after=0.{middle}",
        "a group of all, search: okafor12": f"{base}groups/{everybody}/?search=okafor12",
        "a group of all, search: nobody": f"{base}groups/{everybody}/?search=zzz",
        "a group of 5,000": f"{base}groups/{team}/",
        "a group of 5,000, in the middle": f"{base}groups/{team}/?after=0.{middle}",
        "a group of 5,000, search: m": f"{base}groups/{team}/?search=m",
        "a group of 200": f"{base}groups/{small}/",
        "a group of 200, search: m": f"{base}groups/{small}/?search=m",
        "overview": "/enterprises/bench/",
    }


def measure_page(client: Any, path: str) -> tuple[float, float]:
    """The medians of the response time, and of the time that both processes computed, in milliseconds."""
    times, computed = [], []
    for _ in range(REPETITIONS):
        started, before = time.perf_counter(), read_computing_time()
        response = client.get(path)
        times.append(time.perf_counter() - started)
        computed.append(read_computing_time() - before)
        if response.status_code != 200:
            raise SystemExit(f"{path} answered {response.status_code}")
    return statistics.median(times) * 1000, statistics.median(computed) * 1000


def read_computing_time() -> float:
    """How long this process and that of its database connection have computed, in seconds (Linux)."""
    from django.db import connection

    connection.ensure_connection()
    database = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text()
    return time.process_time() + int(database.split()[0]) / 1e9


if __name__ == "__main__":
    main()
