"""Invite a person, or send an invitation again: what the members page and the pages of staff do alike."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actor import Actor
from enterprises import invitations
from enterprises.forms import InviteForm
from enterprises.models import Enterprise, Invitation, Role
from enterprises.rate_limits import RateLimited
from enterprises.reauthentication import require_reauthentication


class CannotInvite(Exception):
    """No more people can be invited to this enterprise. The message says why."""


@dataclass(frozen=True)
class InvitePage:
    """A page on which people are invited.

    `render` shows it again with the errors of the form. `lock` is a transaction in which those who invite may
    still do so, and gives the enterprise as it is now; it raises CannotInvite.
    """

    enterprise: Enterprise
    url: str
    render: Callable[[InviteForm], HttpResponse]
    lock: Callable[[], AbstractContextManager[Enterprise]]


def answer_invite(request: HttpRequest, page: InvitePage) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return page.render(form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    if reauthentication := _require_reauthentication(request, page, email, role):
        return reauthentication
    try:
        _invite(request, page, email, role)
    except invitations.AlreadyMember as error:
        form.add_error("email", str(error))
        return page.render(form)
    except RateLimited as refusal:
        form.add_error(None, str(refusal))
        return page.render(form)
    except CannotInvite as refusal:
        # Then the page has no form that could show the error.
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, _("Invitation sent to %(email)s. It expires in 30 days.") % {"email": email}
        )
    return redirect(page.url)


def answer_resend(request: HttpRequest, page: InvitePage, number: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, enterprise=page.enterprise, pk=number)
    email, role = invitation.email, invitation.role
    if reauthentication := _require_reauthentication(request, page, email, role):
        return reauthentication
    try:
        _invite(request, page, email, role)
    except (invitations.AlreadyMember, CannotInvite, RateLimited) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("Invitation sent again to %(email)s. The link in the earlier email no longer works.")
            % {"email": email},
        )
    return redirect(page.url)


def _invite(request: HttpRequest, page: InvitePage, email: str, role: str) -> None:
    with page.lock() as current:
        invitations.invite(current, email, role, Actor.from_request(request), timezone.now())


def _require_reauthentication(
    request: HttpRequest, page: InvitePage, email: str, role: str
) -> HttpResponse | None:
    """An IT admin may do everything in an enterprise, so making one requires reauthentication."""
    if role != Role.IT_ADMIN:
        return None
    return require_reauthentication(
        request,
        purpose=_("invite %(email)s as an IT admin of %(enterprise)s")
        % {"email": email, "enterprise": page.enterprise},
        back_url=page.url,
        now=timezone.now(),
    )
