"""Measure how fast the pages of a directory with a million people are answered.

    python -m bench.people --people 1000000

Starts its own PostgreSQL in a temporary folder, fills a directory, and asks for each page through Django's
test client: without a network, with every query and template. Prints the median (p50) in milliseconds.
"""

import argparse
import os
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

ORGANIZATION = "org_01BENCHAAAAAAAAAAAAAAAAAAA"
REPETITIONS = 30

_INSERT_PEOPLE = """
INSERT INTO mirror_directoryuser (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, state_since, created_at, user_id, idp_id, state, name, email, name_key, last_name_key,
    email_key)
SELECT %s, true, now(), 'event_' || n, false, now(), now(), now(), 'user_' || n, 'idp_' || n,
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
FROM generate_series(1, 10000) AS n
"""
_INSERT_MEMBERSHIPS = """
INSERT INTO mirror_directorymembership (user_id, group_id, is_member, as_of, as_of_event)
SELECT person.id, member.id, true, now(), 'event'
FROM mirror_directoryuser person JOIN mirror_directorygroup member
    ON member.group_id IN ('group_' || 1 + person.id %% 9999, 'group_' || 1 + (person.id * 7) %% 9999,
        'group_' || 1 + (person.id * 13) %% 9999)
WHERE person.id %% 10 = 0
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
    call_command("migrate", verbosity=0)
    from django.db import connection
    from django.test import Client
    from django.utils import timezone

    from enterprises.models import Enterprise, Membership
    from hostapp.models import User
    from mirror.models import Directory, Organization
    from mirror.people_models import DirectoryCount, DirectoryUser

    now = timezone.now()
    organization = Organization.objects.create(organization_id=ORGANIZATION, as_of=now)
    enterprise = Enterprise.objects.create(name="Bench", slug="bench", organization=organization)
    user = User.objects.create_user("ada@acme.example")
    Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    directory = Directory.objects.create(
        organization=organization, directory_id="directory_1", state="active", as_of=now, state_since=now
    )
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_PEOPLE, [directory.pk, people])
        cursor.execute(_INSERT_GROUPS, [directory.pk])
        cursor.execute(_INSERT_MEMBERSHIPS, [])
        cursor.execute("ANALYZE")
    DirectoryCount.objects.create(
        directory=directory, active_people=people, inactive_people=0, groups=10_000, changed_at=now
    )
    print(f"{people:,} people in {time.perf_counter() - started:.0f} s")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    middle = DirectoryUser.objects.get(user_id=f"user_{people // 2 + 1}").pk
    base = "/enterprises/bench/directory/"
    for name, path in {
        "people": base,
        "in the middle": f"{base}?after=0.{middle}",
        "deactivated": f"{base}?state=inactive",
        "search: m": f"{base}?search=m",
        "search: a last name": f"{base}?search=okafor12",
        "search: an address": f"{base}?search=priya.rao9%40",
        "search: nobody": f"{base}?search=zzz",
        "groups": f"{base}groups/",
        "one person": f"{base}people/{middle}/",
        "overview": "/enterprises/bench/",
    }.items():
        print(f"  {name:<22}{measure_page(client, path):7.1f} ms")


def measure_page(client: Any, path: str) -> float:
    """The median response time, in milliseconds."""
    times = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        response = client.get(path)
        times.append(time.perf_counter() - started)
        if response.status_code != 200:
            raise SystemExit(f"{path} answered {response.status_code}")
    return statistics.median(times) * 1000


if __name__ == "__main__":
    main()
