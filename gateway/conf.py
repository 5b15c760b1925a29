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
    if wrong := [one for one in link_origins() if not one.startswith(("https://", "http://"))]:
        problems.append(
            checks.Error(
                f"WORKOS_LINK_ORIGINS holds {', '.join(wrong)}, which has no scheme.",
                hint="Write an origin, such as https://setup.workos.com.",
                id="gateway.E002",
            )
        )
    return problems
