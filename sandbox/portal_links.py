"""Portal Links: five minutes to open a door for one organization, and how they are taken back."""

import secrets
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox import errors, organizations, parameters
from sandbox.app_keys import routes, world_of
from sandbox.clock import iso
from sandbox.models import ItContact, PortalLink
from sandbox.store import World
from sandbox.webhook_endpoints import LOOPBACK

INTENTS = (
    "sso",
    "dsync",
    "audit_logs",
    "log_streams",
    "domain_verification",
    "certificate_renewal",
    "bring_your_own_key",
)
IT_CONTACT_EMAILS_MAX = 20


def create(
    world: World,
    organization_id: str,
    intents: tuple[str, ...],
    *,
    seconds: float | None = None,
    return_url: str | None = None,
    success_url: str | None = None,
    external_user_id: str | None = None,
    contact_id: str | None = None,
) -> PortalLink:
    life = world.switches.link_seconds if seconds is None else seconds
    return world.links.put(
        PortalLink(
            id=world.ids.new("portal_link"),
            secret=secrets.token_urlsafe(32),
            organization_id=organization_id,
            intents=intents,
            expires_at=iso(world.clock.now_ms() + round(life * 1000)),
            return_url=return_url,
            success_url=success_url,
            external_user_id=external_user_id,
            contact_id=contact_id,
            **world.born(),
        )
    )


def address(world: World, link: PortalLink) -> str:
    return f"{world.public_url}/portal/launch?secret={link.secret}"


def revoke(world: World, link: PortalLink) -> None:
    """The link opens nothing more, and every visit it opened is over."""
    world.links.put(world.changed(link, revoked=True))


def _back(values: dict[str, Any], name: str) -> str | None:
    url = parameters.optional_text(values, name)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.hostname and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        )
    except ValueError:
        sound = False
    if not sound:
        raise errors.invalid(name, "invalid_url", f"{name} must be an HTTPS URL (HTTP on loopback).")
    return url


@routes.post("/portal/generate_link")
async def generate_view(request: web.Request) -> web.Response:
    world = world_of(request)
    values = await parameters.body(request)
    organization_id = parameters.text(values, "organization")
    intent = parameters.optional_text(values, "intent")
    if intent is not None and intent not in INTENTS:
        raise errors.invalid("intent", "invalid", f"intent must be one of {', '.join(INTENTS)}.")
    return_url, success_url = _back(values, "return_url"), _back(values, "success_url")
    external_user_id = parameters.optional_text(values, "external_user_id")
    emails: list[str] = []
    if values.get("it_contact_emails") is not None:
        emails = [
            parameters.email({"it_contact_emails": item}, "it_contact_emails")
            for item in parameters.texts(values, "it_contact_emails")
        ]
    if len(emails) > IT_CONTACT_EMAILS_MAX:
        raise errors.invalid("it_contact_emails", "invalid", "it_contact_emails takes up to 20 addresses.")
    organization = world.organizations.get(organization_id)
    if organization is None:
        refusal = errors.not_found("Organization", organization_id)
        refusal.status = world.switches.unknown_organization_status
        raise refusal

    known = {contact.email for contact in world.contacts.where(organization_id=organization_id)}
    for email in dict.fromkeys(emails):
        if email not in known:
            world.contacts.put(
                ItContact(
                    id=world.ids.new("it_contact"),
                    organization_id=organization_id,
                    email=email,
                    **world.born(),
                )
            )
    link = create(
        world,
        organization.id,
        (intent,) if intent else INTENTS,
        return_url=return_url,
        success_url=success_url,
        external_user_id=external_user_id,
    )
    return web.json_response({"link": address(world, link)}, status=201)


@routes.post("/portal/revoke_link")
async def revoke_view(request: web.Request) -> web.Response:
    world = world_of(request)
    values = await parameters.body(request)
    organization = organizations.find(world, parameters.text(values, "organization"))
    external_user_id = parameters.text(values, "external_user_id")
    for link in world.links.where(organization_id=organization.id, external_user_id=external_user_id):
        revoke(world, link)
    return web.Response(status=204)
