"""Write what WorkOS says, and only where it is newer. Webhooks, the Events API and the lists all end here.

Each of them may be late, repeated or out of order. A row is replaced by a newer version of its object,
compared by (`as_of`, `as_of_event`). A deletion is final whatever its times say, because `*.deleted` carries
the old state and ids are not reused. Where the time that we hold is not the object's own, the API's word
replaces it: it says what is so now.
"""

import enum
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Q

from mirror.models import DELETED, MirroredRow, Organization
from mirror.parsing import UNDATED, Observed
from mirror.registry import MIRRORED, Claim, Kind
from mirror.times import MAX_AHEAD

logger = logging.getLogger(__name__)

# What one observation can be blamed for, and no database that is away.
_REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)


class Outcome(enum.Enum):
    APPLIED = "applied"
    STALE = "stale"
    # It names no organization, and we do not hold the object.
    NO_ORGANIZATION = "no organization"
    UNKNOWN_ORGANIZATION = "unknown organization"
    # It cannot be stored: `reasons` says why.
    REFUSED = "refused"


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
    """`outcomes` in the order of the observations, and the changes that they made.

    `reasons`, in the same order: why an observation was refused, or else a blank.
    """

    outcomes: Sequence[Outcome]
    changes: Sequence[Change]
    reasons: Sequence[str] = ()


def upsert(kind_name: str, observations: Sequence[Observed]) -> Upserted:
    """Write the newer ones among `observations`, all of one kind, in one statement.

    If the database refuses it, one by one: then only those are refused that cannot be stored.
    """
    kind = MIRRORED[kind_name]
    try:
        return _upsert_together(kind_name, kind, observations)
    except _REFUSALS:
        if len(observations) == 1:
            return _upsert_again(kind_name, kind, observations)
    # In one order everywhere, so that two workers cannot deadlock.
    order = sorted(range(len(observations)), key=lambda place: kind.get_key(observations[place].row))
    results = {place: upsert(kind_name, [observations[place]]) for place in order}
    return Upserted(
        [results[place].outcomes[0] for place in range(len(observations))],
        [change for place in order for change in results[place].changes],
        [results[place].reasons[0] for place in range(len(observations))],
    )


def _upsert_again(kind_name: str, kind: Kind, observations: Sequence[Observed]) -> Upserted:
    """A second attempt: another worker may have taken the domain meanwhile, and its row can be seen now."""
    try:
        return _upsert_together(kind_name, kind, observations)
    except _REFUSALS as error:
        reason = f"{kind_name} {kind.get_key(observations[0].row)}: {_describe_refusal(error)}"
        logger.error("Left out: %s", reason)
        return Upserted([Outcome.REFUSED], [], [reason])


def _describe_refusal(error: Exception) -> str:
    # Not the error's text: it quotes what was sent.
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return f"the database refused it ({constraint or type(error).__name__})"


@transaction.atomic
def _upsert_together(kind_name: str, kind: Kind, observations: Sequence[Observed]) -> Upserted:
    if not observations:
        return Upserted([], [], [])
    owners = _find_owners(kind, observations)
    organizations = _lock_organizations(owners)
    incomplete = _find_incomplete(kind, observations)
    newest: dict[str, MirroredRow] = {}
    outcomes: list[Outcome | None] = []
    for one, owner in zip(observations, owners, strict=True):
        row = one.row
        row.state_since = row.state_since or row.as_of
        key = kind.get_key(row)
        organization = organizations.get(owner)
        if organization is None:
            outcomes.append(Outcome.UNKNOWN_ORGANIZATION if owner else Outcome.NO_ORGANIZATION)
            continue
        if organization.deleted_at and kind.has_tombstones:
            # A deleted organization has no live objects, whatever a late event says.
            row.state = DELETED
        elif key in incomplete and one.missing_field:
            outcomes.append(Outcome.REFUSED)
            continue
        outcomes.append(None)
        row.organization = organization
        if key not in newest:
            newest[key] = row
        elif _version(row) > _version(newest[key]):
            _fill_blanks(kind, row, newest[key])
            newest[key] = row
        else:
            _fill_blanks(kind, newest[key], row)
    demoted = _settle_claims(kind, kind.claim, newest) if kind.claim else []
    written = _write_newer(kind, newest) if newest else {}

    def decide(outcome: Outcome | None, one: Observed) -> Outcome:
        if outcome is not None:
            return outcome
        key = kind.get_key(one.row)
        return Outcome.APPLIED if key in written and newest[key] is one.row else Outcome.STALE

    return Upserted(
        [decide(outcome, one) for outcome, one in zip(outcomes, observations, strict=True)],
        [
            *(Change(kind_name, row, row.previous_state) for row in demoted),
            *(Change(kind_name, newest[key], written[key]) for key in sorted(written)),
        ],
        [
            f"{kind_name} {kind.get_key(one.row)}: {one.missing_field} is missing"
            if outcome is Outcome.REFUSED
            else ""
            for outcome, one in zip(outcomes, observations, strict=True)
        ],
    )


