"""The kinds of objects that we mirror. `MIRRORED`, at the end, is the whole list.

To mirror a new kind: a model in `mirror.models`, a parser in `mirror.parsing`, one entry here, and the events
that report it in `webhooks.handlers`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import gateway
from mirror import parsing
from mirror.models import DELETED, Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.parsing import Observed
from mirror.times import parse_time

# SQL for the upsert's ON CONFLICT.
_SAME_STATE = "stored.state = EXCLUDED.state"


@dataclass(frozen=True)
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
        data: Mapping[str, Any],
        *,
        happened_at: datetime,
        event_id: str = "",
        state: str = "",
        **fields: Any,
    ) -> Observed:
        """Parse `data` as of the object's own time, or else as of `happened_at`.

        A deleted object carries the time of its last change, so its deletion is dated by the event.
        """
        updated_at = None if state == DELETED else parse_time(data.get("updated_at"))
        return self.parse(data, as_of=updated_at or happened_at, as_of_event=event_id, state=state, **fields)


MIRRORED: Mapping[str, Kind] = {
    "connection": Kind(
        Connection,
        key_field="connection_id",
        id_field="connection_id",
        parse=parsing.parse_connection,
        describe=lambda row: row.name[:400] or row.connection_id,
        api_resource="connections",
        list_objects=lambda organization: gateway.list_connections(organization.organization_id),
    ),
    "directory": Kind(
        Directory,
        key_field="directory_id",
        id_field="directory_id",
        parse=parsing.parse_directory,
        describe=lambda row: row.name[:400] or row.directory_id,
        api_resource="directories",
        list_objects=lambda organization: gateway.list_directories(organization.organization_id),
    ),
    "organization_domain": Kind(
        OrganizationDomain,
        key_field="domain_id",
        id_field="domain_id",
        parse=parsing.parse_domain,
        describe=lambda row: row.domain,
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
        keep_column_if={},
    ),
}
