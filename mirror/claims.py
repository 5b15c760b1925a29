"""Objects that claim the same, such as a verified domain: the newest of them has it."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from mirror.models import MirroredRow
from mirror.registry import Claim, Kind
from mirror.upsert_statement import get_version, is_newer


def settle_claims(kind: Kind, claim: Claim, newest: dict[str, MirroredRow]) -> list[MirroredRow]:
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
        if old is None or is_newer(row, old):
            contenders.setdefault(getattr(row, claim.field), []).append(row)
    losers: list[tuple[MirroredRow, datetime]] = []
    for key, old in stored.items():
        rivals = contenders.get(getattr(old, claim.field), [])
        if old.state != claim.state or not rivals or any(kind.get_key(row) == key for row in rivals):
            continue
        if key in newest and is_newer(newest[key], old):
            # It gives up its claim in this batch, but maybe after its rival is written.
            losers.append((old, newest[key].as_of))
        else:
            rivals.append(old)
    for rivals in contenders.values():
        winner = max(rivals, key=get_version)
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
