"""A database with so many events and people, generated in PostgreSQL."""

from typing import Any

from bench.database import Database, use_database
from bench.load import DIRECTORY, ORGANIZATION

SLUG = "bench"
# Of half a year: half of them are older than 90 days. Most are about people, as with a Directory Sync. A
# hundred have failed, however many there are: a page of them is full in both databases.
_INSERT_EVENTS = """
INSERT INTO webhooks_webhookevent (event_id, event, issued_at, created_at, received_at, payload, secret_name,
    status, reason, data_problems, attempts, unfinished_attempts, awaited_organization_id, applied_at)
SELECT 'event_old_' || n, name, at, at, at,
    jsonb_build_object('id', 'event_old_' || n, 'event', name, 'data', jsonb_build_object(
        'id', 'directory_user_old_' || n, 'organization_id', 'org_' || n %% 1000,
        'custom_attributes', repeat('x', 1100))),
    'default', CASE WHEN n %% (%(count)s / 100) = 0 THEN 'failed' WHEN n %% 4 = 0 THEN 'ignored'
        ELSE 'applied' END,
    '', '', 1, 0, '', at
FROM (SELECT n, now() - interval '180 days' * (1 - n::float / %(count)s) AS at,
        (ARRAY['dsync.user.updated', 'dsync.user.created', 'dsync.group.user_added', 'dsync.user.updated',
            'dsync.user.updated', 'dsync.group.user_removed', 'dsync.user.deleted', 'connection.activated',
            'dsync.user.updated', 'organization_domain.verified'])[1 + n %% 10] AS name
    FROM generate_series(1, %(count)s) AS n) AS numbered
"""
_INSERT_PEOPLE = """
INSERT INTO mirror_directoryuser (directory_id, is_announced, as_of, as_of_event, as_of_is_estimated,
    observed_at, state_since, created_at, user_id, idp_id, state, name, email, name_key, last_name_key,
    email_key)
SELECT %(directory)s, true, now(), 'event_old_' || n, false, now(), now(), now(),
    'directory_user_old_' || n, 'idp_' || n, 'active', first || ' ' || last,
    lower(first || '.' || last || '.' || n || '@acme.example'), lower(first || ' ' || last), lower(last),
    lower(first || '.' || last || '.' || n || '@acme.example')
FROM (SELECT n, (ARRAY['Ada', 'Jonah', 'Priya', 'Sven', 'Leila', 'Kwame'])[1 + n %% 6] AS first,
        (ARRAY['Davis', 'Torp', 'Okafor', 'Tanaka', 'Rao'])[1 + n %% 5] || n %% 997 AS last
    FROM generate_series(1, %(count)s) AS n) AS numbered
"""


def fill(database: Database, *, events: int, people: int) -> None:
    """Fill it, and let Django use it. Creates an enterprise whose directory has the people."""
    use_database(database)
    from django.db import connection
    from django.utils import timezone

    from enterprises.models import Enterprise, Membership
    from hostapp.models import User
    from mirror.models import Directory, Organization
    from mirror.people_models import DirectoryCount

    now = timezone.now()
    organization = Organization.objects.create(organization_id=ORGANIZATION, as_of=now)
    enterprise = Enterprise.objects.create(name="Bench", slug=SLUG, organization=organization)
    user = User.objects.create_user("ada@acme.example", is_staff=True, is_superuser=True)
    Membership.objects.create(user=user, enterprise=enterprise, role=Membership.Role.IT_ADMIN)
    directory = Directory.objects.create(
        organization=organization, directory_id=DIRECTORY, state="active", as_of=now, state_since=now
    )
    DirectoryCount.objects.create(
        directory=directory, active_people=people, inactive_people=0, groups=0, changed_at=now
    )
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_EVENTS, {"count": events})
        cursor.execute(_INSERT_PEOPLE, {"count": people, "directory": directory.pk})
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def measure_sizes(database: Database) -> dict[str, tuple[int, int]]:
    """Bytes of the tables that grow: of the rows, and of the indexes."""
    with database.connect() as connection:
        return {
            name: connection.execute(
                "SELECT pg_table_size(%(table)s::regclass), pg_indexes_size(%(table)s::regclass)",
                {"table": table},
            ).fetchone()
            or (0, 0)
            for name, table in (("event", "webhooks_webhookevent"), ("person", "mirror_directoryuser"))
        }


def delete_new_rows(connection: Any) -> None:
    """Delete the events and people that were received after `fill`, so that a round begins as the last."""
    connection.execute("DELETE FROM webhooks_webhookevent WHERE event_id NOT LIKE 'event_old_%'")
    connection.execute("DELETE FROM mirror_directoryuser WHERE user_id NOT LIKE 'directory_user_old_%'")
    connection.execute("VACUUM ANALYZE webhooks_webhookevent, mirror_directoryuser")
    connection.execute("CHECKPOINT")
