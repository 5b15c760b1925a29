"""Invite a person by e-mail. The link works once and for 30 days; only its hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import conf
from enterprises.access import find_user_by_email
from enterprises.access_mails import Person, enqueue_joined_mails
from enterprises.email_addresses import normalize_email
from enterprises.mail import Mail, build_subject, fold_line, format_time, send_mail
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.rate_limits import RateLimited, count_action, describe_minutes, hash_for_key
from enterprises.tasks import TaskKind
from outbox import queue
from outbox.models import Task

LIFETIME = timedelta(days=30)
# Of the rate limits.
_WINDOW = timedelta(hours=1)
_MAX_PER_ADDRESS = 3


# Staff invite people of every enterprise.
_SENT_BY_STAFF = Q(invited_by__is_staff=True, invited_by__is_active=True)


class AlreadyMember(Exception):
    """The person belongs to the enterprise. The message says in which role."""


@transaction.atomic
def invite(enterprise: Enterprise, email: str, role: str, actor: Actor, now: datetime) -> Invitation:
    """Create or renew the invitation of this address; the worker mails its link.

    Raises AlreadyMember, and RateLimited for too many mails in an hour.
    """
    email = normalize_email(email)
    member = Membership.objects.filter(enterprise=enterprise, user=find_user_by_email(email)).first()
    if member:
        raise AlreadyMember(
            _("%(email)s is already a member: %(role)s.")
            % {"email": email, "role": member.get_role_display()}
        )
    _check_rate_limits(enterprise, email, actor, now)
    invitation, is_new = Invitation.objects.update_or_create(
        enterprise=enterprise,
        email=email,
        defaults={
            "role": role,
            # A placeholder: the worker generates the token that is mailed.
            "token_hash": _hash_token(secrets.token_urlsafe()),
            "invited_by_id": actor.user_id,
            "invited_by_name": fold_line(actor.name),
            "invited_at": now,
            "expires_at": now + LIFETIME,
        },
    )
    queue.enqueue(TaskKind.SEND_INVITATION, enterprise.external_id, key=str(invitation.pk))
    append_audit_entry(
        enterprise,
        Action.INVITED if is_new else Action.INVITATION_RESENT,
        actor,
        now,
        target=email,
        outcome=invitation.get_role_display(),
    )
    return invitation


def _check_rate_limits(enterprise: Enterprise, email: str, actor: Actor, now: datetime) -> None:
    """Per person, enterprise and address. The command line is ours, and is not limited."""
    if actor.user_id is None:
        return
    for subject, key, limit in (
        ("You have sent", f"invitations by person {actor.user_id}", conf.invitations_per_person()),
        (
            f"The IT admins of {enterprise} have sent",
            f"invitations of enterprise {enterprise.pk}",
            conf.invitations_per_enterprise(),
        ),
        (
            f"{email} was sent",
            f"invitations of enterprise {enterprise.pk} to {hash_for_key(email)}",
            _MAX_PER_ADDRESS,
        ),
    ):
        if minutes := count_action(key, limit=limit, window=_WINDOW, now=now):
            raise RateLimited(
                f"{subject} {limit} invitations in an hour. Nothing was sent. "
                f"Try again in {describe_minutes(minutes)}."
            )


@transaction.atomic
def revoke_invitation(invitation: Invitation, actor: Actor, now: datetime) -> None:
    """Delete an invitation: its link stops working. Repeating is harmless."""
    if Invitation.objects.filter(pk=invitation.pk).delete()[0]:
        append_audit_entry(
            invitation.enterprise, Action.INVITATION_REVOKED, actor, now, target=invitation.email
        )


@transaction.atomic
def revoke_invitations_sent_by(enterprise: Enterprise, user_id: int, actor: Actor, now: datetime) -> None:
    sent = Invitation.objects.filter(enterprise=enterprise, invited_by_id=user_id)
    for invitation in sent.select_related("enterprise").select_for_update(of=("self",)).order_by("pk"):
        revoke_invitation(invitation, actor, now)


@transaction.atomic
def revoke_invitations_of_former_staff(user_id: int, actor: Actor, now: datetime) -> None:
    """Those of enterprises that the person is no IT admin of."""
    own = Membership.objects.filter(user=user_id, role=Role.IT_ADMIN, user__is_active=True)
    sent = Invitation.objects.filter(invited_by_id=user_id).exclude(enterprise__in=own.values("enterprise"))
    for invitation in sent.select_related("enterprise").select_for_update(of=("self",)).order_by("pk"):
        revoke_invitation(invitation, actor, now)


def find_invitation(token: str, *, now: datetime) -> Invitation | None:
    """The invitation that this token belongs to, or None if its link no longer works."""
    # The inviter's access may have ended by SQL: the periodic job that revokes their invitations runs later.
    as_it_admin = Membership.objects.filter(
        enterprise=OuterRef("enterprise"),
        user=OuterRef("invited_by"),
        role=Role.IT_ADMIN,
        user__is_active=True,
    )
    return (
        Invitation.objects.filter(
            token_hash=_hash_token(token), expires_at__gt=now, enterprise__deprovisioned_at=None
        )
        .filter(Q(invited_by=None) | _SENT_BY_STAFF | Exists(as_it_admin))
        .select_related("enterprise")
        .first()
    )


@transaction.atomic
def accept_invitation(
    invitation: Invitation, user: AbstractBaseUser, actor: Actor, now: datetime
) -> Membership | None:
    """The new membership, or None if the invitation was used or revoked in the meantime."""
    current = Invitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash)
    if not current.delete()[0]:
        return None
    membership, is_new = Membership.objects.get_or_create(
        enterprise=invitation.enterprise, user=user, defaults={"role": invitation.role}
    )
    is_promoted = not is_new and invitation.role == Role.IT_ADMIN and not membership.is_it_admin
    if is_promoted:
        membership.role = Role.IT_ADMIN
        membership.save(update_fields=["role"])
    append_audit_entry(
        invitation.enterprise,
        Action.INVITATION_ACCEPTED,
        actor,
        now,
        target=user,
        outcome=membership.get_role_display(),
    )
    if is_new or is_promoted:
        name = str(getattr(user, "name", "")) or user.get_username()
        enqueue_joined_mails(
            invitation.enterprise,
            Person(user.pk, user.get_username(), name),
            as_it_admin=membership.is_it_admin,
            inviter_id=invitation.invited_by_id,
            actor=actor,
            now=now,
        )
    return membership


def find_account(invitation: Invitation) -> AbstractBaseUser | None:
    user: AbstractBaseUser | None = find_user_by_email(invitation.email)
    return user


@transaction.atomic
def accept_invitation_as_new_user(
    invitation: Invitation, *, name: str, password: str, client_ip: str | None, now: datetime
) -> AbstractBaseUser | None:
    """The new user, or None as `accept_invitation`. A user who has no password yet is new, too."""
    user = find_user_by_email(invitation.email)
    if user is None:
        user, _ = get_user_model().objects.get_or_create(email=invitation.email)
    user.name = name
    user.set_password(password)
    actor = Actor.from_user(user, client_ip=client_ip)
    if not accept_invitation(invitation, user, actor, now):
        transaction.set_rollback(True)
        return None
    user.save()
    joined: AbstractBaseUser = user
    return joined


def send_invitation(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail the link. Run again after a crash, it mails another link, which replaces the first."""
    invitation = (
        Invitation.objects.filter(pk=int(task.key)).select_related("enterprise", "invited_by").first()
    )
    if invitation is None or invitation.expires_at <= now:
        # Accepted or revoked in the meantime, or the mail server was unreachable for a month.
        return
    token = secrets.token_urlsafe(32)
    # Stored before it is mailed, so that a link that arrives always works.
    Invitation.objects.filter(pk=invitation.pk).update(token_hash=_hash_token(token))
    link = f"{conf.site_url()}{reverse('enterprises:invitation', args=[token])}"
    send_mail(invitation.email, _build_invitation_mail(invitation, link))


