"""The home page, sign-in, and the pages on which a person sets a password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetConfirmView,
    redirect_to_login,
)
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from audit.actor import Actor, get_client_ip
from enterprises import access
from hostapp.ended_sessions import continue_after_sign_in, find_page_of_form
from hostapp.password_notices import enqueue_password_notice
from hostapp.passwords import ChangePasswordForm, SetPasswordForm
from hostapp.sign_in import SignInForm, know_browser
from telemetry.redaction import TOKEN_PLACEHOLDER


@login_required
def home(request: HttpRequest) -> HttpResponse:
    memberships = list(access.memberships_of(request.user))
    # With one enterprise there is nothing to choose, except for staff.
    if len(memberships) == 1 and not request.user.is_staff:
        return redirect(memberships[0].enterprise)
    if request.user.is_staff and not memberships:
        return redirect("staff:customers")
    return render(request, "hostapp/home.html", {"memberships": memberships})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form whose CSRF token is missing or wrong.

    A sign-in in a second tab replaces the token, so the sign-in form of the first tab is out of date: it
    leads on instead of ending here. Nothing of what it sent is used, save where it leads to.
    """
    if request.path == reverse("login") and _is_outdated_token(reason):
        next_url = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(
            next_url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            next_url = ""
        if request.user.is_authenticated:
            messages.info(
                request, _("You’re already signed in as %(email)s.") % {"email": request.user.get_username()}
            )
            return redirect(next_url or "home")
        messages.error(request, _("That sign-in form was out of date. Try again."))
        return redirect_to_login(next_url) if next_url else redirect("login")
    return _explain_csrf_failure(request)


def _explain_csrf_failure(request: HttpRequest) -> HttpResponse:
    page = find_page_of_form(request)
    if request.user.is_authenticated:
        context = {
            "heading": _("This page is out of date"),
            "explanation": _("Nothing changed. Reload the page and try again."),
            "way_on": (page, _("Reload the page")),
        }
    else:
        context = {
            "heading": _("Your session has expired"),
            "explanation": _(
                "Nothing changed. If this happens again after you sign in, allow cookies for this site."
            ),
            "way_on": (f"{reverse('login')}?{urlencode({'next': page})}", _("Sign in again")),
        }
    return render(request, "403_csrf.html", context, status=403)


def _is_outdated_token(reason: str) -> bool:
    """Whether Django's reason is a token of our own form that has been replaced, and not another origin."""
    return reason.startswith("CSRF token from POST") and reason.endswith("incorrect.")


class SignInView(LoginView):
    authentication_form = SignInForm

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        continue_after_sign_in(self.request, form.get_user(), response)
        return response


class ChangePasswordView(PasswordChangeView):
    form_class = ChangePasswordForm

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        enqueue_password_notice(form.user, Actor.from_request(self.request), timezone.now())
        return super().form_valid(form)


class SetPasswordView(PasswordResetConfirmView):
    """Moves the token from the URL to the session, and removes an invalid token from the URL, too."""

    reset_url_token = TOKEN_PLACEHOLDER
    form_class = SetPasswordForm

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        actor = Actor.from_user(form.user, client_ip=get_client_ip(self.request))
        enqueue_password_notice(form.user, actor, timezone.now())
        # The mail proves who they are: strangers' attempts cannot keep them from signing in now.
        know_browser(self.request, form.user)
        return super().form_valid(form)

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        if not self.validlink and self.kwargs["token"] != TOKEN_PLACEHOLDER:
            return redirect("password_reset_confirm", self.kwargs["uidb64"], TOKEN_PLACEHOLDER)
        return super().render_to_response(context, **response_kwargs)
