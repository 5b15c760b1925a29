"""Who may do what. Strangers get 404: we do not admit that the enterprise exists."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from audit.actions import Action
from audit.models import AuditEntry
from enterprises.email_addresses import normalize_email
from enterprises.intents import INCLUDED_WITH, Intent
from enterprises.locks import lock_enterprise
from enterprises.models import Enterprise, Membership, Role
from telemetry.context import add_field


class AccessLost(PermissionDenied):
    """The person had the access that they need here, and lost it. `heading` says so in one sentence."""

    def __init__(self, heading: str, advice: str) -> None:
        super().__init__(advice)
        self.heading = heading


def memberships_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Membership]:
    """The memberships of `user`, by the enterprise's name."""
    if user.pk is None:
        return Membership.objects.none()
    return (
        Membership.objects.filter(user_id=user.pk, enterprise__deprovisioned_at=None)
        .select_related("enterprise__organization", "user")
        .order_by("enterprise__name")
    )


def get_membership(user: AbstractBaseUser | AnonymousUser, slug: str) -> Membership:
    """The membership of `user` in the enterprise. Former members get 403 and the reason, others 404."""
    membership = _find_membership(user, enterprise__slug=slug)
    if membership is None:
        _raise_if_former_member(user, slug)
        raise Http404
    add_field("enterprise", slug)
    return membership


def _find_membership(user: AbstractBaseUser | AnonymousUser, **enterprise: Any) -> Membership | None:
    """The membership in one enterprise, which `enterprise` filters by."""
    if user.pk is None:
        return None
    own = Membership.objects.filter(user_id=user.pk, enterprise__deprovisioned_at=None, **enterprise)
    membership = next(iter(own.select_related("enterprise__organization")), None)
    if membership is not None:
        # Known already: the query need not load it again.
        membership.user = user  # type: ignore[assignment]
    return membership


def _raise_if_former_member(user: AbstractBaseUser | AnonymousUser, slug: str) -> None:
    """They know the enterprise already, so this reveals nothing."""
    enterprise = Enterprise.objects.filter(slug=slug, deprovisioned_at=None).first()
    if enterprise is None or user.pk is None:
        return
    if not _has_audit_entry(enterprise, user, Action.MEMBER_REMOVED, Action.ACCESS_ENDED):
        return
    names = {"enterprise": enterprise.name}
    raise AccessLost(
        _("You no longer have access to %(enterprise)s") % names,
        _("To get access again, ask an IT admin of %(enterprise)s to invite you.") % names,
    )


def _has_audit_entry(
    enterprise: Enterprise, user: AbstractBaseUser | AnonymousUser, *actions: Action
) -> bool:
    """Whether one of these was done to the person. By the address: they may have changed their name."""
    email = user.get_username()
    return (
        AuditEntry.objects.for_subject(enterprise.external_id)
        .filter(Q(target=email) | Q(target__endswith=f"<{email}>"), action__in=actions)
        .exists()
    )


def get_membership_for_it_admin(user: AbstractBaseUser | AnonymousUser, slug: str) -> Membership:
    """The membership of an IT admin. Members and former members get 403, others 404."""
    membership = get_membership(user, slug)
    if membership.is_it_admin:
        return membership
    enterprise = {"enterprise": membership.enterprise.name}
    # There are two roles: a member whose role was changed has been an IT admin.
    if _has_audit_entry(membership.enterprise, user, Action.ROLE_CHANGED):
        raise AccessLost(
            _("You’re no longer an IT admin of %(enterprise)s") % enterprise,
            _describe_it_admins(membership.enterprise),
        )
    raise PermissionDenied(
        _("Only IT admins of %(enterprise)s can do this.") % enterprise
        + " "
        + _describe_it_admins(membership.enterprise)
    )


def _describe_it_admins(enterprise: Enterprise) -> str:
    names = ", ".join(
        f"{person.get_full_name()} ({person.get_username()})" for person in it_admins_of(enterprise)
    )
    return _("Ask %(people)s.") % {"people": names} if names else _("There is no IT admin yet.")


