"""An organization's end, and what goes with it."""

from aiohttp import web

from sandbox import connections, directories, domains
from sandbox.app_keys import get_store, routes
from sandbox.models import Organization
from sandbox.organizations import serialize_organization
from sandbox.store import Store


def delete_organization(store: Store, organization: Organization, *, source: str = "api") -> None:
    """Everything of the organization's goes; a switch decides whether its children's ends are told."""
    last_seen = serialize_organization(store, organization)
    silent = not store.switches.cascade_deletions
    owned = organization.id
    for connection in store.connections.filter(organization_id=owned):
        connections.delete_connection(store, connection, source=source, silent=silent)
    for directory in store.directories.filter(organization_id=owned):
        directories.delete_directory(store, directory, source=source, silent=silent)
    for domain in domains.list_domains(store, owned):
        if silent:
            store.domains.delete(domain.id)
        else:
            domains.delete_domain(store, domain, source=source)
    for link in store.links.filter(organization_id=owned):
        store.links.put(store.with_changes(link, revoked=True))
    for contact in store.contacts.filter(organization_id=owned):
        store.contacts.delete(contact.id)
    for destination in store.destinations.filter(organization_id=owned):
        store.destinations.delete(destination.id)
    store.organizations.delete(owned)
    store.emit_event("organization.deleted", last_seen, organization_id=owned, source=source)


@routes.delete("/organizations/{id}")
async def delete_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = store.organizations.get(request.match_info["id"])
    # The published schema knows no 404 here: deleting what is gone is accepted again.
    if organization is not None:
        delete_organization(store, organization)
    return web.Response(status=202)
