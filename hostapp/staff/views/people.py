"""The people of a customer, for staff: who belongs to it, and invitations."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from enterprises.forms import InviteForm, MembersForm
from enterprises.member_lists import find_invitations, find_members, paginate
from enterprises.models import Enterprise, Role
from enterprises.views.inviting import CannotInvite, InvitePage, answer_invite, answer_resend
from hostapp.staff.rights import Right, as_current_staff, staff_only
from hostapp.staff.views.customer import get_customer


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def list_people(request: HttpRequest, slug: str) -> HttpResponse:
    return _render_people(request, get_customer(slug), InviteForm(initial={"role": Role.IT_ADMIN}))


@staff_only(Right.INVITE)
@require_POST
@never_cache
def invite_person(request: HttpRequest, slug: str) -> HttpResponse:
    return answer_invite(request, _build_invite_page(request, get_customer(slug)))


@staff_only(Right.INVITE)
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    return answer_resend(request, _build_invite_page(request, get_customer(slug)), number)


def _build_invite_page(request: HttpRequest, enterprise: Enterprise) -> InvitePage:
    return InvitePage(
        enterprise,
        reverse("staff:customer_people", args=[enterprise.slug]),
        render=lambda form: _render_people(request, enterprise, form),
        lock=lambda: _as_inviting_staff(request, enterprise),
    )


@contextmanager
def _as_inviting_staff(request: HttpRequest, enterprise: Enterprise) -> Iterator[Enterprise]:
    with as_current_staff(request, enterprise, Right.INVITE) as current:
        if current.deprovisioned_at:
            raise CannotInvite(
                _("%(enterprise)s is deprovisioned. Nobody was invited.") % {"enterprise": current.name}
            )
        yield current


def _render_people(request: HttpRequest, enterprise: Enterprise, form: InviteForm) -> HttpResponse:
    filter_form = MembersForm(request.GET)
    wanted = filter_form.cleaned_data if filter_form.is_valid() else {"search": "", "role": ""}
    filters = request.GET.copy()
    for name in ("page", "invited"):
        filters.pop(name, None)
    context = {
        "enterprise": enterprise,
        "page": paginate(request, "page", find_members(enterprise, **wanted)),
        "invited": paginate(request, "invited", find_invitations(enterprise, **wanted)),
        "filter_form": filter_form,
        "filters": filters.urlencode(),
        "is_filtered": any(wanted.values()),
        "form": form,
        "now": timezone.now(),
    }
    return render(request, "staff/people.html", context)
