"""Send a setup link to an IT contact, who needs no account here. WorkOS mails the link; we never see it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

import gateway
from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import conf, it_contacts
from enterprises.access import can_use_intent, get_access_for_setup, lock_user
from enterprises.environment import require_organization_id
from enterprises.intents import Intent
from enterprises.locks import limited_lock_waits, lock_enterprise
from enterprises.mail import Mail, build_facts, format_time
from enterprises.models import Enterprise, Failure, ITContact
from enterprises.notifications import build_it_admin_mail, enqueue_notification
from enterprises.rate_limits import TIME, WINDOW, check_rate_limit
from portal.setup_links.failures import record_link_failure
from portal.setup_links.listing import active_setup_links
from portal.setup_links.models import SetupLink
from portal.setup_links.models import SetupLinkState as State
from portal.setup_links.revoking import enqueue_setup_link_revocation, revoke_setup_link

# What staff need. IT admins need none.
SEND_PERMISSION = "portal.add_setuplink"
LIFETIME = timedelta(days=30)
# The intents that WorkOS accepts in the invitation of an IT contact.
_SUPPORTED_INTENTS = (
    Intent.SSO,
    Intent.DSYNC,
    Intent.DOMAIN_VERIFICATION,
    Intent.LOG_STREAMS,
    Intent.BRING_YOUR_OWN_KEY,
)


class ActiveLinkExists(Exception):
    """WorkOS allows one active setup link per organization. The message says whose it is, if we know."""


def available_intents(enterprise: Enterprise) -> list[Intent]:
    """The intents that a setup link for this enterprise can include."""
    return [intent for intent in _SUPPORTED_INTENTS if can_use_intent(enterprise, intent)]


def send_setup_link(
    enterprise: Enterprise, *, email: str, intents: Sequence[str], actor: Actor, now: datetime
) -> None:
    """Have WorkOS mail a setup link. All IT admins get a notification.

    Raises RateLimited, ActiveLinkExists, ContactBeingRemoved, gateway.Refused or gateway.Unavailable; Http404
    or PermissionDenied when the actor has just lost the right to send one. Nothing was sent then, as far as
    we know.
    """
    _check_rate_limit(enterprise, actor, now)
    _send(enterprise, email, intents, actor, now)


def resend_setup_link(link: SetupLink, *, actor: Actor, now: datetime) -> bool:
    """Revoke the link if it is active and send a new one for what the plan still includes.

    Returns False, and does nothing, if that is none of its intents. Raises what send_setup_link raises.
    """
    # Before anything else: the revocation of the old link cannot be undone.
    _check_rate_limit(link.enterprise, actor, now)
    intents = [intent.value for intent in available_intents(link.enterprise) if intent in link.intents]
    if not intents:
        return False
    if link.is_active(now=now):
        revoke_setup_link(link, actor, now)
    _send(link.enterprise, link.email, intents, actor, now)
    return True


def _check_rate_limit(enterprise: Enterprise, actor: Actor, now: datetime) -> None:
    # As for Portal Links, only those that WorkOS really sent count.
    sent = SetupLink.objects.filter(enterprise=enterprise, requested_at__gt=now - WINDOW)
    check_rate_limit(
        enterprise,
        actor.user_id,
        sent.exclude(state__in=(State.REQUESTED, State.FAILED)),
        at_field="requested_at",
        user_field="sent_by_id",
        retry=_("You can send a setup link again at %(time)s.") % {"time": TIME},
        now=now,
    )


def _send(enterprise: Enterprise, email: str, intents: Sequence[str], actor: Actor, now: datetime) -> None:
    link, contact, is_known = _save_request(enterprise, email, intents, actor, now)
    # No transaction is open while WorkOS is called.
    try:
        organization_id = require_organization_id(enterprise)
        link.contact_id = it_contacts.create_contact(contact, organization_id, is_known=is_known)
        # Saved at once: without it the link could not be revoked if the process is killed in the next call.
        link.save(update_fields=["contact_id"])
        gateway.invite_it_contact(organization_id, link.contact_id, intents=intents)
    except gateway.Refused as refusal:
        record_link_failure(link, Failure.Activity.SETUP_LINK, refusal, actor, now, is_failed=True)
        if refusal.status == 409:
            raise ActiveLinkExists(_explain_active_link("")) from None
        raise
    except gateway.Unavailable as error:
        # With the contact's id it may have been mailed, so the IT admins are notified.
        may_be_sent = bool(link.contact_id)
        record_link_failure(link, Failure.Activity.SETUP_LINK, error, actor, now, is_failed=not may_be_sent)
        if may_be_sent:
            _save_outcome(link, State.REQUESTED, actor, now)
        raise
    _save_outcome(link, State.SENT, actor, now)


def _save_request(
    enterprise: Enterprise, email: str, intents: Sequence[str], actor: Actor, now: datetime
) -> tuple[SetupLink, ITContact, bool]:
    """Save the setup link and its contact before WorkOS is called, and whether the contact may be ours.

    Raises ActiveLinkExists, ContactBeingRemoved, Http404 or PermissionDenied.
    """
    if actor.user_id is None:
        raise PermissionDenied("Only a person can send a setup link.")
    with limited_lock_waits():
        # Without the locks two requests at once would both find no active link, and a sender could lose the
        # right between our check and our commit.
        lock_enterprise(enterprise.pk)
        sender = lock_user(actor.user_id)
        get_access_for_setup(sender, enterprise.slug, permission=SEND_PERMISSION)
        if active := active_setup_links(enterprise, now).first():
            raise ActiveLinkExists(_explain_active_link(active.email))
        contact, is_known = it_contacts.request_setup_link_contact(enterprise, email)
        link: SetupLink = SetupLink.objects.create(
            enterprise=enterprise,
            email=email,
            intents=list(intents),
            sent_by_id=actor.user_id,
            requested_at=now,
            expires_at=now + LIFETIME,
        )
    return link, contact, is_known


def _save_outcome(link: SetupLink, state: State, actor: Actor, now: datetime) -> None:
    """Save the outcome of the request, append an audit entry, and notify all IT admins."""
    enterprise, is_sent = link.enterprise, state == State.SENT
    intents = link.intent_labels
    with transaction.atomic():
        if not SetupLink.objects.filter(pk=link.pk, state=State.REQUESTED).update(state=state):
            # It was revoked while WorkOS was called, by a colleague or because its sender lost access. WorkOS
            # may have sent it after that.
            enqueue_setup_link_revocation([link])
        append_audit_entry(
            enterprise,
            Action.SETUP_LINK_SENT,
            actor,
            now,
            target=link.email,
            outcome=("" if is_sent else "Not certain: ") + ", ".join(intents),
        )
        enqueue_notification(
            enterprise, _build_mail(link, actor, now, is_sent=is_sent), about=f"setup link {link.pk} sent"
        )


def _build_mail(link: SetupLink, actor: Actor, now: datetime, *, is_sent: bool) -> Mail:
    """The mail to all IT admins, which nobody can turn off: the link gives its reader their rights."""
    names = {"email": link.email, "enterprise": link.enterprise.name}
    if is_sent:
        subject = _("Setup link sent to %(email)s")
        heading = _("A setup link of %(enterprise)s was sent to %(email)s")
        paragraphs = []
    else:
        subject = _("Setup link may have been sent to %(email)s")
        heading = _("A setup link of %(enterprise)s may have been sent to %(email)s")
        paragraphs = [_("WorkOS didn't answer, so we don't know whether the link was sent.")]
    path = reverse("portal:setup_links", args=[link.enterprise.slug])
    return build_it_admin_mail(
        link.enterprise,
        subject=subject % names,
        heading=heading % names,
        paragraphs=[
            *paragraphs,
            _("Anyone with the link can set up what's listed below. If this is a mistake, revoke it."),
        ],
        facts=[
            *build_facts(actor, now),
            (_("Sent to"), link.email),
            (_("Can set up"), ", ".join(map(str, link.intent_labels))),
            (_("Valid until"), format_time(link.expires_at)),
        ],
        button=_("Review setup links"),
        url=f"{conf.site_url()}{path}",
    )


def _explain_active_link(email: str) -> str:
    if not email:
        return _(
            "Another setup link is still valid, and WorkOS allows one at a time. It was not sent from here; "
            "support can revoke it. Nothing was sent."
        )
    return _(
        "The setup link of %(email)s is still valid, and WorkOS allows one at a time. Revoke it first. "
        "Nothing was sent."
    ) % {"email": email}
