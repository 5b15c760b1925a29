"""IT contacts, and the 30-day set-up links that WorkOS mails them."""

from aiohttp import web

from sandbox import errors, organizations, parameters, portal_links
from sandbox.app_keys import get_store, routes
from sandbox.models import ItContact, Mail, PortalLink
from sandbox.store import Store

SETUP_LINK_SECONDS = 30 * 86_400
# Spelled as the invitation spells them; the portal's own words are those of Portal Links.
INVITE_INTENTS = {
    "sso": "sso",
    "directory_sync": "dsync",
    "log_streams": "log_streams",
    "domain_verification": "domain_verification",
    "bring_your_own_key": "bring_your_own_key",
}


def _get_contact(request: web.Request) -> tuple[Store, ItContact]:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    contact = store.contacts.get(request.match_info["contact_id"])
    if contact is None or contact.organization_id != organization.id:
        raise errors.not_found("IT contact", request.match_info["contact_id"])
    return store, contact


def _list_active_invitations(store: Store, organization_id: str) -> list[PortalLink]:
    """The organization's set-up links that still open."""
    now = store.clock.now()
    return [
        link
        for link in store.links.filter(organization_id=organization_id, revoked=False)
        if link.contact_id is not None and link.expires_at > now
    ]


@routes.get("/organizations/{id}/it_contacts")
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


@routes.post("/organizations/{id}/it_contacts")
async def create_contact_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    email = parameters.require_email(await parameters.parse_body(request), "email")
    if store.contacts.filter(organization_id=organization.id, email=email):
        raise errors.conflict("An IT contact with this email already exists.")
    contact = store.contacts.put(
        ItContact(
            id=store.ids.new_id("it_contact"),
            organization_id=organization.id,
            email=email,
            **store.new_timestamps(),
        )
    )
    return web.json_response(contact.to_json(), status=201)


@routes.delete("/organizations/{id}/it_contacts/{contact_id}")
async def delete_contact_view(request: web.Request) -> web.Response:
    store, contact = _get_contact(request)
    for link in store.links.filter(contact_id=contact.id):
        portal_links.revoke_link(store, link)
    store.contacts.delete(contact.id)
    return web.Response(status=204)


@routes.post("/organizations/{id}/it_contacts/{contact_id}/invite")
async def invite_contact_view(request: web.Request) -> web.Response:
    store, contact = _get_contact(request)
    intents = parameters.require_text_list(await parameters.parse_body(request), "intents")
    unknown = [name for name in intents if name not in INVITE_INTENTS]
    if unknown or not intents:
        raise errors.invalid_parameter(
            "intents", "invalid", f"intents must be some of {', '.join(INVITE_INTENTS)}."
        )
    if _list_active_invitations(store, contact.organization_id):
        raise errors.conflict("The organization already has an active invitation.")
    link = portal_links.create_link(
        store,
        contact.organization_id,
        tuple(INVITE_INTENTS[name] for name in dict.fromkeys(intents)),
        seconds=SETUP_LINK_SECONDS,
        contact_id=contact.id,
    )
    organization = organizations.get_organization(store, contact.organization_id)
    store.mails.put(
        Mail(
            id=store.ids.new_id("mail"),
            to=contact.email,
            subject=f"Set up {organization.name}",
            link=portal_links.build_link_url(store, link),
            **store.new_timestamps(),
        )
    )
    return web.Response(status=204)


@routes.post("/organizations/{id}/it_contacts/{contact_id}/revoke")
async def revoke_invitation_view(request: web.Request) -> web.Response:
    store, contact = _get_contact(request)
    active = _list_active_invitations(store, contact.organization_id)
    if not active:
        raise errors.not_found("Invitation", contact.id)
    for link in active:
        portal_links.revoke_link(store, link)
    return web.Response(status=204)
