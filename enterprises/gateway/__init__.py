"""Our side of WorkOS's API, in our words, and the only importer of its SDK. All that we ask of it is below.

Two things can go wrong, because there are two things to do: `Refused` (tell the person why) and `Unavailable`
(try again). No SDK exception leaves this package, and none of its messages reach a person: they may carry
what was sent.
"""

from enterprises.gateway.admin_portal import generate_portal_link, revoke_link
from enterprises.gateway.calling import GatewayError, Refused, Unavailable, client, environment
from enterprises.gateway.it_contacts import find_or_create_it_contact, invite_it_contact, revoke_it_contact
from enterprises.gateway.organizations import (
    Organization,
    add_domain,
    claim_organization,
    create_organization,
    delete_organization,
    find_organization,
    get_organization,
    remove_domain,
    rename_organization,
)
from enterprises.gateway.present import is_gone, list_connections, list_directories

__all__ = [
    "GatewayError",
    "Organization",
    "Refused",
    "Unavailable",
    "add_domain",
    "claim_organization",
    "client",
    "create_organization",
    "delete_organization",
    "environment",
    "find_or_create_it_contact",
    "find_organization",
    "generate_portal_link",
    "get_organization",
    "invite_it_contact",
    "is_gone",
    "list_connections",
    "list_directories",
    "remove_domain",
    "rename_organization",
    "revoke_it_contact",
    "revoke_link",
]
