"""Who belongs to an enterprise, and as what.

Whoever stops being an IT admin loses their portal links and open portal sessions, too: that is recorded in
the same commit, and done by the worker.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

import gateway
from enterprises import history, setup_links
from enterprises.environments import refuse_another
from enterprises.history import Deed
from enterprises.models import Enterprise, Errand, Membership

Role = Membership.Role

# After the gateway's time-out, by when a link that was being minted is minted, or never will be.
_MARGIN = timedelta(seconds=5)


class LastITAdmin(Exception):
    """Nobody would be left to run the enterprise. The message says what to do instead."""


def make_it_admin(
    enterprise: Enterprise, email: str, *, who: AbstractBaseUser | str = history.COMMAND
) -> Membership:
    """Give the person with this address the IT admin's role. Repeating is harmless.

    Someone without a usable password gets a mail with a link to set one; again each time, until they have.
    """
    with transaction.atomic():
        user, _ = get_user_model().objects.get_or_create(
            email=email.strip().lower(), defaults={"password": make_password(None)}
        )
        membership, new = Membership.objects.get_or_create(
            enterprise=enterprise, user=user, defaults={"role": Role.IT_ADMIN}
        )
        if new or not membership.is_it_admin:
            membership.role = Role.IT_ADMIN
            membership.save(update_fields=["role"])
            history.record(
                enterprise,
                deed=Deed.ROLE_CHANGED,
                who=who,
                for_whom=user,
                at=timezone.now(),
                outcome=f"→ {membership.get_role_display()}",
            )
    if not user.has_usable_password():
        _send_password_link(user, enterprise)
    return membership


@transaction.atomic
def change_role(
    membership: Membership,
    role: Membership.Role,
    *,
    who: AbstractBaseUser | str,
    at: datetime,
    client_address: str | None = None,
) -> None:
    """Raises LastITAdmin, and Membership.DoesNotExist when they were removed meanwhile."""
    held = _hold(membership)
    if held.role == role:
        return
    if held.is_it_admin:
        _refuse_the_last(held)
        revoke_links(held.enterprise, held.user, at=at)
    before, held.role = held.get_role_display(), role
    held.save(update_fields=["role"])
    history.record(
        held.enterprise,
        deed=Deed.ROLE_CHANGED,
        who=who,
        for_whom=held.user,
        at=at,
        client_address=client_address,
        outcome=f"{before} → {held.get_role_display()}",
    )


@transaction.atomic
def remove(
    membership: Membership, *, who: AbstractBaseUser | str, at: datetime, client_address: str | None = None
) -> None:
    """Raises LastITAdmin, and Membership.DoesNotExist when they were removed meanwhile."""
    held = _hold(membership)
    if held.is_it_admin:
        _refuse_the_last(held)
        revoke_links(held.enterprise, held.user, at=at)
    history.record(
        held.enterprise,
        deed=Deed.REMOVED,
        who=who,
        for_whom=held.user,
        at=at,
        client_address=client_address,
        outcome=f"was {held.get_role_display()}",
    )
    held.delete()


@transaction.atomic
def deactivate(
    user: AbstractBaseUser, *, who: AbstractBaseUser | str, at: datetime, client_address: str | None = None
) -> None:
    """They can no longer sign in, nor use what they opened. Staff may do so to the last IT admin, too."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    # Staff send them without belonging anywhere.
    setup_links.revoke_soon(setup_links.of_leaver(user, now=at))
    for membership in Membership.objects.filter(user_id=user.pk).select_related("enterprise"):
        if membership.is_it_admin:
            revoke_links(membership.enterprise, user, at=at)
        history.record(
            membership.enterprise,
            deed=Deed.DEACTIVATED,
            who=who,
            for_whom=user,
            at=at,
            client_address=client_address,
        )


@transaction.atomic
def leave_staff(user: AbstractBaseUser, *, at: datetime) -> None:
    """What they sent as staff must open nothing any more; what they sent as an IT admin stays."""
    own = Membership.objects.filter(user_id=user.pk, role=Role.IT_ADMIN).values("enterprise")
    setup_links.revoke_soon(setup_links.of_leaver(user, now=at).exclude(enterprise__in=own))


def revoke_links(enterprise: Enterprise, user: AbstractBaseUser, *, at: datetime) -> None:
    """Record that this person's links and sessions must end: now, and again once one being minted is."""
    arguments = {"external_user_id": str(user.pk), "person": user.get_username()}
    later = at + timedelta(seconds=settings.WORKOS_TIMEOUT) + _MARGIN
    for key, due_at in ((str(user.pk), at), (f"{user.pk} again", later)):
        Errand.objects.record(
            Errand.Kind.REVOKE_LINKS,
            enterprise=enterprise,
            key=key,
            arguments=arguments,
            due_at=due_at,
        )
    setup_links.revoke_soon(setup_links.of_leaver(user, now=at).filter(enterprise=enterprise))


def do_revoke_links(errand: Errand, *, at: datetime) -> None:
    enterprise = errand.enterprise
    if not enterprise.organization_id or enterprise.organization_deleted_at:
        return
    refuse_another(enterprise)
    gateway.revoke_portal_links(
        organization_id=enterprise.organization_id, external_user_id=errand.arguments["external_user_id"]
    )
    if not errand.key.endswith("again"):
        history.record(
            enterprise,
            deed=Deed.LINK_REVOKED,
            who=history.WORKER,
            for_whom=errand.arguments["person"],
            at=at,
        )


def _hold(membership: Membership) -> Membership:
    """The membership as it is now. Two who change roles in one enterprise wait for each other."""
    Enterprise.objects.select_for_update(no_key=True).get(pk=membership.enterprise_id)
    return Membership.objects.select_related("enterprise", "user").get(pk=membership.pk)


def _refuse_the_last(membership: Membership) -> None:
    others = Membership.objects.filter(
        enterprise=membership.enterprise, role=Role.IT_ADMIN, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise LastITAdmin(
            f"{membership.user.get_username()} is the last IT admin of {membership.enterprise.name}: "
            "make somebody else an IT admin first."
        )


def _send_password_link(user: AbstractBaseUser, enterprise: Enterprise) -> None:
    path = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    context = {"enterprise": enterprise, "link": f"{settings.SITE_URL}{path}"}
    send_mail(
        f"You are an IT admin of {enterprise.name}",
        render_to_string("enterprises/mail/set_password.txt", context),
        None,
        [user.get_username()],
    )
