"""Settings of the gateway, with their defaults and system checks."""

import math
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks


def api_key() -> str:
    return str(getattr(settings, "WORKOS_API_KEY", ""))


def client_id() -> str:
    return str(getattr(settings, "WORKOS_CLIENT_ID", ""))


def base_url() -> str:
    return str(getattr(settings, "WORKOS_BASE_URL", "https://api.workos.com"))


def timeout() -> float:
    """Seconds to wait for an answer: a person may be waiting, too."""
    return float(getattr(settings, "WORKOS_TIMEOUT", 8.0))


def background_requests_per_minute() -> float:
    """Requests a minute that one process sends at most while it reads events and lists.

    WorkOS allows 6,000 for each API key; people who wait for a page need some of them.
    """
    return float(getattr(settings, "WORKOS_BACKGROUND_REQUESTS_PER_MINUTE", 3000.0))


def directory_requests_per_second() -> float:
    """Requests a second for the people of one directory. WorkOS allows 4."""
    return float(getattr(settings, "WORKOS_DIRECTORY_REQUESTS_PER_SECOND", 4.0))


def link_origins() -> list[str]:
    """Origins that a Portal Link may lead to, such as `https://setup.workos.com`."""
    default = ["https://setup.workos.com", "https://id.workos.com"]
    return list(getattr(settings, "WORKOS_LINK_ORIGINS", default))


@checks.register
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    if not api_key():
        problems.append(
            checks.Warning(
                "WORKOS_API_KEY is not set.",
                hint="Put a key of your WorkOS environment into it. Without one every call is refused.",
                id="gateway.W001",
            )
        )
    if not 0 < timeout() < math.inf:
        problems.append(
            checks.Error(
                "WORKOS_TIMEOUT must be a number of seconds above 0.",
                hint="8 suits most deployments.",
                id="gateway.E001",
            )
        )
    for name, rate in (
        ("WORKOS_BACKGROUND_REQUESTS_PER_MINUTE", background_requests_per_minute()),
        ("WORKOS_DIRECTORY_REQUESTS_PER_SECOND", directory_requests_per_second()),
    ):
        if not 0 < rate < math.inf:
            problems.append(
                checks.Error(
                    f"{name} must be a number above 0.",
                    hint="Remove it to use the default.",
                    id="gateway.E003",
                )
            )
    if wrong := [one for one in link_origins() if not one.startswith(("https://", "http://"))]:
        problems.append(
            checks.Error(
                f"WORKOS_LINK_ORIGINS holds {', '.join(wrong)}, which has no scheme.",
                hint="Write an origin, such as https://setup.workos.com.",
                id="gateway.E002",
            )
        )
    return problems
