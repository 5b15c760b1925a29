"""Addresses that carry a token: it reaches neither another site nor a log."""

import logging
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# The names under which addresses carry what is nobody else's business.
_NAMES = {"token", "nonce"}
# What hostapp.views.SetPasswordView puts where the token was, once that is in the session.
NO_TOKEN = "set-password"  # noqa: S105
# What follows these is one, whatever it looks like.
_AFTER = re.compile(
    r"(/(?:invitations|webhooks/workos|portal/returned|portal/finished)/|/account/reset/[^/\s?\"]+/)"
    rf"(?!accept/|{NO_TOKEN}/)[^/\s?\"]+"
)
# Elsewhere: long enough to be a secret, and made of what tokens are made of; slugs and file names are words.
_TOKEN = re.compile(r"(?<=/)(?=[^/\s?]*\d)[A-Za-z0-9_:=-]{20,}(?=[/\s?\"]|$)")
_QUERY = re.compile(r"(?<=\?)[^\s\"]+")


class NoReferrer:
    """Middleware. What leads on from an address with a token says nothing of it.

    Without a referrer a form's POST fails CSRF, so such an address shows no form. It takes its token into
    the session, or notes what it stands for, and leads on; or it is not there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and any(name in _NAMES and value != NO_TOKEN for name, value in match.kwargs.items()):
            response["Referrer-Policy"] = "no-referrer"
        return response


class HideTokens(logging.Filter):
    """For loggers of addresses: tokens become `…`, and so does what follows a question mark."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = hide(record.getMessage())
        record.args = ()
        return True


def hide(line: str) -> str:
    return _TOKEN.sub("…", _AFTER.sub(r"\1…", _QUERY.sub("…", line)))
