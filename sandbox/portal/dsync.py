"""Directory Sync: choose a provider, copy the endpoint and the token, get the first users."""

from aiohttp import web

from sandbox import directories, directory_groups, directory_users, parameters
from sandbox.models import Directory
from sandbox.portal.providers import DIRECTORY_PROVIDERS, get_directory_provider
from sandbox.portal.sessions import OpenSession, require_session, routes

STATE_LABELS = {
    "validating": "Waiting for the provider",
    "linked": "Active",
    "unlinked": "Not connected",
    "invalid_credentials": "The provider refuses us",
}
FIRST_USER_COUNT = 3


def _get_own_directory(request: web.Request, session: OpenSession) -> Directory:
    found = session.store.directories.get(request.match_info["id"])
    if found is None or found.organization_id != session.organization.id:
        raise session.redirect_to("dsync")
    return found


@routes.get("/portal/{token}/dsync")
@require_session("dsync")
async def show_directories(request: web.Request, session: OpenSession) -> web.StreamResponse:
    rows = session.store.directories.filter(organization_id=session.organization.id)
    if rows and "add" not in request.query:
        shown = [
            (row, get_directory_provider(row.type), STATE_LABELS.get(row.state, row.state)) for row in rows
        ]
        return session.render_page("dsync_list.html", intent="dsync", rows=shown)
    return session.render_page(
        "choose.html", intent="dsync", providers=DIRECTORY_PROVIDERS, error=None, step=1
    )


@routes.post("/portal/{token}/dsync")
@require_session("dsync")
async def choose_provider(request: web.Request, session: OpenSession) -> web.StreamResponse:
    type_ = (await parameters.parse_form(request)).get("provider")
    provider = next((item for item in DIRECTORY_PROVIDERS if item.type == type_), None)
    if provider is None:
        return session.render_page(
            "choose.html",
            intent="dsync",
            providers=DIRECTORY_PROVIDERS,
            error="Choose your directory provider first.",
            step=1,
            status=422,
        )
    name = f"{session.organization.name} {provider.name}"
    directory = directories.create_directory(session.store, session.organization.id, provider.type, name)
    raise session.redirect_to(f"dsync/{directory.id}")


@routes.get("/portal/{token}/dsync/{id}")
@require_session("dsync")
async def show_directory(request: web.Request, session: OpenSession) -> web.StreamResponse:
    directory = _get_own_directory(request, session)
    provider = get_directory_provider(directory.type)
    endpoint = f"{session.store.public_url}/scim/v2.0/{directory.external_key}"
    linked = directory.state == "linked"
    return session.render_page(
        "dsync_active.html" if linked else "dsync_details.html",
        intent="dsync",
        directory=directory,
        provider=provider,
        endpoint=endpoint,
        has_token=provider.type != "gsuite directory",
        failed=directory.state == "invalid_credentials",
        users=session.store.users.count("directory_id", directory.id),
        groups=session.store.groups.count("directory_id", directory.id),
        step=3 if linked else 2,
    )


@routes.post("/portal/{token}/dsync/{id}/test")
@require_session("dsync")
async def submit_test(request: web.Request, session: OpenSession) -> web.StreamResponse:
    directory = _get_own_directory(request, session)
    if (await parameters.parse_form(request)).get("outcome") == "failure":
        directories.set_directory_state(session.store, directory, "invalid_credentials")
        raise session.redirect_to(f"dsync/{directory.id}")
    if directory.state != "linked":
        linked = directories.activate_directory(session.store, directory)
        _run_first_sync(session, linked)
    raise session.redirect_to(f"dsync/{directory.id}")


def _run_first_sync(session: OpenSession, directory: Directory) -> None:
    """Create what a provider sends first: a group with a few users."""
    if session.store.users.count("directory_id", directory.id):
        return
    group = directory_groups.create_group(session.store, directory, "Everyone")
    for _ in range(FIRST_USER_COUNT):
        user = directory_users.create_user(session.store, directory)
        directory_groups.add_group_member(session.store, group, user)


@routes.post("/portal/{token}/dsync/{id}/remove")
@require_session("dsync")
async def remove_directory(request: web.Request, session: OpenSession) -> web.StreamResponse:
    directories.delete_directory(session.store, _get_own_directory(request, session), source="admin_portal")
    raise session.redirect_to("dsync")
