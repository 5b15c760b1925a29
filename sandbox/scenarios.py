"""Ready-made scenarios: a connection, a directory, a verified domain, an organization's whole lifecycle."""

from sandbox import connections, directories, directory_groups, directory_users, domains, organizations
from sandbox.models import Connection, Directory, Organization, OrganizationDomain
from sandbox.portal.providers import get_connection_provider, get_directory_provider
from sandbox.store import Store

LIFECYCLE_NAME = "Lifetime Inc."


def set_up_connection(
    store: Store, organization: Organization, type_: str, *, state: str = "active", name: str | None = None
) -> Connection:
    """Create a connection and bring it to `state`, emitting the events on the way there."""
    provider = get_connection_provider(type_)
    name = name or f"{organization.name} {provider.name}"
    connection = connections.create_connection(store, organization.id, type_, name)
    if state in {"draft", "requires_type"}:
        return store.connections.put(store.with_changes(connection, state=state))
    details = {field.name: field.example for field in provider.fields}
    connection = connections.save_connection_details(store, connection, details)
    if state == "validating":
        return connection
    connection = connections.activate_connection(store, connection)
    if state == "active":
        return connection
    if state == "inactive":
        return connections.deactivate_connection(store, connection)
    return store.connections.put(store.with_changes(connection, state=state))


def set_up_directory(
    store: Store,
    organization: Organization,
    type_: str,
    *,
    state: str = "linked",
    users: int = 0,
    name: str | None = None,
) -> Directory:
    """Create a directory in `state` with that many users, emitting the events on the way there."""
    provider = get_directory_provider(type_)
    name = name or f"{organization.name} {provider.name}"
    directory = directories.create_directory(store, organization.id, type_, name)
    if state == "validating":
        return directory
    if state == "linked":
        directory = directories.activate_directory(store, directory)
    else:
        directory = directories.set_directory_state(store, directory, state)
    for _ in range(users):
        directory_users.create_user(store, directory)
    return directory


def publish_and_verify_domain(store: Store, organization: Organization, domain: str) -> OrganizationDomain:
    """Publish the domain's TXT record in the sandbox's DNS and verify it. Adds the domain if needed."""
    item = domains.find_domain(store, organization.id, domain)
    if item is None:
        item = domains.add_domain(store, organization.id, domain)
        domains.emit_domain_created(store, item, source="admin_portal")
    store.published_dns.add(domain)
    return domains.verify_domain(store, item, source="admin_portal")


def run_lifecycle(store: Store, name: str) -> str:
    """Create an organization, make it emit every kind of event, and delete it. Returns its id."""
    domain = f"{store.ids.random_key(8).lower()}.example.com"
    organization = organizations.create_organization(
        store, {"name": name, "domain_data": [{"domain": domain, "state": "pending"}]}
    )
    organization = organizations.update_organization(store, organization, {"metadata": {"tier": "diamond"}})
    item = domains.list_domains(store, organization.id)[0]
    item = domains.fail_domain(store, item, "domain_verification_period_expired")
    domains.retry_domain(store, item)
    publish_and_verify_domain(store, organization, domain)

    connection = set_up_connection(store, organization, "OktaSAML")
    connection = connections.expire_certificate(store, connection, days=30)
    connection = connections.renew_certificate(store, connection)
    connection = connections.deactivate_connection(store, connection)
    connections.activate_connection(store, connection)

    directory = set_up_directory(store, organization, "okta scim v2.0")
    group = directory_groups.create_group(store, directory, "Developers")
    user = directory_users.create_user(store, directory)
    user = directory_groups.add_group_member(store, group, user)
    user = directory_users.update_user(store, user, job_title="Engineering Manager")
    group = directory_groups.rename_group(store, group, "Engineering")
    user = directory_groups.remove_group_member(store, group, user)
    directory_users.delete_user(store, user)
    directory_groups.delete_group(store, group)
    organizations.delete_organization(store, organization)
    return organization.id
