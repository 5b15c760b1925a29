"""What happens on an event. `HANDLERS`, at the end, is the whole answer.

A handler takes a batch of one kind of event and says of each, in order, what became of it. It writes through
`enterprises.facts`, so it may be called in any order, twice, or by several workers at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enterprises import facts, objects
from enterprises.facts import Result
from enterprises.models import Connection, Directory, OrganizationDomain


@dataclass(frozen=True)
class Event:
    """An event as handlers see it: the same from a webhook, a replay or the Events API."""

    event_id: str
    event: str
    data: dict[str, Any]
    # The event's own time, or the delivery's where the event has none.
    happened_at: datetime

    def version(self, of: dict[str, Any] | None = None) -> dict[str, Any]:
        """When the object in `data` (or the nested one given) was as it says, as `facts` compares it."""
        told = objects.time((self.data if of is None else of).get("updated_at"))
        return {"as_of": told or self.happened_at, "as_of_event": self.event_id}


@dataclass(frozen=True)
class Outcome:
    """`applied`, `stale`, `ignored` (with the reason) or waiting for an organization we do not know."""

    status: str
    reason: str = ""
    waits_for: str = ""


Handler = Callable[[Sequence[Event]], Sequence[Outcome]]

APPLIED = Outcome("applied")
STALE = Outcome("stale", "We hold a newer fact.")


def _record(told: Iterable[facts.Told]) -> list[Outcome]:
    """Write those that belong to an organization, and answer for all."""
    told = list(told)
    results = iter(facts.record([fact for fact in told if fact.organization_id]))
    return [
        _outcome(next(results), fact.organization_id)
        if fact.organization_id
        else Outcome("ignored", "It names no organization.")
        for fact in told
    ]


def _outcome(result: Result, organization_id: str) -> Outcome:
    if result is Result.UNKNOWN_ORGANIZATION:
        return Outcome("waiting", "We do not know its organization yet.", waits_for=organization_id)
    return APPLIED if result is Result.APPLIED else STALE


def _connection(state: Connection.State) -> Handler:
    return lambda events: _record(
        objects.connection(event.data, state=state, **event.version()) for event in events
    )


def _directory(state: Directory.State) -> Handler:
    return lambda events: _record(
        objects.directory(event.data, state=state, **event.version()) for event in events
    )


def _domain(state: OrganizationDomain.State | None = None) -> Handler:
    return lambda events: _record(
        objects.domain(event.data, state=state or "", **event.version()) for event in events
    )


def domain_verification_failed(events: Sequence[Event]) -> Sequence[Outcome]:
    return _record(
        objects.domain(
            event.data["organization_domain"],
            state=OrganizationDomain.State.FAILED,
            reason=str(event.data.get("reason") or ""),
            **event.version(event.data["organization_domain"]),
        )
        for event in events
    )


def certificate_renewal_required(events: Sequence[Event]) -> Sequence[Outcome]:
    return _record(
        objects.certificate(event.data, renewal_required=True, **event.version()) for event in events
    )


def certificate_renewed(events: Sequence[Event]) -> Sequence[Outcome]:
    return _record(
        objects.certificate(event.data, renewal_required=False, **event.version()) for event in events
    )


def organization_told(events: Sequence[Event]) -> Sequence[Outcome]:
    """Created or updated: heals what a crash left, and tells the domains."""
    outcomes = []
    for event in events:
        organization_id = event.data["id"]
        external_id = event.data.get("external_id")
        adopted = isinstance(external_id, str) and facts.adopt_organization(
            organization_id=organization_id, external_id=external_id
        )
        results = facts.record(
            [
                objects.domain({**domain, "organization_id": organization_id}, **event.version(domain))
                for domain in event.data.get("domains") or []
            ]
        )
        if adopted or Result.APPLIED in results:
            outcomes.append(APPLIED)
        elif facts.knows(organization_id):
            outcomes.append(STALE)
        else:
            outcomes.append(_outcome(Result.UNKNOWN_ORGANIZATION, organization_id))
    return outcomes


def organization_deleted(events: Sequence[Event]) -> Sequence[Outcome]:
    return [
        _outcome(facts.close_organization(event.data["id"], at=event.happened_at), event.data["id"])
        for event in events
    ]


HANDLERS: dict[str, Handler] = {
    "connection.activated": _connection(Connection.State.ACTIVE),
    "connection.deactivated": _connection(Connection.State.INACTIVE),
    "connection.deleted": _connection(Connection.State.DELETED),
    "connection.saml_certificate_renewal_required": certificate_renewal_required,
    "connection.saml_certificate_renewed": certificate_renewed,
    "dsync.activated": _directory(Directory.State.ACTIVE),
    "dsync.deactivated": _directory(Directory.State.INACTIVE),
    "dsync.deleted": _directory(Directory.State.DELETED),
    "organization.created": organization_told,
    "organization.updated": organization_told,
    "organization.deleted": organization_deleted,
    "organization_domain.created": _domain(),
    "organization_domain.updated": _domain(),
    "organization_domain.verified": _domain(OrganizationDomain.State.VERIFIED),
    "organization_domain.verification_failed": domain_verification_failed,
    "organization_domain.deleted": _domain(OrganizationDomain.State.DELETED),
}
