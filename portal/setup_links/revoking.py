"""Revoke setup links: at once on a page, or through the outbox when their sender loses the right to them."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

import gateway
from audit.actions import Action
from audit.actor import APPLICATION, Actor
from audit.log import append_audit_entry
from enterprises import it_contacts
from enterprises.environment import require_same_environment
from enterprises.models import Enterprise
from outbox.models import Task
from outbox.queue import NewTask, enqueue_all
from portal.setup_links.listing import (
    active_setup_links,
    contacts_of_ended_links,
    setup_links_without_right,
)
from portal.setup_links.models import SetupLink
from portal.tasks import REVOKE_SETUP_LINK


def revoke_setup_link(link: SetupLink, actor: Actor, now: datetime) -> None:
    """Revoke the link and end the sessions opened with it. Repeating is harmless.

    Raises gateway.Refused or gateway.Unavailable.
    """
    enterprise = link.enterprise
    require_same_environment(enterprise)
    link.refresh_from_db(fields=["state", "contact_id"])
    newer = active_setup_links(enterprise, now).filter(contact_id=link.contact_id).exclude(pk=link.pk)
    # WorkOS revokes every link of the contact, which may include a newer one.
    if link.contact_id and enterprise.organization_id and not newer.exists():
        gateway.revoke_it_contact(enterprise.organization_id, link.contact_id)
    with transaction.atomic():
        is_changed = (
            SetupLink.objects.filter(pk=link.pk)
            .exclude(state=SetupLink.State.REVOKED)
            .update(state=SetupLink.State.REVOKED, revoked_at=now)
        )
        if is_changed:
            append_audit_entry(enterprise, Action.SETUP_LINK_REVOKED, actor, now, target=link.email)


def enqueue_setup_link_revocation(links: Iterable[SetupLink]) -> None:
    """Call this in the transaction in which the sender loses the right to send them."""
    enqueue_all(NewTask(REVOKE_SETUP_LINK, link.enterprise.external_id, key=str(link.pk)) for link in links)


def enqueue_missed_revocations(now: datetime) -> int:
    """Enqueue revocations for senders who lost the right by a bulk update or SQL; a periodic job.

    Returns how many it enqueued.
    """
    # One that is waiting keeps the time of its next attempt.
    waiting = set(Task.objects.filter(kind=REVOKE_SETUP_LINK).values_list("key", flat=True))
    links = [link for link in setup_links_without_right(now) if str(link.pk) not in waiting]
    enqueue_setup_link_revocation(links)
    return len(links)


def end_contacts_of_ended_links(now: datetime) -> int:
    """End the contacts whose setup links were revoked, expired or not sent; a periodic job.

    Not at the revocation: a link that is sent again keeps its contact. Returns how many it ended.
    """
    return it_contacts.end_setup_link_contacts(contacts_of_ended_links(now), now)


def run_setup_link_revocation(enterprise: Enterprise, task: Task, now: datetime) -> None:
    link = SetupLink.objects.select_related("enterprise").get(enterprise=enterprise, pk=int(task.key))
    revoke_setup_link(link, APPLICATION, now)
