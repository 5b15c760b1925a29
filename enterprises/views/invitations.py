"""Open and accept an invitation."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from audit.actor import Actor, get_client_ip
from enterprises import invitations
from enterprises.email_addresses import normalize_email
from enterprises.forms import JoinForm
from enterprises.locks import limited_lock_waits
from enterprises.models import Invitation

_SESSION_KEY = "invitation"


@require_safe
@never_cache
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail. Its token moves into the session, so that no page has it in its address.

    A session is stored for a GET of a link that works only: anyone can ask for any other.
    """
    if not invitations.find_invitation(token, now=timezone.now()):
        request.session.pop(_SESSION_KEY, None)
    elif request.method == "GET":
        request.session[_SESSION_KEY] = token
    response = redirect("enterprises:join")
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def accept_invitation(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    invitation = invitations.find_invitation(request.session.get(_SESSION_KEY, ""), now=now)
    if invitation is None:
        return _render_expired(request)
    account = invitations.find_account(invitation)
    if request.user.is_authenticated:
        if normalize_email(request.user.get_username()) != invitation.email:
            return render(request, "enterprises/join_other.html", {"invitation": invitation})
        if request.method == "POST":
            return _accept(request, invitation, request.user)
        return render(request, "enterprises/join.html", {"invitation": invitation})
    if account and not account.is_active:
        return render(request, "enterprises/join_inactive.html", {"invitation": invitation}, status=403)
    if account and account.has_usable_password():
        return render(request, "enterprises/join_sign_in.html", {"invitation": invitation})

    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        # The type that `login` takes is this project's user.
        with limited_lock_waits():
            user: Any = invitations.accept_invitation_as_new_user(
                invitation,
                name=form.cleaned_data["name"],
                password=form.cleaned_data["password1"],
                client_ip=get_client_ip(request),
                now=now,
            )
        if user is None:
            return _render_expired(request)
        login(request, user)
        return _welcome(request, invitation)
    return render(request, "enterprises/join_new.html", {"invitation": invitation, "form": form})


def _accept(request: HttpRequest, invitation: Invitation, user: AbstractBaseUser) -> HttpResponse:
    with limited_lock_waits():
        membership = invitations.accept_invitation(
            invitation, user, Actor.from_request(request), timezone.now()
        )
    if membership is None:
        return _render_expired(request)
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    request.session.pop(_SESSION_KEY, None)
    messages.success(
        request,
        _("Welcome! You’re now a member of %(enterprise)s") % {"enterprise": invitation.enterprise.name},
    )
    return redirect(invitation.enterprise)


def _render_expired(request: HttpRequest) -> HttpResponse:
    return render(request, "enterprises/join_expired.html", status=404)
