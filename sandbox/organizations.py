"""Organizations and WorkOS's API for them."""

from typing import Any

from aiohttp import web

from sandbox import connections, directories, domains, errors, pagination, parameters
from sandbox.app_keys import api_routes, get_store
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
    """Create an organization from the parameters of WorkOS's API.

    Raises 422, 400 ``external_id_already_used`` or ``invalid_metadata``, and 409 for a taken domain.
    """
    name = parameters.require_text(values, "name")
    external_id = parameters.parse_external_id(values)
    metadata = parameters.parse_metadata(values)
    allow = parameters.parse_boolean(values, "allow_profiles_outside_organization", default=False)
    domain_data = domains.parse_domain_data(values) or []
    _reject_taken_values(store, external_id, domain_data, excluding=None)

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
    added = [domains.add_domain(store, organization.id, domain, state) for domain, state in domain_data]
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
    """Change the fields that `values` has. `domain_data` replaces all domains.

    Raises the same errors as `create_organization`.
    """
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
    domain_data = domains.parse_domain_data(values)
    _reject_taken_values(store, changes.get("external_id"), domain_data or [], excluding=organization.id)

    changed = store.organizations.put(store.with_changes(organization, **changes))
    if domain_data is not None:
        domains.replace_domains(store, organization.id, domain_data)
    store.emit_event(
        "organization.updated", serialize_organization(store, changed), organization_id=changed.id
    )
    return changed


def delete_organization(store: Store, organization: Organization, *, source: str = "api") -> None:
    """Delete an organization and all that belongs to it.

    The switch `cascade_deletions` decides whether its connections, directories and domains emit events.
    """
    snapshot = serialize_organization(store, organization)
    silent = not store.switches.cascade_deletions
    organization_id = organization.id
    for connection in store.connections.filter(organization_id=organization_id):
        connections.delete_connection(store, connection, source=source, silent=silent)
    for directory in store.directories.filter(organization_id=organization_id):
        directories.delete_directory(store, directory, source=source, silent=silent)
    for domain in domains.list_domains(store, organization_id):
        domains.delete_domain(store, domain, source=source, silent=silent)
    for link in store.links.filter(organization_id=organization_id):
        store.links.put(store.with_changes(link, revoked=True))
    for contact in store.contacts.filter(organization_id=organization_id):
        store.contacts.delete(contact.id)
    for destination in store.destinations.filter(organization_id=organization_id):
        store.destinations.delete(destination.id)
    store.organizations.delete(organization_id)
    store.emit_event("organization.deleted", snapshot, organization_id=organization_id, source=source)


def _reject_taken_values(
    store: Store, external_id: str | None, domain_data: list[tuple[str, str]], *, excluding: str | None
) -> None:
    """Raise 400 or 409 if an organization other than `excluding` has the external id or a domain."""
    if external_id is not None:
        owner = find_by_external_id(store, external_id)
        if owner is not None and owner.id != excluding:
            raise errors.bad_request(
                f"The external_id '{external_id}' is already used.", "external_id_already_used"
            )
    for domain, _state in domain_data:
        if domains.is_domain_taken(store, domain, excluding=excluding):
            raise errors.conflict(f"The domain '{domain}' is already in use by another organization.")


@api_routes.post("/organizations")
async def create_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    values = await parameters.parse_body(request)
    values.pop("id", None)
    return web.json_response(serialize_organization(store, create_organization(store, values)), status=201)


@api_routes.get("/organizations")
async def list_organizations_view(request: web.Request) -> web.Response:
    store = get_store(request)
    names = {item.strip().lower() for item in request.query.get("domains", "").split(",") if item.strip()}
    search = request.query.get("search", "").casefold()

    def matches(row: Organization) -> bool:
        if names and not any(item.domain in names for item in domains.list_domains(store, row.id)):
            return False
        return search in row.name.casefold()

    return pagination.paginate(
        request,
        store.organizations,
        matches=matches,
        serialize=lambda row: serialize_organization(store, row),
    )


@api_routes.get("/organizations/external_id/{external_id}")
async def get_by_external_id_view(request: web.Request) -> web.Response:
    store = get_store(request)
    external_id = request.match_info["external_id"]
    organization = find_by_external_id(store, external_id)
    if organization is None:
        raise errors.not_found("Organization", external_id)
    return web.json_response(serialize_organization(store, organization))


@api_routes.get("/organizations/{id}")
async def get_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = get_organization(store, request.match_info["id"])
    return web.json_response(serialize_organization(store, organization))


@api_routes.put("/organizations/{id}")
async def update_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = get_organization(store, request.match_info["id"])
    changed = update_organization(store, organization, await parameters.parse_body(request))
    return web.json_response(serialize_organization(store, changed))


@api_routes.delete("/organizations/{id}")
async def delete_organization_view(request: web.Request) -> web.Response:
    store = get_store(request)
    organization = store.organizations.get(request.match_info["id"])
    # The published schema has no 404 here: deleting twice is accepted.
    if organization is not None:
        delete_organization(store, organization)
    return web.Response(status=202)
