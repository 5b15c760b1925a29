"""Write people, groups and memberships of directories: what `mirror.upsert` is for other objects.

Whatever the order, repeated or not, the rows end the same: each field keeps the newest that was said of it,
compared by (time, event). Unlike a connection, a person who was removed may return, in the same row. For the
API: `Said(..., is_from_api=True)`, parse, upsert; memberships after both people and groups.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection, transaction

from audit.arrays import build_array, build_flags, build_numbers, build_times
from mirror.models import Directory, DirectoryState
from mirror.parsing import UNDATED, Observed
from mirror.people_merge import PEOPLE_KINDS, Key
from mirror.people_parsing import ObservedMembership, ObservedRow
from mirror.people_writes import write_rows
from mirror.upsert import Outcome, upsert


@transaction.atomic
def upsert_people(kind_name: str, observations: Sequence[ObservedRow]) -> list[Outcome]:
    """Write what is new in the observations of people (`directory_user`) or of groups (`directory_group`).

    NO_ORGANIZATION: it names no organization, and we do not know its directory.
    """
    keys = _find_keys(observations)
    written = write_rows(PEOPLE_KINDS[kind_name], keys, observations)
    return [
        _decide(key is not None, one, place in written.news)
        for place, (key, one) in enumerate(zip(keys, observations, strict=True))
    ]


@transaction.atomic
def upsert_memberships(observations: Sequence[ObservedMembership]) -> list[Outcome]:
    """Write what is new in the observations, and in what they say of their people and groups.

    A person or group that we do not hold gets a row that is not announced, so that the membership is there
    when they are.
    """
    keys = _find_keys([row for one in observations for row in (one.user, one.group)])
    # Both or neither: what waits for a directory writes nothing.
    pairs = [(user, group) if user and group else None for user, group in zip(*[iter(keys)] * 2, strict=True)]
    users = write_rows(
        PEOPLE_KINDS["directory_user"],
        [pair and pair[0] for pair in pairs],
        [one.user for one in observations],
    )
    groups = write_rows(
        PEOPLE_KINDS["directory_group"],
        [pair and pair[1] for pair in pairs],
        [one.group for one in observations],
    )
    newest: dict[tuple[int, int], int] = {}
    for place, pair in enumerate(pairs):
        if pair:
            ids = users.primary_keys[pair[0]], groups.primary_keys[pair[1]]
            if ids not in newest or observations[place].version > observations[newest[ids]].version:
                newest[ids] = place
    written = _write_memberships({ids: observations[place] for ids, place in newest.items()})
    news = {newest[ids] for ids in written} | users.news | groups.news
    return [
        _decide(pair is not None, one.user, place in news)
        for place, (pair, one) in enumerate(zip(pairs, observations, strict=True))
    ]


def _decide(has_directory: bool, observed: ObservedRow, is_new: bool) -> Outcome:
    if has_directory:
        return Outcome.APPLIED if is_new else Outcome.STALE
    return Outcome.UNKNOWN_ORGANIZATION if observed.organization_id else Outcome.NO_ORGANIZATION


def _find_keys(observations: Sequence[ObservedRow]) -> list[Key | None]:
    """The key of each; None for one of a directory that we do not know."""
    directories = _find_directories(observations)
    return [
        (directories[one.directory_id], one.object_id) if one.directory_id in directories else None
        for one in observations
    ]


def _find_directories(observations: Iterable[ObservedRow]) -> dict[str, int]:
    """The primary keys of their directories.

    A directory that we do not hold gets a row: it sends people, so it exists. Its own news replaces the row
    whatever its time, and a deletion that arrived before stays. Its organization must be known.
    """
    owners = {one.directory_id: one.organization_id for one in observations if one.organization_id}
    wanted = {one.directory_id for one in observations}
    found = _read_directories(wanted)
    missing = sorted(owners.keys() - found.keys())
    if not missing:
        return found
    upsert("directory", [_build_directory(owners[directory_id], directory_id) for directory_id in missing])
    return _read_directories(wanted)


def _read_directories(directory_ids: set[str]) -> dict[str, int]:
    rows = Directory.objects.filter(directory_id__in=directory_ids)
    return dict(rows.values_list("directory_id", "pk"))


def _build_directory(organization_id: str, directory_id: str) -> Observed:
    row = Directory(
        directory_id=directory_id,
        state=DirectoryState.VALIDATING,
        as_of=UNDATED,
        state_since=UNDATED,
        as_of_is_estimated=True,
    )
    return Observed(organization_id, row)


def _write_memberships(
    newest: Mapping[tuple[int, int], ObservedMembership],
) -> set[tuple[int, int]]:
    """Insert or update where newer, in one statement and in the order of their keys. Returns what changed."""
    if not newest:
        return set()
    ordered = sorted(newest.items())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO mirror_directorymembership AS stored"
            " (user_id, group_id, is_member, as_of, as_of_event)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::timestamptz[], %s::text[])"
            " ON CONFLICT (user_id, group_id) DO UPDATE SET is_member = EXCLUDED.is_member,"
            " as_of = EXCLUDED.as_of, as_of_event = EXCLUDED.as_of_event"
            " WHERE (EXCLUDED.as_of, EXCLUDED.as_of_event) > (stored.as_of, stored.as_of_event)"
            " RETURNING user_id, group_id",
            [
                build_numbers(user for (user, _), _ in ordered),
                build_numbers(group for (_, group), _ in ordered),
                build_flags(one.is_member for _, one in ordered),
                build_times(one.version.as_of for _, one in ordered),
                build_array(one.version.event_id for _, one in ordered),
            ],
        )
        return set(cursor.fetchall())
