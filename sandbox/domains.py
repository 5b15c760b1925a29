"""Organization domains: who lists them, who has proved them, and the DNS record that does."""

from typing import Any

from aiohttp import web

from sandbox import errors, parameters
from sandbox.app_keys import routes, world_of
from sandbox.models import OrganizationDomain
from sandbox.store import World

VERIFIED = "verified"


def of(world: World, organization_id: str) -> list[OrganizationDomain]:
    return world.domains.where(organization_id=organization_id)


def find(world: World, domain_id: str) -> OrganizationDomain:
    """Raises 404."""
    found = world.domains.get(domain_id)
    if found is None:
        raise errors.not_found("Organization domain", domain_id)
    return found


def taken(world: World, domain: str, *, besides: str | None) -> bool:
    """Whether another organization holds the domain: by proof, or by listing it, as the switch says."""
    return any(
        item.organization_id != besides
        and (item.state == VERIFIED or world.switches.exclusive_pending_domains)
        for item in world.domains.where(domain=domain)
    )


def read(values: dict[str, Any]) -> list[tuple[str, str]] | None:
    """The `domain_data` (or the older `domains`) of an organization, as (domain, state); None if absent."""
    if values.get("domain_data") is None and values.get("domains") is None:
        return None
    if values.get("domain_data") is None:
        return [
            (parameters.domain(item, "domains"), VERIFIED) for item in parameters.texts(values, "domains")
        ]
    data = values["domain_data"]
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise errors.invalid("domain_data", "invalid", "domain_data must be a list of objects.")
    wanted = {}
    for item in data:
        if item.get("state") not in {"pending", VERIFIED}:
            raise errors.invalid("domain_data.state", "invalid", "state must be pending or verified.")
        wanted[parameters.domain(item.get("domain"), "domain_data.domain")] = item["state"]
    return list(wanted.items())


def add(world: World, organization_id: str, domain: str, state: str = "pending") -> OrganizationDomain:
    domain_id = world.ids.new("org_domain")
    return world.domains.put(
        OrganizationDomain(
            id=domain_id,
            organization_id=organization_id,
            domain=domain,
            state=state,
            verification_strategy="manual" if state == VERIFIED else "dns",
            verification_prefix=f"workos-sandbox-domain-verification-{domain_id[-6:].lower()}",
            verification_token=world.ids.key(25),
            **world.born(),
        )
    )


def tell(world: World, event: str, item: OrganizationDomain, *, source: str = "api") -> None:
    world.emit(
        f"organization_domain.{event}", item.as_json(), organization_id=item.organization_id, source=source
    )


def tell_added(world: World, item: OrganizationDomain, *, source: str = "api") -> None:
    tell(world, "created", item, source=source)
    if item.state == VERIFIED:
        tell(world, "verified", item, source=source)


def replace_all(world: World, organization_id: str, wanted: list[tuple[str, str]]) -> None:
    """Make the organization's domains those wanted; one that is proved does not lose its proof."""
    held = {item.domain: item for item in of(world, organization_id)}
    for domain in held.keys() - dict(wanted).keys():
        drop(world, held[domain])
    for domain, state in wanted:
        if domain not in held:
            tell_added(world, add(world, organization_id, domain, state))
        elif state == VERIFIED and held[domain].state != VERIFIED:
            mark_verified(world, held[domain], strategy="manual")


def drop(world: World, item: OrganizationDomain, *, source: str = "api") -> None:
    world.domains.drop(item.id)
    tell(world, "deleted", item, source=source)


def mark_verified(
    world: World, item: OrganizationDomain, *, strategy: str = "dns", source: str = "api"
) -> OrganizationDomain:
    verified = world.domains.put(world.changed(item, state=VERIFIED, verification_strategy=strategy))
    tell(world, "verified", verified, source=source)
    return verified


def fail(
    world: World, item: OrganizationDomain, reason: str, *, source: str = "system"
) -> OrganizationDomain:
    """`reason`: ``domain_verification_period_expired`` or ``domain_verified_by_other_organization``."""
    failed = world.domains.put(world.changed(item, state="failed"))
    world.emit(
        "organization_domain.verification_failed",
        {"reason": reason, "organization_domain": failed.as_json()},
        organization_id=failed.organization_id,
        source=source,
    )
    return failed


def check(world: World, item: OrganizationDomain, *, source: str = "system") -> OrganizationDomain:
    """Look the TXT record up in the sandbox's own DNS and act on what is there."""
    if item.state == VERIFIED or item.domain not in world.published_dns:
        return item
    rivals = [other for other in world.domains.where(domain=item.domain) if other.id != item.id]
    if any(other.state == VERIFIED for other in rivals):
        return fail(world, item, "domain_verified_by_other_organization", source=source)
    return mark_verified(world, item, source=source)


@routes.post("/organization_domains")
async def create_view(request: web.Request) -> web.Response:
    world = world_of(request)
    values = await parameters.body(request)
    organization = world.organizations.get(parameters.text(values, "organization_id"))
    if organization is None:
        raise errors.not_found("Organization", values["organization_id"])
    domain = parameters.domain(parameters.text(values, "domain"), "domain")
    if any(item.domain == domain for item in of(world, organization.id)):
        raise errors.conflict("Domain already exists for this organization.", "domain_already_exists")
    if taken(world, domain, besides=organization.id):
        # The published schema gives this 409 one code, whoever holds the domain.
        raise errors.conflict(f"The domain '{domain}' is already in use.", "domain_already_exists")
    item = add(world, organization.id, domain)
    tell_added(world, item)
    return web.json_response(item.as_json(), status=201)


@routes.get("/organization_domains/{id}")
async def get_view(request: web.Request) -> web.Response:
    return web.json_response(find(world_of(request), request.match_info["id"]).as_json())


@routes.post("/organization_domains/{id}/verify")
async def verify_view(request: web.Request) -> web.Response:
    world = world_of(request)
    item = find(world, request.match_info["id"])
    if item.state == VERIFIED:
        raise errors.bad_request("Domain is already verified.", "domain_already_verified")
    if item.state != "pending":
        item = world.domains.put(world.changed(item, state="pending"))
        tell(world, "updated", item)
    return web.json_response(check(world, item).as_json(), status=201)


@routes.delete("/organization_domains/{id}")
async def delete_view(request: web.Request) -> web.Response:
    world = world_of(request)
    drop(world, find(world, request.match_info["id"]))
    return web.Response(status=204)
