"""Answer 400, not 500, to requests with values that no page can use."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest

_NUL = "A NUL character is in the address."


class BadRequestMiddleware:
    """Refuses NUL characters in addresses, which PostgreSQL cannot hold, and values that fit no column.

    Forms check what is typed into them, and say what is wrong in words. Addresses are written by hand or by a
    scanner: the filters of the administration look up whatever stands in them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or any(
            "\0" in text for name, values in request.GET.lists() for text in (name, *values)
        ):
            return HttpResponseBadRequest(_NUL, content_type="text/plain; charset=utf-8")
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: Any, options: Any
    ) -> HttpResponse | None:
        model_admin = getattr(view, "model_admin", None)
        if request.method == "POST" and isinstance(model_admin, ModelAdmin):
            _check_selection(model_admin, request.POST.getlist("_selected_action"))
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 400 for what the address asks to look up: a year beyond the calendar, a number too large."""
        kinds: tuple[type[Exception], ...] = (DataError, OverflowError)
        if _is_administration(request):
            # Django checks most values of its filters when it reads them, and some when it compares them.
            kinds = (*kinds, ValueError)
        if isinstance(exception, kinds) and (request.method in ("GET", "HEAD") or request.GET):
            raise BadRequest(type(exception).__name__) from exception
        return None


def _check_selection(model_admin: "ModelAdmin[Any]", keys: list[str]) -> None:
    """Raise BadRequest unless each is a key that a row of this page could have: actions look them up."""
    for key in keys:
        try:
            model_admin.model._meta.pk.to_python(key)
        except (ValidationError, ValueError):
            raise BadRequest("A selected row does not exist.") from None
        if "\0" in key:
            raise BadRequest(_NUL)


def _is_administration(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.app_name == "admin"
