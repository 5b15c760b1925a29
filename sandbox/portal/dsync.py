"""Directory Sync: choose a provider, copy an endpoint and a token, see the first people arrive."""

from aiohttp import web

from sandbox import directories
from sandbox.models import Directory
from sandbox.portal.providers import DIRECTORY_PROVIDERS, directory_provider
from sandbox.portal.sessions import Visit, answers, routes, visiting

SAYS = {
    "validating": "Waiting for the provider",
    "linked": "Active",
    "unlinked": "Not connected",
    "invalid_credentials": "The provider refuses us",
}
FIRST_USERS = 3


def _mine(request: web.Request, visit: Visit) -> Directory:
    found = visit.world.directories.get(request.match_info["id"])
    if found is None or found.organization_id != visit.organization.id:
        raise visit.to("dsync")
    return found


@routes.get("/portal/{token}/dsync")
@visiting("dsync")
async def choose(request: web.Request, visit: Visit) -> web.StreamResponse:
    rows = visit.world.directories.where(organization_id=visit.organization.id)
    if rows and "add" not in request.query:
        shown = [(row, directory_provider(row.type), SAYS.get(row.state, row.state)) for row in rows]
        return visit.page("dsync_list.html", intent="dsync", rows=shown)
    return visit.page("choose.html", intent="dsync", providers=DIRECTORY_PROVIDERS, error=None, step=1)


@routes.post("/portal/{token}/dsync")
@visiting("dsync")
async def chosen(request: web.Request, visit: Visit) -> web.StreamResponse:
    wanted = (await answers(request)).get("provider")
    provider = next((item for item in DIRECTORY_PROVIDERS if item.type == wanted), None)
    if provider is None:
        return visit.page(
            "choose.html",
            intent="dsync",
            providers=DIRECTORY_PROVIDERS,
            error="Choose your directory provider first.",
            step=1,
            status=422,
        )
    name = f"{visit.organization.name} {provider.name}"
    directory = directories.prepare(visit.world, visit.organization.id, provider.type, name)
    raise visit.to(f"dsync/{directory.id}")


@routes.get("/portal/{token}/dsync/{id}")
@visiting("dsync")
async def directory_page(request: web.Request, visit: Visit) -> web.StreamResponse:
    directory = _mine(request, visit)
    provider = directory_provider(directory.type)
    endpoint = f"{visit.world.public_url}/scim/v2.0/{directory.external_key}"
    linked = directory.state == "linked"
    return visit.page(
        "dsync_active.html" if linked else "dsync_details.html",
        intent="dsync",
        directory=directory,
        provider=provider,
        endpoint=endpoint,
        by_token=provider.type != "gsuite directory",
        failed=directory.state == "invalid_credentials",
        users=len(visit.world.users.where(directory_id=directory.id)),
        groups=len(visit.world.groups.where(directory_id=directory.id)),
        step=3 if linked else 2,
    )


@routes.post("/portal/{token}/dsync/{id}/test")
@visiting("dsync")
async def tested(request: web.Request, visit: Visit) -> web.StreamResponse:
    directory = _mine(request, visit)
    if (await answers(request)).get("outcome") == "failure":
        directories.set_state(visit.world, directory, "invalid_credentials")
        raise visit.to(f"dsync/{directory.id}")
    if directory.state != "linked":
        linked = directories.activate(visit.world, directory)
        first_sync(visit, linked)
    raise visit.to(f"dsync/{directory.id}")


def first_sync(visit: Visit, directory: Directory) -> None:
    """What a provider sends at once: a group and a few people in it."""
    if visit.world.users.where(directory_id=directory.id):
        return
    group = directories.add_group(visit.world, directory, "Everyone")
    for _ in range(FIRST_USERS):
        group = directories.add_to_group(visit.world, group, directories.add_user(visit.world, directory))


@routes.post("/portal/{token}/dsync/{id}/remove")
@visiting("dsync")
async def removed(request: web.Request, visit: Visit) -> web.StreamResponse:
    directories.delete(visit.world, _mine(request, visit), source="admin_portal")
    raise visit.to("dsync")
