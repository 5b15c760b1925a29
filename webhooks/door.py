"""The way in, past everything that is made for people."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from webhooks import views


def receive_first(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The first of all middleware: what is posted to `/webhooks/` goes straight to its view.

    No redirect, cookie, session or CSRF token can happen on the way, whatever the settings are: a sender
    follows no redirect, and a stranger's cookies are not worth reading.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/webhooks/"):
            return get_response(request)
        try:
            match = resolve(request.path_info, "webhooks.urls")
        except Resolver404:
            return views.nothing_here()
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        # Without it an empty answer would go out in chunks.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    return answer
