"""Forms that change organizations and what belongs to them, as the control API's calls do."""

import re

from aiohttp import web

from sandbox import (
    connections,
    directories,
    domains,
    errors,
    organizations,
    parameters,
    portal_links,
    scenarios,
)
from sandbox.app_keys import dashboard_routes, get_store
from sandbox.control.simulation import change_connection, change_directory
from sandbox.dashboard.messages import redirect_with_message
from sandbox.models import Organization, OrganizationDomain

CONNECTION_MESSAGES = {
    "activate": "{name} is active. Sent connection.activated.",
    "deactivate": "{name} is inactive. Sent connection.deactivated.",
    "delete": "Deleted {name}. Sent connection.deleted.",
    "renew_certificate": "Renewed the certificate of {name}. Sent connection.saml_certificate_renewed.",
    "expire_certificate": "The certificate of {name} expires in {days} days. "
    "Sent connection.saml_certificate_renewal_required.",
}
NO_EVENT = "WorkOS sends no event for this: your app learns of it when it asks."
DIRECTORY_MESSAGES = {
    "activate": "{name} is linked. Sent dsync.activated.",
    "unlink": "{name} is unlinked. " + NO_EVENT,
    "refuse": "{name} refuses its credentials. " + NO_EVENT,
    "delete": "Deleted {name}. Sent dsync.deleted.",
}


def _parse_days(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,5}", text):
        raise errors.invalid_parameter("days", "invalid", "days must be a whole number.")
    return int(text)


@dashboard_routes.post("/_sandbox/dashboard/organizations")
async def submit_organization(request: web.Request) -> web.Response:
    name = (await parameters.parse_form(request)).get("name") or "Acme"
    organization = organizations.create_organization(get_store(request), {"name": name}, source="dashboard")
    raise _redirect_to_organization(
        request, organization.id, f"Added {organization.name}. Sent organization.created."
    )


def _redirect_to_organization(
    request: web.Request, organization_id: str, text: str, tone: str = "good"
) -> web.HTTPSeeOther:
    return redirect_with_message(request, f"dashboard/organizations/{organization_id}", text, tone)


def _get_organization(request: web.Request) -> Organization:
    return organizations.get_organization(get_store(request), request.match_info["id"])


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/delete")
async def submit_organization_deletion(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    organizations.delete_organization(store, organization, source="dashboard")
    raise redirect_with_message(request, "", f"Deleted {organization.name}. Sent organization.deleted.")


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/portal")
async def submit_portal_launch(request: web.Request) -> web.Response:
    """Create a Portal Link, as an application would, and redirect to it."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    intent = (await parameters.parse_form(request)).get("intent", "")
    intents = (intent,) if intent in portal_links.INTENTS else portal_links.INTENTS
    return_url = f"{store.public_url}/_sandbox/dashboard/organizations/{organization.id}"
    link = portal_links.create_link(
        store, organization.id, intents, return_url=return_url, success_url=return_url
    )
    raise web.HTTPSeeOther(f"/portal/launch?secret={link.secret}", headers={"Referrer-Policy": "no-referrer"})


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/connections")
async def submit_connection(request: web.Request) -> web.Response:
    """Create an active Okta connection."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    connection = scenarios.set_up_connection(store, organization, "OktaSAML")
    text = f"{connection.name} is active. Sent connection.activated."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/connections/{id}/{action}")
async def submit_connection_action(request: web.Request) -> web.Response:
    store = get_store(request)
    connection = connections.get_connection(store, request.match_info["id"])
    days = _parse_days((await parameters.parse_form(request)).get("days", "30"))
    action = request.match_info["action"]
    change_connection(store, connection, action, days=days)
    text = CONNECTION_MESSAGES[action].format(name=connection.name, days=days)
    raise _redirect_to_organization(request, connection.organization_id, text)


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/directories")
async def submit_directory(request: web.Request) -> web.Response:
    """Create a linked Okta directory with three users."""
    store = get_store(request)
    organization = organizations.get_organization(store, request.match_info["id"])
    directory = scenarios.set_up_directory(store, organization, "okta scim v2.0", users=3)
    text = f"{directory.name} is linked, with three people. Sent dsync.activated and dsync.user.created."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/directories/{id}/{action:activate|unlink|refuse|delete}")
async def submit_directory_action(request: web.Request) -> web.Response:
    store = get_store(request)
    directory = directories.get_directory(store, request.match_info["id"])
    action = request.match_info["action"]
    change_directory(store, directory, action)
    text = DIRECTORY_MESSAGES[action].format(name=directory.name)
    raise _redirect_to_organization(request, directory.organization_id, text)


@dashboard_routes.post("/_sandbox/dashboard/organizations/{id}/domains")
async def submit_domain(request: web.Request) -> web.Response:
    """Add a pending domain."""
    store, organization = get_store(request), _get_organization(request)
    name = (await parameters.parse_form(request)).get("domain", "").lower()
    if not parameters.is_domain(name):
        text = f"“{name}” is not a domain. Write one such as acme.example."
        raise _redirect_to_organization(request, organization.id, text, "bad")
    if domains.find_domain(store, organization.id, name) or domains.is_domain_taken(
        store, name, excluding=organization.id
    ):
        raise _redirect_to_organization(request, organization.id, f"{name} is already taken.", "bad")
    domains.emit_domain_created(
        store, domains.add_domain(store, organization.id, name), source="admin_portal"
    )
    text = f"Added {name}. Sent organization_domain.created."
    raise _redirect_to_organization(request, organization.id, text)


@dashboard_routes.post("/_sandbox/dashboard/domains/{id}/{action:verify|fail|delete}")
async def submit_domain_action(request: web.Request) -> web.Response:
    """`verify` the domain, as if its DNS record were there; let it `fail`; or `delete` it."""
    store = get_store(request)
    domain = domains.get_domain(store, request.match_info["id"])
    text, tone = _change_domain(request, domain, request.match_info["action"])
    raise _redirect_to_organization(request, domain.organization_id, text, tone)


def _change_domain(request: web.Request, domain: OrganizationDomain, action: str) -> tuple[str, str]:
    """Returns the message and its tone."""
    store = get_store(request)
    if action == "delete":
        domains.delete_domain(store, domain, source="dashboard")
        return f"Deleted {domain.domain}. Sent organization_domain.deleted.", "good"
    if action == "fail":
        domains.fail_domain(store, domain, "domain_verification_period_expired")
        return f"{domain.domain} failed. Sent organization_domain.verification_failed.", "good"
    store.published_dns.add(domain.domain)
    if domains.verify_domain(store, domain, source="admin_portal").state == domains.VERIFIED:
        return f"{domain.domain} is verified. Sent organization_domain.verified.", "good"
    return f"{domain.domain} is verified by another organization, so it failed.", "bad"
