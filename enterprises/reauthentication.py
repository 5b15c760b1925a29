"""Reauthentication: an action that cannot be undone asks for the password again if the sign-in is old."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from enterprises import conf
from enterprises.models import Enterprise

_SESSION_KEY = "reauthenticated_at"
_PASSWORD_FIELD = "current_password"  # noqa: S105


# A session knows who signed in, and not when.
@receiver(user_logged_in, dispatch_uid="enterprises.reauthentication")
def _remember_sign_in(request: HttpRequest, **kwargs: Any) -> None:
    if hasattr(request, "session"):
        _mark_reauthenticated(request, now=timezone.now())


def require_reauthentication(
    request: HttpRequest, enterprise: Enterprise, *, purpose: str, now: datetime
) -> HttpResponse | None:
    """The page that asks for the password; None if the sign-in is recent or the password was right.

    The page repeats the fields of the submitted form and posts them to the same URL, so nothing has to be
    pressed twice. `purpose` completes the sentence “To …, enter your password again.”
    """
    if is_recent(request, now=now):
        return None
    error = ""
    if _PASSWORD_FIELD in request.POST:
        # Through the authentication backend, so that guesses are throttled like those at the sign-in.
        known = authenticate(
            request, username=request.user.get_username(), password=request.POST[_PASSWORD_FIELD]
        )
        if known is not None and known.pk == request.user.pk:
            # Anyone else who holds the old session cookie is signed out.
            request.session.cycle_key()
            _mark_reauthenticated(request, now=now)
            return None
        error = "That is not your password. After several wrong tries, wait a quarter of an hour."
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in (_PASSWORD_FIELD, "csrfmiddlewaretoken")
    ]
    context = {
        "enterprise": enterprise,
        "purpose": purpose,
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
