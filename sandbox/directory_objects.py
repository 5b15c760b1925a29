"""Find people and groups by id. A customer's own ids are unique within a directory only."""

from sandbox import errors
from sandbox.models import DirectoryGroup, DirectoryUser, get_directory_key
from sandbox.store import Store


def _list_keys(store: Store, prefix: str, object_id: str, directory_id: str | None) -> dict[str, None]:
    owners = [directory_id] if directory_id else [row.id for row in store.directories]
    return dict.fromkeys(get_directory_key(prefix, owner, object_id) for owner in owners)


def find_user(store: Store, user_id: str, directory_id: str | None = None) -> DirectoryUser | None:
    """The person with this id: of a directory, or the first one of all directories."""
    found = map(store.users.get, _list_keys(store, DirectoryUser.ID_PREFIX, user_id, directory_id))
    return next((row for row in found if row and directory_id in {None, row.directory_id}), None)


def find_group(store: Store, group_id: str, directory_id: str | None = None) -> DirectoryGroup | None:
    """The group with this id: of a directory, or the first one of all directories."""
    found = map(store.groups.get, _list_keys(store, DirectoryGroup.ID_PREFIX, group_id, directory_id))
    return next((row for row in found if row and directory_id in {None, row.directory_id}), None)


def get_user(store: Store, user_id: str, directory_id: str | None = None) -> DirectoryUser:
    """Raises 404."""
    user = find_user(store, user_id, directory_id)
    if user is None:
        raise errors.not_found("Directory user", user_id)
    return user


def get_group(store: Store, group_id: str, directory_id: str | None = None) -> DirectoryGroup:
    """Raises 404."""
    group = find_group(store, group_id, directory_id)
    if group is None:
        raise errors.not_found("Directory group", group_id)
    return group
