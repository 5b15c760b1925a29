"""What happens on an event. `HANDLERS`, at the end, is the whole list.

A handler takes a batch of events of one name and returns the outcome of each, in order. It writes through
`mirror.upsert`, so it may be called in any order, twice, or by several workers at once. To add one:
docs/webhooks.md.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actor import WORKOS
from enterprises.consequences import record_consequences
from enterprises.provisioning import adopt_organization, known_organizations
from mirror import upsert as mirror
from mirror.models import (
    CertificateState,
    ConnectionState,
    DirectoryState,
    OrganizationDomainState,
)
from mirror.parsing import Observed, UnknownState
from mirror.registry import MIRRORED
from mirror.times import parse_time
from webhooks.events import Event

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """`applied`, `stale`, `ignored` (with the reason), or waiting for an organization that we do not know."""

    status: str
    reason: str = ""
    waits_for: str = ""


Handler = Callable[[Sequence[Event], datetime], Sequence[Outcome]]

APPLIED = Outcome("applied")
STALE = Outcome("stale", "We have a newer version.")


def _mirror(kind: str, state: str = "") -> Handler:
    """The handler of an event whose `data` is an object of this kind, which is now in `state`."""

    def apply(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        return _upsert(kind, (_observe(kind, event, state=state) for event in events), now)

    return apply


def _observe(kind: str, event: Event, data: dict[str, Any] | None = None, **fields: Any) -> Observed:
    return MIRRORED[kind].observe(
        event.data if data is None else data,
        happened_at=event.happened_at,
        event_id=event.event_id,
        **fields,
    )


def _upsert(kind: str, observations: Iterable[Observed], now: datetime) -> list[Outcome]:
    """Write those that name an organization. Returns the outcome of each."""
    observed = list(observations)
    result = mirror.upsert(kind, [one for one in observed if one.organization_id])
    record_consequences(result.changes, WORKOS, now)
    outcomes = iter(result.outcomes)
    return [
        _outcome(next(outcomes), one.organization_id)
        if one.organization_id
        else Outcome("ignored", "It names no organization.")
        for one in observed
    ]


def _outcome(outcome: mirror.Outcome, organization_id: str) -> Outcome:
    if outcome is mirror.Outcome.UNKNOWN_ORGANIZATION:
        return Outcome("waiting", "We do not know its organization yet.", waits_for=organization_id)
    return APPLIED if outcome is mirror.Outcome.APPLIED else STALE


def fail_domain_verification(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    return _upsert(
        "organization_domain",
        (
            _observe(
                "organization_domain",
                event,
                event.data["organization_domain"],
                state=OrganizationDomainState.FAILED,
                reason=str(event.data.get("reason") or ""),
            )
            for event in events
        ),
        now,
    )


def update_organization(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    """An organization was created or updated: adopt it if it is ours, and write its name and its domains."""
    adopted = set()
    # In one order in every worker, so that two of them cannot deadlock.
    for number, event in sorted(enumerate(events), key=lambda pair: pair[1].text("external_id")):
        if adopt_organization(
            organization_id=event.required("id"),
            external_id=event.text("external_id"),
            name=event.text("name"),
            as_of=_as_of(event),
            actor=WORKOS,
            now=now,
        ):
            adopted.add(number)
    renamed = mirror.update_names([(event.data["id"], event.text("name"), _as_of(event)) for event in events])
    observed = [(number, one) for number, event in enumerate(events) for one in _observe_domains(event)]
    # All in one call: one order of locks, whatever the order of the events.
    result = mirror.upsert("organization_domain", [one for _, one in observed])
    record_consequences(result.changes, WORKOS, now)
    written = {
        number
        for (number, _), outcome in zip(observed, result.outcomes, strict=True)
        if outcome is mirror.Outcome.APPLIED
    }
    known = known_organizations(event.data["id"] for event in events)
    return [
        APPLIED
        if number in adopted | written or event.data["id"] in renamed
        else STALE
        if event.data["id"] in known
        else _outcome(mirror.Outcome.UNKNOWN_ORGANIZATION, event.data["id"])
        for number, event in enumerate(events)
    ]


def _as_of(event: Event) -> datetime:
    return parse_time(event.data.get("updated_at")) or event.happened_at


def _observe_domains(event: Event) -> Iterator[Observed]:
    for domain in event.data.get("domains") or []:
        try:
            yield _observe("organization_domain", event, {**domain, "organization_id": event.data["id"]})
        except UnknownState as error:
            # The domain's own event fails and waits for a person; the rest of this event is applied.
            logger.error("Left out a domain of event %s: %s", event.event_id, error)


def delete_organization(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    result = mirror.close_organizations([(event.data["id"], event.happened_at) for event in events], now=now)
    record_consequences(result.changes, WORKOS, now)
    return [
        _outcome(outcome, event.data["id"]) for event, outcome in zip(events, result.outcomes, strict=True)
    ]


HANDLERS: dict[str, Handler] = {
    "connection.activated": _mirror("connection", ConnectionState.ACTIVE),
    "connection.deactivated": _mirror("connection", ConnectionState.INACTIVE),
    "connection.deleted": _mirror("connection", ConnectionState.DELETED),
    "connection.saml_certificate_renewal_required": _mirror("certificate", CertificateState.RENEWAL_REQUIRED),
    "connection.saml_certificate_renewed": _mirror("certificate", CertificateState.RENEWED),
    "dsync.activated": _mirror("directory", DirectoryState.ACTIVE),
    "dsync.deactivated": _mirror("directory", DirectoryState.INACTIVE),
    "dsync.deleted": _mirror("directory", DirectoryState.DELETED),
    "organization.created": update_organization,
    "organization.updated": update_organization,
    "organization.deleted": delete_organization,
    "organization_domain.created": _mirror("organization_domain"),
    "organization_domain.updated": _mirror("organization_domain"),
    "organization_domain.verified": _mirror("organization_domain", OrganizationDomainState.VERIFIED),
    "organization_domain.verification_failed": fail_domain_verification,
    "organization_domain.deleted": _mirror("organization_domain", OrganizationDomainState.DELETED),
}
