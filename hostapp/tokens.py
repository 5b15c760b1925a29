"""Addresses that carry a token: it reaches neither another site nor a log."""

import logging
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# The names under which addresses carry what is nobody else's business.
_NAMES = {"token", "nonce"}
# Long enough to be a secret, and made of what tokens are made of; slugs and file names are words.
_TOKEN = re.compile(r"(?<=/)(?=[^/\s?]*\d)[A-Za-z0-9_:=-]{20,}(?=[/\s?\"]|$)")
_QUERY = re.compile(r"(?<=\?)[^\s\"]+")


class NoReferrer:
    """Middleware. What leads on from an address with a token says nothing of it.

    A page with a form has to say where it comes from, or its POST fails CSRF: it names the host only.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and _NAMES & match.kwargs.keys():
            is_page = response.status_code == 200
            response.headers.setdefault("Referrer-Policy", "strict-origin" if is_page else "no-referrer")
        return response


class HideTokens(logging.Filter):
    """For loggers of addresses: tokens become `…`, and so does what follows a question mark."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = hide(record.getMessage())
        record.args = ()
        return True


def hide(line: str) -> str:
    return _TOKEN.sub("…", _QUERY.sub("…", line))
