"""Organization domains, their verification by DNS, and WorkOS's API for them."""

from typing import Any

from aiohttp import web

from sandbox import errors, parameters
from sandbox.app_keys import api_routes, get_store
from sandbox.models import OrganizationDomain
from sandbox.store import Store

VERIFIED = "verified"


def list_domains(store: Store, organization_id: str) -> list[OrganizationDomain]:
    return store.domains.filter(organization_id=organization_id)


def find_domain(store: Store, organization_id: str, domain: str) -> OrganizationDomain | None:
    return next((item for item in list_domains(store, organization_id) if item.domain == domain), None)


def get_domain(store: Store, domain_id: str) -> OrganizationDomain:
    """Raises 404."""
    found = store.domains.get(domain_id)
    if found is None:
        raise errors.not_found("Organization domain", domain_id)
    return found


def is_domain_taken(store: Store, domain: str, *, excluding: str | None) -> bool:
    """Whether an organization other than `excluding` has the domain.

    A pending domain counts if the switch `exclusive_pending_domains` is on.
    """
    return any(
        item.organization_id != excluding
        and (item.state == VERIFIED or store.switches.exclusive_pending_domains)
        for item in store.domains.filter(domain=domain)
    )


def parse_domain_data(values: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Parse an organization's `domain_data` (or the older `domains`) into (domain, state).

    None if absent. Raises 422.
    """
    if values.get("domain_data") is None and values.get("domains") is None:
        return None
    if values.get("domain_data") is None:
        names = parameters.require_text_list(values, "domains")
        return [(parameters.parse_domain(item, "domains"), VERIFIED) for item in names]
    data = values["domain_data"]
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise errors.invalid_parameter("domain_data", "invalid", "domain_data must be a list of objects.")
    states = {}
    for item in data:
        if item.get("state") not in ("pending", VERIFIED):
            raise errors.invalid_parameter(
                "domain_data.state", "invalid", "state must be pending or verified."
            )
        states[parameters.parse_domain(item.get("domain"), "domain_data.domain")] = item["state"]
    return list(states.items())


def add_domain(store: Store, organization_id: str, domain: str, state: str = "pending") -> OrganizationDomain:
    """Add a domain without an event; `emit_domain_created` emits it."""
    domain_id = store.ids.new_id("org_domain")
    return store.domains.put(
        OrganizationDomain(
            id=domain_id,
            organization_id=organization_id,
            domain=domain,
            state=state,
            verification_strategy="manual" if state == VERIFIED else "dns",
            verification_prefix=f"workos-sandbox-domain-verification-{domain_id[-6:].lower()}",
            verification_token=store.ids.random_key(25),
            **store.new_timestamps(),
        )
    )


def emit_domain_event(store: Store, event: str, item: OrganizationDomain, *, source: str = "api") -> None:
    store.emit_event(
        f"organization_domain.{event}", item.to_json(), organization_id=item.organization_id, source=source
    )


def emit_domain_created(store: Store, item: OrganizationDomain, *, source: str = "api") -> None:
    emit_domain_event(store, "created", item, source=source)
    if item.state == VERIFIED:
        emit_domain_event(store, "verified", item, source=source)


def replace_domains(store: Store, organization_id: str, domain_data: list[tuple[str, str]]) -> None:
    """Make `domain_data` the organization's domains. A verified domain stays verified."""
    current = {item.domain: item for item in list_domains(store, organization_id)}
    for domain in current.keys() - dict(domain_data).keys():
        delete_domain(store, current[domain])
    for domain, state in domain_data:
        if domain not in current:
            emit_domain_created(store, add_domain(store, organization_id, domain, state))
        elif state == VERIFIED and current[domain].state != VERIFIED:
            mark_domain_verified(store, current[domain], strategy="manual")


def delete_domain(
    store: Store, item: OrganizationDomain, *, source: str = "api", silent: bool = False
) -> None:
    store.domains.delete(item.id)
    if not silent:
        emit_domain_event(store, "deleted", item, source=source)


def mark_domain_verified(
    store: Store, item: OrganizationDomain, *, strategy: str = "dns", source: str = "api"
) -> OrganizationDomain:
    verified = store.domains.put(store.with_changes(item, state=VERIFIED, verification_strategy=strategy))
    emit_domain_event(store, "verified", verified, source=source)
    return verified


def retry_domain(store: Store, item: OrganizationDomain) -> OrganizationDomain:
    """Set a failed domain back to pending."""
    pending = store.domains.put(store.with_changes(item, state="pending"))
    emit_domain_event(store, "updated", pending)
    return pending


def fail_domain(
    store: Store, item: OrganizationDomain, reason: str, *, source: str = "system"
) -> OrganizationDomain:
    """`reason`: ``domain_verification_period_expired`` or ``domain_verified_by_other_organization``."""
    failed = store.domains.put(store.with_changes(item, state="failed"))
    store.emit_event(
        "organization_domain.verification_failed",
        {"reason": reason, "organization_domain": failed.to_json()},
        organization_id=failed.organization_id,
        source=source,
    )
    return failed


def verify_domain(store: Store, item: OrganizationDomain, *, source: str = "system") -> OrganizationDomain:
    """Look up the TXT record in the sandbox's own DNS, and verify the domain or let it fail."""
    if item.state == VERIFIED or item.domain not in store.published_dns:
        return item
    others = [other for other in store.domains.filter(domain=item.domain) if other.id != item.id]
    if any(other.state == VERIFIED for other in others):
        return fail_domain(store, item, "domain_verified_by_other_organization", source=source)
    return mark_domain_verified(store, item, source=source)


@api_routes.post("/organization_domains")
async def create_domain_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    organization = store.organizations.get(parameters.require_text(values, "organization_id"))
    if organization is None:
        raise errors.not_found("Organization", values["organization_id"])
    domain = parameters.parse_domain(parameters.require_text(values, "domain"), "domain")
    if find_domain(store, organization.id, domain) is not None:
        raise errors.conflict("Domain already exists for this organization.", "domain_already_exists")
    if is_domain_taken(store, domain, excluding=organization.id):
        # The published schema has one code for this 409, whichever organization has the domain.
        raise errors.conflict(f"The domain '{domain}' is already in use.", "domain_already_exists")
    item = add_domain(store, organization.id, domain)
    emit_domain_created(store, item)
    return web.json_response(item.to_json(), status=201)


@api_routes.get("/organization_domains/{id}")
async def get_domain_view(request: web.Request) -> web.Response:
    return web.json_response(get_domain(get_store(request), request.match_info["id"]).to_json())


@api_routes.post("/organization_domains/{id}/verify")
async def verify_domain_view(request: web.Request) -> web.Response:
    store = get_store(request)
    item = get_domain(store, request.match_info["id"])
    if item.state == VERIFIED:
        raise errors.bad_request("Domain is already verified.", "domain_already_verified")
    if item.state != "pending":
        item = retry_domain(store, item)
    return web.json_response(verify_domain(store, item).to_json(), status=201)


@api_routes.delete("/organization_domains/{id}")
async def delete_domain_view(request: web.Request) -> web.Response:
    store = get_store(request)
    delete_domain(store, get_domain(store, request.match_info["id"]))
    return web.Response(status=204)
