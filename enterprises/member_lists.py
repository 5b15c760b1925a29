"""The people of an enterprise and those invited, in lists with filters and pages."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from enterprises.mail import find_refusal
from enterprises.models import Enterprise, Invitation, Membership

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


def find_invitations(enterprise: Enterprise, *, search: str, role: str) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(enterprise=enterprise)
    if role:
        found = found.filter(role=role)
    if search:
        found = found.filter(email__icontains=search)
    return found.annotate(mail_refusal=find_refusal("email")).order_by("email")
