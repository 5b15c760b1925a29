"""Guessing passwords is slow: so many tries for an account and address together, and so many for an address.

Nobody can lock an account out: who comes from elsewhere is not held up by what an attacker tries here.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils import timezone

from audit.actor import client_ip_of
from hostapp.models import SignInTry, User

WINDOW = timedelta(minutes=15)
TRIES_FOR_AN_ACCOUNT = 5
# Many people may share one, such as an office behind a router.
TRIES_FOR_AN_ADDRESS = 100


class ThrottledBackend(ModelBackend):
    """Every way in: the sign-in page, and the password asked for again."""

    def authenticate(
        self, request: HttpRequest | None, username: Any = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        address = (client_ip_of(request) if request else None) or ""
        email, now = str(username).strip().lower()[:254], timezone.now()
        # Written before it is looked at: tries that come all at once count each other.
        tried = SignInTry.objects.create(email=email, address=address, at=now)
        if is_throttled(email, address, now=now):
            return None
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            SignInTry.objects.filter(email=email, address=address).delete()
        elif tried.pk % 100 == 0:
            # Now and then: nobody needs the old ones.
            SignInTry.objects.filter(at__lt=now - WINDOW).delete()
        return user


def is_throttled(email: str, address: str, *, now: datetime) -> bool:
    """Whether one try more is too many, the one at `now` included."""
    recent = SignInTry.objects.filter(address=address, at__gt=now - WINDOW)
    return recent.filter(email=email).count() > TRIES_FOR_AN_ACCOUNT or recent.count() > TRIES_FOR_AN_ADDRESS


class SignInForm(AuthenticationForm):
    # The same words for every reason.
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This address and password do not belong together. "
        "After several wrong tries, wait a quarter of an hour.",
    }
