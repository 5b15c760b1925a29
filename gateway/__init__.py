"""Our side of the WorkOS API, and the only importer of the WorkOS SDK: plain functions, our types in and out.

A call ends in one of two errors, because there are two things to do: `Refused` (tell the person why) and
`Unavailable` (try again). Their subclasses only lead to other words. No SDK exception leaves this package,
and none of its messages reach a person: they may contain what was sent.
"""

from gateway.admin_portal import generate_portal_link, revoke_portal_links
from gateway.client import (
    Busy,
    GatewayError,
    Refused,
    Unavailable,
    UntrustedLink,
    get_client,
    get_environment,
)
from gateway.events import LONGEST_RANGE, CursorForgotten, list_events
from gateway.it_contacts import (
    ITContact,
    create_it_contact,
    delete_it_contact,
    find_or_create_it_contact,
    invite_it_contact,
    list_it_contacts,
    revoke_it_contact,
)
from gateway.listing import is_missing, list_connections, list_directories
from gateway.organizations import (
    Organization,
    add_domain,
    create_organization,
    delete_organization,
    find_organization_by_external_id,
    get_organization,
    remove_domain,
    rename_organization,
    set_external_id,
)
from gateway.pacing import Page
from gateway.people import (
    DirectorySize,
    get_directory_size,
    list_group_members,
    list_groups,
    list_people,
)
from gateway.webhook_endpoints import (
    WebhookEndpoint,
    create_webhook_endpoint,
    list_webhook_endpoints,
    update_webhook_endpoint,
)

__all__ = [
    "LONGEST_RANGE",
    "Busy",
    "CursorForgotten",
    "DirectorySize",
    "GatewayError",
    "ITContact",
    "Organization",
    "Page",
    "Refused",
    "Unavailable",
    "UntrustedLink",
    "WebhookEndpoint",
    "add_domain",
    "create_it_contact",
    "create_organization",
    "create_webhook_endpoint",
    "delete_it_contact",
    "delete_organization",
    "find_or_create_it_contact",
    "find_organization_by_external_id",
    "generate_portal_link",
    "get_client",
    "get_directory_size",
    "get_environment",
    "get_organization",
    "invite_it_contact",
    "is_missing",
    "list_connections",
    "list_directories",
    "list_events",
    "list_group_members",
    "list_groups",
    "list_it_contacts",
    "list_people",
    "list_webhook_endpoints",
    "remove_domain",
    "rename_organization",
    "revoke_it_contact",
    "revoke_portal_links",
    "set_external_id",
    "update_webhook_endpoint",
]