def _find_owners(kind: Kind, observations: Sequence[Observed]) -> list[str]:
    """The organization of each: the one that it names, or else the one of the object that we hold."""
    unowned = [one.row for one in observations if not one.organization_id]
    if not unowned:
        return [one.organization_id for one in observations]
    known = _read_organizations(kind, {kind.get_key(row) for row in unowned})
    if kind.parent:
        parents = _read_organizations(
            MIRRORED[kind.parent], {str(getattr(row, kind.id_field)) for row in unowned}
        )
        known = {
            kind.get_key(row): owner
            for row in unowned
            if (owner := parents.get(str(getattr(row, kind.id_field))))
        } | known
    return [one.organization_id or known.get(kind.get_key(one.row), "") for one in observations]


def _read_organizations(kind: Kind, keys: set[str]) -> dict[str, str]:
    rows = kind.model._default_manager.filter(**{f"{kind.key_field}__in": keys})
    return dict(rows.values_list(kind.key_field, "organization_id"))


def _find_incomplete(kind: Kind, observations: Sequence[Observed]) -> set[str]:
    """The keys of incomplete observations of objects that we do not hold. A row is never removed again."""
    keys = {kind.get_key(one.row) for one in observations if one.missing_field}
    return keys - _read_organizations(kind, keys).keys() if keys else set()


def _fill_blanks(kind: Kind, row: MirroredRow, older: MirroredRow) -> None:
    for name in kind.fillable:
        if not getattr(row, name):
            setattr(row, name, getattr(older, name))


def _settle_claims(kind: Kind, claim: Claim, newest: dict[str, MirroredRow]) -> list[MirroredRow]:
    """Let the newest of those win that claim the same, such as a domain.

    Returns the stored rows that lost.
    """
    claimants = [row for row in newest.values() if row.state == claim.state]
    if not claimants:
        return []
    manager = kind.model._default_manager
    _fill_claims(kind, claim, claimants)
    # Locked in the order in which they are written.
    stored = {
        kind.get_key(row): row
        for row in manager.select_for_update(of=("self",))
        .filter(
            Q(**{f"{kind.key_field}__in": [*newest]})
            | Q(**{f"{claim.field}__in": {getattr(row, claim.field) for row in claimants}})
            & Q(state=claim.state)
        )
        .order_by(kind.key_field)
    }
    contenders: dict[str, list[MirroredRow]] = {}
    for row in claimants:
        old = stored.get(kind.get_key(row))
        if old is None or _is_newer(row, old):
            contenders.setdefault(getattr(row, claim.field), []).append(row)
    losers: list[tuple[MirroredRow, datetime]] = []
    for key, old in stored.items():
        rivals = contenders.get(getattr(old, claim.field), [])
        if old.state != claim.state or not rivals or any(kind.get_key(row) == key for row in rivals):
            continue
        if key in newest and _is_newer(newest[key], old):
            # It gives up its claim in this batch, but maybe after its rival is written.
            losers.append((old, newest[key].as_of))
        else:
            rivals.append(old)
    for rivals in contenders.values():
        winner = max(rivals, key=_version)
        losers += [(row, winner.as_of) for row in rivals if row is not winner]
    for row, since in losers:
        row.previous_state, row.state = row.state, claim.otherwise
        row.state_since, row.as_of_is_estimated = since, True
    demoted = [row for row, _ in losers if row.pk]
    manager.bulk_update(demoted, ["previous_state", "state", "state_since", "as_of_is_estimated"])
    return demoted


