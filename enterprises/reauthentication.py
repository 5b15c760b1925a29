"""Reauthentication: an action that cannot be undone asks for the password again if the sign-in is old."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from enterprises import conf

_SESSION_KEY = "reauthenticated_at"
_PASSWORD_FIELD = "current_password"  # noqa: S105


class TooManyAttempts(Exception):
    """Raised by the project's authentication backend. The message says when to try again."""


# Django's session stores who signed in, but not when.
@receiver(user_logged_in, dispatch_uid="enterprises.reauthentication")
def _remember_sign_in(request: HttpRequest, **kwargs: Any) -> None:
    if hasattr(request, "session"):
        _mark_reauthenticated(request, now=timezone.now())


def require_reauthentication(
    request: HttpRequest, *, purpose: str, back_url: str, now: datetime
) -> HttpResponse | None:
    """The page that asks for the password; None if the sign-in is recent or the password was right.

    The page repeats the fields of the submitted form and posts them to the same URL, so nobody has to press a
    button twice. `purpose` completes the sentence “To …, enter your password.”
    """
    if is_recent(request, now=now):
        return None
    error = _check_password(request, now=now)
    if error is None:
        return None
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in (_PASSWORD_FIELD, "csrfmiddlewaretoken")
    ]
    return _render(request, purpose, back_url, error, fields)


def require_reauthentication_first(
    request: HttpRequest, *, purpose: str, back_url: str, now: datetime
) -> HttpResponse | None:
    """As require_reauthentication, for a page whose form holds passwords, which must not be repeated.

    It asks before the form is shown, and then leads to the form. None if the sign-in is recent.
    """
    if is_recent(request, now=now):
        return None
    error = _check_password(request, now=now)
    if error is None:
        return HttpResponseRedirect(request.get_full_path())
    return _render(request, purpose, back_url, error, [])


def _check_password(request: HttpRequest, *, now: datetime) -> str | None:
    """None if the right password was sent, which renews the sign-in; else what to show, blank at first."""
    if _PASSWORD_FIELD not in request.POST:
        return ""
    # Through the authentication backend, so that guesses are rate limited like those at the sign-in.
    try:
        known = authenticate(
            request, username=request.user.get_username(), password=request.POST[_PASSWORD_FIELD]
        )
    except TooManyAttempts as refusal:
        return str(refusal)
    if known is None or known.pk != request.user.pk:
        return _("Password is incorrect.")
    # Anyone else who holds the old session cookie is signed out.
    request.session.cycle_key()
    _mark_reauthenticated(request, now=now)
    return None


def _render(
    request: HttpRequest, purpose: str, back_url: str, error: str, fields: list[tuple[str, str]]
) -> HttpResponse:
    context = {
        "purpose": purpose,
        "back_url": back_url,
        "fields": fields,
        "password_field": _PASSWORD_FIELD,
        "error": error,
    }
    return render(request, "enterprises/reauthenticate.html", context, status=422 if error else 200)


def is_recent(request: HttpRequest, *, now: datetime) -> bool:
    at = parse_datetime(request.session.get(_SESSION_KEY, ""))
    return at is not None and now - at < timedelta(seconds=conf.sign_in_max_age())


def _mark_reauthenticated(request: HttpRequest, *, now: datetime) -> None:
    request.session[_SESSION_KEY] = now.isoformat()
