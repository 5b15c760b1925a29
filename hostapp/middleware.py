"""Middleware of the application's own pages."""

from collections.abc import Callable

import psycopg
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from telemetry.context import build_reference, log_fields

GetResponse = Callable[[HttpRequest], HttpResponse]

_RETRY_AFTER_SECONDS = "5"


class RequestReferenceMiddleware:
    """Gives each request a reference: its log lines carry it, error pages show it, and so does a header."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reference = build_reference()
        with log_fields(reference=reference):
            response = self.get_response(request)
        response["X-Request-Id"] = reference
        return response


class NoStoreMiddleware:
    """Keeps the pages of a person out of every cache, the browser's included.

    After a sign-out, Back would show them. Without a session's cookie nobody is signed in, and no page is
    anybody's. Place it outside of SessionMiddleware, which sets the cookie at a sign-in.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        name = settings.SESSION_COOKIE_NAME
        if name in request.COOKIES or name in response.cookies:
            add_never_cache_headers(response)
        return response


class LockTimeoutMiddleware:
    """Answers a request that waited too long for a lock: see enterprises.locks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_lock_timeout(exception):
            return None
        response = render(request, "503_busy.html", status=503)
        response["Retry-After"] = _RETRY_AFTER_SECONDS
        return response


def is_lock_timeout(error: Exception) -> bool:
    return isinstance(error, OperationalError) and isinstance(
        error.__cause__, psycopg.errors.LockNotAvailable
    )
