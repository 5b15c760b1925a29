"""Lists of people and groups, in pages that cost the same wherever they are in the list.

A page begins after a row, or ends before one, and reads an index from there, so that nothing is counted or
skipped. A search is for the beginning of a name, a last name or an address. It reads one index after the
other, and leaves out what an earlier one has shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan

from mirror.people_models import (
    DirectoryGroup,
    DirectoryGroupState,
    DirectoryMembership,
    DirectoryUser,
    DirectoryUserState,
)
from mirror.people_parsing import fold_email, fold_key

PAGE_SIZE = 25
MAX_GROUPS = 200
# Greater than any character: the end of what begins with a text.
_LAST = "\U0010ffff"

Row = TypeVar("Row", DirectoryUser, DirectoryGroup)


@dataclass(frozen=True)
class Wanted:
    """What of a list is wanted: the beginning of a name, and the page that follows or precedes a cursor."""

    search: str = ""
    after: str = ""
    before: str = ""


@dataclass(frozen=True)
class ListPage(Generic[Row]):
    """A page, and the cursors of the pages around it: blank where there is none."""

    rows: list[Row]
    before: str
    after: str


def list_people(
    directory: int, state: DirectoryUserState, wanted: Wanted = Wanted()
) -> ListPage[DirectoryUser]:
    """A page of a directory's people in this state, by name."""
    return _list_people(directory, _find_people(directory, state), wanted)


def list_groups(directory: int, wanted: Wanted = Wanted()) -> ListPage[DirectoryGroup]:
    """A page of a directory's groups, by name."""
    groups = DirectoryGroup.objects.filter(
        directory=directory, state=DirectoryGroupState.ACTIVE, is_announced=True
    )
    return _list(directory, groups, {"name_key": fold_key(wanted.search)}, wanted)


def list_members(group: DirectoryGroup, wanted: Wanted = Wanted()) -> ListPage[DirectoryUser]:
    """A page of the active people who are in the group, by name.

    The planner knows how large the group is. Of a large one it follows the people by name and looks each up
    in the group's index; of a small one it sorts all members.
    """
    people = _find_people(group.directory_id, DirectoryUserState.ACTIVE)
    memberships = DirectoryMembership.objects.of_group(group).filter(user=OuterRef("pk"))
    return _list_people(group.directory_id, people.filter(Exists(memberships)), wanted)


def list_memberships(user: DirectoryUser) -> list[DirectoryMembership]:
    """The groups that the person is in, or returns to: `MAX_GROUPS`, and one more if there are."""
    memberships = DirectoryMembership.objects.of_existing_groups().filter(user=user)
    return list(memberships.select_related("group").order_by("group__name_key", "group_id")[: MAX_GROUPS + 1])


def list_former_rows(user: DirectoryUser) -> list[DirectoryUser]:
    """Other rows of the same person at the identity provider, who left and returned with a new id."""
    if not user.idp_id:
        return []
    return list(
        DirectoryUser.objects.filter(directory=user.directory_id, idp_id=user.idp_id, is_announced=True)
        .exclude(pk=user.pk)
        .order_by("-as_of", "-pk")
    )


def find_latest_rows(people: Sequence[DirectoryUser]) -> dict[int, DirectoryUser]:
    """The present row of those who returned with a new id, by the primary key of their former row.

    An empty `idp_id` recognizes nobody.
    """
    ids = {one.idp_id for one in people} - {""}
    if not ids:
        return {}
    found = DirectoryUser.objects.filter(
        directory__in={one.directory_id for one in people}, idp_id__in=ids, is_announced=True
    ).only("directory_id", "idp_id", "state", "as_of")
    latest = {
        (one.directory_id, one.idp_id): one
        for one in sorted(found, key=lambda one: (one.state == DirectoryUserState.ACTIVE, one.as_of, one.pk))
    }
    return {
        one.pk: row for one in people if (row := latest.get((one.directory_id, one.idp_id))) and row != one
    }


def _find_people(directory: int, state: DirectoryUserState) -> QuerySet[DirectoryUser]:
    return DirectoryUser.objects.filter(directory=directory, state=state, is_announced=True)


def _list_people(directory: int, people: QuerySet[DirectoryUser], wanted: Wanted) -> ListPage[DirectoryUser]:
    name, email = fold_key(wanted.search), fold_email(wanted.search.strip())
    scans = {"name_key": name, "last_name_key": name, "email_key": email} if name else {"name_key": ""}
    return _list(directory, people, scans, wanted)


