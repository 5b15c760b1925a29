"""Who may do what. Strangers get 404: we do not admit that the enterprise exists."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from enterprises.intents import COMES_WITH, Intent
from enterprises.models import Enterprise, Membership


def memberships(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Membership]:
    """The places of `user`, by the enterprise's name."""
    if user.pk is None:
        return Membership.objects.none()
    return (
        Membership.objects.filter(user_id=user.pk, enterprise__deprovisioned_at=None)
        .select_related("enterprise", "user")
        .order_by("enterprise__name")
    )


def get_membership(user: AbstractBaseUser | AnonymousUser, slug: str) -> Membership:
    """The place of `user` in the enterprise, or 404."""
    return get_object_or_404(memberships(user), enterprise__slug=slug)


def get_membership_of_it_admin(user: AbstractBaseUser | AnonymousUser, slug: str) -> Membership:
    """The same for its IT admins. Plain members get 403."""
    membership = get_membership(user, slug)
    if not membership.is_it_admin:
        names = ", ".join(
            f"{person.get_full_name()} ({person.get_username()})"
            for person in it_admins(membership.enterprise)
        )
        raise PermissionDenied(
            f"Only IT admins of {membership.enterprise.name} may do this: {names or 'there is none yet'}."
        )
    return membership


def require_staff(user: AbstractBaseUser | AnonymousUser) -> None:
    """403 for everybody who does not run this SaaS."""
    if not getattr(user, "is_staff", False):
        raise PermissionDenied("Only our staff may do this.")


def it_admins(enterprise: Enterprise) -> list[Any]:
    """Whom a plain member can ask."""
    return list(
        get_user_model()
        .objects.filter(
            is_active=True,
            memberships__enterprise=enterprise,
            memberships__role=Membership.Role.IT_ADMIN,
        )
        .order_by("name", "email")
    )


def may_use(enterprise: Enterprise, intent: Intent) -> bool:
    """Whether the plan of the enterprise includes it."""
    return COMES_WITH.get(intent, intent) in enterprise.intents


def why_not(enterprise: Enterprise, intent: Intent) -> str:
    """For whom would open it: the reason, or nothing when they may."""
    if may_use(enterprise, intent):
        return ""
    needed = COMES_WITH.get(intent, intent)
    comes_with = "" if needed == intent else f", with which {intent.label} comes"
    return f"{enterprise.name}’s plan does not include {needed.label}{comes_with}. Ask us to add it."


def get_enterprise_to_onboard(user: AbstractBaseUser | AnonymousUser, slug: str) -> Enterprise:
    """For those who may have somebody outside the app set it up: its IT admins, and staff."""
    if getattr(user, "is_staff", False):
        return get_object_or_404(Enterprise, slug=slug)
    return get_membership_of_it_admin(user, slug).enterprise


def signed_in(user: AbstractBaseUser | AnonymousUser) -> AbstractBaseUser:
    """Narrows the type behind LoginRequiredMiddleware."""
    if not isinstance(user, AbstractBaseUser):
        raise PermissionDenied("Sign in first.")
    return user
