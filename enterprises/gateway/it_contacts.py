"""People outside the app to whom WorkOS mails a setup link."""

from collections.abc import Sequence

from enterprises.gateway import calling


# https://workos.com/docs/reference/organization/it-contact
def find_or_create_it_contact(organization_id: str, email: str) -> str:
    """The id of the IT contact with this address; made if there is none."""
    try:
        with calling.call("create_it_contact"):
            return (
                calling.client()
                .organizations.create_it_contact(
                    organization_id, email=email, request_options=calling.options()
                )
                .id
            )
    except calling.Refused as refusal:
        if refusal.status != 409:
            raise
    with calling.call("list_it_contacts"):
        answer = calling.client().organizations.list_it_contacts(
            organization_id, request_options=calling.options()
        )
        found = [contact.id for contact in answer.data if contact.email.lower() == email.lower()]
    if not found:
        raise calling.Refused("WorkOS says that it knows this address, and does not list it.", status=409)
    return found[0]


# Where IT contacts are invited, one intent has another name.
_INVITED = {"dsync": "directory_sync"}


def invite_it_contact(organization_id: str, contact_id: str, *, intents: Sequence[str]) -> None:
    """WorkOS mails a setup link, good for 30 days. Refused with `status=409` while another one is good."""
    with calling.call("invite_it_contact"):
        calling.client().organizations.invite_it_contact(
            organization_id,
            contact_id,
            intents=[_INVITED.get(intent, intent) for intent in intents],
            request_options=calling.options(),
        )


def revoke_it_contact(organization_id: str, contact_id: str) -> None:
    """End the contact's invitation, and what was opened with it. Repeating is harmless."""
    with calling.gone_is_done(), calling.call("revoke_it_contact"):
        calling.client().organizations.revoke_it_contact(
            organization_id, contact_id, request_options=calling.options()
        )