def _fill_claims(kind: Kind, claim: Claim, claimants: Sequence[MirroredRow]) -> None:
    """Take what a claimant does not say of its claim from the row that we hold."""
    unsaid = {kind.get_key(row): row for row in claimants if not getattr(row, claim.field)}
    if not unsaid:
        return
    held = kind.model._default_manager.filter(**{f"{kind.key_field}__in": [*unsaid]})
    for key, value in held.values_list(kind.key_field, claim.field):
        setattr(unsaid[key], claim.field, value)


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


def _is_newer(row: MirroredRow, stored: MirroredRow) -> bool:
    """What _IS_NEWER and the condition on deleted rows say, for a stored row that is locked."""
    if stored.state == DELETED:
        return False
    is_from_api = not row.as_of_event and row.as_of > UNDATED
    return _version(row) > _version(stored) or (
        is_from_api and (stored.as_of_is_estimated or stored.as_of > row.observed_at + MAX_AHEAD)
    )


_IS_NEWER = (
    f"(EXCLUDED.state = '{DELETED}'"
    ' OR (EXCLUDED.as_of, EXCLUDED.as_of_event COLLATE "C") > (stored.as_of, stored.as_of_event COLLATE "C")'
    # The API says what is so now: a time of ours that is not the object's own does not stand against it.
    f" OR (EXCLUDED.as_of_event = '' AND EXCLUDED.as_of > '{UNDATED.isoformat()}'"
    " AND (stored.as_of_is_estimated OR stored.as_of > EXCLUDED.observed_at"
    f" + interval '{MAX_AHEAD.total_seconds():.0f} seconds')))"
)


def _write_newer(kind: Kind, rows: dict[str, MirroredRow]) -> dict[str, str]:
    """Insert new rows, update older ones, and fill in what is blank in newer ones.

    Returns for each key written the state that the row had before; `rows` become as they are stored. The
    statement stores the previous state itself: on a conflict PostgreSQL evaluates SET on the locked, newest
    version of the row, also when two transactions insert the same key at once.
    """
    # In one order everywhere, so that two workers cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    fields = [one for one in kind.model._meta.concrete_fields if not one.primary_key]
    columns = [one.column for one in fields]
    assignments = [_assignment(kind, column) for column in columns if column != kind.key_field]
    fills = "".join(f" OR (stored.{column} = '' AND EXCLUDED.{column} <> '')" for column in kind.fillable)
    fills += "".join(
        f" OR (EXCLUDED.{one} IS NOT NULL AND EXCLUDED.{one} IS DISTINCT FROM stored.{one})"
        for one in kind.present
    )
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    # Names come from the models, values are parameters.
    statement = (
        f"INSERT INTO {kind.model._meta.db_table} AS stored ({', '.join(columns)}) "  # noqa: S608
        f"VALUES {', '.join([placeholders] * len(ordered))} "
        f"ON CONFLICT ({kind.key_field}) DO UPDATE SET {', '.join(assignments)} "
        f"WHERE stored.state <> '{DELETED}' AND ({_IS_NEWER}{fills}) "
        f"RETURNING {', '.join(columns)}"
    )
    parameters: list[Any] = [
        one.get_db_prep_save(getattr(row, one.attname), connection) for row in ordered for one in fields
    ]
    written: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for values in cursor.fetchall():
            stored = dict(zip(columns, values, strict=True))
            row = rows[stored[kind.key_field]]
            for column, value in stored.items():
                setattr(row, column, value)
            written[kind.get_key(row)] = row.previous_state
    return written


def _assignment(kind: Kind, column: str) -> str:
    if column == "previous_state":
        return "previous_state = stored.state"
    if column in kind.present:
        return f"{column} = COALESCE(EXCLUDED.{column}, stored.{column})"
    if column in kind.fillable:
        keep = f"EXCLUDED.{column} = '' OR (stored.{column} <> '' AND NOT {_IS_NEWER})"
    else:
        keep = f"NOT {_IS_NEWER}"
        if condition := kind.keep_column_if.get(column):
            keep += f" OR ({condition})"
    return f"{column} = CASE WHEN {keep} THEN stored.{column} ELSE EXCLUDED.{column} END"
