"""An invitation is opened and accepted."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from enterprises import invitations
from enterprises.addresses import client_address
from enterprises.forms import JoinForm
from enterprises.models import Invitation

_TOKEN = "invitation"  # noqa: S105 - the session's key


@login_not_required
@require_GET
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail. Its secret goes into the session, so that no page has it in its address."""
    request.session[_TOKEN] = token
    response = redirect("join")
    response["Referrer-Policy"] = "no-referrer"
    return response


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    held = invitations.find(request.session.get(_TOKEN, ""), now=timezone.now())
    if held is None:
        return _too_late(request)
    account = invitations.account_of(held)
    if request.user.is_authenticated:
        if request.user.get_username() != held.email:
            return render(request, "enterprises/join_other.html", {"invitation": held})
        if request.method == "POST":
            return _accept(request, held, request.user)
        return render(request, "enterprises/join.html", {"invitation": held})
    if account and not account.is_active:
        return render(request, "enterprises/join_inactive.html", {"invitation": held}, status=403)
    if account and account.has_usable_password():
        return render(request, "enterprises/join_sign_in.html", {"invitation": held})

    form = JoinForm(request.POST or None, email=held.email)
    if request.method == "POST" and form.is_valid():
        # What `login` takes: this project's user.
        user: Any = invitations.accept_as_new(
            held,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["password1"],
            at=timezone.now(),
            client_address=client_address(request),
        )
        if user is None:
            return _too_late(request)
        login(request, user)
        return _welcome(request, held)
    return render(request, "enterprises/join_new.html", {"invitation": held, "form": form})


def _accept(request: HttpRequest, held: Invitation, user: AbstractBaseUser) -> HttpResponse:
    if not invitations.accept(held, user, at=timezone.now(), client_address=client_address(request)):
        return _too_late(request)
    return _welcome(request, held)


def _welcome(request: HttpRequest, held: Invitation) -> HttpResponse:
    request.session.pop(_TOKEN, None)
    messages.success(request, f"You now belong to {held.enterprise.name}: welcome.")
    return redirect(held.enterprise)


def _too_late(request: HttpRequest) -> HttpResponse:
    return render(request, "enterprises/join_too_late.html", status=404)
