"""Setup links: the 30-day links that WorkOS mails to IT contacts, and WorkOS's API for them."""

from aiohttp import web

from sandbox import errors, organizations, parameters, portal_links
from sandbox.app_keys import api_routes, get_store
from sandbox.it_contacts import get_requested_contact
from sandbox.models import Mail, PortalLink
from sandbox.store import Store

LIFETIME_SECONDS = 30 * 86_400
# Invitations have other names for the intents than Portal Links.
INTENTS = {
    "sso": "sso",
    "directory_sync": "dsync",
    "log_streams": "log_streams",
    "domain_verification": "domain_verification",
    "bring_your_own_key": "bring_your_own_key",
}


def _list_active_links(store: Store, organization_id: str) -> list[PortalLink]:
    """The organization's setup links that have neither expired nor been revoked."""
    now = store.clock.now()
    return [
        link
        for link in store.links.filter(organization_id=organization_id, revoked=False)
        if link.contact_id is not None and link.expires_at > now
    ]


@api_routes.post("/organizations/{id}/it_contacts/{contact_id}/invite")
async def invite_contact_view(request: web.Request) -> web.Response:
    """Create a setup link and the mail with it. Raises 422, and 409 if the organization has one already."""
    store = get_store(request)
    contact = get_requested_contact(request)
    intents = parameters.require_text_list(await parameters.parse_body(request), "intents")
    unknown = [name for name in intents if name not in INTENTS]
    if unknown or not intents:
        message = f"intents must be some of {', '.join(INTENTS)}."
        raise errors.invalid_parameter("intents", "invalid", message)
    if _list_active_links(store, contact.organization_id):
        raise errors.conflict("The organization already has an active invitation.")
    link = portal_links.create_link(
        store,
        contact.organization_id,
        tuple(INTENTS[name] for name in dict.fromkeys(intents)),
        seconds=LIFETIME_SECONDS,
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


@api_routes.post("/organizations/{id}/it_contacts/{contact_id}/revoke")
async def revoke_invitation_view(request: web.Request) -> web.Response:
    store = get_store(request)
    contact = get_requested_contact(request)
    active = _list_active_links(store, contact.organization_id)
    if not active:
        raise errors.not_found("Invitation", contact.id)
    for link in active:
        portal_links.revoke_link(store, link)
    return web.Response(status=204)
