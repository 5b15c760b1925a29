"""A setup link for somebody outside the app, good for 30 days. WorkOS mails it; we never see it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from enterprises import access, gateway, history, notices
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
    return SetupLink.objects.filter(
        enterprise=enterprise, state__in=[State.ASKED, State.SENT], expires_at__gt=now
    )


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
    """
    organization_id = organization_of(enterprise)
    with transaction.atomic():
        # Two at once would both find none.
        Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
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
        if not link.contact_id:
            SetupLink.objects.filter(pk=link.pk).update(state=State.FAILED)
        raise
    with transaction.atomic():
        SetupLink.objects.filter(pk=link.pk).update(state=State.SENT)
        history.record(
            enterprise,
            deed=history.Deed.SETUP_LINK_SENT,
            who=sent_by,
            at=now,
            for_whom=email,
            client_address=client_address,
            outcome=", ".join(Intent(intent).label for intent in intents),
        )
        notices.tell(
            enterprise,
            about=f"setup link {link.pk} sent",
            subject=f"A setup link of {enterprise} was sent",
            template="setup_link",
            context={
                "email": email,
                "intents": [Intent(intent).label for intent in intents],
                "who": history.named(sent_by),
                "until": f"{link.expires_at:%-d %B %Y}",
            },
        )
    link.state = State.SENT
    return link


def revoke(
    link: SetupLink, *, who: AbstractBaseUser | str, client_address: str | None, now: datetime
) -> None:
    """End it, and what was opened with it; repeating is harmless. Raises gateway.Refused or Unavailable."""
    refuse_another(link.enterprise)
    if link.contact_id and link.enterprise.organization_id:
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


def revoke_of_leaver(enterprise: Enterprise, user: AbstractBaseUser, *, now: datetime) -> None:
    """Have those revoked that this person sent: call it in the transaction in which they lose the role."""
    for link in good(enterprise, now=now).filter(sent_by_id=user.pk):
        Errand.objects.record(Errand.Kind.REVOKE_SETUP_LINK, enterprise=enterprise, key=str(link.pk))


def run_revocation(errand: Errand) -> None:
    link = SetupLink.objects.select_related("enterprise").get(pk=int(errand.key))
    revoke(link, who=history.WORKER, client_address=None, now=timezone.now())


def _another(email: str) -> str:
    whose = f"The setup link of {email}" if email else "A setup link that was sent in another way"
    return f"{whose} is still good, and WorkOS allows one at a time. Revoke it first. Nothing was sent."
