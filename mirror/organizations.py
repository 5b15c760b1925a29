"""Write names of organizations, and their deletions with all that belongs to them."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from mirror.models import DELETED, Organization
from mirror.registry import MIRRORED, Kind
from mirror.upsert import Change, Outcome, Upserted


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
