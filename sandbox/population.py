"""Large directories: many people in many groups, created in steps."""

from collections.abc import Iterator
from itertools import islice

from sandbox import directory_groups, directory_users
from sandbox.models import Directory, DirectoryGroup, Member
from sandbox.store import Store

# So many people between two steps.
STEP = 500
MAX_GROUPS = 100


def fill_directory(
    store: Store, directory: Directory, *, count: int, groups: int, groups_per_person: int, announced: bool
) -> Iterator[None]:
    """Create `count` people, spread over the first `groups` groups, which are created if there are fewer."""
    chosen = list(islice(store.groups.iterate(within=("directory_id", directory.id)), groups))
    chosen += [
        directory_groups.create_group(store, directory, f"Group {number}", announced=announced)
        for number in range(len(chosen) + 1, groups + 1)
    ]
    first = store.users.count("directory_id", directory.id)
    for number in range(count):
        _add_person(store, directory, _choose_groups(chosen, first + number, groups_per_person), announced)
        if number % STEP == STEP - 1:
            yield
    yield


def _choose_groups(groups: list[DirectoryGroup], number: int, size: int) -> list[DirectoryGroup]:
    """`size` groups for the person with this number: next to each other, so that each is large."""
    start = number * size
    return [groups[(start + offset) % len(groups)] for offset in range(size)]


def _add_person(store: Store, directory: Directory, groups: list[DirectoryGroup], announced: bool) -> None:
    user = directory_users.create_user(
        store, directory, group_keys=tuple([group.key for group in groups]), announced=announced
    )
    if announced:
        for group in groups:
            directory_groups.emit_group_event(store, "user_added", group, Member(user, group))
