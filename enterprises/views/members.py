"""The members page: who belongs to the enterprise, who is invited, and what may be changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.actor import Actor
from enterprises import access, conf, invitations, memberships
from enterprises.forms import InviteForm
from enterprises.locks import limited_lock_waits
from enterprises.mail import find_refusal
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication


@login_required
@require_safe
@never_cache
def list_members(request: HttpRequest, slug: str) -> HttpResponse:
    return _render_members(request, access.get_membership(request.user, slug), InviteForm())


@login_required
@require_POST
@never_cache
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _render_members(request, membership, form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    if page := _require_reauthentication_to_invite(request, membership.enterprise, email, role):
        return page
    try:
        invitation = _invite(request, membership, email, role)
    except invitations.AlreadyMember as error:
        form.add_error("email", str(error))
        return _render_members(request, membership, form)
    except RateLimited as refusal:
        form.add_error(None, str(refusal))
        return _render_members(request, membership, form)
    messages.success(request, f"{invitation.email} is invited. The mail is on its way.")
    return redirect("enterprises:members", slug)


@login_required
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    invitation = _get_invitation(membership.enterprise, number)
    email, role = invitation.email, invitation.role
    if page := _require_reauthentication_to_invite(request, membership.enterprise, email, role):
        return page
    try:
        _invite(request, membership, email, role)
    except (invitations.AlreadyMember, RateLimited) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"A new link is on its way to {email}. The previous link no longer works.")
    return redirect("enterprises:members", slug)


def _invite(request: HttpRequest, membership: Membership, email: str, role: str) -> Invitation:
    with _as_current_it_admin(membership):
        return invitations.invite(
            membership.enterprise, email, role, Actor.from_request(request), timezone.now()
        )


def _require_reauthentication_to_invite(
    request: HttpRequest, enterprise: Enterprise, email: str, role: str
) -> HttpResponse | None:
    """An IT admin may do everything here, so making one requires reauthentication."""
    if role != Role.IT_ADMIN:
        return None
    return _require_reauthentication(request, enterprise, f"invite {email} as IT admin of {enterprise}")


def _require_reauthentication(
    request: HttpRequest, enterprise: Enterprise, purpose: str
) -> HttpResponse | None:
    return require_reauthentication(
        request,
        purpose=purpose,
        back_url=reverse("enterprises:members", args=[enterprise.slug]),
        now=timezone.now(),
    )


@login_required
@require_POST
@never_cache
def revoke_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Without reauthentication: a revocation only takes access away."""
    membership = access.get_membership_for_it_admin(request.user, slug)
    invitation = _get_invitation(membership.enterprise, number)
    with _as_current_it_admin(membership):
        invitations.revoke_invitation(invitation, Actor.from_request(request), timezone.now())
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return redirect("enterprises:members", slug)


@login_required
@require_POST
@never_cache
def change_role(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    if request.POST.get("role") not in Role:
        messages.error(request, "Choose a role.")
        return redirect("enterprises:members", slug)
    member, role = _get_member(membership.enterprise, number), Role(request.POST["role"])
    username = member.user.get_username()
    purpose = f"change the role of {username} in {membership.enterprise} to {role.label}"
    if page := _require_reauthentication(request, membership.enterprise, purpose):
        return page

    def change() -> str:
        memberships.change_role(member, role, Actor.from_request(request), timezone.now())
        return f"{username} is now: {role.label}."

    return _change_member(request, membership, member, change)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def remove_member(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    member = _get_member(membership.enterprise, number)
    if request.method != "POST":
        context = {"enterprise": membership.enterprise, "membership": membership, "person": member}
        return render(request, "enterprises/remove_member.html", context)
    username = member.user.get_username()
    if member.is_it_admin and (
        page := _require_reauthentication(
            request, membership.enterprise, f"remove {username}, an IT admin of {membership.enterprise}"
        )
    ):
        return page

    def remove() -> str:
        memberships.remove_member(member, Actor.from_request(request), timezone.now())
        return f"{username} was removed."

    return _change_member(request, membership, member, remove)


def _change_member(
    request: HttpRequest, membership: Membership, member: Membership, change: Callable[[], str]
) -> HttpResponse:
    slug = membership.enterprise.slug
    try:
        with _as_current_it_admin(membership):
            done = change()
        messages.success(request, done)
    except memberships.LastITAdmin as error:
        messages.error(request, str(error))
        return redirect("enterprises:members", slug)
    except Membership.DoesNotExist:
        messages.warning(request, f"{member.user.get_username()} had already been removed.")
    # People who changed themselves may have lost this page.
    if member.pk == membership.pk:
        return redirect(conf.home_url())
    return redirect("enterprises:members", slug)


@contextmanager
def _as_current_it_admin(membership: Membership) -> Iterator[None]:
    """A transaction for an action, which the person may still do: see lock_membership_for_it_admin."""
    with limited_lock_waits():
        access.lock_membership_for_it_admin(membership)
        yield


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
