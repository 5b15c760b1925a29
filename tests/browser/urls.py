"""The application's URLs, and one view that fails."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from hostapp.urls import handler403, handler500
from hostapp.urls import urlpatterns as ours

__all__ = ["handler403", "handler500", "urlpatterns"]


@login_not_required
def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [*ours, path("broken/", broken)]
