"""What is mirrored of one organization, in one query: four queries and a sum took a page twice as long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from mirror.models import Certificate, Connection, Directory, MirroredRow, OrganizationDomain
from mirror.people_counts import Counts

# Each kind puts its own columns in the same places. A field that is missing is loaded when it is asked for.
_ROWS = """
SELECT * FROM (
SELECT 'connection' AS kind, id, organization_id, as_of, observed_at, state_since, state,
    connection_id AS object_id, name, connection_type AS type, NULL AS of_connection,
    NULL::timestamptz AS expires_at, NULL::int AS listed_people, NULL::int AS listed_groups,
    NULL::bigint AS active_people, NULL::bigint AS inactive_people, NULL::bigint AS groups,
    NULL::timestamptz AS changed_at
FROM mirror_connection WHERE organization_id = %(organization)s
UNION ALL
SELECT 'directory', directory.id, organization_id, as_of, observed_at, state_since, state,
    directory_id, name, directory_type, NULL, NULL, listed_people, listed_groups,
    counted.active_people, counted.inactive_people, counted.groups, counted.changed_at
FROM mirror_directory directory
CROSS JOIN LATERAL (
    SELECT sum(active_people) AS active_people, sum(inactive_people) AS inactive_people,
        sum(groups) AS groups, max(changed_at) AS changed_at
    FROM mirror_directorycount count WHERE count.directory_id = directory.id
) AS counted
WHERE organization_id = %(organization)s
UNION ALL
SELECT 'domain', id, organization_id, as_of, observed_at, state_since, state,
    domain_id, domain, reason, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM mirror_organizationdomain WHERE organization_id = %(organization)s
UNION ALL
SELECT 'certificate', id, organization_id, as_of, observed_at, state_since, state,
    key, '', certificate_type, connection_id, expires_at, NULL, NULL, NULL, NULL, NULL, NULL
FROM mirror_certificate WHERE organization_id = %(organization)s
) AS mirrored
ORDER BY kind, CASE WHEN kind = 'domain' THEN name END, as_of DESC, id
"""
_FIELDS_OF_ALL = ("id", "organization_id", "as_of", "observed_at", "state_since", "state")
# The columns of the query between the kind and the counts, and which of them are the fields of each kind.
_COLUMNS = (
    *_FIELDS_OF_ALL,
    *("object_id", "name", "type", "of_connection", "expires_at", "listed_people", "listed_groups"),
)

_KINDS: Mapping[str, tuple[type[MirroredRow], Mapping[str, str]]] = {
    "connection": (
        Connection,
        {"connection_id": "object_id", "name": "name", "connection_type": "type"},
    ),
    "directory": (
        Directory,
        {
            "directory_id": "object_id",
            "name": "name",
            "directory_type": "type",
            "listed_people": "listed_people",
            "listed_groups": "listed_groups",
        },
    ),
    "domain": (OrganizationDomain, {"domain_id": "object_id", "domain": "name", "reason": "type"}),
    "certificate": (
        Certificate,
        {
            "key": "object_id",
            "certificate_type": "type",
            "connection_id": "of_connection",
            "expires_at": "expires_at",
        },
    ),
}


@dataclass(frozen=True)
class OrganizationRows:
    """Connections and directories with the newest first, domains by name.

    `counts` are by the primary key of the directory; one without people and groups is missing.
    """

    connections: Sequence[Connection]
    directories: Sequence[Directory]
    domains: Sequence[OrganizationDomain]
    certificates: Sequence[Certificate]
    counts: Mapping[int, Counts]


def load_organization_rows(organization_id: str | None) -> OrganizationRows:
    """All rows of the organization, of deleted objects, too."""
    rows: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    counts: dict[int, Counts] = {}
    if organization_id is not None:
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, {"organization": organization_id})
            for kind, *values in cursor.fetchall():
                model, names, places = _PLACES[kind]
                row = model.from_db(connection.alias, names, [values[place] for place in places])
                rows[kind].append(row)
                active, inactive, groups, changed_at = values[-4:]
                if changed_at is not None:
                    counts[row.pk] = Counts(int(active), int(inactive), int(groups), changed_at)
    return OrganizationRows(
        rows["connection"], rows["directory"], rows["domain"], rows["certificate"], counts
    )


def _find_places(
    model: type[MirroredRow], own: Mapping[str, str]
) -> tuple[type[MirroredRow], list[str], list[int]]:
    """The fields of the model that are loaded, in its order, and the place of each in a row of the query."""
    columns = {**{name: name for name in _FIELDS_OF_ALL}, **own}
    names = [one.attname for one in model._meta.concrete_fields if one.attname in columns]
    return model, names, [_COLUMNS.index(columns[name]) for name in names]


_PLACES = {kind: _find_places(model, own) for kind, (model, own) in _KINDS.items()}
