"""The members page: the people of the enterprise, those invited, and what may be changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.actor import Actor
from enterprises import access, conf, invitations, memberships
from enterprises.forms import InviteForm, MembersForm
from enterprises.locks import limited_lock_waits
from enterprises.member_lists import (
    build_member_rows,
    find_invitations,
    find_members,
    is_only_it_admin,
    paginate,
)
from enterprises.models import Enterprise, Invitation, Membership, Role
from enterprises.reauthentication import require_reauthentication
from enterprises.views.inviting import InvitePage, answer_invite, answer_resend

# In the session: the invitation that was just revoked.
_REVOKED = "revoked_invitation"


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
    return answer_invite(request, _build_invite_page(request, membership))


@login_required
@require_POST
@never_cache
def resend_invitation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    return answer_resend(request, _build_invite_page(request, membership), number)


def _build_invite_page(request: HttpRequest, membership: Membership) -> InvitePage:
    enterprise = membership.enterprise
    return InvitePage(
        enterprise,
        reverse("enterprises:members", args=[enterprise.slug]),
        render=lambda form: _render_members(request, membership, form),
        lock=lambda: _as_current_it_admin(membership),
    )


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
    # The members page offers once to send it again.
    request.session[_REVOKED] = {"email": invitation.email, "role": invitation.role}
    return redirect("enterprises:members", slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change_role(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A page that asks for confirmation, and the change of the role to the other one."""
    membership = access.get_membership_for_it_admin(request.user, slug)
    member = _get_member(membership.enterprise, number)
    if request.method != "POST":
        return _render_confirmation(request, membership, member, "enterprises/change_role.html")
    if request.POST.get("role") not in Role:
        messages.error(request, _("Choose a role."))
        return redirect("enterprises:members", slug)
    role = Role(request.POST["role"])
    name = member.user.get_full_name()
    purpose = _("change the role of %(name)s in %(enterprise)s") % {
        "name": name,
        "enterprise": membership.enterprise,
    }
    if page := _require_reauthentication(request, membership.enterprise, purpose):
        return page

    def change() -> str:
        memberships.change_role(member, role, Actor.from_request(request), timezone.now())
        if role == Role.IT_ADMIN:
            return _("%(name)s is now an IT admin.") % {"name": name}
        return _("%(name)s is now a member.") % {"name": name}

    return _change_member(request, membership, member, change)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def remove_member(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    membership = access.get_membership_for_it_admin(request.user, slug)
    member = _get_member(membership.enterprise, number)
    if request.method != "POST":
        return _render_confirmation(request, membership, member, "enterprises/remove_member.html")
    name = member.user.get_full_name()
    purpose = _("remove %(name)s, an IT admin of %(enterprise)s") % {
        "name": name,
        "enterprise": membership.enterprise,
    }
    if member.is_it_admin and (page := _require_reauthentication(request, membership.enterprise, purpose)):
        return page

    def remove() -> str:
        memberships.remove_member(member, Actor.from_request(request), timezone.now())
        return _("%(name)s was removed.") % {"name": name}

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
        messages.warning(
            request, _("%(name)s had already been removed.") % {"name": member.user.get_full_name()}
        )
    # People who changed themselves may have lost this page.
    if member.pk == membership.pk:
        return redirect(conf.home_url())
    return redirect("enterprises:members", slug)


@contextmanager
def _as_current_it_admin(membership: Membership) -> Iterator[Enterprise]:
    """A transaction for an action, which the person may still do: see lock_membership_for_it_admin."""
    with limited_lock_waits():
        access.lock_membership_for_it_admin(membership)
        yield membership.enterprise


def _get_member(enterprise: Enterprise, number: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), enterprise=enterprise, pk=number)


def _get_invitation(enterprise: Enterprise, number: int) -> Invitation:
    return get_object_or_404(
        Invitation.objects.select_related("enterprise"), enterprise=enterprise, pk=number
    )


def _render_confirmation(
    request: HttpRequest, membership: Membership, member: Membership, template: str
) -> HttpResponse:
    context = {
        "enterprise": membership.enterprise,
        "membership": membership,
        "person": member,
        "is_self": member.pk == membership.pk,
        "is_last_it_admin": memberships.is_last_it_admin(member),
    }
    return render(request, template, context)


def _render_members(request: HttpRequest, membership: Membership, form: InviteForm) -> HttpResponse:
    enterprise = membership.enterprise
    filter_form = MembersForm(request.GET)
    found = filter_form.cleaned_data if filter_form.is_valid() else {"search": "", "role": ""}
    filters = request.GET.copy()
    for name in ("page", "invited"):
        filters.pop(name, None)
    page = paginate(request, "page", find_members(enterprise, **found))
    rows = build_member_rows(page, membership)
    return render(
        request,
        "enterprises/members.html",
        {
            "enterprise": enterprise,
            "membership": membership,
            "is_it_admin": membership.is_it_admin,
            "page": page,
            "rows": rows,
            "invited": paginate(request, "invited", find_invitations(enterprise, **found)),
            "is_last_it_admin": is_only_it_admin(membership, rows),
            "revoked": _take_revoked(request),
            "roles": Role,
            "filter_form": filter_form,
            "filters": filters.urlencode(),
            "is_filtered": any(found.values()),
            "form": form,
            "now": timezone.now(),
        },
    )


def _take_revoked(request: HttpRequest) -> dict[str, str] | None:
    """The invitation that was just revoked, for one page, which offers to send it again. Not for HEAD."""
    if request.method == "HEAD":
        return None
    revoked: dict[str, str] | None = request.session.pop(_REVOKED, None)
    return revoked
