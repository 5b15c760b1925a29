"""What happens on an event. `HANDLERS`, at the end, is the whole list.

A handler takes a batch of events of one name and returns the outcome of each, in order. It writes through
`mirror.upsert`, so it may be called in any order, twice, or by several workers at once. To add one:
docs/webhooks.md.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actor import WORKOS
from enterprises.consequences import record_consequences
from enterprises.provisioning import adopt_organization, known_organizations
from mirror.models import CertificateState, ConnectionState, DirectoryState, OrganizationDomainState
from mirror.parsing import Observed, UnknownState
from mirror.registry import MIRRORED
from mirror.upsert import Outcome as UpsertOutcome
from mirror.upsert import close_organizations, update_names, upsert
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


def _mirror_objects(kind: str, state: str = "") -> Handler:
    """The handler of an event whose `data` is an object of this kind, which has just entered `state`."""

    def handle(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        return _upsert_objects(kind, [_observe_object(kind, event, state=state) for event in events], now)

    return handle


def fail_domain_verification(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    observations = [
        _observe_object(
            "organization_domain",
            event,
            event.data["organization_domain"],
            state=OrganizationDomainState.FAILED,
            reason=event.text("reason"),
        )
        for event in events
    ]
    return _upsert_objects("organization_domain", observations, now)


def update_organizations(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    """Organizations were created or updated: adopt those that are ours, and write their names and domains."""
    applied = _adopt_organizations(events, now) | _update_names(events) | _upsert_domains(events, now)
    known = known_organizations(event.required("id") for event in events)
    return [
        APPLIED
        if event.event_id in applied
        else STALE
        if event.data["id"] in known
        else _wait_for_organization(event.data["id"])
        for event in events
    ]


def delete_organizations(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    deleted = [(event.required("id"), event.happened_at) for event in events]
    result = close_organizations(deleted, now=now)
    record_consequences(result.changes, WORKOS, now)
    return [
        _build_outcome(outcome, organization_id)
        for outcome, (organization_id, _) in zip(result.outcomes, deleted, strict=True)
    ]


def _adopt_organizations(events: Sequence[Event], now: datetime) -> set[str]:
    """Complete a provisioning that was interrupted. Returns the ids of the events that did."""
    # In one order everywhere, so that two workers cannot deadlock.
    return {
        event.event_id
        for event in sorted(events, key=lambda event: event.text("external_id"))
        if adopt_organization(
            organization_id=event.required("id"),
            external_id=event.text("external_id"),
            name=event.text("name"),
            as_of=_as_of(event),
            actor=WORKOS,
            now=now,
        )
    }


def _update_names(events: Sequence[Event]) -> set[str]:
    """Write newer names of organizations. Returns the ids of the events that did."""
    newest = {event.required("id"): event for event in sorted(events, key=_as_of)}
    updated = update_names([(key, event.text("name"), _as_of(event)) for key, event in newest.items()])
    return {newest[organization_id].event_id for organization_id in updated}


def _upsert_domains(events: Sequence[Event], now: datetime) -> set[str]:
    """Write newer states of the domains in `data`. Returns the ids of the events that did."""
    observed = [(event, domain) for event in events for domain in _observe_domains(event)]
    # All in one call: one order of locks, whatever the order of the events.
    result = upsert("organization_domain", [domain for _, domain in observed])
    record_consequences(result.changes, WORKOS, now)
    return {
        event.event_id
        for (event, _), outcome in zip(observed, result.outcomes, strict=True)
        if outcome is UpsertOutcome.APPLIED
    }


def _observe_domains(event: Event) -> Iterator[Observed]:
    for domain in event.data.get("domains") or []:
        data = {**domain, "organization_id": event.required("id")}
        try:
            yield _observe_object("organization_domain", event, data)
        except UnknownState as error:
            # The domain's own event fails and waits for a person; the rest of this event is applied.
            # Not its message, which quotes what was sent.
            logger.error("Left out a domain of event %s: %s", event.event_id, type(error).__name__)


def _observe_object(kind: str, event: Event, data: dict[str, Any] | None = None, **fields: Any) -> Observed:
    return MIRRORED[kind].observe(
        event.data if data is None else data,
        happened_at=event.happened_at,
        event_id=event.event_id,
        **fields,
    )


def _upsert_objects(kind: str, observations: Sequence[Observed], now: datetime) -> list[Outcome]:
    """Write the observations that name an organization. Returns the outcome of each."""
    result = upsert(kind, [one for one in observations if one.organization_id])
    record_consequences(result.changes, WORKOS, now)
    outcomes = iter(result.outcomes)
    return [
        _build_outcome(next(outcomes), one.organization_id)
        if one.organization_id
        else Outcome("ignored", "It names no organization.")
        for one in observations
    ]


def _build_outcome(outcome: UpsertOutcome, organization_id: str) -> Outcome:
    if outcome is UpsertOutcome.UNKNOWN_ORGANIZATION:
        return _wait_for_organization(organization_id)
    return APPLIED if outcome is UpsertOutcome.APPLIED else STALE


def _wait_for_organization(organization_id: str) -> Outcome:
    return Outcome("waiting", "We do not know its organization yet.", waits_for=organization_id)


def _as_of(event: Event) -> datetime:
    return event.time("updated_at") or event.happened_at


HANDLERS: dict[str, Handler] = {
    "connection.activated": _mirror_objects("connection", ConnectionState.ACTIVE),
    "connection.deactivated": _mirror_objects("connection", ConnectionState.INACTIVE),
    "connection.deleted": _mirror_objects("connection", ConnectionState.DELETED),
    "connection.saml_certificate_renewal_required": _mirror_objects(
        "certificate", CertificateState.RENEWAL_REQUIRED
    ),
    "connection.saml_certificate_renewed": _mirror_objects("certificate", CertificateState.RENEWED),
    "dsync.activated": _mirror_objects("directory", DirectoryState.ACTIVE),
    "dsync.deactivated": _mirror_objects("directory", DirectoryState.INACTIVE),
    "dsync.deleted": _mirror_objects("directory", DirectoryState.DELETED),
    "organization.created": update_organizations,
    "organization.updated": update_organizations,
    "organization.deleted": delete_organizations,
    "organization_domain.created": _mirror_objects("organization_domain"),
    "organization_domain.updated": _mirror_objects("organization_domain"),
    "organization_domain.verified": _mirror_objects("organization_domain", OrganizationDomainState.VERIFIED),
    "organization_domain.verification_failed": fail_domain_verification,
    "organization_domain.deleted": _mirror_objects("organization_domain", OrganizationDomainState.DELETED),
}
