"""Write what WorkOS says, and only where it is newer. Webhooks, the Events API and the lists all end here.

Each of them may be late, repeated or out of order. A row is replaced by a newer version of its object,
compared by (`as_of`, `as_of_event`). A deletion is final whatever its times say, because `*.deleted` carries
the old state and ids are not reused.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mirror.models import DELETED, MirroredRow, Organization
from mirror.parsing import Observed
from mirror.registry import MIRRORED, Kind


class Outcome(enum.Enum):
    APPLIED = "applied"
    STALE = "stale"
    UNKNOWN_ORGANIZATION = "unknown organization"


@dataclass(frozen=True)
class Change:
    """A row that was written. `previous_state` is blank for a new row, and equals `state` if only the rest
    changed.
    """

    kind: str
    row: MirroredRow
    previous_state: str

    @property
    def is_change_of_state(self) -> bool:
        return bool(self.previous_state != self.row.state)


@dataclass(frozen=True)
class Upserted:
    """`outcomes` in the order of the observations, and the changes that they made."""

    outcomes: Sequence[Outcome]
    changes: Sequence[Change]


def upsert(kind_name: str, observations: Sequence[Observed]) -> Upserted:
    """Write the newer ones among `observations`, all of one kind, in one statement."""
    if not observations:
        return Upserted([], [])
    kind = MIRRORED[kind_name]
    with transaction.atomic():
        organizations = _lock_organizations(one.organization_id for one in observations)
        newest: dict[str, MirroredRow] = {}
        for one in observations:
            organization = organizations.get(one.organization_id)
            if organization is None:
                continue
            row = one.row
            row.organization = organization
            row.state_since = row.as_of
            if organization.deleted_at and kind.has_tombstones:
                # A deleted organization has no live objects, whatever a late event says.
                row.state = DELETED
            key = kind.get_key(row)
            if key not in newest or _version(row) > _version(newest[key]):
                newest[key] = row
        written = _write_newer(kind, newest) if newest else {}

    def outcome(one: Observed) -> Outcome:
        if one.organization_id not in organizations:
            return Outcome.UNKNOWN_ORGANIZATION
        key = kind.get_key(one.row)
        return Outcome.APPLIED if key in written and newest[key] is one.row else Outcome.STALE

    return Upserted(
        [outcome(one) for one in observations],
        [Change(kind_name, newest[key], written[key]) for key in sorted(written)],
    )


def update_names(names: Sequence[tuple[str, str, datetime]]) -> set[str]:
    """Write newer names of organizations, each with its time. Returns the ids of those that changed.

    A blank name says nothing and is not written.
    """
    newest: dict[str, tuple[str, datetime]] = {}
    for organization_id, name, as_of in names:
        if name and (organization_id not in newest or as_of > newest[organization_id][1]):
            newest[organization_id] = name, as_of
    newer, renamed = [], set()
    with transaction.atomic():
        # Locked in the order of _lock_organizations, also those that keep their name: an upsert for the same
        # organizations follows in this transaction, and must not wait for a worker that waits for us.
        for organization in (
            Organization.objects.select_for_update(no_key=True)
            .filter(organization_id__in={organization_id for organization_id, _, _ in names})
            .order_by("organization_id")
        ):
            name, as_of = newest.get(organization.organization_id, ("", organization.as_of))
            if as_of <= organization.as_of:
                continue
            if organization.name != name:
                renamed.add(organization.organization_id)
            organization.name, organization.as_of = name, as_of
            newer.append(organization)
        Organization.objects.bulk_update(newer, ["name", "as_of"])
    return renamed


def close_organizations(deleted: Sequence[tuple[str, datetime]], *, now: datetime) -> Upserted:
    """Organizations were deleted at WorkOS, each at a time; their objects are deleted with them.

    WorkOS may not report the deletions of the objects, so they are changes like any other.
    """
    with transaction.atomic():
        # Locked in one order, the order of _lock_organizations, so that two workers cannot deadlock.
        organizations = {
            organization.organization_id: organization
            for organization in Organization.objects.select_for_update(no_key=True)
            .filter(organization_id__in=[organization_id for organization_id, _ in deleted])
            .order_by("organization_id")
        }
        outcomes, closed = [], []
        for organization_id, at in deleted:
            organization = organizations.get(organization_id)
            if organization is None:
                outcomes.append(Outcome.UNKNOWN_ORGANIZATION)
            elif organization.deleted_at:
                outcomes.append(Outcome.STALE)
            else:
                organization.deleted_at = at
                closed.append(organization)
                outcomes.append(Outcome.APPLIED)
        Organization.objects.bulk_update(closed, ["deleted_at"])
        changes = [
            change for name, kind in MIRRORED.items() for change in _delete_objects(name, kind, closed, now)
        ]
    return Upserted(outcomes, changes)


def _delete_objects(
    kind_name: str, kind: Kind, organizations: Sequence[Organization], now: datetime
) -> list[Change]:
    if not (organizations and kind.has_tombstones):
        return []
    rows = list(
        kind.model._default_manager.select_for_update(of=("self",))
        .filter(organization__in=organizations)
        .exclude(state=DELETED)
        .select_related("organization")
        .order_by(kind.key_field)
    )
    for row in rows:
        deleted_at = row.organization.deleted_at or now
        row.previous_state, row.state = row.state, DELETED
        row.state_since = row.as_of = deleted_at
        row.observed_at = now
    kind.model._default_manager.bulk_update(
        rows, ["previous_state", "state", "state_since", "as_of", "observed_at"]
    )
    return [Change(kind_name, row, row.previous_state) for row in rows]


def _lock_organizations(organization_ids: Iterable[str]) -> dict[str, Organization]:
    # Shared: writers wait for close_organizations, and it for them, but not for each other.
    return {
        organization.organization_id: organization
        for organization in Organization.objects.raw(
            "SELECT * FROM mirror_organization WHERE organization_id = ANY(%s)"
            " ORDER BY organization_id FOR SHARE",
            [list(set(organization_ids))],
        )
    }


def _version(row: MirroredRow) -> tuple[bool, datetime, str]:
    return row.state == DELETED, row.as_of, row.as_of_event


_IS_NEWER = (
    '(EXCLUDED.as_of, EXCLUDED.as_of_event COLLATE "C") > (stored.as_of, stored.as_of_event COLLATE "C")'
)


def _write_newer(kind: Kind, rows: dict[str, MirroredRow]) -> dict[str, str]:
    """Insert new rows and update older ones. Returns for each key written the state that the row had before.

    The statement stores that state itself: on a conflict PostgreSQL evaluates SET on the locked, newest
    version of the row, also when two transactions insert the same key at once.
    """
    # In one order everywhere, so that two workers cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    fields = [one for one in kind.model._meta.concrete_fields if not one.primary_key]
    columns = [one.column for one in fields]
    assignments = [_assignment(kind, column) for column in columns if column != kind.key_field]
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    # Names come from the models, values are parameters.
    statement = (
        f"INSERT INTO {kind.model._meta.db_table} AS stored ({', '.join(columns)}) "  # noqa: S608
        f"VALUES {', '.join([placeholders] * len(ordered))} "
        f"ON CONFLICT ({kind.key_field}) DO UPDATE SET {', '.join(assignments)} "
        f"WHERE stored.state <> '{DELETED}' AND (EXCLUDED.state = '{DELETED}' OR {_IS_NEWER}) "
        f"RETURNING {kind.key_field}, previous_state, state_since"
    )
    parameters: list[Any] = [
        one.get_db_prep_save(getattr(row, one.attname), connection) for row in ordered for one in fields
    ]
    written: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for key, previous_state, state_since in cursor.fetchall():
            written[key] = previous_state
            rows[key].previous_state, rows[key].state_since = previous_state, state_since
    return written


def _assignment(kind: Kind, column: str) -> str:
    if column == "previous_state":
        return "previous_state = stored.state"
    if condition := kind.keep_column_if.get(column):
        return f"{column} = CASE WHEN {condition} THEN stored.{column} ELSE EXCLUDED.{column} END"
    return f"{column} = EXCLUDED.{column}"
