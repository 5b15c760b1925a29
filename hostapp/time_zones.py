"""The time zone in which a person reads times: the one they chose, else UTC until times.js knows better."""

import zoneinfo
from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from hostapp.models import User


@cache
def list_time_zones() -> list[str]:
    """The names that people know: cities and UTC, not the database's old and technical names."""
    areas = (
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    names = (
        name
        for name in zoneinfo.available_timezones()
        if name.startswith(tuple(f"{area}/" for area in areas))
    )
    return ["UTC", *sorted(names)]


class TimeZoneMiddleware:
    """Renders times in the person's time zone. The administration keeps to UTC, as the logs do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = None if request.path_info.startswith(reverse("admin:index")) else find_time_zone(request)
        with timezone.override(zone):
            return self.get_response(request)


def find_time_zone(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The time zone that the person chose; None if they chose none, or one that is no longer known."""
    user = request.user
    if not isinstance(user, User) or user.time_zone not in list_time_zones():
        return None
    return zoneinfo.ZoneInfo(user.time_zone)
