"""Organizations: created, found, changed and deleted as WorkOS does it, and told in events."""

from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination, parameters
from sandbox.app_keys import routes, world_of
from sandbox.models import Organization
from sandbox.store import World


def as_json(world: World, organization: Organization) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "allow_profiles_outside_organization": organization.allow_profiles_outside_organization,
        "domains": [item.as_json() for item in domains.of(world, organization.id)],
        "metadata": organization.metadata,
        "external_id": organization.external_id,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }
    if organization.stripe_customer_id is not None:
        shown["stripe_customer_id"] = organization.stripe_customer_id
    return shown


def find(world: World, organization_id: str) -> Organization:
    """Raises 404."""
    organization = world.organizations.get(organization_id)
    if organization is None:
        raise errors.not_found("Organization", organization_id)
    return organization


def by_external_id(world: World, external_id: str) -> Organization | None:
    return next(iter(world.organizations.where(external_id=external_id)), None)


def create(world: World, values: dict[str, Any], *, source: str = "api") -> Organization:
    """Raises 422, 400 ``external_id_already_used`` or ``invalid_metadata``, 409 for a taken domain."""
    name = parameters.text(values, "name")
    external_id = parameters.external_id(values)
    metadata = parameters.metadata(values)
    allow = parameters.flag(values, "allow_profiles_outside_organization", default=False)
    wanted = domains.read(values) or []
    _refuse_taken(world, external_id, wanted, besides=None)

    organization = world.organizations.put(
        Organization(
            id=values.get("id") or world.ids.new("org"),
            name=name,
            external_id=external_id,
            metadata=metadata,
            allow_profiles_outside_organization=allow,
            **world.born(),
        )
    )
    added = [domains.add(world, organization.id, domain, state) for domain, state in wanted]
    world.emit(
        "organization.created",
        as_json(world, organization),
        organization_id=organization.id,
        source=source,
    )
    for item in added:
        domains.tell_added(world, item, source=source)
    return organization


def update(world: World, organization: Organization, values: dict[str, Any]) -> Organization:
    """Fields that are absent stay; `domain_data` replaces the list. Raises as `create` does."""
    changes: dict[str, Any] = {}
    if "name" in values:
        changes["name"] = parameters.text(values, "name")
    if "external_id" in values:
        changes["external_id"] = parameters.external_id(values)
    if "metadata" in values:
        changes["metadata"] = parameters.metadata(values)
    if "stripe_customer_id" in values:
        changes["stripe_customer_id"] = parameters.optional_text(values, "stripe_customer_id")
    if "allow_profiles_outside_organization" in values:
        changes["allow_profiles_outside_organization"] = parameters.flag(
            values, "allow_profiles_outside_organization", default=False
        )
    wanted = domains.read(values)
    _refuse_taken(world, changes.get("external_id"), wanted or [], besides=organization.id)

    changed = world.organizations.put(world.changed(organization, **changes))
    if wanted is not None:
        domains.replace_all(world, organization.id, wanted)
    world.emit("organization.updated", as_json(world, changed), organization_id=changed.id)
    return changed


def _refuse_taken(
    world: World, external_id: str | None, wanted: list[tuple[str, str]], *, besides: str | None
) -> None:
    if external_id is not None:
        holder = by_external_id(world, external_id)
        if holder is not None and holder.id != besides:
            raise errors.bad_request(
                f"The external_id '{external_id}' is already used.", "external_id_already_used"
            )
    for domain, _state in wanted:
        if domains.taken(world, domain, besides=besides):
            raise errors.conflict(f"The domain '{domain}' is already in use by another organization.")


@routes.post("/organizations")
async def create_view(request: web.Request) -> web.Response:
    world = world_of(request)
    values = await parameters.body(request)
    values.pop("id", None)
    return web.json_response(as_json(world, create(world, values)), status=201)


@routes.get("/organizations")
async def list_view(request: web.Request) -> web.Response:
    world = world_of(request)
    asked = {item.strip().lower() for item in request.query.get("domains", "").split(",") if item.strip()}
    search = request.query.get("search", "").casefold()

    def keep(row: Organization) -> bool:
        if asked and not any(item.domain in asked for item in domains.of(world, row.id)):
            return False
        return search in row.name.casefold()

    return pagination.page(request, world.organizations, keep=keep, show=lambda row: as_json(world, row))


@routes.get("/organizations/external_id/{external_id}")
async def by_external_id_view(request: web.Request) -> web.Response:
    world = world_of(request)
    external_id = request.match_info["external_id"]
    organization = by_external_id(world, external_id)
    if organization is None:
        raise errors.not_found("Organization", external_id)
    return web.json_response(as_json(world, organization))


@routes.get("/organizations/{id}")
async def get_view(request: web.Request) -> web.Response:
    world = world_of(request)
    return web.json_response(as_json(world, find(world, request.match_info["id"])))


@routes.put("/organizations/{id}")
async def update_view(request: web.Request) -> web.Response:
    world = world_of(request)
    organization = find(world, request.match_info["id"])
    return web.json_response(as_json(world, update(world, organization, await parameters.body(request))))
