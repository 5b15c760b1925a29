"""Read the present from the API: states that no event reports (validating, unlinked), and what an event
missed.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import gateway
from mirror.models import DELETED, Organization
from mirror.parsing import Observed, UnknownState
from mirror.registry import MIRRORED, Kind

logger = logging.getLogger(__name__)

# A tombstone is final, so each missing object is looked up by its id. More than these wait for the next time.
_MAX_LOOKUPS = 20


def observe_organization(organization_id: str, *, now: datetime) -> Iterator[tuple[str, Sequence[Observed]]]:
    """Yield (kind, observations) as they are read; the caller writes each with `upsert` before it goes on.

    No transaction may be open: this waits for the network. Raises gateway.Refused or gateway.Unavailable.
    """
    organization = gateway.get_organization(organization_id)
    for kind_name, kind in MIRRORED.items():
        if kind.list_objects is None:
            continue
        listed = kind.list_objects(organization)
        yield kind_name, list(_parse_listed(kind, listed, organization_id, now))
        listed_ids = {item["id"] for item in listed if item.get("id")}
        yield kind_name, list(_observe_deletions(kind, organization_id, listed_ids, now))


def mark_reconciled(organization_id: str, *, now: datetime) -> None:
    Organization.objects.filter(organization_id=organization_id).update(reconciled_at=now)


def _parse_listed(
    kind: Kind, listed: Sequence[Mapping[str, Any]], organization_id: str, now: datetime
) -> Iterator[Observed]:
    for item in listed:
        try:
            # We know which organization we asked for; an object may leave it out.
            observed = kind.observe({**item, "organization_id": organization_id}, happened_at=now)
        except (UnknownState, KeyError) as error:
            # Not its message, which quotes what was sent.
            logger.error(
                "Left out %s from the API: %s",
                item.get("id", "an object without an id"),
                type(error).__name__,
            )
            continue
        observed.row.observed_at = now
        yield observed


def _observe_deletions(
    kind: Kind, organization_id: str, listed_ids: set[str], now: datetime
) -> Iterator[Observed]:
    """Deletions of the rows that WorkOS no longer lists and answers 404 for."""
    missing = (
        kind.model._default_manager.filter(organization=organization_id, observed_at__lt=now)
        .exclude(state=DELETED)
        .exclude(**{f"{kind.key_field}__in": listed_ids})
        .order_by(kind.key_field)[:_MAX_LOOKUPS]
    )
    for row in missing:
        if gateway.is_missing(kind.api_resource, kind.key_of(row)):
            row.pk = None
            row.state, row.as_of, row.as_of_event, row.observed_at = DELETED, now, "", now
            yield Observed(organization_id, row)