def _build_invitation_mail(invitation: Invitation, link: str) -> Mail:
    inviter = invitation.invited_by
    names = {
        "enterprise": invitation.enterprise.name,
        "product": conf.product_name(),
        "inviter": str(inviter.get_full_name()) if inviter else "",
    }
    if invitation.role == Role.IT_ADMIN:
        by_inviter = _("%(inviter)s invited you to %(enterprise)s as an IT admin")
        passive = _("You're invited to %(enterprise)s as an IT admin")
        explanation = _("IT admins manage single sign-on, directory sync and members.")
    else:
        by_inviter = _("%(inviter)s invited you to %(enterprise)s as a member")
        passive = _("You're invited to %(enterprise)s as a member")
        explanation = _("Members can view the status of single sign-on.")
    facts = [(_("Invited by"), invitation.invited_by_name)] if inviter else []
    return Mail(
        # The inviter's name is what they typed: it is no part of what strangers see first.
        subject=build_subject(_("You're invited"), invitation.enterprise.name),
        heading=(by_inviter if inviter else passive) % names,
        paragraphs=[explanation, _("If you weren't expecting this, you can ignore this email.")],
        facts=[
            *facts,
            (_("When"), format_time(invitation.invited_at)),
            (_("Valid until"), format_time(invitation.expires_at)),
        ],
        button=_("Accept invitation"),
        url=link,
        reason=_("You were invited to %(enterprise)s on %(product)s. The link works once.") % names,
    )


def _hash_token(token: str) -> str:
    # 256 random bits cannot be guessed, so a fast hash is enough.
    return hashlib.sha256(token.encode()).hexdigest()