def find_user_by_email(email: str) -> Any:
    """The person with this address, in whatever spelling the project's user model stores it; or None."""
    users, normalized = get_user_model().objects, normalize_email(email)
    return users.filter(email=normalized).first() or users.filter(email__iexact=normalized).first()


def lock_user(user_id: int | None) -> AbstractBaseUser | AnonymousUser:
    """The person as they are now, anonymous if they were deleted or deactivated.

    Call it in a transaction: a deactivation waits for its end.
    """
    if user_id is None:
        return AnonymousUser()
    current = get_user_model().objects.select_for_update(no_key=True).filter(pk=user_id).first()
    return current if current is not None and current.is_active else AnonymousUser()


def lock_membership_for_it_admin(membership: Membership) -> Membership:
    """The membership of an IT admin, read again under locks. Raises what get_membership_for_it_admin raises.

    A request may have waited since the view looked, and the person may have lost the role in that time. Call
    it in the transaction of the action: a removal, demotion or deactivation waits for its end.
    """
    enterprise = lock_enterprise(membership.enterprise_id)
    user = lock_user(membership.user_id)
    Membership.objects.select_for_update(no_key=True).filter(pk=membership.pk).first()
    return get_membership_for_it_admin(user, enterprise.slug)


def require_staff(user: AbstractBaseUser | AnonymousUser) -> None:
    """403 for everyone but the staff of this SaaS."""
    if not getattr(user, "is_staff", False):
        raise PermissionDenied(_("This page is for staff only."))


def explain_missing_permission(permission: str) -> str:
    """For staff. `permission` is `app.codename`."""
    return _(
        "Your staff account doesn’t have the permission %(permission)s. Ask an administrator for it."
    ) % {"permission": permission}


def it_admins_of(enterprise: Enterprise) -> list[Any]:
    """The active IT admins, whom a member can ask and notifications go to."""
    return list(
        get_user_model()
        .objects.filter(
            is_active=True,
            enterprise_memberships__enterprise=enterprise,
            enterprise_memberships__role=Role.IT_ADMIN,
        )
        .order_by("name", "email")
    )


def it_admin_ids_of(enterprise_ids: Collection[int]) -> dict[int, list[int]]:
    """The active IT admins of many enterprises, by enterprise."""
    ids: dict[int, list[int]] = {one: [] for one in enterprise_ids}
    admins = Membership.objects.filter(
        enterprise__in=enterprise_ids, role=Role.IT_ADMIN, user__is_active=True
    )
    for enterprise_id, user_id in admins.order_by("user").values_list("enterprise_id", "user_id"):
        ids[enterprise_id].append(user_id)
    return ids


def can_use_intent(enterprise: Enterprise, intent: Intent) -> bool:
    """Whether the plan of the enterprise includes it."""
    return INCLUDED_WITH.get(intent, intent) in enterprise.intents


@dataclass(frozen=True)
class SetupAccess:
    """An enterprise that a person may see for setup. `membership` is None for staff who are not members."""

    enterprise: Enterprise
    membership: Membership | None

    @property
    def is_it_admin(self) -> bool:
        return self.membership is not None and self.membership.is_it_admin


def get_access_for_setup(
    user: AbstractBaseUser | AnonymousUser, slug: str, *, permission: str
) -> SetupAccess:
    """For those who may send a setup link or see the directory: IT admins, and staff with this permission."""
    if getattr(user, "is_staff", False):
        if isinstance(user, PermissionsMixin) and user.has_perm(permission):
            enterprise = get_object_or_404(Enterprise.objects.select_related("organization"), slug=slug)
            return SetupAccess(enterprise, _find_membership(user, enterprise=enterprise))
        if not memberships_of(user).filter(enterprise__slug=slug).exists():
            raise PermissionDenied(explain_missing_permission(permission))
    membership = get_membership_for_it_admin(user, slug)
    return SetupAccess(membership.enterprise, membership)
