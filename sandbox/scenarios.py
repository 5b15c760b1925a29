"""Things that happen without anyone clicking, up to an organization's whole life."""

from sandbox import connections, directories, domains, organizations
from sandbox.deletion import delete_organization
from sandbox.models import Connection, Directory, Organization, OrganizationDomain
from sandbox.portal.providers import connection_provider, directory_provider
from sandbox.store import World


def connect(
    world: World, organization: Organization, type_: str, *, state: str = "active", name: str | None = None
) -> Connection:
    """A connection set up and tested, or left in `state`."""
    provider = connection_provider(type_)
    row = connections.draft(world, organization.id, type_, name or f"{organization.name} {provider.name}")
    if state in {"draft", "requires_type"}:
        return world.connections.put(world.changed(row, state=state))
    row = connections.enter_details(world, row, {field.name: field.example for field in provider.fields})
    if state == "validating":
        return row
    row = connections.activate(world, row)
    if state == "active":
        return row
    if state == "inactive":
        return connections.deactivate(world, row)
    return world.connections.put(world.changed(row, state=state))


def sync(
    world: World,
    organization: Organization,
    type_: str,
    *,
    state: str = "linked",
    users: int = 0,
    name: str | None = None,
) -> Directory:
    """A directory connected, with so many people, or left in `state`."""
    provider = directory_provider(type_)
    row = directories.prepare(world, organization.id, type_, name or f"{organization.name} {provider.name}")
    if state == "validating":
        return row
    linked = state == "linked"
    row = directories.activate(world, row) if linked else directories.set_state(world, row, state)
    for _ in range(users):
        directories.add_user(world, row)
    return row


def verify_domain(world: World, organization: Organization, domain: str) -> OrganizationDomain:
    """Publish the domain's record in the sandbox's DNS and look."""
    row = next((item for item in domains.of(world, organization.id) if item.domain == domain), None)
    if row is None:
        row = domains.add(world, organization.id, domain)
        domains.tell_added(world, row, source="admin_portal")
    world.published_dns.add(domain)
    return domains.check(world, row, source="admin_portal")


def whole(world: World, name: str) -> str:
    """From creation to deletion; returns the organization's id, which is gone by then."""
    domain = f"{world.ids.key(8).lower()}.example.com"
    organization = organizations.create(
        world, {"name": name, "domain_data": [{"domain": domain, "state": "pending"}]}
    )
    organization = organizations.update(world, organization, {"metadata": {"tier": "diamond"}})
    item = domains.of(world, organization.id)[0]
    item = domains.fail(world, item, "domain_verification_period_expired")
    item = world.domains.put(world.changed(item, state="pending"))
    domains.tell(world, "updated", item)
    verify_domain(world, organization, domain)

    connection = connect(world, organization, "OktaSAML")
    connection = connections.certificate_nears_its_end(world, connection, days=30)
    connection = connections.renew_certificate(world, connection)
    connection = connections.deactivate(world, connection)
    connections.activate(world, connection)

    directory = sync(world, organization, "okta scim v2.0")
    group = directories.add_group(world, directory, "Developers")
    user = directories.add_user(world, directory)
    group = directories.add_to_group(world, group, user)
    user = directories.update_user(world, user, job_title="Engineering Manager")
    group = directories.rename_group(world, group, "Engineering")
    directories.remove_from_group(world, group, user)
    directories.delete_user(world, user)
    directories.delete_group(world, group)
    delete_organization(world, organization)
    return organization.id
