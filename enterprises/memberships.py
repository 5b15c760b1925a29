"""Who belongs to an enterprise, and in which role. `enterprises.access_grants` handles the end of access."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from audit.actions import Action
from audit.actor import Actor
from audit.log import append_audit_entry
from enterprises import conf
from enterprises.access import find_user_by_email, lock_user
from enterprises.access_grants import announce_access_ended, record_grant
from enterprises.access_mails import AccessChange, Person, enqueue_access_mails
from enterprises.email_addresses import normalize_email
from enterprises.locks import lock_enterprise
from enterprises.mail import Mail, build_subject, send_mail
from enterprises.models import Enterprise, Membership, Role
from enterprises.tasks import TaskKind
from outbox import queue
from outbox.models import Task


class LastITAdmin(Exception):
    """The enterprise would have no IT admin left. The message says what to do instead."""


@transaction.atomic
def add_it_admin(enterprise: Enterprise, email: str, actor: Actor, now: datetime) -> Membership:
    """Give the person with this address the IT admin's role. Repeating is harmless.

    The worker mails a person without a usable password a link to set one, each time until they have set it.
    """
    user = find_user_by_email(email)
    if user is None:
        user, _ = get_user_model().objects.get_or_create(
            email=normalize_email(email), defaults={"password": make_password(None)}
        )
    membership, is_new = Membership.objects.get_or_create(
        enterprise=enterprise, user=user, defaults={"role": Role.IT_ADMIN}
    )
    if is_new or not membership.is_it_admin:
        membership.role = Role.IT_ADMIN
        membership.save(update_fields=["role"])
        append_audit_entry(
            enterprise,
            Action.ROLE_CHANGED,
            actor,
            now,
            target=user,
            outcome=f"→ {membership.get_role_display()}",
        )
        enqueue_access_mails(
            enterprise,
            _describe_person(user),
            AccessChange.PROMOTED,
            actor,
            now,
            # Without a password they get the link to set one.
            is_person_told=user.has_usable_password(),
        )
    if not user.has_usable_password():
        queue.enqueue(
            TaskKind.SEND_PASSWORD_LINK,
            enterprise.external_id,
            key=str(user.pk),
            arguments={"user_id": user.pk},
        )
    return membership


def send_password_link(enterprise: Enterprise, task: Task, now: datetime) -> None:
    """Mail an IT admin the link to set a first password, if they are still an IT admin and have none."""
    membership = (
        Membership.objects.filter(
            enterprise=enterprise,
            user_id=task.arguments["user_id"],
            role=Role.IT_ADMIN,
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )
    if membership is None or membership.user.has_usable_password():
        return
    user = membership.user
    path = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    names = {"enterprise": enterprise.name, "product": conf.product_name()}
    mail = Mail(
        subject=build_subject(_("You're now an IT admin"), enterprise.name),
        heading=_("You're now an IT admin of %(enterprise)s") % names,
        paragraphs=[
            _("Set a password to sign in. The link works once and for three days."),
            _("If you weren't expecting this, you can ignore this email."),
        ],
        facts=[(_("Email"), user.get_username())],
        button=_("Set password"),
        url=f"{conf.site_url()}{path}",
        reason=_("You were given access to %(enterprise)s on %(product)s.") % names,
    )
    send_mail(user.get_username(), mail)


@transaction.atomic
def change_role(membership: Membership, role: str, actor: Actor, now: datetime) -> None:
    """Raises LastITAdmin, and Membership.DoesNotExist if the person was removed in the meantime."""
    current = _lock_membership(membership)
    if current.role == role:
        return
    if current.is_it_admin:
        _require_other_it_admin(current)
        announce_access_ended(
            current, remaining_role=role, username=current.user.get_username(), actor=actor, now=now
        )
    before, current.role = current.get_role_display(), role
    # Not `save`: the receivers would announce the end of access again.
    Membership.objects.filter(pk=current.pk).update(role=role)
    if current.is_it_admin:
        record_grant(current, username=current.user.get_username())
    append_audit_entry(
        current.enterprise,
        Action.ROLE_CHANGED,
        actor,
        now,
        target=current.user,
        outcome=f"{before} → {current.get_role_display()}",
    )
    change = AccessChange.PROMOTED if current.is_it_admin else AccessChange.DEMOTED
    enqueue_access_mails(current.enterprise, _describe_person(current.user), change, actor, now)


@transaction.atomic
def remove_member(membership: Membership, actor: Actor, now: datetime) -> None:
    """Raises LastITAdmin, and Membership.DoesNotExist if the person was removed in the meantime."""
    current = _lock_membership(membership)
    if current.is_it_admin:
        _require_other_it_admin(current)
    announce_access_ended(
        current, remaining_role="", username=current.user.get_username(), actor=actor, now=now
    )
    append_audit_entry(
        current.enterprise,
        Action.MEMBER_REMOVED,
        actor,
        now,
        target=current.user,
        outcome=f"was {current.get_role_display()}",
    )
    person = _describe_person(current.user)
    current.delete()
    enqueue_access_mails(current.enterprise, person, AccessChange.REMOVED, actor, now)


@transaction.atomic
def deactivate_user(user: AbstractBaseUser, actor: Actor, now: datetime) -> None:
    """End a person's sign-in and access everywhere. Staff may do this to the last IT admin, too."""
    # Actions of the person that are under way, such as sending an invitation, finish first or are refused.
    lock_user(user.pk)
    for membership in Membership.objects.filter(user_id=user.pk).select_related("enterprise"):
        announce_access_ended(
            membership, remaining_role="", username=user.get_username(), actor=actor, now=now
        )
        append_audit_entry(membership.enterprise, Action.USER_DEACTIVATED, actor, now, target=user)
        enqueue_access_mails(membership.enterprise, _describe_person(user), AccessChange.ENDED, actor, now)
    user.is_active = False
    user.save(update_fields=["is_active"])


def _describe_person(user: AbstractBaseUser) -> Person:
    name = str(getattr(user, "name", "")) or user.get_username()
    return Person(user.pk, user.get_username(), name)


def _lock_membership(membership: Membership) -> Membership:
    """The membership as it is now. Two role changes in one enterprise wait for each other."""
    lock_enterprise(membership.enterprise_id)
    return Membership.objects.select_related("enterprise", "user").get(pk=membership.pk)


def is_last_it_admin(membership: Membership) -> bool:
    """Whether the enterprise would have no active IT admin without this one."""
    if not membership.is_it_admin:
        return False
    others = Membership.objects.filter(
        enterprise_id=membership.enterprise_id, role=Role.IT_ADMIN, user__is_active=True
    ).exclude(pk=membership.pk)
    return not others.exists()


def _require_other_it_admin(membership: Membership) -> None:
    if is_last_it_admin(membership):
        raise LastITAdmin(
            _("%(name)s is the only IT admin. Make someone else an IT admin first.")
            % {"name": membership.user.get_full_name()}
        )
