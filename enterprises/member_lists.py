"""The people of an enterprise and those invited, in lists with filters and pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from enterprises.mail import find_refusal
from enterprises.memberships import is_last_it_admin
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.row_urls import row_urls

_PAGE_SIZE = 50


def paginate(request: HttpRequest, parameter: str, rows: QuerySet[Any]) -> Page[Any]:
    return Paginator(rows, _PAGE_SIZE).get_page(request.GET.get(parameter))


def find_members(enterprise: Enterprise, *, search: str, role: str) -> QuerySet[Membership]:
    members = Membership.objects.filter(enterprise=enterprise)
    if role:
        members = members.filter(role=role)
    if search:
        members = members.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    return (
        members.select_related("user")
        .annotate(mail_refusal=find_refusal("user__email"))
        .order_by("role", "user__email")
    )


@dataclass(frozen=True)
class MemberRow:
    """A person of the list as the page shows them: what templates look up in models takes most of its time.

    `name` is the address of a person without a name, and `is_named` says so. `mail_refusal` is blank if mail
    to the address is not refused.
    """

    name: str
    email: str
    is_named: bool
    role: str
    is_it_admin: bool
    can_sign_in: bool
    last_login: datetime | None
    mail_refusal: str
    is_viewer: bool
    change_url: str
    remove_url: str


def build_member_rows(members: Iterable[Membership], viewer: Membership) -> list[MemberRow]:
    slug = viewer.enterprise.slug
    change_url = row_urls("enterprises:change_role", slug)
    remove_url = row_urls("enterprises:remove_member", slug)
    roles = {role: str(role.label) for role in Role}
    rows = []
    for member in members:
        user: Any = member.user
        rows.append(
            MemberRow(
                name=user.get_full_name(),
                email=user.email,
                is_named=bool(user.name),
                role=roles[Role.IT_ADMIN if member.is_it_admin else Role.MEMBER],
                is_it_admin=member.is_it_admin,
                can_sign_in=user.is_active,
                last_login=user.last_login,
                mail_refusal=getattr(member, "mail_refusal", None) or "",
                is_viewer=member.pk == viewer.pk,
                change_url=change_url(member.pk),
                remove_url=remove_url(member.pk),
            )
        )
    return rows


def is_only_it_admin(viewer: Membership, shown: Iterable[MemberRow]) -> bool:
    """Asks the database only if no other IT admin is among the rows: they come first in the list."""
    if any(row.is_it_admin and row.can_sign_in and not row.is_viewer for row in shown):
        return False
    return is_last_it_admin(viewer)


def find_invitations(enterprise: Enterprise, *, search: str, role: str) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(enterprise=enterprise)
    if role:
        found = found.filter(role=role)
    if search:
        found = found.filter(email__icontains=search)
    return found.annotate(mail_refusal=find_refusal("email")).order_by("email")
