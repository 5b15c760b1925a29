"""Ask a colleague in by e-mail. The link is good for 30 days and once; only its hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from enterprises import history
from enterprises.history import Deed
from enterprises.models import Enterprise, Errand, Invitation, Membership

LIFE = timedelta(days=30)

Person = AbstractBaseUser | str


class AlreadyThere(Exception):
    """They belong to the enterprise. The message says as what."""


@transaction.atomic
def invite(
    enterprise: Enterprise,
    email: str,
    role: Membership.Role,
    *,
    who: Person,
    at: datetime,
    client_address: str | None = None,
) -> Invitation:
    """The invitation of this address, new or renewed; the worker mails its link. Raises AlreadyThere."""
    email = email.strip().lower()
    held = Membership.objects.filter(enterprise=enterprise, user__email=email).first()
    if held:
        raise AlreadyThere(f"{email} belongs to {enterprise.name} already: {held.get_role_display()}.")
    invitation, new = Invitation.objects.update_or_create(
        enterprise=enterprise,
        email=email,
        defaults={
            "role": role,
            # Known to nobody: the worker makes the one that is mailed.
            "token_hash": _hash(secrets.token_urlsafe()),
            "invited_by": history.named(who),
            "invited_at": at,
            "expires_at": at + LIFE,
        },
    )
    Errand.objects.record(Errand.Kind.MAIL_INVITATION, enterprise=enterprise, key=str(invitation.pk))
    history.record(
        enterprise,
        deed=Deed.INVITED if new else Deed.INVITATION_RESENT,
        who=who,
        for_whom=email,
        at=at,
        client_address=client_address,
        outcome=invitation.get_role_display(),
    )
    return invitation


@transaction.atomic
def revoke(invitation: Invitation, *, who: Person, at: datetime, client_address: str | None = None) -> None:
    """Its link works no longer. Repeatable."""
    if Invitation.objects.filter(pk=invitation.pk).delete()[0]:
        history.record(
            invitation.enterprise,
            deed=Deed.INVITATION_REVOKED,
            who=who,
            for_whom=invitation.email,
            at=at,
            client_address=client_address,
        )


def find(token: str, *, now: datetime) -> Invitation | None:
    """The one that this link opens, if it still does."""
    return (
        Invitation.objects.filter(
            token_hash=_hash(token), expires_at__gt=now, enterprise__deprovisioned_at=None
        )
        .select_related("enterprise")
        .first()
    )


@transaction.atomic
def accept(
    invitation: Invitation, user: AbstractBaseUser, *, at: datetime, client_address: str | None = None
) -> Membership | None:
    """Their place in the enterprise, or None when somebody used or revoked the invitation meanwhile."""
    if not Invitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash).delete()[0]:
        return None
    membership, new = Membership.objects.get_or_create(
        enterprise=invitation.enterprise, user=user, defaults={"role": invitation.role}
    )
    if not new and invitation.role == Membership.Role.IT_ADMIN:
        membership.role = Membership.Role.IT_ADMIN
        membership.save(update_fields=["role"])
    history.record(
        invitation.enterprise,
        deed=Deed.ACCEPTED,
        who=user,
        for_whom=user,
        at=at,
        client_address=client_address,
        outcome=membership.get_role_display(),
    )
    return membership


def account_of(invitation: Invitation) -> AbstractBaseUser | None:
    return get_user_model().objects.filter(email=invitation.email).first()


@transaction.atomic
def accept_as_new(
    invitation: Invitation, *, name: str, password: str, at: datetime, client_address: str | None = None
) -> AbstractBaseUser | None:
    """The new person, or None as `accept`. Someone whose account has no password yet is new, too."""
    user, _ = get_user_model().objects.get_or_create(email=invitation.email)
    user.name = name
    user.set_password(password)
    if not accept(invitation, user, at=at, client_address=client_address):
        transaction.set_rollback(True)
        return None
    user.save()
    return user


def mail(errand: Errand) -> None:
    """Send the link. Tried again after a kill, it sends another one, and that is then the one that works."""
    invitation = Invitation.objects.filter(pk=int(errand.key)).select_related("enterprise").first()
    if invitation is None:
        # Accepted or revoked meanwhile.
        return
    token = secrets.token_urlsafe(32)
    # Before it is sent: a link that arrives works.
    Invitation.objects.filter(pk=invitation.pk).update(token_hash=_hash(token))
    link = f"{settings.SITE_URL}{reverse('invitation', args=[token])}"
    send_mail(
        f"You are invited to {invitation.enterprise.name}",
        render_to_string("enterprises/mail/invitation.txt", {"invitation": invitation, "link": link}),
        None,
        [invitation.email],
    )


def _hash(token: str) -> str:
    # 256 random bits: nothing to slow a guesser down for.
    return hashlib.sha256(token.encode()).hexdigest()
