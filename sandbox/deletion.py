"""An organization's end, and what goes with it."""

from aiohttp import web

from sandbox import connections, directories, domains
from sandbox.app_keys import routes, world_of
from sandbox.models import Organization
from sandbox.organizations import as_json
from sandbox.store import World


def delete_organization(world: World, organization: Organization, *, source: str = "api") -> None:
    """Everything of the organization's goes; a switch decides whether its children's ends are told."""
    last_seen = as_json(world, organization)
    silent = not world.switches.cascade_deletions
    owned = organization.id
    for connection in world.connections.where(organization_id=owned):
        connections.delete(world, connection, source=source, silent=silent)
    for directory in world.directories.where(organization_id=owned):
        directories.delete(world, directory, source=source, silent=silent)
    for domain in domains.of(world, owned):
        if silent:
            world.domains.drop(domain.id)
        else:
            domains.drop(world, domain, source=source)
    for link in world.links.where(organization_id=owned):
        world.links.put(world.changed(link, revoked=True))
    for contact in world.contacts.where(organization_id=owned):
        world.contacts.drop(contact.id)
    for destination in world.destinations.where(organization_id=owned):
        world.destinations.drop(destination.id)
    world.organizations.drop(owned)
    world.emit("organization.deleted", last_seen, organization_id=owned, source=source)


@routes.delete("/organizations/{id}")
async def delete_view(request: web.Request) -> web.Response:
    world = world_of(request)
    organization = world.organizations.get(request.match_info["id"])
    # The published schema knows no 404 here: deleting what is gone is accepted again.
    if organization is not None:
        delete_organization(world, organization)
    return web.Response(status=202)
