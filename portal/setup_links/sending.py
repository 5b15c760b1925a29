"""A setup link for somebody outside the app, good for 30 days. WorkOS mails it; we never see it."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

import gateway
from enterprises import access, history, notices
from enterprises.environments import organization_of, refuse_another
from enterprises.intents import Intent
from enterprises.models import Enterprise, Errand, SetupLink

logger = logging.getLogger(__name__)

State = SetupLink.State

LIFE = timedelta(days=30)
# What WorkOS lets an IT contact be invited for.
INVITABLE = (
    Intent.SSO,
    Intent.DSYNC,
    Intent.DOMAIN_VERIFICATION,
    Intent.LOG_STREAMS,
    Intent.BRING_YOUR_OWN_KEY,
)


class AnotherIsGood(Exception):
    """There is one active invitation an organization. The message says whose, as far as we know."""


def choices(enterprise: Enterprise) -> list[tuple[str, str]]:
    """What a setup link for this enterprise may be for."""
    return [(intent.value, intent.label) for intent in INVITABLE if access.may_use(enterprise, intent)]


def good(enterprise: Enterprise, *, now: datetime) -> QuerySet[SetupLink]:
    """Those that may still open something."""
    return _good(now).filter(enterprise=enterprise)


def _good(now: datetime) -> QuerySet[SetupLink]:
    return SetupLink.objects.filter(state__in=[State.ASKED, State.SENT], expires_at__gt=now)


def send(
    enterprise: Enterprise,
    *,
    email: str,
    intents: Sequence[str],
    sent_by: AbstractBaseUser,
    client_address: str | None,
    now: datetime,
) -> SetupLink:
    """Have WorkOS mail a setup link. Written down before WorkOS is asked; no transaction is open meanwhile.

    Raises AnotherIsGood, gateway.Refused or gateway.Unavailable: nothing was sent, as far as can be known.
    Also Http404 or PermissionDenied, when `sent_by` may not do so any more.
    """
    organization_id = organization_of(enterprise)
    with transaction.atomic():
        # Two at once would both find none; and who loses the right meanwhile has lost it, or waits for us.
        Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
        sender = get_user_model().objects.select_for_update(no_key=True).get(pk=sent_by.pk)
        access.get_enterprise_to_onboard(sender if sender.is_active else AnonymousUser(), enterprise.slug)
        if other := good(enterprise, now=now).first():
            raise AnotherIsGood(_another(other.email))
        link = SetupLink.objects.create(
            enterprise=enterprise,
            email=email,
            intents=list(intents),
            sent_by_id=sent_by.pk,
            asked_at=now,
            expires_at=now + LIFE,
        )
    try:
        link.contact_id = gateway.find_or_create_it_contact(organization_id, email)
        # Kept at once: what is cut off now can be revoked all the same.
        link.save(update_fields=["contact_id"])
        gateway.invite_it_contact(organization_id, link.contact_id, intents=intents)
    except gateway.Refused as refusal:
        SetupLink.objects.filter(pk=link.pk).update(state=State.FAILED)
        if refusal.status == 409:
            raise AnotherIsGood(_another("")) from None
        raise
    except gateway.Unavailable:
        if link.contact_id:
            # It may have been mailed: nobody would hear of it otherwise.
            _tell(link, State.ASKED, sent_by=sent_by, client_address=client_address, now=now)
        else:
            SetupLink.objects.filter(pk=link.pk).update(state=State.FAILED)
        raise
    link.state = State.SENT
    _tell(link, State.SENT, sent_by=sent_by, client_address=client_address, now=now)
    return link


def _tell(
    link: SetupLink,
    state: State,
    *,
    sent_by: AbstractBaseUser,
    client_address: str | None,
    now: datetime,
) -> None:
    """Write down what became of it, and have all IT admins told."""
    enterprise, is_sent = link.enterprise, state == State.SENT
    intents = [Intent(intent).label for intent in link.intents]
    with transaction.atomic():
        held = SetupLink.objects.filter(pk=link.pk, state=State.ASKED)
        if not held.update(state=state):
            # Revoked meanwhile, by a colleague or because its sender left: WorkOS has not heard of that yet.
            Errand.objects.record(Errand.Kind.REVOKE_SETUP_LINK, enterprise=enterprise, key=str(link.pk))
        history.record(
            enterprise,
            deed=history.Deed.SETUP_LINK_SENT,
            who=sent_by,
            at=now,
            for_whom=link.email,
            client_address=client_address,
            outcome=("" if is_sent else "Not certain: ") + ", ".join(intents),
        )
        notices.tell(
            enterprise,
            about=f"setup link {link.pk} sent",
            subject=f"A setup link of {enterprise} {'was' if is_sent else 'may have been'} sent",
            template="setup_link",
            context={
                "email": link.email,
                "intents": intents,
                "who": history.named(sent_by),
                "until": f"{link.expires_at:%-d %B %Y}",
                "is_certain": is_sent,
            },
        )


def revoke(
    link: SetupLink, *, who: AbstractBaseUser | str, client_address: str | None, now: datetime
) -> None:
    """End it, and what was opened with it; repeating is harmless. Raises gateway.Refused or Unavailable."""
    refuse_another(link.enterprise)
    link.refresh_from_db(fields=["state", "contact_id"])
    others = good(link.enterprise, now=now).filter(contact_id=link.contact_id).exclude(pk=link.pk)
    # WorkOS revokes what a contact has: that may be a newer link by now.
    if link.contact_id and link.enterprise.organization_id and not others.exists():
        gateway.revoke_it_contact(link.enterprise.organization_id, link.contact_id)
    with transaction.atomic():
        changed = (
            SetupLink.objects.filter(pk=link.pk)
            .exclude(state=State.REVOKED)
            .update(state=State.REVOKED, revoked_at=now)
        )
        if changed:
            history.record(
                link.enterprise,
                deed=history.Deed.SETUP_LINK_REVOKED,
                who=who,
                at=now,
                for_whom=link.email,
                client_address=client_address,
            )


def of_leaver(user: AbstractBaseUser, *, now: datetime) -> QuerySet[SetupLink]:
    """Those that this person sent and that may still open something."""
    return _good(now).filter(sent_by_id=user.pk).select_related("enterprise")


def revoke_soon(links: Iterable[SetupLink]) -> None:
    """Have them revoked: call it in the transaction in which their sender loses the right."""
    for link in links:
        Errand.objects.record(Errand.Kind.REVOKE_SETUP_LINK, enterprise=link.enterprise, key=str(link.pk))


def run_revocation(errand: Errand) -> None:
    link = SetupLink.objects.select_related("enterprise").get(pk=int(errand.key))
    revoke(link, who=history.WORKER, client_address=None, now=timezone.now())


def _another(email: str) -> str:
    if not email:
        return (
            "A setup link that was not sent from here is still good, and WorkOS allows one at a time. "
            "Our staff can revoke it in the WorkOS Dashboard. Nothing was sent."
        )
    return (
        f"The setup link of {email} is still good, and WorkOS allows one at a time. Revoke it first. "
        "Nothing was sent."
    )
