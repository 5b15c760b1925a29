"""Lists of people and groups, in pages that cost the same wherever they are in the list.

A page begins after a row and reads an index from there, so that nothing is counted or skipped. A search is
for the beginning of a name, a last name or an address. It reads one index after the other, and leaves out
what an earlier one has shown.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet

from mirror.people_models import (
    DirectoryGroup,
    DirectoryGroupState,
    DirectoryMembership,
    DirectoryUser,
    DirectoryUserState,
)
from mirror.people_parsing import fold_email, fold_key

PAGE_SIZE = 50
MAX_GROUPS = 200
# Greater than any character: the end of what begins with a text.
_LAST = "\U0010ffff"

Row = TypeVar("Row", DirectoryUser, DirectoryGroup)


@dataclass(frozen=True)
class ListPage(Generic[Row]):
    """`after`: where the next page begins, or a blank at the end."""

    rows: list[Row]
    after: str


def list_people(
    directory: int, state: DirectoryUserState, *, search: str = "", after: str = ""
) -> ListPage[DirectoryUser]:
    """A page of a directory's people in this state, by name.

    A person who returned with a new id is listed once, as they are now.
    """
    people = DirectoryUser.objects.filter(directory=directory, state=state, is_announced=True)
    if state == DirectoryUserState.INACTIVE:
        people = people.exclude(Exists(_find_successors()))
    name, email = fold_key(search), fold_email(search.strip())
    scans = {"name_key": name, "last_name_key": name, "email_key": email} if name else {"name_key": ""}
    return _list(directory, people, scans, after)


def list_groups(directory: int, *, search: str = "", after: str = "") -> ListPage[DirectoryGroup]:
    """A page of a directory's groups, by name."""
    groups = DirectoryGroup.objects.filter(
        directory=directory, state=DirectoryGroupState.ACTIVE, is_announced=True
    )
    return _list(directory, groups, {"name_key": fold_key(search)}, after)


def list_memberships(user: DirectoryUser) -> list[DirectoryMembership]:
    """The groups that the person is in, or returns to."""
    memberships = DirectoryMembership.objects.of_existing_groups().filter(user=user)
    return list(memberships.select_related("group").order_by("group__name_key", "group_id")[:MAX_GROUPS])


def list_former_rows(user: DirectoryUser) -> list[DirectoryUser]:
    """Other rows of the same person at the identity provider, who left and returned with a new id."""
    if not user.idp_id:
        return []
    return list(
        DirectoryUser.objects.filter(directory=user.directory_id, idp_id=user.idp_id, is_announced=True)
        .exclude(pk=user.pk)
        .order_by("-as_of", "-pk")
    )


def _find_successors() -> QuerySet[DirectoryUser]:
    """For a deactivated row: later rows of the same person. An empty `idp_id` recognizes nobody."""
    is_later = (
        Q(state=DirectoryUserState.ACTIVE)
        | Q(as_of__gt=OuterRef("as_of"))
        | Q(as_of=OuterRef("as_of"), pk__gt=OuterRef("pk"))
    )
    same = {"directory": OuterRef("directory"), "idp_id": OuterRef("idp_id"), "is_announced": True}
    return DirectoryUser.objects.filter(is_later, **same).exclude(idp_id="").exclude(pk=OuterRef("pk"))


def _list(directory: int, rows: QuerySet[Row], scans: dict[str, str], after: str) -> ListPage[Row]:
    """`scans`: columns, each with the beginning of what is wanted. `after`: `1.4711`, a scan and a row."""
    first, start = _parse_cursor(after, directory, rows, len(scans))
    columns = list(scans)
    found: list[Row] = []
    for number in range(first, len(columns)):
        scan = _scan(rows, scans, columns[: number + 1])
        if start is not None and number == first:
            scan = scan.filter(_follows(columns[number], start))
        found += scan[: PAGE_SIZE + 1 - len(found)]
        if len(found) > PAGE_SIZE:
            last = found[PAGE_SIZE - 1]
            return ListPage(found[:PAGE_SIZE], f"{_find_scan(last, scans)}.{last.pk}")
    return ListPage(found, "")


def _scan(rows: QuerySet[Row], scans: dict[str, str], columns: list[str]) -> QuerySet[Row]:
    """What the last of these columns finds, and the columns before it do not."""
    *earlier, column = columns
    for one in earlier:
        rows = rows.exclude(_begins(one, scans[one]))
    rows = rows.filter(_begins(column, scans[column]))
    if column != "name_key":
        # The condition of its index.
        rows = rows.exclude(**{column: ""})
    return rows.order_by(column, "pk")


def _follows(column: str, start: Row) -> Q:
    key = getattr(start, column)
    # The first condition is for the index.
    return Q(**{f"{column}__gte": key}) & (
        Q(**{f"{column}__gt": key}) | Q(**{column: key, "pk__gt": start.pk})
    )


def _begins(column: str, text: str) -> Q:
    return Q(**{f"{column}__gte": text, f"{column}__lt": text + _LAST}) if text else Q()


def _find_scan(row: Row, scans: dict[str, str]) -> int:
    """The scan that shows this row: the first that finds it."""
    return next(
        number for number, (column, text) in enumerate(scans.items()) if getattr(row, column).startswith(text)
    )


def _parse_cursor(after: str, directory: int, rows: QuerySet[Row], scans: int) -> tuple[int, Row | None]:
    """The scan and the row to go on after. What is no cursor begins at the start: it may have been typed."""
    number, _, pk = after.partition(".")
    if not (number.isdecimal() and pk.isdecimal() and len(after) <= 20 and int(number) < scans):
        return 0, None
    # In whatever state: it may have changed since.
    row = rows.model._default_manager.filter(directory=directory, pk=int(pk)).first()
    return (int(number), row) if row else (0, None)
