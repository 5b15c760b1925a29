"""Keep the tokens in URLs away from other sites and from logs."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# URL arguments that are secret or personal.
_TOKEN_ARGUMENTS = {"token", "nonce"}
# What hostapp.views.SetPasswordView puts in the token's place once the token is in the session.
TOKEN_PLACEHOLDER = "set-password"  # noqa: S105
# Paths after which a token follows, whatever it looks like.
_AFTER_PREFIX = re.compile(
    r"((?<![\w-])(?:(?:invitations|webhooks/workos|portal/returned|portal/finished)/"
    r"|account/reset/[^/\s?\"']+/))"
    rf"(?!accept/|{TOKEN_PLACEHOLDER}/)[^/\s?\"']+"
)
# In other paths: long enough to be a secret, and made of a token's characters. Slugs and file names are
# words.
_TOKEN = re.compile(r"(?<=/)(?=[^/\s?]*\d)[A-Za-z0-9_:=-]{20,}(?=[/\s?\"]|$)")
_QUERY = re.compile(r"(?<=\?)[^\s\"]+")


class NoReferrerMiddleware:
    """Sends no referrer from a URL that carries a token.

    Without a referrer a form's POST fails CSRF, so such a URL shows no form: its view stores the token in the
    session, or what it stands for in the database, and redirects; or it answers 404.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and any(
            name in _TOKEN_ARGUMENTS and value != TOKEN_PLACEHOLDER for name, value in match.kwargs.items()
        ):
            response["Referrer-Policy"] = "no-referrer"
        return response


def hide_tokens(text: str) -> str:
    """`text` with `…` in the place of tokens and query strings in URLs."""
    return _TOKEN.sub("…", _AFTER_PREFIX.sub(r"\1…", _QUERY.sub("…", text)))
