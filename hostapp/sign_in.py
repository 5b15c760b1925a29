"""Sign-in with a rate limit that strangers cannot turn against a person who has the right password.

Attempts are counted by account and source together. The source is a browser that has signed in to this
account before, known by a cookie; else the network that the attempt came from; else unknown. So strangers use
up attempts of their own sources only. All accounts of one network are counted together, too, but not those of
known browsers, nor of an unknown address, which says nothing about who shares it.
"""

import hashlib
import ipaddress
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy, ngettext

from audit.actor import get_client_ip
from enterprises.email_addresses import normalize_email
from enterprises.reauthentication import TooManyAttempts
from hostapp.models import SignInAttempt, User

WINDOW = timedelta(minutes=15)
MAX_ATTEMPTS_PER_ACCOUNT = 5
# Many people may share one address, such as an office behind a router.
MAX_ATTEMPTS_PER_NETWORK = 100

BROWSER_COOKIE = "known_browser"
_BROWSER_LIFETIME = timedelta(days=365)
_MAX_PEOPLE_PER_BROWSER = 5
_SALT = "hostapp.sign_in.known_browser"
# Of the advisory locks: PostgreSQL keeps locks with two numbers apart from those with one.
_LOCK_CLASS = 20_261_125
_BROWSER = "browser "


class RateLimitedBackend(ModelBackend):
    """Authenticates at the sign-in page and at reauthentication. Raises TooManyAttempts.

    It does so for unknown addresses as for known ones.
    """

    def authenticate(
        self, request: HttpRequest | None, username: Any = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        email = normalize_email(str(username))[:254]
        source = find_source(request, email) if request else ""
        now = timezone.now()
        _admit_attempt(email, source, now=now)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            # The last wrong attempt already says that there is no other one.
            _require_attempts_left(email, source, now=now)
        else:
            SignInAttempt.objects.filter(email=email, source=source).delete()
        return user


def _admit_attempt(email: str, source: str, *, now: datetime) -> None:
    """Write an attempt if the password may be tried; else write nothing and raise TooManyAttempts.

    The attempt is written before the password is tried, so that concurrent attempts count each other.
    """
    # Without the lock first, so that a rate-limited attempt costs only two short reads.
    _require_attempts_left(email, source, now=now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Of two attempts at once, the second one counts the first.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, _lock_key(email, source)])
        _require_attempts_left(email, source, now=now)
        SignInAttempt.objects.create(email=email, source=source, at=now)


def _lock_key(email: str, source: str) -> int:
    digest = hashlib.sha256(f"{source} {email}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], signed=True)


def _require_attempts_left(email: str, source: str, *, now: datetime) -> None:
    limited_until = find_end_of_limit(email, source, now=now)
    if limited_until is None:
        return
    minutes = math.ceil((limited_until - now) / timedelta(minutes=1))
    raise TooManyAttempts(
        ngettext(
            "Too many attempts. Try again in %(minutes)d minute.",
            "Too many attempts. Try again in %(minutes)d minutes.",
            minutes,
        )
        % {"minutes": minutes}
    )


def find_end_of_limit(email: str, source: str, *, now: datetime) -> datetime | None:
    """When the next attempt is possible; None if it is possible now."""
    recent = SignInAttempt.objects.filter(source=source, at__gt=now - WINDOW).order_by("-at")
    limits = [(recent.filter(email=email), MAX_ATTEMPTS_PER_ACCOUNT)]
    if _is_network(source):
        limits.append((recent, MAX_ATTEMPTS_PER_NETWORK))
    ends = []
    for attempts, limit in limits:
        # Stops counting at the limit.
        newest = list(attempts.values_list("at", flat=True)[:limit])
        if len(newest) == limit:
            ends.append(newest[-1] + WINDOW)
    return max(ends, default=None)


def find_source(request: HttpRequest, email: str) -> str:
    """The source by which attempts for this account are counted: see SignInAttempt.source."""
    if browser := _read_browser(request, email):
        return f"{_BROWSER}{browser}"
    return find_network(get_client_ip(request))


def _is_network(source: str) -> bool:
    return bool(source) and not source.startswith(_BROWSER)


def find_network(client_ip: str | None) -> str:
    """The network of an address: the address itself, or its /64 if it is IPv6, which is one customer's line.

    Blank if unknown: an unknown address shares no count.
    """
    if not client_ip:
        return ""
    address = ipaddress.ip_address(client_ip)
    if address.version == 4:
        return client_ip
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def delete_old_attempts(now: datetime) -> int:
    """Delete the attempts that no longer count; a periodic job. Returns how many."""
    return SignInAttempt.objects.filter(at__lt=now - WINDOW).delete()[0]


@receiver(user_logged_in, dispatch_uid="hostapp.known_browser")
def _know_browser_after_sign_in(request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> None:
    know_browser(request, user)


def know_browser(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Have KnownBrowserMiddleware set the cookie: this browser has shown that it is the person's."""
    request.known_browser_of = user  # type: ignore[attr-defined]


class KnownBrowserMiddleware:
    """Sets the cookie by which a browser has a counter of its own at the next sign-in.

    It grants no access: a thief can try a few passwords of these accounts, as anyone can.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        user: AbstractBaseUser | None = getattr(request, "known_browser_of", None)
        if user is not None:
            browser, user_ids = _read_cookie(request)
            others = [user_id for user_id in user_ids if user_id != user.pk]
            response.set_cookie(
                BROWSER_COOKIE,
                signing.dumps(
                    [browser or get_random_string(16), [user.pk, *others][:_MAX_PEOPLE_PER_BROWSER]],
                    salt=_SALT,
                ),
                max_age=int(_BROWSER_LIFETIME.total_seconds()),
                secure=bool(settings.SESSION_COOKIE_SECURE),
                httponly=True,
                samesite="Lax",
            )
        return response


def _read_browser(request: HttpRequest, email: str) -> str:
    """The id of the browser if it has signed in to this account before; else blank."""
    browser, user_ids = _read_cookie(request)
    is_known = bool(user_ids) and User.objects.filter(pk__in=user_ids, email=email).exists()
    return browser if is_known else ""


def _read_cookie(request: HttpRequest) -> tuple[str, list[int]]:
    """The id of the browser and the ids of the people who signed in with it; blank and none if unknown."""
    try:
        browser, user_ids = signing.loads(
            request.COOKIES.get(BROWSER_COOKIE, ""), salt=_SALT, max_age=_BROWSER_LIFETIME
        )
    except (signing.BadSignature, ValueError, TypeError):
        return "", []
    return browser, user_ids


def find_last_user_id(request: HttpRequest) -> int | None:
    """The id of the person who signed in last with this browser; None if unknown."""
    return next(iter(_read_cookie(request)[1]), None)


class SignInForm(AuthenticationForm):
    # The same message for every reason, so that it does not help a guesser.
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy("Email or password is incorrect."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("Email")
        self.fields["username"].widget.attrs["inputmode"] = "email"

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal)) from refusal
