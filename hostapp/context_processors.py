"""What every page needs: the product's look, and links to the rest of the SaaS."""

from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from enterprises.access import memberships_of
from hostapp.time_zones import find_time_zone


def product(request: HttpRequest | None = None) -> dict[str, Any]:
    """`product` in templates; also for the error pages, which are rendered without a request."""
    return {
        "product": {
            "name": settings.PRODUCT_NAME,
            "logo": settings.PRODUCT_LOGO,
            "accent": settings.PRODUCT_ACCENT,
            "support_email": settings.SUPPORT_EMAIL,
            "url": settings.PRODUCT_URL,
            "help_url": settings.HELP_URL,
            "status_url": settings.STATUS_URL,
            "privacy_url": settings.PRIVACY_URL,
        }
    }


def account(request: HttpRequest) -> dict[str, Any]:
    """What the account menu and the footer show of the person who is signed in.

    `account_enterprises` is made only where a page shows the menu: to build its query takes a while, too.
    """
    return {
        "account_enterprises": SimpleLazyObject(lambda: _list_enterprises(request.user))
        if hasattr(request, "user")
        else [],
        "account_time_zone": find_time_zone(request) if hasattr(request, "user") else None,
        "page_time_zone": timezone.get_current_timezone_name(),
    }


def _list_enterprises(user: AbstractBaseUser | AnonymousUser) -> list[tuple[str, str]]:
    """Name and slug of each enterprise that the person is a member of."""
    return list(memberships_of(user).values_list("enterprise__name", "enterprise__slug"))
