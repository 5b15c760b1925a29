"""The audit log is append-only, and its entries outlive the rows that they describe."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from enterprises import history
from enterprises.history import Deed
from enterprises.models import Enterprise, HistoryEntry
from hostapp import settings as production
from hostapp.models import User

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def entry(acme: Enterprise, ada: User) -> HistoryEntry:
    history.record(
        acme, deed=Deed.INVITED, who=ada, for_whom="eve@acme.example", client_address="192.0.2.7", at=AT
    )
    return HistoryEntry.objects.get()


def test_audit_entry_copies_names_instead_of_referencing_rows(entry: HistoryEntry) -> None:
    assert (entry.who, entry.for_whom) == ("Ada Adeyemi <ada@acme.example>", "eve@acme.example")
    assert (entry.enterprise_name, entry.client_address) == ("Acme Inc.", "192.0.2.7")
    assert not [field for field in HistoryEntry._meta.get_fields() if field.is_relation]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enterprises_historyentry SET who = 'nobody'",
        "DELETE FROM enterprises_historyentry",
        "SET LOCAL history.may_be_emptied = 'off'; TRUNCATE enterprises_historyentry",
    ],
)
def test_database_refuses_to_change_or_delete_audit_entries(entry: HistoryEntry, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert HistoryEntry.objects.get() == entry


def test_production_settings_do_not_allow_emptying_the_audit_log() -> None:
    with open(production.__file__) as source:
        assert "may_be_emptied" not in source.read()


def test_audit_entry_survives_deletion_of_its_enterprise_and_actor(
    entry: HistoryEntry, acme: Enterprise, ada: User
) -> None:
    ada.delete()
    acme.delete()

    assert HistoryEntry.objects.get().who == "Ada Adeyemi <ada@acme.example>"


def test_audit_entries_of_one_enterprise_are_listed_newest_first(
    entry: HistoryEntry, acme: Enterprise, birch: Enterprise, ada: User
) -> None:
    history.record(acme, deed=Deed.RENAMED, who=ada, at=AT.replace(hour=13))
    history.record(birch, deed=Deed.RENAMED, who=history.WORKOS, at=AT)

    assert [one.deed for one in history.of(acme)] == ["renamed", "invited"]


def test_audit_log_query_uses_its_index_without_sorting(acme: Enterprise) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    plan = history.of(acme)[:50].explain()

    assert "history_newest" in plan
    assert "Sort" not in plan
