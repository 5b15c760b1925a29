"""IT contacts, and the 30-day set-up links that WorkOS mails them."""

from aiohttp import web

from sandbox import errors, organizations, parameters, portal_links
from sandbox.app_keys import routes, world_of
from sandbox.models import ItContact, Mail, PortalLink
from sandbox.store import World

SETUP_LINK_SECONDS = 30 * 86_400
# Spelled as the invitation spells them; the portal's own words are those of Portal Links.
INVITE_INTENTS = {
    "sso": "sso",
    "directory_sync": "dsync",
    "log_streams": "log_streams",
    "domain_verification": "domain_verification",
    "bring_your_own_key": "bring_your_own_key",
}


def _find(request: web.Request) -> tuple[World, ItContact]:
    world = world_of(request)
    organization = organizations.find(world, request.match_info["id"])
    contact = world.contacts.get(request.match_info["contact_id"])
    if contact is None or contact.organization_id != organization.id:
        raise errors.not_found("IT contact", request.match_info["contact_id"])
    return world, contact


def _invitations(world: World, organization_id: str) -> list[PortalLink]:
    """The organization's set-up links that still open."""
    now = world.clock.now()
    return [
        link
        for link in world.links.where(organization_id=organization_id, revoked=False)
        if link.contact_id is not None and link.expires_at > now
    ]


@routes.get("/organizations/{id}/it_contacts")
async def list_view(request: web.Request) -> web.Response:
    world = world_of(request)
    organization = organizations.find(world, request.match_info["id"])
    rows = world.contacts.where(organization_id=organization.id)
    return web.json_response(
        {
            "object": "list",
            "data": [row.as_json() for row in rows],
            "list_metadata": {"before": None, "after": None},
        }
    )


@routes.post("/organizations/{id}/it_contacts")
async def create_view(request: web.Request) -> web.Response:
    world = world_of(request)
    organization = organizations.find(world, request.match_info["id"])
    email = parameters.email(await parameters.body(request), "email")
    if world.contacts.where(organization_id=organization.id, email=email):
        raise errors.conflict("An IT contact with this email already exists.")
    contact = world.contacts.put(
        ItContact(
            id=world.ids.new("it_contact"), organization_id=organization.id, email=email, **world.born()
        )
    )
    return web.json_response(contact.as_json(), status=201)


@routes.delete("/organizations/{id}/it_contacts/{contact_id}")
async def delete_view(request: web.Request) -> web.Response:
    world, contact = _find(request)
    for link in world.links.where(contact_id=contact.id):
        portal_links.revoke(world, link)
    world.contacts.drop(contact.id)
    return web.Response(status=204)


@routes.post("/organizations/{id}/it_contacts/{contact_id}/invite")
async def invite_view(request: web.Request) -> web.Response:
    world, contact = _find(request)
    intents = parameters.texts(await parameters.body(request), "intents")
    unknown = [name for name in intents if name not in INVITE_INTENTS]
    if unknown or not intents:
        raise errors.invalid("intents", "invalid", f"intents must be some of {', '.join(INVITE_INTENTS)}.")
    if _invitations(world, contact.organization_id):
        raise errors.conflict("The organization already has an active invitation.")
    link = portal_links.create(
        world,
        contact.organization_id,
        tuple(INVITE_INTENTS[name] for name in dict.fromkeys(intents)),
        seconds=SETUP_LINK_SECONDS,
        contact_id=contact.id,
    )
    organization = organizations.find(world, contact.organization_id)
    world.mails.put(
        Mail(
            id=world.ids.new("mail"),
            to=contact.email,
            subject=f"Set up {organization.name}",
            link=portal_links.address(world, link),
            **world.born(),
        )
    )
    return web.Response(status=204)


@routes.post("/organizations/{id}/it_contacts/{contact_id}/revoke")
async def revoke_view(request: web.Request) -> web.Response:
    world, contact = _find(request)
    active = _invitations(world, contact.organization_id)
    if not active:
        raise errors.not_found("Invitation", contact.id)
    for link in active:
        portal_links.revoke(world, link)
    return web.Response(status=204)
