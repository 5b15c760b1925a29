"""Read the present from the API: what no event says (validating, unlinked), and what a lost event said.

Writes through `enterprises.facts`, so it may run at any time, twice, and beside the events.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

import gateway
from enterprises import facts, objects
from enterprises.environments import organization_of
from enterprises.facts import DELETED, Told
from enterprises.models import Connection, Directory, Enterprise, Errand, OrganizationDomain

logger = logging.getLogger(__name__)

Reader = Callable[..., Told]
Model = type[Connection] | type[Directory] | type[OrganizationDomain]

# A tombstone is final, so each is asked for by its id; more than these wait for the next time.
_MOST_GONE = 20


# Who changes something at their provider's side comes back before it shows.
LOOK_AGAIN = timedelta(seconds=20)


def ask(enterprise: Enterprise) -> None:
    """Have the worker refresh it soon. Asked twice before that, it is done once."""
    Errand.objects.record(Errand.Kind.REFRESH, enterprise=enterprise)


def asked_at(enterprise: Enterprise) -> datetime | None:
    """When somebody asked for the look that is still to come, if there is one."""
    asked = Errand.objects.filter(kind=Errand.Kind.REFRESH, enterprise=enterprise, key="")
    return asked.values_list("recorded_at", flat=True).first()


def ask_after_return(enterprise: Enterprise, *, now: datetime) -> None:
    """At once, and once more a little later."""
    ask(enterprise)
    Errand.objects.record(Errand.Kind.REFRESH, enterprise=enterprise, key="again", due_at=now + LOOK_AGAIN)


def run(errand: Errand) -> None:
    refresh(errand.enterprise, now=timezone.now())


def refresh(enterprise: Enterprise, *, now: datetime) -> None:
    """Write down what WorkOS says now of connections, directories and domains. Repeating is harmless.

    No transaction is open across the network. Raises gateway.Refused or gateway.Unavailable; what was read
    until then is kept, and `checked_at` stays.
    """
    if not enterprise.organization_id or enterprise.organization_deleted_at or enterprise.deprovisioned_at:
        return
    organization_id = organization_of(enterprise)
    organization = gateway.get_organization(organization_id)
    for model, kind, reader, listed in (
        (Connection, "connections", objects.connection, gateway.list_connections(organization_id)),
        (Directory, "directories", objects.directory, gateway.list_directories(organization_id)),
        (OrganizationDomain, "organization_domains", objects.domain, organization.domains),
    ):
        facts.record(list(_read(reader, listed, organization_id, now)))
        _bury(model, kind, enterprise, {item.get("id") for item in listed}, now)
    Enterprise.objects.filter(pk=enterprise.pk).update(checked_at=now)


def _read(
    reader: Reader, listed: Iterable[Mapping[str, Any]], organization_id: str, now: datetime
) -> Iterable[Told]:
    for item in listed:
        try:
            # Which organization was asked for is known; an object may leave it out.
            told = reader(
                {**item, "organization_id": organization_id},
                as_of=objects.time(item.get("updated_at")) or now,
            )
        except (objects.UnknownState, KeyError) as error:
            logger.error("Kept out %s from the API: %s", item.get("id", "an object without an id"), error)
            continue
        told.row.told_at = now
        yield told


def _bury(model: Model, kind: str, enterprise: Enterprise, listed: set[Any], now: datetime) -> None:
    """Those that we hold and WorkOS no longer lists, if it says of each that it is gone."""
    missing = (
        model._default_manager.filter(enterprise=enterprise, told_at__lt=now)
        .exclude(state=DELETED)
        .exclude(**{f"{model.KEY}__in": [key for key in listed if key]})
        .order_by(model.KEY)[:_MOST_GONE]
    )
    gone = []
    for row in missing:
        if gateway.is_missing(kind, getattr(row, model.KEY)):
            row.pk = None
            row.state, row.as_of, row.as_of_event, row.told_at = DELETED, now, "", now
            gone.append(Told(enterprise.organization_id or "", row))
    facts.record(gone)
