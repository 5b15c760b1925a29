"""Things that happen without anyone clicking, up to an organization's whole life."""

from sandbox import connections, directories, domains, organizations
from sandbox.deletion import delete_organization
from sandbox.models import Connection, Directory, Organization, OrganizationDomain
from sandbox.portal.providers import connection_provider, directory_provider
from sandbox.store import Store


def set_up_connection(
    store: Store, organization: Organization, type_: str, *, state: str = "active", name: str | None = None
) -> Connection:
    """A connection set up and tested, or left in `state`."""
    provider = connection_provider(type_)
    row = connections.create_connection(
        store, organization.id, type_, name or f"{organization.name} {provider.name}"
    )
    if state in {"draft", "requires_type"}:
        return store.connections.put(store.with_changes(row, state=state))
    row = connections.save_connection_details(
        store, row, {field.name: field.example for field in provider.fields}
    )
    if state == "validating":
        return row
    row = connections.activate_connection(store, row)
    if state == "active":
        return row
    if state == "inactive":
        return connections.deactivate_connection(store, row)
    return store.connections.put(store.with_changes(row, state=state))


def set_up_directory(
    store: Store,
    organization: Organization,
    type_: str,
    *,
    state: str = "linked",
    users: int = 0,
    name: str | None = None,
) -> Directory:
    """A directory connected, with so many people, or left in `state`."""
    provider = directory_provider(type_)
    row = directories.create_directory(
        store, organization.id, type_, name or f"{organization.name} {provider.name}"
    )
    if state == "validating":
        return row
    linked = state == "linked"
    row = (
        directories.activate_directory(store, row)
        if linked
        else directories.set_directory_state(store, row, state)
    )
    for _ in range(users):
        directories.create_user(store, row)
    return row


def publish_and_verify_domain(store: Store, organization: Organization, domain: str) -> OrganizationDomain:
    """Publish the domain's record in the sandbox's DNS and look."""
    row = next((item for item in domains.list_domains(store, organization.id) if item.domain == domain), None)
    if row is None:
        row = domains.add_domain(store, organization.id, domain)
        domains.emit_domain_created(store, row, source="admin_portal")
    store.published_dns.add(domain)
    return domains.verify_domain(store, row, source="admin_portal")


def run_lifecycle(store: Store, name: str) -> str:
    """From creation to deletion; returns the organization's id, which is gone by then."""
    domain = f"{store.ids.random_key(8).lower()}.example.com"
    organization = organizations.create_organization(
        store, {"name": name, "domain_data": [{"domain": domain, "state": "pending"}]}
    )
    organization = organizations.update_organization(store, organization, {"metadata": {"tier": "diamond"}})
    item = domains.list_domains(store, organization.id)[0]
    item = domains.fail_domain(store, item, "domain_verification_period_expired")
    item = store.domains.put(store.with_changes(item, state="pending"))
    domains.emit_domain_event(store, "updated", item)
    publish_and_verify_domain(store, organization, domain)

    connection = set_up_connection(store, organization, "OktaSAML")
    connection = connections.expire_certificate(store, connection, days=30)
    connection = connections.renew_certificate(store, connection)
    connection = connections.deactivate_connection(store, connection)
    connections.activate_connection(store, connection)

    directory = set_up_directory(store, organization, "okta scim v2.0")
    group = directories.create_group(store, directory, "Developers")
    user = directories.create_user(store, directory)
    group = directories.add_group_member(store, group, user)
    user = directories.update_user(store, user, job_title="Engineering Manager")
    group = directories.rename_group(store, group, "Engineering")
    directories.remove_group_member(store, group, user)
    directories.delete_user(store, user)
    directories.delete_group(store, group)
    delete_organization(store, organization)
    return organization.id
