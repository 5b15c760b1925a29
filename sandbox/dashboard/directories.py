"""The page of a directory: its people and groups, and the forms that change them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from sandbox import directories, directory_groups, directory_users, errors, parameters
from sandbox.app_keys import dashboard_routes, get_store
from sandbox.dashboard.listings import list_rows
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import render_dashboard_page
from sandbox.directory_objects import get_group, get_user
from sandbox.models import Directory, DirectoryGroup, DirectoryUser
from sandbox.store import Store

PERSON_FIELDS = {
    "first_name": "First name",
    "last_name": "Last name",
    "email": "Email",
    "job_title": "Job title",
}


@dashboard_routes.get("/_sandbox/dashboard/directories/{id}")
async def show_directory(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = _get_directory(request)
    all_groups = store.groups.filter(directory_id=directory.id)
    groups = list_rows(request, all_groups, parameter="groups")
    people = list_rows(request, store.users.iterate(within=("directory_id", directory.id)))
    return render_dashboard_page(
        request,
        "directory.html",
        "overview",
        directory=directory,
        organization=store.organizations.get(directory.organization_id),
        people=people,
        people_count=store.users.count("directory_id", directory.id),
        groups=groups,
        members={
            group.key: list_rows(
                request,
                store.users.iterate(within=("group_key", group.key)),
                parameter=f"members-{group.id}",
            )
            for group in groups.rows
        },
        outsiders={
            group.key: [user for user in people.rows if group.key not in user.group_keys]
            for group in groups.rows
        },
        groups_count=len(all_groups),
        fields=PERSON_FIELDS,
        get_name=_get_name,
    )


def _get_directory(request: web.Request) -> Directory:
    return directories.get_directory(get_store(request), request.match_info["id"])


def _get_name(user: DirectoryUser) -> str:
    """What the page calls the person: the address, or the id of a person without one."""
    return user.email or user.id


@dataclass(frozen=True, slots=True)
class Change:
    """A submitted form: what to do in which directory."""

    store: Store
    directory: Directory
    action: str
    form: dict[str, str]

    def get_user(self) -> DirectoryUser:
        """Raises 404."""
        return get_user(self.store, self.form.get("user_id", ""), self.directory.id)

    def get_group(self) -> DirectoryGroup:
        """Raises 404."""
        return get_group(self.store, self.form.get("group_id", ""), self.directory.id)


@dashboard_routes.post(
    "/_sandbox/dashboard/directories/{id}/people/{action:add|save|deactivate|return|renew|reassign|remove}"
)
async def submit_person_action(request: web.Request) -> web.Response:
    """`add` a person, or change the person `user_id`.

    `renew` is a return with a new id; `reassign` gives the address to a new person.
    """
    raise await _apply(request, _change_people)


@dashboard_routes.post(
    "/_sandbox/dashboard/directories/{id}/groups/{action:add|rename|remove|add_member|remove_member}"
)
async def submit_group_action(request: web.Request) -> web.Response:
    """`add` a group, or change the group `group_id`. With `partial`, a member's event has only an id."""
    raise await _apply(request, _change_groups)


async def _apply(request: web.Request, apply: Callable[[Change], str]) -> web.HTTPSeeOther:
    """Make the change, and redirect with a message that names the events it sent, or the problem."""
    store, directory = get_store(request), _get_directory(request)
    form = await parameters.parse_form(request)
    path, sent = f"dashboard/directories/{directory.id}", store.events.added
    try:
        text = apply(Change(store, directory, request.match_info["action"], form))
    except errors.ApiError as error:
        return redirect_with_message(request, path, errors.describe(error), "bad")
    return redirect_with_message(request, path, f"{text} {_describe_events(store, sent)}")


def _describe_events(store: Store, before: int) -> str:
    """The events that were sent after the first `before`, oldest first."""
    latest = list(islice(store.events.iterate(backwards=True), store.events.added - before))
    if not latest:
        return "No event was sent."
    counts = Counter(event.event for event in reversed(latest))
    return f"Sent {', then '.join(f'{name} ({n})' if n > 1 else name for name, n in counts.items())}."


def _change_people(change: Change) -> str:
    """Returns the message, without the events."""
    store = change.store
    if change.action == "add":
        return _add_person(change)
    user = change.get_user()
    name = _get_name(user)
    match change.action:
        case "save":
            # Any field may be null, which WorkOS allows.
            values = {field: change.form[field] or None for field in PERSON_FIELDS if field in change.form}
            _parse_email(values)
            return f"Saved {_get_name(directory_users.update_user(store, user, **values))}."
        case "deactivate":
            directory_users.deactivate_user(store, user)
            return f"{name} is now inactive."
        case "return":
            directory_users.reactivate_user(store, user)
            return f"{name} is active again."
        case "renew":
            return f"{name} returned with the id {directory_users.return_with_new_id(store, user).id}."
        case "reassign":
            new = directory_users.reassign_address(store, user, {})
            return f"{name} is now the address of {new.first_name} {new.last_name}."
    directory_users.delete_user(store, user)
    return f"Removed {name}."


def _parse_email(values: dict[str, str | None]) -> None:
    """Check the address, if there is one. Raises 422."""
    if values.get("email"):
        values["email"] = parameters.require_email(values, "email").lower()


def _add_person(change: Change) -> str:
    """Add a person, with invented data for what is empty. Returns the message, without the events."""
    store, directory, form = change.store, change.directory, change.form
    values: dict[str, str | None] = {
        name: form[name] for name in ("id", "idp_id", *PERSON_FIELDS) if form.get(name)
    }
    _parse_email(values)
    if not form.get("group_id"):
        if "before_user" in form or "partial" in form:
            raise errors.invalid_parameter("group_id", "required", "Choose a group for the membership.")
        return f"Added {_get_name(directory_users.create_user(store, directory, values))}."
    group, partial = change.get_group(), "partial" in form
    if "before_user" in form:
        user = directory_users.create_user_after_membership(store, directory, group, values, partial=partial)
    else:
        user = directory_users.create_user(store, directory, values)
        directory_groups.add_group_member(store, group, user, partial=partial)
    return f"Added {_get_name(user)} to {group.name}."


def _change_groups(change: Change) -> str:
    """Returns the message, without the events."""
    store, form = change.store, change.form
    if change.action == "add":
        name = form.get("name") or "New group"
        directory_groups.create_group(store, change.directory, name, group_id=form.get("id") or None)
        return f"Added the group {name}."
    group = change.get_group()
    match change.action:
        case "rename":
            name = form.get("name") or group.name
            directory_groups.rename_group(store, group, name)
            return f"The group is now called {name}."
        case "remove":
            directory_groups.delete_group(store, group)
            return f"Removed the group {group.name}."
    user, partial = change.get_user(), "partial" in form
    if change.action == "add_member":
        directory_groups.add_group_member(store, group, user, partial=partial)
        return f"{_get_name(user)} is in {group.name}."
    directory_groups.remove_group_member(store, group, user, partial=partial)
    return f"{_get_name(user)} is no longer in {group.name}."
