"""Empty the test database after a test. Django's command truncates every table and creates the permissions
again, which takes longer than most tests.
"""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection

# Filled by the migrations, and the same for every test.
_KEPT = {"django_content_type", "auth_permission"}

# It locks all tables first, as TRUNCATE does: so it waits for a process that still writes, or fails after
# `lock_timeout`. Truncated are large tables, because deleted rows stay in the file, and the audit log, of
# which the database lets nobody delete.
_EMPTY = """
DO $$
DECLARE
    name text;
    rows int;
BEGIN
    EXECUTE (SELECT 'LOCK TABLE ' || string_agg(quote_ident(one), ', ') FROM unnest(%(tables)s::text[]) one);
    FOREACH name IN ARRAY %(tables)s::text[] LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %%I LIMIT 1001) AS counted', name) INTO rows;
        IF rows > 1000 OR (rows > 0 AND name = 'audit_auditentry') THEN
            EXECUTE format('TRUNCATE %%I CASCADE', name);
        ELSIF rows > 0 THEN
            EXECUTE format('DELETE FROM %%I', name);
        END IF;
    END LOOP;
END $$
"""


class Command(BaseCommand):
    help = "Empty the tables of the test database, except those that the migrations filled."
    # Those of Django's own command.
    stealth_options = ("interactive", "reset_sequences", "allow_cascade", "inhibit_post_migrate", "database")

    def handle(self, *args: Any, **options: Any) -> None:
        models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
        tables = sorted({model._meta.db_table for model in models} - _KEPT)
        with connection.cursor() as cursor:
            cursor.execute(_EMPTY, {"tables": tables})
