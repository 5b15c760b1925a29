"""IT contacts: people to whom WorkOS mails its alerts, and to whom it can mail a setup link."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from gateway import client


@dataclass(frozen=True)
class ITContact:
    contact_id: str
    email: str


# https://workos.com/docs/reference/organization/it-contact
def list_it_contacts(organization_id: str) -> list[ITContact]:
    """All IT contacts of the organization. One that cannot be read does not hide the others."""
    with client.call("list_it_contacts"):
        answer = client.get_client().request_raw(
            "get", ("organizations", organization_id, "it_contacts"), request_options=client.request_options()
        )
        data = answer["data"]
    if not isinstance(data, list):
        raise client.Unavailable("WorkOS returned a malformed list.")
    contacts = [
        ITContact(one["id"], one["email"])
        for one in data
        if isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("email"), str)
    ]
    return [one for one in contacts if one.contact_id and one.email]


# WorkOS asks to repeat a creation that collides with another one in the same organization.
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.2


def create_it_contact(organization_id: str, email: str) -> str:
    """Create an IT contact and return its id. WorkOS mails it nothing yet.

    Raises Refused with `status=409` when the address is an IT contact already.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _create_it_contact(organization_id, email)
        except client.Unavailable as error:
            if error.code != "concurrent_request":
                raise
            time.sleep(_PAUSE_SECONDS)
    return _create_it_contact(organization_id, email)


def _create_it_contact(organization_id: str, email: str) -> str:
    with client.call("create_it_contact", expected_status=409):
        created = client.get_client().organizations.create_it_contact(
            organization_id, email=email, request_options=client.request_options()
        )
    return str(created.id)


def find_or_create_it_contact(organization_id: str, email: str) -> tuple[str, bool]:
    """The id of the IT contact with this address, and whether this call created it."""
    try:
        return create_it_contact(organization_id, email), True
    except client.Refused as refusal:
        if refusal.status != 409:
            raise
    for contact in list_it_contacts(organization_id):
        if contact.email.lower() == email.lower():
            return contact.contact_id, False
    raise client.Refused("WorkOS says that it knows this address, and does not list it.", status=409)


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


def delete_it_contact(organization_id: str, contact_id: str) -> None:
    """Delete the contact, which then gets no alerts, and revoke its setup link. Repeating is harmless."""
    with client.ignore_not_found(), client.call("delete_it_contact", expected_status=404):
        client.get_client().organizations.delete_it_contact(
            organization_id, contact_id, request_options=client.request_options()
        )
