"""The members' page: who belongs to the enterprise, who is invited, and what may be changed."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from enterprises import access, invitations, people
from enterprises.addresses import client_address
from enterprises.forms import InviteForm
from enterprises.models import Enterprise, Invitation, Membership


@require_GET
@never_cache
def members(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, access.get_membership(request.user, slug), InviteForm())


@require_POST
@never_cache
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    membership = access.get_membership_of_it_admin(request.user, slug)
    form = InviteForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            invitation = invitations.invite(
                membership.enterprise,
                data["email"],
                data["role"],
                who=membership.user,
                at=timezone.now(),
                client_address=client_address(request),
            )
        except invitations.AlreadyThere as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, f"{invitation.email} is invited. The mail is on its way.")
            return redirect("members", slug)
    return _page(request, membership, form)


@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_of_it_admin(request.user, slug)
    held = _invitation(membership.enterprise, number)
    invitations.invite(
        held.enterprise,
        held.email,
        Membership.Role(held.role),
        who=membership.user,
        at=timezone.now(),
        client_address=client_address(request),
    )
    messages.success(request, f"A new link is on its way to {held.email}. The one before works no longer.")
    return redirect("members", slug)


@require_POST
@never_cache
def revoke_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_of_it_admin(request.user, slug)
    held = _invitation(membership.enterprise, number)
    invitations.revoke(held, who=membership.user, at=timezone.now(), client_address=client_address(request))
    messages.success(request, f"The invitation of {held.email} is revoked.")
    return redirect("members", slug)


@require_POST
@never_cache
def change_role(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    def change(held: Membership, user: Membership) -> str:
        role = Membership.Role(request.POST["role"])
        people.change_role(
            held, role, who=user.user, at=timezone.now(), client_address=client_address(request)
        )
        return f"{held.user.get_username()} is now: {role.label}."

    if request.POST.get("role") not in Membership.Role:
        messages.error(request, "Choose a role.")
        return redirect("members", slug)
    return _change(request, slug, number, change)


@require_http_methods(["GET", "POST"])
@never_cache
def remove_member(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    if request.method == "GET":
        membership = access.get_membership_of_it_admin(request.user, slug)
        held = _member(membership.enterprise, number)
        context = {"enterprise": membership.enterprise, "membership": membership, "person": held}
        return render(request, "enterprises/remove_member.html", context)

    def remove(held: Membership, user: Membership) -> str:
        people.remove(held, who=user.user, at=timezone.now(), client_address=client_address(request))
        return f"{held.user.get_username()} was removed."

    return _change(request, slug, number, remove)


def _change(
    request: HttpRequest, slug: str, number: int, change: Callable[[Membership, Membership], str]
) -> HttpResponse:
    membership = access.get_membership_of_it_admin(request.user, slug)
    held = _member(membership.enterprise, number)
    try:
        messages.success(request, change(held, membership))
    except people.LastITAdmin as error:
        messages.error(request, str(error))
        return redirect("members", slug)
    except Membership.DoesNotExist:
        messages.warning(request, f"{held.user.get_username()} was removed meanwhile.")
    # Who changed themselves may have lost this page.
    if held.pk == membership.pk:
        return redirect("home")
    return redirect("members", slug)


def _member(enterprise: Enterprise, number: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), enterprise=enterprise, pk=number)


def _invitation(enterprise: Enterprise, number: int) -> Invitation:
    return get_object_or_404(
        Invitation.objects.select_related("enterprise"), enterprise=enterprise, pk=number
    )


def _page(request: HttpRequest, membership: Membership, form: InviteForm) -> HttpResponse:
    enterprise = membership.enterprise
    return render(
        request,
        "enterprises/members.html",
        {
            "enterprise": enterprise,
            "membership": membership,
            "members": Membership.objects.filter(enterprise=enterprise)
            .select_related("user")
            .order_by("role", "user__email"),
            "invitations": Invitation.objects.filter(enterprise=enterprise).order_by("email"),
            "roles": Membership.Role,
            "form": form,
            "now": timezone.now(),
        },
    )
