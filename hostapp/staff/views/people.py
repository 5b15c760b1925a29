"""The people of a customer, for staff: who belongs to it, and invitations."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit.actor import Actor
from enterprises import invitations
from enterprises.forms import InviteForm, MembersForm
from enterprises.member_lists import find_invitations, find_members, paginate
from enterprises.models import Enterprise, Invitation, Role
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication
from hostapp.staff.rights import Right, as_current_staff, staff_only
from hostapp.staff.views.customer import get_customer


class _Deprovisioned(Exception):
    """The message says which customer."""


@staff_only(Right.VIEW_CUSTOMERS)
@require_safe
@never_cache
def list_people(request: HttpRequest, slug: str) -> HttpResponse:
    return _render_people(request, get_customer(slug), InviteForm(initial={"role": Role.IT_ADMIN}))


@staff_only(Right.INVITE)
@require_POST
@never_cache
def invite_person(request: HttpRequest, slug: str) -> HttpResponse:
    enterprise, form = get_customer(slug), InviteForm(request.POST)
    if not form.is_valid():
        return _render_people(request, enterprise, form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    if page := _require_reauthentication(request, enterprise, email, role):
        return page
    try:
        _invite(request, enterprise, email, role)
    except invitations.AlreadyMember as error:
        form.add_error("email", str(error))
        return _render_people(request, enterprise, form)
    except RateLimited as refusal:
        form.add_error(None, str(refusal))
        return _render_people(request, enterprise, form)
    except _Deprovisioned as refusal:
        # Its page has no form that could show the error.
        messages.error(request, str(refusal))
        return redirect("staff:customer_people", slug)
    messages.success(request, _("Invitation sent to %(email)s. It expires in 30 days.") % {"email": email})
    return redirect("staff:customer_people", slug)


@staff_only(Right.INVITE)
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    enterprise = get_customer(slug)
    invitation = get_object_or_404(Invitation, enterprise=enterprise, pk=number)
    email, role = invitation.email, invitation.role
    if page := _require_reauthentication(request, enterprise, email, role):
        return page
    try:
        _invite(request, enterprise, email, role)
    except (invitations.AlreadyMember, _Deprovisioned, RateLimited) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("Invitation sent again to %(email)s. The link in the earlier email no longer works.")
            % {"email": email},
        )
    return redirect("staff:customer_people", slug)


def _invite(request: HttpRequest, enterprise: Enterprise, email: str, role: str) -> None:
    with as_current_staff(request, enterprise, Right.INVITE) as current:
        if current.deprovisioned_at:
            raise _Deprovisioned(
                _("%(enterprise)s is deprovisioned. Nobody was invited.") % {"enterprise": current.name}
            )
        invitations.invite(current, email, role, Actor.from_request(request), timezone.now())


def _require_reauthentication(
    request: HttpRequest, enterprise: Enterprise, email: str, role: str
) -> HttpResponse | None:
    """As on the customer's own page: an IT admin may do everything there."""
    if role != Role.IT_ADMIN:
        return None
    return require_reauthentication(
        request,
        purpose=_("invite %(email)s as an IT admin of %(enterprise)s")
        % {"email": email, "enterprise": enterprise},
        back_url=reverse("staff:customer_people", args=[enterprise.slug]),
        now=timezone.now(),
    )


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
