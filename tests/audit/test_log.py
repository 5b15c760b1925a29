"""The audit log is append-only, and its entries outlive the rows that they describe."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from audit.actions import Action
from audit.actor import WORKOS, Actor
from audit.log import append_audit_entry, audit_entries_for
from audit.models import AuditEntry
from enterprises.models import Enterprise
from hostapp import settings as production
from hostapp.models import User
from outbox.models import Task

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def entry(acme: Enterprise, ada: User) -> AuditEntry:
    append_audit_entry(
        acme, Action.INVITED, Actor.from_user(ada, client_ip="192.0.2.7"), AT, target="eve@acme.example"
    )
    return AuditEntry.objects.get()


def test_audit_entry_copies_names_instead_of_referencing_rows(entry: AuditEntry) -> None:
    assert (entry.actor, entry.target) == ("Ada Adeyemi <ada@acme.example>", "eve@acme.example")
    assert (entry.subject_name, entry.client_ip) == ("Acme Inc.", "192.0.2.7")
    assert not [field for field in AuditEntry._meta.get_fields() if field.is_relation]


def test_text_that_is_too_long_for_its_column_is_refused_and_not_cut(acme: Enterprise) -> None:
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        append_audit_entry(acme, Action.INVITED, WORKOS, AT, target="e" * 421)

    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor = 'nobody'",
        "DELETE FROM audit_auditentry",
        "SET LOCAL audit_log.may_be_truncated = 'off'; TRUNCATE audit_auditentry",
    ],
)
def test_database_refuses_to_change_or_delete_audit_entries(entry: AuditEntry, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditEntry.objects.get() == entry


def test_production_settings_do_not_allow_emptying_the_audit_log() -> None:
    with open(production.__file__) as source:
        assert "may_be_truncated" not in source.read()


def test_audit_entry_survives_deletion_of_its_enterprise_and_actor(
    entry: AuditEntry, acme: Enterprise, ada: User
) -> None:
    ada.delete()
    Task.objects.all().delete()
    acme.delete()

    assert AuditEntry.objects.get(action="invited").actor == "Ada Adeyemi <ada@acme.example>"


def test_audit_entries_of_one_enterprise_are_listed_newest_first(
    entry: AuditEntry, acme: Enterprise, birch: Enterprise, ada: User
) -> None:
    append_audit_entry(acme, Action.RENAMED, Actor.from_user(ada), AT.replace(hour=13))
    append_audit_entry(birch, Action.RENAMED, WORKOS, AT)

    assert [one.action for one in audit_entries_for(acme)] == ["renamed", "invited"]


def test_audit_log_query_uses_its_index_without_sorting(acme: Enterprise) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    plan = audit_entries_for(acme)[:50].explain()

    assert "audit_entry_newest" in plan
    assert "Sort" not in plan
