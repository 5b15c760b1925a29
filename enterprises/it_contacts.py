"""Keep WorkOS's IT contacts equal to the IT admins of each enterprise.

WorkOS mails its own alerts, such as expiring certificates and failing connections, to IT contacts. A contact
is also made for each setup link (by the package that sends it). Each contact that we created has a row for
each purpose; it exists at WorkOS while one of them holds. Contacts that others created are recorded,
so that staff see them, and are never changed.

Whatever changes the IT admins enqueues `sync`, which compares all of an enterprise and can be repeated. What
no action here changed, such as an address or a bulk update, `enqueue_missed_syncs` finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

import gateway
from enterprises import conf
from enterprises.access import it_admins_of
from enterprises.email_addresses import normalize_email
from enterprises.environment import require_organization_id
from enterprises.locks import lock_enterprise
from enterprises.models import Enterprise, ITContact, ITContactPurpose, Membership, Role
from enterprises.tasks import TaskKind
from mirror.text import fold_line
from outbox import queue
from outbox.models import Task

Purpose = ITContactPurpose
_OURS = (Purpose.ALERTS, Purpose.SETUP_LINK)
# How often the contacts of an enterprise are read from WorkOS, where others may change them.
_LISTED_EVERY = timedelta(days=1)
_ENTERPRISES_AT_ONCE = 100


class ContactBeingRemoved(Exception):
    """WorkOS is deleting the contact with this address: a setup link that is sent now would be revoked."""


def enqueue_it_contact_sync(enterprise: Enterprise) -> None:
    """Call this in the transaction in which a person becomes, or stops being, an IT admin.

    An enterprise without an organization has no contacts: it is synchronized once it is provisioned.
    """
    if conf.syncs_it_contacts() and enterprise.organization_id and not enterprise.deprovisioned_at:
        queue.enqueue(TaskKind.SYNC_IT_CONTACTS, enterprise.external_id)


def run_it_contact_sync(enterprise: Enterprise, task: Task, now: datetime) -> None:
    if (
        conf.syncs_it_contacts()
        and not enterprise.organization_deleted_at
        and not enterprise.deprovisioned_at
    ):
        sync(enterprise, now)


def sync(enterprise: Enterprise, now: datetime) -> None:
    """Create and delete contacts at WorkOS until those for alerts are the IT admins.

    One that WorkOS refuses does not stop the others. Raises the first gateway error. Repeating is harmless,
    also after a crash: a row is saved before its contact is created, and deleted after its contact is.
    """
    organization_id = require_organization_id(enterprise)
    listed = _list_contacts(organization_id)
    wanted = {normalize_email(user.email) for user in it_admins_of(enterprise)}
    refusals = []
    for email in sorted(wanted | set(_ours(enterprise).values_list("email", flat=True))):
        try:
            if email in wanted:
                _ensure_contact(enterprise, organization_id, email, listed)
            else:
                _end_alerts(enterprise, organization_id, email, listed, now)
        except gateway.Refused as refusal:
            refusals.append(refusal)
    _record_other_contacts(enterprise, listed)
    Enterprise.objects.filter(pk=enterprise.pk).update(it_contacts_listed_at=now)
    if refusals:
        raise refusals[0]


def _list_contacts(organization_id: str) -> dict[str, str]:
    """The id of each contact, by address."""
    try:
        contacts = gateway.list_it_contacts(organization_id)
    except gateway.Refused as refusal:
        if refusal.status != 403:
            raise
        raise gateway.Refused(
            "Our API key may not manage IT contacts in WorkOS. Allow it in the WorkOS Dashboard, or set "
            "WORKOS_SYNC_IT_CONTACTS=off.",
            status=refusal.status,
            code=refusal.code,
            request_id=refusal.request_id,
        ) from None
    return {normalize_email(one.email): one.contact_id for one in contacts}


def _ensure_contact(enterprise: Enterprise, organization_id: str, email: str, listed: dict[str, str]) -> None:
    is_known = _ours(enterprise, email).exists()
    if email in listed and not is_known:
        # Another person or program created it. WorkOS mails its alerts to it, which is all that we want.
        return
    row, _is_new = ITContact.objects.get_or_create(enterprise=enterprise, email=email, purpose=Purpose.ALERTS)
    _ours(enterprise, email).exclude(ended_at=None).delete()
    if email in listed:
        _save_contact_id(enterprise, email, listed[email])
    else:
        listed[email] = create_contact(row, organization_id, is_known=is_known)


def create_contact(row: ITContact, organization_id: str, *, is_known: bool) -> str:
    """The id of the contact for this saved row, which is created at WorkOS if there is none.

    `is_known`: we may have created it before. Otherwise one that exists is not ours, and the row says
    so from then on. Raises gateway.Refused or gateway.Unavailable.
    """
    contact_id, is_created = gateway.find_or_create_it_contact(organization_id, row.email)
    # A setup link may have been sent to the address in the meantime.
    is_known = is_known or _ours(row.enterprise, row.email).exclude(pk=row.pk).exists()
    if is_created or is_known:
        _save_contact_id(row.enterprise, row.email, contact_id)
    else:
        with transaction.atomic():
            row.delete()
            _save_other_contact(row.enterprise, row.email, contact_id)
    return contact_id


def _save_contact_id(enterprise: Enterprise, email: str, contact_id: str) -> None:
    _ours(enterprise, email).update(contact_id=contact_id, removal_started_at=None)


def _end_alerts(
    enterprise: Enterprise, organization_id: str, email: str, listed: dict[str, str], now: datetime
) -> None:
    """Delete the contact of a person who is not an IT admin, unless a setup link still needs it."""
    rows = _ours(enterprise, email)
    with transaction.atomic():
        # A setup link that is being sent to the address comes before this or is refused.
        lock_enterprise(enterprise.pk)
        if rows.filter(purpose=Purpose.SETUP_LINK, ended_at=None).exists():
            rows.filter(purpose=Purpose.ALERTS).delete()
            return
        rows.update(removal_started_at=now)
    contact_id = listed.get(email) or rows.exclude(contact_id="").values_list("contact_id", flat=True).first()
    try:
        if contact_id:
            gateway.delete_it_contact(organization_id, contact_id)
    except gateway.GatewayError:
        rows.update(removal_started_at=None)
        raise
    rows.delete()
    listed.pop(email, None)


def _record_other_contacts(enterprise: Enterprise, listed: dict[str, str]) -> None:
    """Record the listed contacts that we did not create, and forget those that are gone."""
    ours = set(_ours(enterprise).values_list("email", flat=True))
    others = {fold_line(email)[:254]: id_ for email, id_ in listed.items() if email not in ours}
    ITContact.objects.filter(enterprise=enterprise, purpose=Purpose.OTHER).exclude(email__in=others).delete()
    for email, contact_id in others.items():
        _save_other_contact(enterprise, email, contact_id)


def _save_other_contact(enterprise: Enterprise, email: str, contact_id: str) -> None:
    ITContact.objects.update_or_create(
        enterprise=enterprise,
        email=email,
        purpose=Purpose.OTHER,
        defaults={"contact_id": fold_line(contact_id)[:64]},
    )


def request_setup_link_contact(enterprise: Enterprise, email: str) -> tuple[ITContact, bool]:
    """The saved row of a contact for a setup link, and whether we may have created the contact before.

    Call it in the transaction that saves the setup link, with the enterprise locked; then `create_contact`.
    Raises ContactBeingRemoved.
    """
    email = normalize_email(email)
    rows = _ours(enterprise, email)
    if rows.exclude(removal_started_at=None).exists():
        raise ContactBeingRemoved(
            _("WorkOS is removing %(email)s as an IT contact. Try again in a minute. Nothing was sent.")
            % {"email": email}
        )
    is_known = rows.exists()
    row, _is_new = ITContact.objects.update_or_create(
        enterprise=enterprise, email=email, purpose=Purpose.SETUP_LINK, defaults={"ended_at": None}
    )
    return row, is_known


def end_setup_link_contacts(contacts: Iterable[ITContact], now: datetime) -> int:
    """End the purpose of contacts whose setup links have ended. Returns how many."""
    ended = 0
    for contact in contacts:
        with transaction.atomic():
            ended += ITContact.objects.filter(pk=contact.pk, ended_at=None).update(ended_at=now)
            enqueue_it_contact_sync(contact.enterprise)
    return ended


def enqueue_missed_syncs(now: datetime) -> int:
    """Enqueue a sync for each enterprise whose contacts and IT admins differ; a periodic job.

    Changed addresses, bulk updates and a setting that was just switched on leave no other trace. Each
    enterprise is also compared with WorkOS once a day. Returns how many it enqueued.
    """
    if not conf.syncs_it_contacts():
        return 0
    waiting = Task.objects.filter(kind=TaskKind.SYNC_IT_CONTACTS, subject=OuterRef("external_id"))
    enterprises = (
        Enterprise.objects.filter(
            organization__deleted_at=None,
            organization__isnull=False,
            deprovisioned_at=None,
            environment__in=("", gateway.get_environment()),
        )
        .filter(_is_listed_before(now - _LISTED_EVERY) | _lacks_a_contact() | _has_an_ended_contact())
        # One that waits keeps the time of its next attempt.
        .filter(~Exists(waiting))
        .order_by(F("it_contacts_listed_at").asc(nulls_first=True), "pk")[:_ENTERPRISES_AT_ONCE]
    )
    found = list(enterprises)
    queue.enqueue_all(queue.NewTask(TaskKind.SYNC_IT_CONTACTS, one.external_id) for one in found)
    return len(found)


def _is_listed_before(at: datetime) -> Q:
    return Q(it_contacts_listed_at=None) | Q(it_contacts_listed_at__lt=at)


def _lacks_a_contact() -> Exists:
    """An IT admin who has no contact, of ours or of others."""
    contacts = ITContact.objects.filter(
        enterprise=OuterRef("enterprise"),
        email=OuterRef("user__email"),
        purpose__in=(Purpose.ALERTS, Purpose.OTHER),
    )
    return Exists(
        Membership.objects.filter(
            ~Exists(contacts), enterprise=OuterRef("pk"), role=Role.IT_ADMIN, user__is_active=True
        )
    )


def _has_an_ended_contact() -> Exists:
    """A contact for alerts of a person who is not an IT admin, or for a setup link that has ended."""
    memberships = Membership.objects.filter(
        enterprise=OuterRef("enterprise"),
        user__email=OuterRef("email"),
        role=Role.IT_ADMIN,
        user__is_active=True,
    )
    return Exists(
        ITContact.objects.filter(
            (Q(purpose=Purpose.ALERTS) | Q(purpose=Purpose.SETUP_LINK, ended_at__isnull=False))
            & ~Exists(memberships),
            enterprise=OuterRef("pk"),
        )
    )


@dataclass(frozen=True)
class KnownContact:
    """An address that WorkOS mails its alerts to, and for what it is there."""

    email: str
    is_it_admin: bool
    has_setup_link: bool
    # Created elsewhere, such as in the WorkOS Dashboard.
    is_other: bool


def list_known_contacts(enterprise: Enterprise) -> list[KnownContact]:
    """The contacts that WorkOS has, as far as we know, by address; none once the organization is removed."""
    if enterprise.organization_deleted_at or enterprise.deprovisioned_at:
        return []
    purposes: dict[str, set[str]] = {}
    known = ITContact.objects.filter(enterprise=enterprise).exclude(contact_id="")
    for email, purpose in known.order_by("email").values_list("email", "purpose"):
        purposes.setdefault(email, set()).add(purpose)
    return [
        KnownContact(email, Purpose.ALERTS in found, Purpose.SETUP_LINK in found, Purpose.OTHER in found)
        for email, found in purposes.items()
    ]


def _ours(enterprise: Enterprise, email: str | None = None) -> QuerySet[ITContact]:
    """The rows of contacts that we created, all or those of one address."""
    rows = ITContact.objects.filter(enterprise=enterprise, purpose__in=_OURS)
    return rows if email is None else rows.filter(email=email)
