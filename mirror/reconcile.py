"""Read the present from the API: states that no event reports (validating, unlinked), and what an event
missed.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import gateway
from mirror.models import DELETED, Organization
from mirror.parsing import InvalidObject, Observed, parse_each
from mirror.registry import MIRRORED, Kind
from mirror.text import replace_unstorable
from mirror.upsert import Outcome, Upserted

logger = logging.getLogger(__name__)

# A tombstone is final, so each missing object is looked up by its id. More than these wait for the next time.
_MAX_LOOKUPS = 20
_MAX_PROBLEMS_LENGTH = 4000


@dataclass(frozen=True)
class Listed:
    """Objects of one kind as the API holds them, and those of them that cannot be stored."""

    kind: str
    observations: Sequence[Observed]
    invalid: Sequence[InvalidObject] = ()

    def find_problems(self, result: Upserted) -> list[str]:
        """What could not be stored or used, with the result of the upsert."""
        problems = [f"Left out: {error}" for error in self.invalid]
        problems += [problem for one in self.observations for problem in one.problems]
        return problems + [f"Left out: {reason}" for reason in result.reasons if reason]


def observe_organization(organization: gateway.Organization, *, now: datetime) -> Iterator[Listed]:
    """Yield what the API holds as it is read; the caller writes each with `upsert` before it goes on.

    What is gone comes first: a domain may have moved to another object. No transaction may be open: this
    waits for the network. Raises gateway.Refused or gateway.Unavailable.
    """
    organization_id = organization.organization_id
    for kind_name, kind in MIRRORED.items():
        if kind.list_objects is None:
            continue
        listed = kind.list_objects(organization)
        failure: gateway.GatewayError | None = None
        try:
            yield Listed(kind_name, list(_observe_deletions(kind, organization_id, _listed_ids(listed), now)))
        except gateway.GatewayError as error:
            failure = error
        yield _parse_listed(kind_name, kind, listed, organization_id, now)
        if failure:
            raise failure


@dataclass(frozen=True)
class Comparison:
    """Objects of one kind as WorkOS describes them, and as we held them before the upsert."""

    listed: Listed
    said: Sequence[Mapping[str, str]]
    held: Mapping[str, Mapping[str, str]]

    def describe_differences(self, result: Upserted) -> list[str]:
        """In words, in the order of the list. What the upsert did not write is a difference, too."""
        kind = MIRRORED[self.listed.kind]
        lines = []
        for one, said, outcome in zip(self.listed.observations, self.said, result.outcomes, strict=True):
            key = kind.get_key(one.row)
            held = self.held.get(key)
            changes = ", ".join(
                f"{name} {held[name] or 'blank'} → {value}"
                for name, value in said.items()
                if held is not None and value and value != held[name]
            )
            if held is None and outcome is Outcome.APPLIED:
                lines.append(f"{self.listed.kind} {key}: new, {said['state']}")
            elif changes:
                kept = "" if outcome is Outcome.APPLIED else " (kept: ours is as new)"
                lines.append(f"{self.listed.kind} {key}: {changes}{kept}")
        return lines


def compare(listed: Listed) -> Comparison:
    """Remember both sides before the upsert, which changes the rows."""
    kind = MIRRORED[listed.kind]
    names = ("state", *kind.fillable)
    keys = [kind.get_key(one.row) for one in listed.observations]
    rows = kind.model._default_manager.filter(**{f"{kind.key_field}__in": keys})

    def read(row: Any) -> dict[str, str]:
        return {name: str(getattr(row, name)) for name in names}

    return Comparison(
        listed,
        [read(one.row) if one.has_state else read(one.row) | {"state": ""} for one in listed.observations],
        {kind.get_key(row): read(row) for row in rows},
    )


def mark_reconciled(organization_id: str, *, problems: Sequence[str], now: datetime) -> None:
    """Remember when it was reconciled, and what could not be stored or used then."""
    text = replace_unstorable("\n".join(problems))[:_MAX_PROBLEMS_LENGTH]
    Organization.objects.filter(organization_id=organization_id).update(
        reconciled_at=now, reconcile_problems=text
    )


def _parse_listed(
    kind_name: str, kind: Kind, listed: Sequence[Mapping[str, Any]], organization_id: str, now: datetime
) -> Listed:
    def observe(item: Mapping[str, Any]) -> Observed:
        # We know which organization we asked for; an object may leave it out.
        observed = kind.observe({**item, "organization_id": organization_id}, happened_at=now)
        observed.row.observed_at = now
        return observed

    observations, invalid = parse_each(list(listed), observe, name=kind_name)
    for error in invalid:
        # Not its message, which may quote what was sent.
        logger.error("Left out of the API's answer: %s (%s)", error.place, type(error).__name__)
    return Listed(kind_name, observations, invalid)


def _listed_ids(listed: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids that may be ours. An object that is left out is not missing."""
    ids = (item.get("id") for item in listed)
    return {one for one in ids if isinstance(one, str) and one == replace_unstorable(one)}


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
        if gateway.is_missing(kind.api_resource, kind.get_key(row)):
            row.pk = None
            row.state, row.as_of, row.as_of_event, row.observed_at = DELETED, now, "", now
            row.state_since = now
            yield Observed(organization_id, row)
