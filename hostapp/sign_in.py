"""Sign-in with a rate limit: per account and address together, and per address.

The limit of an account counts per address, so an attacker elsewhere cannot lock it.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils import timezone

from audit.actor import client_ip_of
from hostapp.models import SignInAttempt, User

WINDOW = timedelta(minutes=15)
MAX_ATTEMPTS_PER_ACCOUNT = 5
# Many people may share one address, such as an office behind a router.
MAX_ATTEMPTS_PER_ADDRESS = 100


class RateLimitedBackend(ModelBackend):
    """Authenticates at the sign-in page and at reauthentication."""

    def authenticate(
        self, request: HttpRequest | None, username: Any = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        address = (client_ip_of(request) if request else None) or ""
        email, now = str(username).strip().lower()[:254], timezone.now()
        # Written before the check: concurrent attempts count each other.
        attempt = SignInAttempt.objects.create(email=email, address=address, at=now)
        if is_rate_limited(email, address, now=now):
            return None
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            SignInAttempt.objects.filter(email=email, address=address).delete()
        elif attempt.pk % 100 == 0:
            # From time to time, delete those that no longer count.
            SignInAttempt.objects.filter(at__lt=now - WINDOW).delete()
        return user


def is_rate_limited(email: str, address: str, *, now: datetime) -> bool:
    """Whether there were too many attempts, the current one included."""
    recent = SignInAttempt.objects.filter(address=address, at__gt=now - WINDOW)
    return (
        recent.filter(email=email).count() > MAX_ATTEMPTS_PER_ACCOUNT
        or recent.count() > MAX_ATTEMPTS_PER_ADDRESS
    )


class SignInForm(AuthenticationForm):
    # The same words for every reason, so that they tell a guesser nothing.
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This address and password do not belong together. "
        "After several wrong tries, wait a quarter of an hour.",
    }
