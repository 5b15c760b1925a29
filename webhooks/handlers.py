"""What happens on an event. `HANDLERS`, at the end, is the whole answer.

A handler takes a batch of one kind of event and says of each, in order, what became of it. It writes through
`enterprises.facts`, so it may be called in any order, twice, or by several workers at once. How to add one:
docs/webhooks.md.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from enterprises import facts, objects
from enterprises.facts import Result
from enterprises.models import Connection, Directory, OrganizationDomain
from webhooks.events import Event

logger = logging.getLogger(__name__)


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


def _version(event: Event, state: str | None) -> dict[str, Any]:
    # An object that is deleted carries the time of its last change. It is final, whatever its time says.
    gone = {"as_of": event.happened_at} if state == facts.DELETED else {}
    return event.version() | gone


def _connection(state: Connection.State) -> Handler:
    return lambda events: _record(
        objects.connection(event.data, state=state, **_version(event, state)) for event in events
    )


def _directory(state: Directory.State) -> Handler:
    return lambda events: _record(
        objects.directory(event.data, state=state, **_version(event, state)) for event in events
    )


def _domain(state: OrganizationDomain.State | None = None) -> Handler:
    return lambda events: _record(
        objects.domain(event.data, state=state or "", **_version(event, state)) for event in events
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
    adopted = set()
    # In one order in every worker, so that two of them cannot wait for each other.
    for number, event in sorted(enumerate(events), key=lambda pair: pair[1].text("external_id")):
        if facts.adopt_organization(
            organization_id=event.required("id"), external_id=event.text("external_id")
        ):
            adopted.add(number)
    told = [(number, domain) for number, event in enumerate(events) for domain in _domains(event)]
    # All in one call: one order of locks, whatever the order of the events.
    results = facts.record([fact for _, fact in told])
    news = {number for (number, _), result in zip(told, results, strict=True) if result is Result.APPLIED}
    known = facts.known({event.data["id"] for event in events})
    return [
        APPLIED
        if number in adopted | news
        else STALE
        if event.data["id"] in known
        else _outcome(Result.UNKNOWN_ORGANIZATION, event.data["id"])
        for number, event in enumerate(events)
    ]


def _domains(event: Event) -> Iterator[facts.Told]:
    for domain in event.data.get("domains") or []:
        try:
            yield objects.domain({**domain, "organization_id": event.data["id"]}, **event.version(domain))
        except objects.UnknownState as error:
            # Its own event fails and waits for a person; the rest of what this one says is true.
            logger.error("Kept out a domain of event %s: %s", event.event_id, error)


def organization_deleted(events: Sequence[Event]) -> Sequence[Outcome]:
    results = facts.close_organizations([(event.data["id"], event.happened_at) for event in events])
    return [_outcome(result, event.data["id"]) for event, result in zip(events, results, strict=True)]


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
