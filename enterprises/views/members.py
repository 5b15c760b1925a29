"""The members page: who belongs to the enterprise, who is invited, and what may be changed."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.actor import Actor
from enterprises import access, conf, invitations, memberships
from enterprises.forms import InviteForm
from enterprises.mail import find_refusal
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.rate_limits import RateLimited


@login_required
@require_GET
@never_cache
def list_members(request: HttpRequest, slug: str) -> HttpResponse:
    return _render_members(request, access.get_membership(request.user, slug), InviteForm())


@login_required
@require_POST
@never_cache
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    form = InviteForm(request.POST)
    if form.is_valid():
        email, role = form.cleaned_data["email"], form.cleaned_data["role"]
        actor = Actor.from_request(request)
        try:
            invitation = invitations.invite(membership.enterprise, email, role, actor, timezone.now())
        except invitations.AlreadyMember as error:
            form.add_error("email", str(error))
        except RateLimited as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{invitation.email} is invited. The mail is on its way.")
            return redirect("enterprises:members", slug)
    return _render_members(request, membership, form)


@login_required
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    enterprise = access.get_membership_for_it_admin(request.user, slug).enterprise
    invitation = _get_invitation(enterprise, number)
    actor = Actor.from_request(request)
    try:
        invitations.invite(enterprise, invitation.email, invitation.role, actor, timezone.now())
    except (invitations.AlreadyMember, RateLimited) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, f"A new link is on its way to {invitation.email}. The previous link no longer works."
        )
    return redirect("enterprises:members", slug)


@login_required
@require_POST
@never_cache
def revoke_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    enterprise = access.get_membership_for_it_admin(request.user, slug).enterprise
    invitation = _get_invitation(enterprise, number)
    invitations.revoke_invitation(invitation, Actor.from_request(request), timezone.now())
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return redirect("enterprises:members", slug)


@login_required
@require_POST
@never_cache
def change_role(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    def change(member: Membership) -> str:
        role = Role(request.POST["role"])
        memberships.change_role(member, role, Actor.from_request(request), timezone.now())
        return f"{member.user.get_username()} is now: {role.label}."

    if request.POST.get("role") not in Role:
        messages.error(request, "Choose a role.")
        return redirect("enterprises:members", slug)
    return _change_member(request, slug, number, change)


@login_required
@require_http_methods(["GET", "POST"])
@never_cache
def remove_member(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    if request.method == "GET":
        membership = access.get_membership_for_it_admin(request.user, slug)
        member = _get_member(membership.enterprise, number)
        context = {"enterprise": membership.enterprise, "membership": membership, "person": member}
        return render(request, "enterprises/remove_member.html", context)

    def remove(member: Membership) -> str:
        memberships.remove_member(member, Actor.from_request(request), timezone.now())
        return f"{member.user.get_username()} was removed."

    return _change_member(request, slug, number, remove)


def _change_member(
    request: HttpRequest, slug: str, number: int, change: Callable[[Membership], str]
) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    member = _get_member(membership.enterprise, number)
    try:
        messages.success(request, change(member))
    except memberships.LastITAdmin as error:
        messages.error(request, str(error))
        return redirect("enterprises:members", slug)
    except Membership.DoesNotExist:
        messages.warning(request, f"{member.user.get_username()} had already been removed.")
    # People who changed themselves may have lost this page.
    if member.pk == membership.pk:
        return redirect(conf.home_url())
    return redirect("enterprises:members", slug)


def _get_member(enterprise: Enterprise, number: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), enterprise=enterprise, pk=number)


def _get_invitation(enterprise: Enterprise, number: int) -> Invitation:
    return get_object_or_404(
        Invitation.objects.select_related("enterprise"), enterprise=enterprise, pk=number
    )


def _render_members(request: HttpRequest, membership: Membership, form: InviteForm) -> HttpResponse:
    enterprise = membership.enterprise
    return render(
        request,
        "enterprises/members.html",
        {
            "enterprise": enterprise,
            "membership": membership,
            "members": Membership.objects.filter(enterprise=enterprise)
            .select_related("user")
            .annotate(mail_refusal=find_refusal("user__email"))
            .order_by("role", "user__email"),
            "invitations": Invitation.objects.filter(enterprise=enterprise)
            .annotate(mail_refusal=find_refusal("email"))
            .order_by("email"),
            "roles": Role,
            "form": form,
            "now": timezone.now(),
        },
    )
