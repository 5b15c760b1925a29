"""What happens on an event. `HANDLERS`, at the end, is the whole list.

A handler takes a batch of events of one name and returns the outcome of each, in order. It writes through
`mirror.upsert`, so it may be called in any order, twice, or by several workers at once. To add one:
docs/webhooks.md.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from audit.actor import WORKOS
from enterprises.consequences import record_consequences
from enterprises.provisioning import adopt_organization, find_known_organization_ids
from mirror.models import CertificateState, ConnectionState, DirectoryState, OrganizationDomainState
from mirror.organizations import close_organizations, update_names
from mirror.parsing import InvalidObject, Observed, ObservedOrganization, parse_each, parse_organization
from mirror.people import upsert_memberships, upsert_people
from mirror.people_parsing import (
    ObservedMembership,
    ObservedRow,
    Said,
    parse_group,
    parse_membership,
    parse_removed_group,
    parse_removed_user,
    parse_user,
)
from mirror.registry import MIRRORED
from mirror.upsert import Change, upsert
from mirror.upsert import Outcome as UpsertOutcome
from webhooks.events import Event, name_object

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """`applied`, `stale`, `ignored` or `failed` (with the reason), or waiting for an organization that we do
    not know. `data_problems` says what of the event could not be used as it was sent.
    """

    status: str
    reason: str = ""
    waits_for: str = ""
    data_problems: str = ""


Observation = TypeVar("Observation", ObservedRow, ObservedMembership)
Handler = Callable[[Sequence[Event], datetime], Sequence[Outcome]]

APPLIED = Outcome("applied")
STALE = Outcome("stale", "We have a newer version.")


def _mirror_objects(kind: str, state: str = "") -> Handler:
    """The handler of an event whose `data` is an object of this kind, which has just entered `state`."""

    def handle(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        observations = [_observe(kind, event, event.data, state=state) for event in events]
        return _upsert_objects(kind, events, observations, now)

    return handle


def _mirror_people(kind: str, parse: Callable[[object, Said], ObservedRow]) -> Handler:
    """The handler of an event whose `data` is a person or a group of a directory.

    There may be 100,000 of them in an hour, so none has an audit entry or a mail.
    """

    def handle(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        return _write_people(events, now, parse, lambda observed: upsert_people(kind, observed))

    return handle


def _mirror_memberships(*, is_member: bool) -> Handler:
    """The handler of an event that names a person and a group in `data`."""

    def parse(data: object, said: Said) -> ObservedMembership:
        return parse_membership(data, said, is_member=is_member)

    def handle(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
        return _write_people(events, now, parse, upsert_memberships)

    return handle


def _write_people(
    events: Sequence[Event],
    now: datetime,
    parse: Callable[[object, Said], Observation],
    write: Callable[[Sequence[Observation]], Sequence[UpsertOutcome]],
) -> list[Outcome]:
    """Parse each event, write all of them together, and return the outcome of each."""
    outcomes: dict[str, Outcome] = {}
    parsed: dict[str, Observation] = {}
    for event in events:
        said = Said(event.happened_at, now, event_id=event.event_id, latest=event.latest)
        try:
            parsed[event.event_id] = parse(event.data, said)
        except InvalidObject as error:
            outcomes[event.event_id] = _fail(event, error)
    for (event_id, one), outcome in zip(parsed.items(), write(list(parsed.values())), strict=True):
        outcomes[event_id] = _add_problems(_build_people_outcome(outcome, one), one.problems)
    return [outcomes[event.event_id] for event in events]


def _build_people_outcome(outcome: UpsertOutcome, observed: ObservedRow | ObservedMembership) -> Outcome:
    row = observed if isinstance(observed, ObservedRow) else observed.user
    if outcome is UpsertOutcome.NO_ORGANIZATION:
        # Of its organization it says nothing, but its directory may come.
        return Outcome("waiting", "We do not know its directory yet.", waits_for=row.directory_id)
    return _build_outcome(outcome, row.organization_id)


def fail_domain_verification(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    observations = [
        _observe(
            "organization_domain",
            event,
            event.data.get("organization_domain"),
            state=OrganizationDomainState.FAILED,
            reason=event.text("reason"),
        )
        for event in events
    ]
    return _upsert_objects("organization_domain", events, observations, now)


def update_organizations(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    """Organizations were created or updated: adopt those that are ours, and write their names and domains."""
    parsed, outcomes = _parse_organizations(events)
    applied = _adopt_organizations(parsed, now) | _update_names(parsed)
    with_domains, problems = _upsert_domains(events, parsed, now)
    known = find_known_organization_ids(one.organization_id for one in parsed.values())
    for event_id, organization in parsed.items():
        if event_id in applied | with_domains:
            outcome = APPLIED
        elif organization.organization_id in known:
            outcome = STALE
        else:
            outcome = _wait_for_organization(organization.organization_id)
        outcomes[event_id] = _add_problems(outcome, [*organization.problems, *problems[event_id]])
    return [outcomes[event.event_id] for event in events]


def delete_organizations(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
    parsed, outcomes = _parse_organizations(events)
    happened_at = {event.event_id: event.happened_at for event in events}
    deleted = [(one.organization_id, happened_at[event_id]) for event_id, one in parsed.items()]
    result = close_organizations(deleted, now=now)
    delays = {
        parsed[event.event_id].organization_id: event.delay for event in events if event.event_id in parsed
    }
    record_consequences(
        result.changes, WORKOS, now, find_delay=lambda change: delays[change.row.organization_id]
    )
    for (event_id, one), outcome in zip(parsed.items(), result.outcomes, strict=True):
        outcomes[event_id] = _build_outcome(outcome, one.organization_id)
    return [outcomes[event.event_id] for event in events]


def _parse_organizations(
    events: Sequence[Event],
) -> tuple[dict[str, ObservedOrganization], dict[str, Outcome]]:
    """What each event says, by event id, and the outcomes of those that cannot be stored."""
    parsed, failed = {}, {}
    for event in events:
        try:
            parsed[event.event_id] = parse_organization(
                event.data, happened_at=event.happened_at, latest=event.latest
            )
        except InvalidObject as error:
            failed[event.event_id] = _fail(event, error)
    return parsed, failed


def _adopt_organizations(parsed: Mapping[str, ObservedOrganization], now: datetime) -> set[str]:
    """Complete a provisioning that was interrupted. Returns the ids of the events that did."""
    # In one order everywhere, so that two workers cannot deadlock.
    return {
        event_id
        for event_id, one in sorted(parsed.items(), key=lambda item: item[1].external_id)
        if adopt_organization(
            organization_id=one.organization_id,
            external_id=one.external_id,
            name=one.name,
            as_of=one.as_of,
            actor=WORKOS,
            now=now,
        )
    }


def _update_names(parsed: Mapping[str, ObservedOrganization]) -> set[str]:
    """Write newer names of organizations. Returns the ids of the events that did."""
    ordered = sorted(parsed.items(), key=lambda item: item[1].as_of)
    newest = {one.organization_id: (event_id, one) for event_id, one in ordered}
    updated = update_names([(key, one.name, one.as_of) for key, (_, one) in newest.items()])
    return {newest[organization_id][0] for organization_id in updated}


def _upsert_domains(
    events: Sequence[Event], parsed: Mapping[str, ObservedOrganization], now: datetime
) -> tuple[set[str], dict[str, list[str]]]:
    """Write newer states of the domains in `data`. Returns the ids of the events that did, and problems."""
    observed: list[tuple[str, Observed]] = []
    problems: dict[str, list[str]] = {event.event_id: [] for event in events}
    for event in events:
        if organization := parsed.get(event.event_id):
            domains, invalid = _observe_domains(event, organization.organization_id)
            observed += [(event.event_id, domain) for domain in domains]
            for error in invalid:
                # The domain's own event fails and waits for a person; the rest of this event is applied.
                logger.error("Left out of event %s: %s", event.event_id, error.place)
                problems[event.event_id].append(f"Left out: {error}")
    # All in one call: one order of locks, whatever the order of the events.
    result = upsert("organization_domain", [domain for _, domain in observed])
    record_consequences(result.changes, WORKOS, now, find_delay=_find_delays(events))
    applied = set()
    for (event_id, domain), outcome, reason in zip(observed, result.outcomes, result.reasons, strict=True):
        if outcome is UpsertOutcome.APPLIED:
            applied.add(event_id)
        problems[event_id] += domain.problems
        if reason:
            problems[event_id].append(f"Left out: {reason}")
    return applied, problems


def _observe_domains(event: Event, organization_id: str) -> tuple[list[Observed], list[InvalidObject]]:
    def observe(domain: object) -> Observed:
        data = {**domain, "organization_id": organization_id} if isinstance(domain, Mapping) else domain
        return _observe_object("organization_domain", event, data)

    return parse_each(event.data.get("domains"), observe, name="domains")


def _observe(kind: str, event: Event, data: object, **fields: Any) -> Observed | Outcome:
    """What the event says of an object, or that it failed because that cannot be stored."""
    try:
        return _observe_object(kind, event, data, **fields)
    except InvalidObject as error:
        return _fail(event, error)


def _observe_object(kind: str, event: Event, data: object, **fields: Any) -> Observed:
    return MIRRORED[kind].observe(
        data,
        happened_at=event.happened_at,
        latest=event.latest,
        event_id=event.event_id,
        **fields,
    )


def _fail(event: Event, error: InvalidObject) -> Outcome:
    # The place and not the message, which may quote the payload.
    logger.error(
        "Event %s (%s) failed: %s", event.event_id, event.event, error.place, extra=name_object(event)
    )
    return Outcome("failed", str(error))


def _upsert_objects(
    kind: str, events: Sequence[Event], observations: Sequence[Observed | Outcome], now: datetime
) -> list[Outcome]:
    """Write the observations. Returns the outcome of each; those that are outcomes already stay."""
    result = upsert(kind, [one for one in observations if isinstance(one, Observed)])
    record_consequences(result.changes, WORKOS, now, find_delay=_find_delays(events))
    results = zip(result.outcomes, result.reasons, strict=True)
    outcomes = []
    for one in observations:
        if isinstance(one, Observed):
            outcome, reason = next(results)
            outcomes.append(_add_problems(_build_outcome(outcome, one.organization_id, reason), one.problems))
        else:
            outcomes.append(one)
    return outcomes


def _find_delays(events: Sequence[Event]) -> Callable[[Change], timedelta]:
    """How long after it happened we learned of a change, from the event that made it."""
    delays = {event.event_id: event.delay for event in events}
    return lambda change: delays.get(change.row.as_of_event, timedelta(0))


def _build_outcome(outcome: UpsertOutcome, organization_id: str, reason: str = "") -> Outcome:
    match outcome:
        case UpsertOutcome.APPLIED:
            return APPLIED
        case UpsertOutcome.STALE:
            return STALE
        case UpsertOutcome.UNKNOWN_ORGANIZATION:
            return _wait_for_organization(organization_id)
        case UpsertOutcome.NO_ORGANIZATION:
            return Outcome("ignored", "It names no organization, and we do not have its object.")
        case UpsertOutcome.REFUSED:
            return Outcome("failed", reason)


def _add_problems(outcome: Outcome, problems: Sequence[str]) -> Outcome:
    return replace(outcome, data_problems="\n".join(problems)) if problems else outcome


def _wait_for_organization(organization_id: str) -> Outcome:
    return Outcome("waiting", "We do not know its organization yet.", waits_for=organization_id)


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
    "dsync.group.created": _mirror_people("directory_group", parse_group),
    "dsync.group.deleted": _mirror_people("directory_group", parse_removed_group),
    "dsync.group.updated": _mirror_people("directory_group", parse_group),
    "dsync.group.user_added": _mirror_memberships(is_member=True),
    "dsync.group.user_removed": _mirror_memberships(is_member=False),
    "dsync.user.created": _mirror_people("directory_user", parse_user),
    "dsync.user.deleted": _mirror_people("directory_user", parse_removed_user),
    "dsync.user.updated": _mirror_people("directory_user", parse_user),
    "organization.created": update_organizations,
    "organization.updated": update_organizations,
    "organization.deleted": delete_organizations,
    "organization_domain.created": _mirror_objects("organization_domain"),
    "organization_domain.updated": _mirror_objects("organization_domain"),
    "organization_domain.verified": _mirror_objects("organization_domain", OrganizationDomainState.VERIFIED),
    "organization_domain.verification_failed": fail_domain_verification,
    "organization_domain.deleted": _mirror_objects("organization_domain", OrganizationDomainState.DELETED),
}
