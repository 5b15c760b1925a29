"""A form that is sent after the session has ended: sign in, come back, and be told what to select again.

Nothing of the form is kept but the words of its button, in a signed cookie. Nothing is done by itself: the
person is led to the page on which the button stands.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from hostapp.sign_in import find_last_user_id

# The field that pressed_button.js adds to each form.
BUTTON_FIELD = "pressed_button"
_COOKIE = "interrupted"
_SALT = "hostapp.ended_sessions"
_COOKIE_SECONDS = 30 * 60
_MAX_BUTTON_LENGTH = 60


class EndedSessionMiddleware:
    """Answers a POST that needs a sign-in and comes without one: its page was open when the session ended.

    A GET without a session is an ordinary sign-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, options: Mapping[str, Any]
    ) -> HttpResponse | None:
        if request.method != "POST" or not _requires_sign_in(view) or request.user.is_authenticated:
            return None
        next_url = find_page_of_form(request)
        messages.info(request, _("Your session ended. Sign in to continue."))
        response = redirect_to_login(next_url)
        response.set_cookie(
            _COOKIE,
            signing.dumps([next_url, _read_button(request), find_last_user_id(request)], salt=_SALT),
            max_age=_COOKIE_SECONDS,
            path=reverse("login"),
            secure=bool(settings.SESSION_COOKIE_SECURE),
            httponly=True,
            samesite="Lax",
        )
        return response


def _requires_sign_in(view: Any) -> bool:
    # Django's login_required sets it, for its LoginRequiredMiddleware.
    return getattr(view, "redirect_field_name", None) is not None


def find_page_of_form(request: HttpRequest) -> str:
    """The path of the page from which a form was sent, as the browser says; else the home page."""
    referrer = request.headers.get("Referer", "")
    if not _is_ours(request, referrer):
        return reverse("home")
    parts = urlsplit(referrer)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if not _is_ours(request, path) or not _is_page(parts.path):
        return reverse("home")
    return path


def _is_ours(request: HttpRequest, url: str) -> bool:
    return url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def _is_page(path: str) -> bool:
    try:
        return resolve(path).view_name != "login"
    except Resolver404:
        return False


def _read_button(request: HttpRequest) -> str:
    button = " ".join(request.POST.get(BUTTON_FIELD, "").split())
    return button if len(button) <= _MAX_BUTTON_LENGTH else ""


def continue_after_sign_in(request: HttpRequest, user: AbstractBaseUser, response: HttpResponse) -> None:
    """Tell the person who has signed in again what to select, on the page that `response` leads to."""
    if _COOKIE not in request.COOKIES:
        return
    response.delete_cookie(_COOKIE, path=reverse("login"), samesite="Lax")
    try:
        next_url, button, user_id = signing.loads(
            request.COOKIES[_COOKIE], salt=_SALT, max_age=_COOKIE_SECONDS
        )
    except (signing.BadSignature, ValueError, TypeError):
        return
    if response["Location"] != next_url or user_id not in (None, user.pk):
        # They went elsewhere, or it was another person who pressed it.
        return
    if button:
        text: str = format_html(
            _("You’re signed in again. Select {button} to continue."),
            button=format_html("<strong>{}</strong>", button),
        )
    else:
        text = _("You’re signed in again. Your last action was not carried out.")
    messages.info(request, text)
