"""IT contacts: people outside the app to whom WorkOS mails a setup link."""

from collections.abc import Sequence

from gateway import client


# https://workos.com/docs/reference/organization/it-contact
def find_or_create_it_contact(organization_id: str, email: str) -> str:
    """The id of the IT contact with this address, which is created if there is none."""
    try:
        with client.call("create_it_contact"):
            return (
                client.get_client()
                .organizations.create_it_contact(
                    organization_id, email=email, request_options=client.request_options()
                )
                .id
            )
    except client.Refused as refusal:
        if refusal.status != 409:
            raise
    with client.call("list_it_contacts"):
        answer = client.get_client().organizations.list_it_contacts(
            organization_id, request_options=client.request_options()
        )
        found = [contact.id for contact in answer.data if contact.email.lower() == email.lower()]
    if not found:
        raise client.Refused("WorkOS says that it knows this address, and does not list it.", status=409)
    return found[0]


# The invitation endpoint spells one intent differently.
_INTENT_NAMES = {"dsync": "directory_sync"}


def invite_it_contact(organization_id: str, contact_id: str, *, intents: Sequence[str]) -> None:
    """Have WorkOS mail a setup link that is valid for 30 days.

    Raises Refused with `status=409` while another setup link of the organization is active.
    """
    with client.call("invite_it_contact"):
        client.get_client().organizations.invite_it_contact(
            organization_id,
            contact_id,
            intents=[_INTENT_NAMES.get(intent, intent) for intent in intents],
            request_options=client.request_options(),
        )


def revoke_it_contact(organization_id: str, contact_id: str) -> None:
    """Revoke the contact's setup link and end the sessions opened with it. Repeating is harmless."""
    with client.ignore_not_found(), client.call("revoke_it_contact"):
        client.get_client().organizations.revoke_it_contact(
            organization_id, contact_id, request_options=client.request_options()
        )
