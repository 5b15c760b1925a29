"""Find what a customer quotes: an id of WorkOS or of ours, or the reference of a failure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enterprises.failures import find_failures
from enterprises.intents import Intent
from enterprises.models import Enterprise, parse_external_id
from mirror.models import Connection, Directory, MirroredRow, OrganizationDomain
from mirror.registry import MIRRORED
from portal.models import PortalSession, SetupLink
from portal.page.wording import INTENT_WORDINGS, describe_state
from webhooks.event_list import find_row

# What people copy together with a reference.
_AROUND = " \t\r\n.,;:()[]<>\"'“”‘’"
_MAX_LENGTH = 255


@dataclass(frozen=True)
class Found:
    """What a reference names. No customer: an event of nobody's.

    `place` is the id of the element of the customer's page that shows it, `url` the page of its own.
    """

    customer: Enterprise | None
    kind: str | Promise
    text: str = ""
    at: datetime | None = None
    place: str = ""
    url: str = ""


def find_reference(quoted: str) -> Found | None:
    """The one thing that this text names, or None."""
    text = quoted.strip(_AROUND)
    if not text or len(text) > _MAX_LENGTH or "\0" in text:
        return None
    return next((found for find in _FINDERS if (found := find(text))), None)


def _find_customer(text: str) -> Found | None:
    customers = Enterprise.objects.select_related("organization")
    if customer := customers.filter(organization=text).first():
        return Found(customer, gettext_lazy("Organization"), place="details")
    if (number := parse_external_id(text)) and (customer := customers.filter(external_id=number).first()):
        return Found(customer, gettext_lazy("External ID"), place="details")
    return None


# Certificates have no ids of their own: that of their connection finds the connection.
_OBJECTS: dict[type[MirroredRow], tuple[str | Promise, str]] = {
    Connection: (gettext_lazy("Connection"), "sso"),
    Directory: (gettext_lazy("Directory"), "dsync"),
    OrganizationDomain: (gettext_lazy("Domain"), "domain_verification"),
}


def _find_object(text: str) -> Found | None:
    for kind in MIRRORED.values():
        if kind.model not in _OBJECTS:
            continue
        row = kind.model._default_manager.filter(**{kind.key_field: text}).first()
        customer = _customer_of(row.organization_id) if row else None
        if row and customer:
            label, place = _OBJECTS[kind.model]
            words = f"{kind.describe(row)} · {describe_state(row).label}"
            return Found(customer, label, words, row.state_since, place)
    return None


def _find_failure(text: str) -> Found | None:
    """By the reference that a person was shown, or by WorkOS's id of the request."""
    failure = find_failures(text).first()
    if failure is None:
        return None
    words = " · ".join(filter(None, (failure.get_activity_display(), failure.target, failure.cause)))
    return Found(failure.enterprise, gettext_lazy("Failure"), words, failure.at, "failures")


def _find_portal_session(text: str) -> Found | None:
    """By the id in the return address, or by the reference of a failure whose cause is kept no longer."""
    sessions = PortalSession.objects.select_related("enterprise", "user")
    if nonce := parse_external_id(text):
        session = sessions.filter(nonce=nonce).first()
    elif _REFERENCE.fullmatch(text.lower()):
        session = sessions.filter(reference=text.lower()).order_by("-launched_at").first()
    else:
        return None
    if session is None:
        return None
    words = (
        str(INTENT_WORDINGS[Intent(session.intent)].title),
        session.user.get_full_name() if session.user else _("A deleted user"),
        session.get_outcome_display(),
    )
    return Found(
        session.enterprise,
        gettext_lazy("Launch of the Admin Portal"),
        " · ".join(words),
        session.launched_at,
    )


# As telemetry.context.build_reference makes them.
_REFERENCE = re.compile(r"[0-9a-f]{8}")


def _find_event(text: str) -> Found | None:
    row = find_row(text)
    if row is None:
        return None
    event = row.event
    words = " · ".join(filter(None, (event.event, event.get_status_display(), event.reason[:_MAX_LENGTH])))
    url = reverse("staff:event", args=[event.event_id])
    return Found(row.enterprise, gettext_lazy("Event"), words, event.received_at, "events", url)


def _find_setup_link(text: str) -> Found | None:
    """By WorkOS's id of the IT contact."""
    link = SetupLink.objects.select_related("enterprise").filter(contact_id=text).first()
    if link is None:
        return None
    words = f"{link.email} · {link.get_state_display()}"
    return Found(link.enterprise, gettext_lazy("Setup link"), words, link.requested_at)


def _customer_of(organization_id: str) -> Enterprise | None:
    return Enterprise.objects.select_related("organization").filter(organization=organization_id).first()


_FINDERS: Sequence[Callable[[str], Found | None]] = (
    _find_customer,
    _find_object,
    _find_failure,
    _find_portal_session,
    _find_event,
    _find_setup_link,
)
