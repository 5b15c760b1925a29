"""Middleware that routes webhook deliveries before all other middleware."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve


def receive_webhooks_first(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Call the receiver directly for the paths of `webhooks.urls`, and pass every other request on.

    It must be the first middleware: then no setting adds a redirect, a cookie, a session or a CSRF check. A
    sender follows no redirect, and a stranger's cookies are not worth reading.
    """

    def handle_request(request: HttpRequest) -> HttpResponseBase:
        try:
            match = resolve(request.path_info, "webhooks.urls")
        except Resolver404:
            return get_response(request)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        # Without it an empty answer would be sent in chunks.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    return handle_request
