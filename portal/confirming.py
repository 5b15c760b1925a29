"""A sign-in that is young enough for what cannot be taken back: ask for the password, then go straight on."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from enterprises.models import Enterprise

_KEY = "confirmed_at"
_FIELD = "current_password"


# Django's own hook: a session knows who signed in, and not when.
@receiver(user_logged_in, dispatch_uid="portal.confirming")
def _signed_in(request: HttpRequest, **kwargs: Any) -> None:
    if hasattr(request, "session"):
        _confirm(request, now=timezone.now())


def ask(request: HttpRequest, enterprise: Enterprise, *, deed: str, now: datetime) -> HttpResponse | None:
    """The page that asks for the password, or None when the sign-in is young enough or the answer right.

    The page carries the fields of the form that was sent, and sends them to the same address: nothing has to
    be pressed twice. `deed` finishes the sentence “To …, enter your password again.”
    """
    if is_recent(request, now=now):
        return None
    error = ""
    if _FIELD in request.POST:
        # Through the front door, so that guesses are throttled as those at the sign-in are.
        known = authenticate(request, username=request.user.get_username(), password=request.POST[_FIELD])
        if known is not None and known.pk == request.user.pk:
            # Whoever else holds the old cookie is out.
            request.session.cycle_key()
            _confirm(request, now=now)
            return None
        error = "That is not your password. After several wrong tries, wait a quarter of an hour."
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in (_FIELD, "csrfmiddlewaretoken")
    ]
    context = {"enterprise": enterprise, "deed": deed, "fields": fields, "field": _FIELD, "error": error}
    return render(request, "portal/confirm.html", context, status=422 if error else 200)


def is_recent(request: HttpRequest, *, now: datetime) -> bool:
    at = parse_datetime(request.session.get(_KEY, ""))
    return at is not None and now - at < timedelta(seconds=settings.SIGN_IN_MAX_AGE)


def _confirm(request: HttpRequest, *, now: datetime) -> None:
    request.session[_KEY] = now.isoformat()
