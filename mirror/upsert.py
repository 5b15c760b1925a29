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

from django.db import DataError, IntegrityError, transaction

from mirror.claims import settle_claims
from mirror.models import DELETED, MirroredRow, Organization
from mirror.parsing import Observed
from mirror.registry import MIRRORED, Kind
from mirror.upsert_statement import get_version, write_newer

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
        row.organization_id = organization.organization_id
        if key not in newest:
            newest[key] = row
        elif get_version(row) > get_version(newest[key]):
            _fill_blanks(kind, row, newest[key])
            newest[key] = row
        else:
            _fill_blanks(kind, newest[key], row)
    demoted = settle_claims(kind, kind.claim, newest) if kind.claim else []
    written = write_newer(kind, newest) if newest else {}

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
