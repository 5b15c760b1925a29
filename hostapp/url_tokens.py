"""Keep the tokens in URLs away from other sites."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from telemetry.redaction import TOKEN_PLACEHOLDER

# URL arguments that are secret or personal.
_TOKEN_ARGUMENTS = {"token", "nonce"}


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
