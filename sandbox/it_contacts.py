"""IT contacts, and WorkOS's API for them."""

from aiohttp import web

from sandbox import errors, organizations, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.models import ItContact
from sandbox.store import Store


def create_contact(store: Store, organization_id: str, email: str) -> ItContact:
    return store.contacts.put(
        ItContact(
            id=store.ids.new_id("it_contact"),
            organization_id=organization_id,
            email=email,
            **store.new_timestamps(),
        )
    )


def get_requested_contact(request: web.Request) -> ItContact:
    """The IT contact that the URL names. Raises 404."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    contact = store.contacts.get(request.match_info["contact_id"])
    if contact is None or contact.organization_id != organization.id:
        raise errors.not_found("IT contact", request.match_info["contact_id"])
    return contact


@api_routes.get("/organizations/{id}/it_contacts")
async def list_contacts_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    rows = store.contacts.filter(organization_id=organization.id)
    return web.json_response(
        {
            "object": "list",
            "data": [row.to_json() for row in rows],
            "list_metadata": {"before": None, "after": None},
        }
    )


@api_routes.post("/organizations/{id}/it_contacts")
async def create_contact_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    email = parameters.require_email(await parameters.parse_body(request), "email")
    if store.contacts.filter(organization_id=organization.id, email=email):
        raise errors.conflict("An IT contact with this email already exists.")
    return web.json_response(create_contact(store, organization.id, email).to_json(), status=201)


@api_routes.delete("/organizations/{id}/it_contacts/{contact_id}")
async def delete_contact_view(request: web.Request) -> web.Response:
    """Delete the contact and revoke its setup links."""
    store = get_store(request)
    contact = get_requested_contact(request)
    for link in store.links.filter(contact_id=contact.id):
        store.links.put(store.with_changes(link, revoked=True))
    store.contacts.delete(contact.id)
    return web.Response(status=204)
