"""Settings of the enterprises, with their defaults and system checks.

The project names what belongs to upper layers: the overview's URL, the base template and the navigation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class NavItem:
    """A tab of an enterprise's pages. `url_name` takes the slug."""

    label: str
    url_name: str
    for_it_admins_only: bool = False


def overview_url_name() -> str:
    """URL name of an enterprise's main page. It takes the slug."""
    return str(getattr(settings, "ENTERPRISES_OVERVIEW_URL_NAME", "enterprises:members"))


def staff_page_url_name() -> str:
    """URL name of the staff's page of an enterprise, blank if there is none. It takes the slug."""
    return str(getattr(settings, "ENTERPRISES_STAFF_PAGE_URL_NAME", ""))


def nav_items() -> Sequence[NavItem]:
    """Set as (label, URL name, for IT admins only)."""
    default = [("Members", "enterprises:members", False), ("Activity", "enterprises:activity", True)]
    return [NavItem(*item) for item in getattr(settings, "ENTERPRISES_NAV", default)]


def base_template() -> str:
    """The template that every page extends: with blocks `title`, `scripts` and `content`."""
    return str(getattr(settings, "ENTERPRISES_BASE_TEMPLATE", "base.html"))


def staff_header_template() -> str:
    """The template above the pages that staff share with the IT admins. It is given `enterprise`."""
    return str(getattr(settings, "ENTERPRISES_STAFF_HEADER_TEMPLATE", "enterprises/staff_header.html"))


def home_url() -> str:
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def site_url() -> str:
    """The address that links in mails begin with, such as https://app.acme.example."""
    return str(settings.SITE_URL)


def support_email() -> str:
    return str(getattr(settings, "SUPPORT_EMAIL", settings.DEFAULT_FROM_EMAIL))


def product_name() -> str:
    return str(getattr(settings, "PRODUCT_NAME", "") or site_url().partition("://")[2])


def product_accent() -> str:
    """The colour of the button in mails, such as #2b50c8."""
    return str(getattr(settings, "PRODUCT_ACCENT", "#2b50c8"))


def provisioned_hook() -> Callable[[Any], Any] | None:
    """The project's function that the worker calls with each Enterprise once it is provisioned."""
    path = getattr(settings, "ENTERPRISE_PROVISIONED_HOOK", "")
    hook: Callable[[Any], Any] | None = import_string(path) if path else None
    return hook


def syncs_it_contacts() -> bool:
    """Whether WorkOS's IT contacts, who get its alerts, are kept equal to the IT admins."""
    return bool(getattr(settings, "WORKOS_SYNC_IT_CONTACTS", True))


def sign_in_max_age() -> int:
    """Seconds after which a sign-in is too old for a sensitive action."""
    return int(getattr(settings, "SIGN_IN_MAX_AGE", 900))


def rate_limit_per_person() -> int:
    """How many Portal Links, and how many setup links, WorkOS may give one person in ten minutes."""
    return int(getattr(settings, "PORTAL_LIMIT_PERSON", 30))


def rate_limit_per_enterprise() -> int:
    return int(getattr(settings, "PORTAL_LIMIT_ENTERPRISE", 100))


def invitations_per_person() -> int:
    """How many invitations one IT admin may send in an hour."""
    return int(getattr(settings, "INVITATION_LIMIT_PERSON", 20))


def invitations_per_enterprise() -> int:
    return int(getattr(settings, "INVITATION_LIMIT_ENTERPRISE", 40))


def reconcile_interval() -> float:
    """Seconds after which the worker compares an enterprise with the API again. 0 switches it off."""
    return float(getattr(settings, "RECONCILE_INTERVAL", 21_600.0))


def reconcile_threads() -> int:
    """How many directories are read at once: each has a rate limit of its own."""
    return int(getattr(settings, "RECONCILE_THREADS", 4))


@checks.register
def check_hook(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    try:
        hook = provisioned_hook()
        if hook is None or callable(hook):
            return []
        reason = "it is not a function"
    except ImportError as error:
        reason = str(error)
    return [
        checks.Error(
            f"ENTERPRISE_PROVISIONED_HOOK cannot be called: {reason}.",
            hint="Give the dotted path of a function that takes an Enterprise, or leave it empty.",
            id="enterprises.E001",
        )
    ]


@checks.register
def check_numbers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    numbers = {
        "SIGN_IN_MAX_AGE": sign_in_max_age(),
        "PORTAL_LIMIT_PERSON": rate_limit_per_person(),
        "PORTAL_LIMIT_ENTERPRISE": rate_limit_per_enterprise(),
        "INVITATION_LIMIT_PERSON": invitations_per_person(),
        "INVITATION_LIMIT_ENTERPRISE": invitations_per_enterprise(),
        "RECONCILE_THREADS": reconcile_threads(),
    }
    return [
        checks.Error(
            f"{name} must be a number above 0.", hint="Remove it to use the default.", id="enterprises.E002"
        )
        for name, number in numbers.items()
        if number <= 0
    ]


@checks.register
def check_templates(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    templates = {
        "ENTERPRISES_BASE_TEMPLATE": (base_template(), "with the blocks title, scripts and content"),
        "ENTERPRISES_STAFF_HEADER_TEMPLATE": (staff_header_template(), "to show above staff's pages"),
    }
    return [
        checks.Error(
            f"{name} names {template}, which does not exist.",
            hint=f"Name a template {purpose}.",
            id="enterprises.E003",
        )
        for name, (template, purpose) in templates.items()
        if not _exists(template)
    ]


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True
