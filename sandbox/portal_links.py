"""Portal Links, and WorkOS's API to generate and revoke them. `sandbox.portal` serves what they open."""

import secrets
from typing import Any

from aiohttp import web

from sandbox import errors, it_contacts, organizations, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.clock import format_timestamp
from sandbox.models import PortalLink
from sandbox.store import Store

INTENTS = (
    "sso",
    "dsync",
    "audit_logs",
    "log_streams",
    "domain_verification",
    "certificate_renewal",
    "bring_your_own_key",
)
MAX_IT_CONTACT_EMAILS = 20


def create_link(
    store: Store,
    organization_id: str,
    intents: tuple[str, ...],
    *,
    seconds: float | None = None,
    return_url: str | None = None,
    success_url: str | None = None,
    external_user_id: str | None = None,
    contact_id: str | None = None,
) -> PortalLink:
    """Create a link that is valid for `seconds`; without them, as long as the switch `link_seconds` says."""
    lifetime = store.switches.link_seconds if seconds is None else seconds
    return store.links.put(
        PortalLink(
            id=store.ids.new_id("portal_link"),
            secret=secrets.token_urlsafe(32),
            organization_id=organization_id,
            intents=intents,
            expires_at=format_timestamp(store.clock.now_ms() + round(lifetime * 1000)),
            return_url=return_url,
            success_url=success_url,
            external_user_id=external_user_id,
            contact_id=contact_id,
            **store.new_timestamps(),
        )
    )


def build_link_url(store: Store, link: PortalLink) -> str:
    return f"{store.public_url}/portal/launch?secret={link.secret}"


def revoke_link(store: Store, link: PortalLink) -> None:
    """Revoke the link. The sessions that it opened end with it."""
    store.links.put(store.with_changes(link, revoked=True))


def _parse_return_url(values: dict[str, Any], name: str) -> str | None:
    url = parameters.parse_optional_text(values, name)
    if url is None:
        return None
    if not parameters.is_secure_url(url):
        message = f"{name} must be an HTTPS URL (HTTP on loopback)."
        raise errors.invalid_parameter(name, "invalid_url", message)
    return url


@api_routes.post("/portal/generate_link")
async def generate_link_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    organization_id = parameters.require_text(values, "organization")
    intent = parameters.parse_optional_text(values, "intent")
    if intent is not None and intent not in INTENTS:
        raise errors.invalid_parameter("intent", "invalid", f"intent must be one of {', '.join(INTENTS)}.")
    return_url = _parse_return_url(values, "return_url")
    success_url = _parse_return_url(values, "success_url")
    external_user_id = parameters.parse_optional_text(values, "external_user_id")
    emails: list[str] = []
    if values.get("it_contact_emails") is not None:
        emails = [
            parameters.require_email({"it_contact_emails": item}, "it_contact_emails")
            for item in parameters.require_text_list(values, "it_contact_emails")
        ]
    if len(emails) > MAX_IT_CONTACT_EMAILS:
        raise errors.invalid_parameter(
            "it_contact_emails", "invalid", "it_contact_emails takes up to 20 addresses."
        )
    organization = store.organizations.get(organization_id)
    if organization is None:
        error = errors.not_found("Organization", organization_id)
        error.status = store.switches.unknown_organization_status
        raise error

    known = {contact.email for contact in store.contacts.filter(organization_id=organization_id)}
    for email in dict.fromkeys(emails):
        if email not in known:
            it_contacts.create_contact(store, organization_id, email)
    link = create_link(
        store,
        organization.id,
        (intent,) if intent else INTENTS,
        return_url=return_url,
        success_url=success_url,
        external_user_id=external_user_id,
    )
    return web.json_response({"link": build_link_url(store, link)}, status=201)


@api_routes.post("/portal/revoke_link")
async def revoke_link_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    organization = organizations.get_organization(store, parameters.require_text(values, "organization"))
    external_user_id = parameters.require_text(values, "external_user_id")
    for link in store.links.filter(organization_id=organization.id, external_user_id=external_user_id):
        revoke_link(store, link)
    return web.Response(status=204)