def _list(directory: int, rows: QuerySet[Row], scans: dict[str, str], wanted: Wanted) -> ListPage[Row]:
    """`scans`: columns, each with the beginning of what is wanted."""

    def find_cursor(row: Row) -> str:
        return f"{_find_scan(row, scans)}.{row.pk}"

    if place := _parse_cursor(wanted.before, directory, rows, len(scans)):
        found = _collect(rows, scans, place, is_backwards=True)
        # Otherwise it is the first page, which may be longer now.
        if len(found) > PAGE_SIZE:
            page = found[:PAGE_SIZE][::-1]
            return ListPage(page, find_cursor(page[0]), find_cursor(page[-1]))
    elif place := _parse_cursor(wanted.after, directory, rows, len(scans)):
        found = _collect(rows, scans, place)
        # Otherwise the rows that were there have left the list.
        if found:
            return _build_page(found, find_cursor, before=find_cursor(found[0]))
    return _build_page(_collect(rows, scans, None), find_cursor, before="")


def _build_page(found: list[Row], find_cursor: Callable[[Row], str], *, before: str) -> ListPage[Row]:
    page = found[:PAGE_SIZE]
    return ListPage(page, before, find_cursor(page[-1]) if len(found) > PAGE_SIZE else "")


@dataclass(frozen=True)
class _Place(Generic[Row]):
    """A row, and the number of the scan that shows it."""

    scan: int
    row: Row


def _collect(
    rows: QuerySet[Row], scans: dict[str, str], start: _Place[Row] | None, *, is_backwards: bool = False
) -> list[Row]:
    """The rows of a page and one more, from the start on in either direction."""
    columns = list(scans)
    first = start.scan if start else 0
    found: list[Row] = []
    for number in range(first, -1, -1) if is_backwards else range(first, len(columns)):
        scan = _scan(rows, scans, columns[: number + 1])
        if start and number == first:
            scan = scan.filter(_compare(columns[number], start.row, is_backwards=is_backwards))
        order = [f"-{one}" if is_backwards else one for one in (columns[number], "pk")]
        keys = scan.order_by(*order).values("pk")[: PAGE_SIZE + 1 - len(found)]
        # The index finds them, and then these few are read.
        found += rows.model._default_manager.filter(pk__in=keys).order_by(*order)
        if len(found) > PAGE_SIZE:
            break
    return found


def _scan(rows: QuerySet[Row], scans: dict[str, str], columns: list[str]) -> QuerySet[Row]:
    """What the last of these columns finds, and the columns before it do not."""
    *earlier, column = columns
    for one in earlier:
        rows = rows.exclude(_begins(one, scans[one]))
    rows = rows.filter(_begins(column, scans[column]))
    if column != "name_key":
        # The condition of its index.
        rows = rows.exclude(**{column: ""})
    return rows


class _Columns(Func):
    """`(name_key, id)`: compared as a whole, which an index of both serves."""

    template = "(%(expressions)s)"
    output_field = TextField()


def _compare(column: str, row: Row, *, is_backwards: bool) -> "GreaterThan[Any] | LessThan[Any]":
    """Whether a row is beyond this one in the order of the column."""
    place = _Columns(Value(getattr(row, column)), Value(row.pk))
    return (LessThan if is_backwards else GreaterThan)(_Columns(F(column), F("pk")), place)


def _begins(column: str, text: str) -> Q:
    return Q(**{f"{column}__gte": text, f"{column}__lt": text + _LAST}) if text else Q()


def _find_scan(row: Row, scans: dict[str, str]) -> int:
    """The scan that shows this row: the first that finds it."""
    return next(
        number for number, (column, text) in enumerate(scans.items()) if getattr(row, column).startswith(text)
    )


def _parse_cursor(cursor: str, directory: int, rows: QuerySet[Row], scans: int) -> _Place[Row] | None:
    """`1.4711`: a scan and a row. None for what is no cursor, which may have been typed."""
    number, _, pk = cursor.partition(".")
    if not (number.isdecimal() and pk.isdecimal() and len(cursor) <= 20 and int(number) < scans):
        return None
    # In whatever state: it may have changed since.
    row = rows.model._default_manager.filter(directory=directory, pk=int(pk)).first()
    return _Place(int(number), row) if row else None
