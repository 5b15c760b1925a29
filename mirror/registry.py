"""The kinds of objects that we mirror. `MIRRORED`, at the end, is the whole list.

To mirror a new kind: a model in `mirror.models`, a parser in `mirror.parsing`, one entry here, and the events
that report it in `webhooks.handlers`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import gateway
from mirror import parsing
from mirror.models import (
    DELETED,
    Certificate,
    Connection,
    Directory,
    MirroredRow,
    OrganizationDomain,
    OrganizationDomainState,
)
from mirror.parsing import UNDATED, InvalidObject, Observed
from mirror.times import resolve_time

# SQL for the upsert's ON CONFLICT.
_SAME_STATE = "stored.state = EXCLUDED.state"


@dataclass(frozen=True)
class Claim:
    """One row at most is in `state` for each value of `field`: the newest. Others are `otherwise`."""

    field: str
    state: str
    otherwise: str


# Compared by identity: each is in MIRRORED once.
@dataclass(frozen=True, eq=False)
class Kind:
    """How the objects of one kind are keyed, parsed, versioned, listed and described."""

    model: type[MirroredRow]
    # The unique column, and the one by which a WorkOS id finds the rows.
    key_field: str
    id_field: str
    parse: Callable[..., Observed]
    # What people call one of them.
    describe: Callable[[Any], str]
    # Columns that a newer write leaves alone, and in which case (SQL).
    keep_column_if: Mapping[str, str] = field(default_factory=lambda: {"state_since": _SAME_STATE})
    # Text columns. A blank says nothing, so it never replaces a text; an older text replaces a blank.
    fillable: Sequence[str] = ()
    # Columns that the API knows as of now: what it says replaces them, whatever the object's time.
    present: Sequence[str] = ()
    # The kind to which `id_field` points, if not to this one.
    parent: str = ""
    claim: Claim | None = None
    # The API's path, and which objects it lists for an organization. Empty where the API has none.
    api_resource: str = ""
    list_objects: Callable[[gateway.Organization], Sequence[Mapping[str, Any]]] | None = None

    @property
    def has_tombstones(self) -> bool:
        """Whether a deleted object keeps its row, and ends with its organization."""
        return DELETED in dict(self.model._meta.get_field("state").flatchoices)

    def get_key(self, row: MirroredRow) -> str:
        return str(getattr(row, self.key_field))

    def observe(
        self,
        data: object,
        *,
        happened_at: datetime,
        latest: datetime | None = None,
        event_id: str = "",
        state: str = "",
        **fields: Any,
    ) -> Observed:
        """Parse `data` as of the object's own time, or else as of `happened_at`. Raises InvalidObject.

        A deleted object carries the time of its last change, so its deletion is dated by the event.
        `latest`: when WorkOS said it, `happened_at` by default. No time counts as later.
        `event_id`: the event that said it, or a blank for the API.
        """
        if not isinstance(data, Mapping):
            raise InvalidObject(f"the {self.name}", "is not an object")
        time = resolve_time(
            None if state == DELETED else data.get("updated_at"),
            field="updated_at",
            fallback=happened_at,
            latest=latest or happened_at,
        )
        observed = self.parse(data, as_of=time.at, as_of_event=event_id, state=state, **fields)
        row = observed.row
        row.state_since = time.at
        # An event without the object's time has its own. The API only says what is so at this moment.
        row.as_of_is_estimated = not time.is_own and (bool(time.problem) or not event_id)
        if not observed.has_state:
            row.as_of, row.as_of_is_estimated = UNDATED, True
        if not time.problem:
            return observed
        problem = f"{self.name} {getattr(row, self.id_field)}: {time.problem}"
        return replace(observed, problems=(*observed.problems, problem))

    @property
    def name(self) -> str:
        """The name under which it is in MIRRORED, and which problems call it by."""
        return next(name for name, kind in MIRRORED.items() if kind is self)


MIRRORED: Mapping[str, Kind] = {
    "connection": Kind(
        Connection,
        key_field="connection_id",
        id_field="connection_id",
        parse=parsing.parse_connection,
        describe=lambda row: row.name[:400] or row.connection_id,
        fillable=("name", "connection_type"),
        api_resource="connections",
        list_objects=lambda organization: gateway.list_connections(organization.organization_id),
    ),
    "directory": Kind(
        Directory,
        key_field="directory_id",
        id_field="directory_id",
        parse=parsing.parse_directory,
        describe=lambda row: row.name[:400] or row.directory_id,
        fillable=("name", "directory_type"),
        present=("listed_people", "listed_groups"),
        api_resource="directories",
        list_objects=lambda organization: gateway.list_directories(organization.organization_id),
    ),
    "organization_domain": Kind(
        OrganizationDomain,
        key_field="domain_id",
        id_field="domain_id",
        parse=parsing.parse_domain,
        describe=lambda row: row.domain or row.domain_id,
        fillable=("domain",),
        claim=Claim(
            "domain", state=OrganizationDomainState.VERIFIED, otherwise=OrganizationDomainState.PENDING
        ),
        keep_column_if={
            "state_since": _SAME_STATE,
            # Only the event of a failure says why.
            "reason": f"{_SAME_STATE} AND EXCLUDED.reason = ''",
        },
        api_resource="organization_domains",
        list_objects=lambda organization: organization.domains,
    ),
    "certificate": Kind(
        Certificate,
        key_field="key",
        id_field="connection_id",
        parse=parsing.parse_certificate,
        describe=lambda row: row.key,
        # Each renewal is a new one, also after a renewal.
        keep_column_if={"expires_at": f"{_SAME_STATE} AND EXCLUDED.expires_at IS NULL"},
        parent="connection",
    ),
}
