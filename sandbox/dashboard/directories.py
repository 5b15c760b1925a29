"""The page of a directory: its people and groups, and the forms that change them."""

from aiohttp import web

from sandbox import directories, directory_groups, directory_users, parameters
from sandbox.app_keys import dashboard_routes, get_store
from sandbox.dashboard.listings import list_rows
from sandbox.dashboard.messages import redirect_with_message
from sandbox.dashboard.pages import render_dashboard_page
from sandbox.directory_objects import get_group, get_user
from sandbox.models import Directory, DirectoryGroup, DirectoryUser

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
    return render_dashboard_page(
        request,
        "directory.html",
        "overview",
        directory=directory,
        organization=store.organizations.get(directory.organization_id),
        people=list_rows(request, store.users.iterate(within=("directory_id", directory.id))),
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
        groups_count=len(all_groups),
        fields=PERSON_FIELDS,
    )


def _get_directory(request: web.Request) -> Directory:
    return directories.get_directory(get_store(request), request.match_info["id"])


def _get_person(request: web.Request, directory: Directory, user_id: str) -> DirectoryUser:
    return get_user(get_store(request), user_id, directory.id)


def _get_group(request: web.Request, directory: Directory) -> DirectoryGroup:
    return get_group(get_store(request), request.match_info["group"], directory.id)


def _redirect(request: web.Request, directory: Directory, text: str) -> web.HTTPSeeOther:
    return redirect_with_message(request, f"dashboard/directories/{directory.id}", text)


def _parse_person(form: dict[str, str]) -> dict[str, str]:
    """What the form fills in. Raises 422 for an address that is none."""
    values = {name: form[name] for name in PERSON_FIELDS if form.get(name)}
    if "email" in values:
        values["email"] = parameters.require_email(values, "email").lower()
    return values


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/people")
async def submit_person(request: web.Request) -> web.Response:
    directory = _get_directory(request)
    values = _parse_person(await parameters.parse_form(request))
    user = directory_users.create_user(get_store(request), directory, values)
    raise _redirect(request, directory, f"Added {user.email}. Sent dsync.user.created.")


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/people/{user}/{action:save|switch|delete}")
async def submit_person_action(request: web.Request) -> web.Response:
    """`save` the form's fields, `switch` between active and inactive, or `delete`."""
    store, directory = get_store(request), _get_directory(request)
    user = _get_person(request, directory, request.match_info["user"])
    match request.match_info["action"]:
        case "save":
            values = _parse_person(await parameters.parse_form(request))
            user = directory_users.update_user(store, user, **values)
            raise _redirect(request, directory, f"Saved {user.email}. Sent dsync.user.updated.")
        case "switch":
            state = "inactive" if user.state == "active" else "active"
            user = directory_users.update_user(store, user, state=state)
            raise _redirect(request, directory, f"{user.email} is now {state}. Sent dsync.user.updated.")
    directory_users.delete_user(store, user)
    raise _redirect(request, directory, f"Removed {user.email}. Sent dsync.user.deleted.")


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/groups")
async def submit_group(request: web.Request) -> web.Response:
    directory = _get_directory(request)
    name = (await parameters.parse_form(request)).get("name") or "New group"
    directory_groups.create_group(get_store(request), directory, name)
    raise _redirect(request, directory, f"Added the group {name}. Sent dsync.group.created.")


@dashboard_routes.post(
    "/_sandbox/dashboard/directories/{id}/groups/{group}/{action:rename|delete|add|remove}"
)
async def submit_group_action(request: web.Request) -> web.Response:
    """`rename` (`name`) or `delete` the group, `add` or `remove` the person `user_id`."""
    store, directory = get_store(request), _get_directory(request)
    group, form = _get_group(request, directory), await parameters.parse_form(request)
    action = request.match_info["action"]
    if action == "rename":
        name = form.get("name") or group.name
        directory_groups.rename_group(store, group, name)
        raise _redirect(request, directory, f"The group is now called {name}. Sent dsync.group.updated.")
    if action == "delete":
        directory_groups.delete_group(store, group)
        raise _redirect(request, directory, f"Removed the group {group.name}. Sent dsync.group.deleted.")
    user = _get_person(request, directory, form.get("user_id", ""))
    if action == "add":
        if group.key in user.group_keys:
            raise _redirect(request, directory, f"{user.email} is already in {group.name}.")
        directory_groups.add_group_member(store, group, user)
        text = f"Added {user.email} to {group.name}. Sent dsync.group.user_added."
        raise _redirect(request, directory, text)
    directory_groups.remove_group_member(store, group, user)
    text = f"Removed {user.email} from {group.name}. Sent dsync.group.user_removed."
    raise _redirect(request, directory, text)
