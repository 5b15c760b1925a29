"""Organizations: created, found, changed and deleted as WorkOS does it, and told in events."""

from typing import Any

from aiohttp import web

from sandbox import domains, errors, pagination, parameters
from sandbox.app_keys import get_store, routes
from sandbox.models import Organization
from sandbox.store import Store


def serialize_organization(store: Store, organization: Organization) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "allow_profiles_outside_organization": organization.allow_profiles_outside_organization,
        "domains": [item.to_json() for item in domains.list_domains(store, organization.id)],
        "metadata": organization.metadata,
        "external_id": organization.external_id,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }
    if organization.stripe_customer_id is not None:
        shown["stripe_customer_id"] = organization.stripe_customer_id
    return shown


def get_organization(store: Store, organization_id: str) -> Organization:
    """Raises 404."""
    organization = store.organizations.get(organization_id)
    if organization is None:
        raise errors.not_found("Organization", organization_id)
    return organization


def find_by_external_id(store: Store, external_id: str) -> Organization | None:
    return next(iter(store.organizations.filter(external_id=external_id)), None)


def create_organization(store: Store, values: dict[str, Any], *, source: str = "api") -> Organization:
    """Raises 422, 400 ``external_id_already_used`` or ``invalid_metadata``, 409 for a taken domain."""
    name = parameters.require_text(values, "name")
    external_id = parameters.parse_external_id(values)
    metadata = parameters.parse_metadata(values)
    allow = parameters.parse_boolean(values, "allow_profiles_outside_organization", default=False)
    wanted = domains.parse_domain_data(values) or []
    _reject_taken_values(store, external_id, wanted, besides=None)

    organization = store.organizations.put(
        Organization(
            id=values.get("id") or store.ids.new_id("org"),
            name=name,
            external_id=external_id,
            metadata=metadata,
            allow_profiles_outside_organization=allow,
            **store.new_timestamps(),
        )
    )
    added = [domains.add_domain(store, organization.id, domain, state) for domain, state in wanted]
    store.emit_event(
        "organization.created",
        serialize_organization(store, organization),
        organization_id=organization.id,
        source=source,
    )
    for item in added:
        domains.emit_domain_created(store, item, source=source)
    return organization


def update_organization(store: Store, organization: Organization, values: dict[str, Any]) -> Organization:
    """Fields that are absent stay; `domain_data` replaces the list. Raises as `create` does."""
    changes: dict[str, Any] = {}
    if "name" in values:
        changes["name"] = parameters.require_text(values, "name")
    if "external_id" in values:
        changes["external_id"] = parameters.parse_external_id(values)
    if "metadata" in values:
        changes["metadata"] = parameters.parse_metadata(values)
    if "stripe_customer_id" in values:
        changes["stripe_customer_id"] = parameters.parse_optional_text(values, "stripe_customer_id")
    if "allow_profiles_outside_organization" in values:
        changes["allow_profiles_outside_organization"] = parameters.parse_boolean(
            values, "allow_profiles_outside_organization", default=False
        )
    wanted = domains.parse_domain_data(values)
    _reject_taken_values(store, changes.get("external_id"), wanted or [], besides=organization.id)

    changed = store.organizations.put(store.with_changes(organization, **changes))
    if wanted is not None:
        domains.replace_domains(store, organization.id, wanted)
    store.emit_event(
        "organization.updated", serialize_organization(store, changed), organization_id=changed.id
    )
    return changed


def _reject_taken_values(
    store: Store, external_id: str | None, wanted: list[tuple[str, str]], *, besides: str | None
) -> None:
    if external_id is not None:
        holder = find_by_external_id(store, external_id)
        if holder is not None and holder.id != besides:
            raise errors.bad_request(
                f"The external_id '{external_id}' is already used.", "external_id_already_used"
            )
    for domain, _state in wanted:
        if domains.is_domain_taken(store, domain, besides=besides):
            raise errors.conflict(f"The domain '{domain}' is already in use by another organization.")


@routes.post("/organizations")
async def create_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    values.pop("id", None)
    return web.json_response(serialize_organization(store, create_organization(store, values)), status=201)


@routes.get("/organizations")
async def list_organizations_view(request: web.Request) -> web.Response:
    store = get_store(request)
    asked = {item.strip().lower() for item in request.query.get("domains", "").split(",") if item.strip()}
    search = request.query.get("search", "").casefold()

    def keep(row: Organization) -> bool:
        if asked and not any(item.domain in asked for item in domains.list_domains(store, row.id)):
            return False
        return search in row.name.casefold()

    return pagination.paginate(
        request, store.organizations, keep=keep, show=lambda row: serialize_organization(store, row)
    )


@routes.get("/organizations/external_id/{external_id}")
async def get_by_external_id_view(request: web.Request) -> web.Response:
    store = get_store(request)
    external_id = request.match_info["external_id"]
    organization = find_by_external_id(store, external_id)
    if organization is None:
        raise errors.not_found("Organization", external_id)
    return web.json_response(serialize_organization(store, organization))


@routes.get("/organizations/{id}")
async def get_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    return web.json_response(serialize_organization(store, get_organization(store, request.match_info["id"])))


@routes.put("/organizations/{id}")
async def update_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = get_organization(store, request.match_info["id"])
    return web.json_response(
        serialize_organization(
            store, update_organization(store, organization, await parameters.parse_body(request))
        )
    )
