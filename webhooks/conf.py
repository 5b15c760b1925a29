"""Settings of the webhooks, with their defaults and system checks."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import checks

import audit.conf
from audit.client_ip import Network
from webhooks.receive.config import ReceiverConfig

# WorkOS lists the events of 30 days: catch-up would take one that is deleted earlier for a new one.
MIN_KEPT_DAYS = 31


def secrets() -> Mapping[str, str]:
    """Signing secrets by name: several while one is being replaced. Without any, nothing is accepted."""
    values = getattr(settings, "WORKOS_WEBHOOK_SECRETS", [])
    return dict(zip(secret_names(), values, strict=False))


def secret_names() -> Sequence[str]:
    """The names of the secrets, which are safe to log and to show."""
    return list(getattr(settings, "WORKOS_WEBHOOK_SECRET_NAMES", []))


def tolerance() -> timedelta:
    """How far the time of a signature may be from our clock, either way."""
    return timedelta(seconds=getattr(settings, "WORKOS_WEBHOOK_TOLERANCE", 180))


def token() -> str:
    """The last part of the receiver's path. Blank for a path without one."""
    return str(getattr(settings, "WORKOS_WEBHOOK_TOKEN", ""))


def sources() -> Sequence[Network]:
    """Networks that may deliver webhooks, as `ipaddress` networks. None allow every address."""
    return list(getattr(settings, "WORKOS_WEBHOOK_SOURCES", []))


def refusals_interval() -> float:
    """Seconds between two writes of the refusals that a process has counted."""
    return float(getattr(settings, "WORKOS_WEBHOOK_REFUSALS_INTERVAL", 10.0))


def kept_days() -> int:
    """Days that applied, stale and ignored events are kept. 0 keeps them for ever."""
    return int(getattr(settings, "WEBHOOK_EVENTS_KEPT_DAYS", 90))


def catch_up_interval() -> float:
    """Seconds between two runs of catch-up in the worker. 0 switches it off."""
    return float(getattr(settings, "CATCH_UP_INTERVAL", 300.0))


def catch_up_threads() -> int:
    """How many organizations catch-up reads at once."""
    return int(getattr(settings, "CATCH_UP_THREADS", 4))


def receiver_config() -> ReceiverConfig:
    return ReceiverConfig(
        secrets=secrets(),
        tolerance=tolerance(),
        token=token(),
        sources=sources(),
        trusted_proxies=audit.conf.trusted_proxies(),
        refusals_interval=refusals_interval(),
    )


@checks.register
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []

    def add_error(number: int, message: str, hint: str) -> None:
        problems.append(checks.Error(message, hint=hint, id=f"webhooks.E{number:03}"))

    values = list(getattr(settings, "WORKOS_WEBHOOK_SECRETS", []))
    if len(values) != len(secret_names()) or len(set(secret_names())) != len(secret_names()):
        add_error(
            1,
            "WORKOS_WEBHOOK_SECRETS and WORKOS_WEBHOOK_SECRET_NAMES do not match.",
            "Give each secret a name of its own.",
        )
    if "" in values:
        add_error(2, "WORKOS_WEBHOOK_SECRETS contains an empty secret.", "Remove it: it accepts nothing.")
    if tolerance() <= timedelta(0):
        add_error(3, "WORKOS_WEBHOOK_TOLERANCE must be a number of seconds above 0.", "Use 180.")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", token()):
        add_error(
            4,
            "WORKOS_WEBHOOK_TOKEN may contain letters, digits, - and _ only.",
            "Generate one with `openssl rand -hex 16`.",
        )
    if not all(isinstance(source, Network) for source in sources()):
        add_error(
            5,
            "WORKOS_WEBHOOK_SOURCES must hold ipaddress networks.",
            'Write ipaddress.ip_network("203.0.113.0/24") instead of "203.0.113.0/24".',
        )
    if refusals_interval() < 0:
        add_error(6, "WORKOS_WEBHOOK_REFUSALS_INTERVAL must not be negative.", "Use 10.0.")
    if kept_days() < 0 or 0 < kept_days() < MIN_KEPT_DAYS:
        add_error(
            7,
            f"WEBHOOK_EVENTS_KEPT_DAYS must be {MIN_KEPT_DAYS} or more, or 0 to keep events for ever.",
            "Use 90. WorkOS lists the events of 30 days, and catch-up compares ours with them.",
        )
    if catch_up_interval() < 0:
        add_error(8, "CATCH_UP_INTERVAL must not be negative.", "Use 300, or 0 to switch it off.")
    if catch_up_threads() < 1:
        add_error(9, "CATCH_UP_THREADS must be 1 or more.", "Use 4.")
    if not values:
        problems.append(
            checks.Warning(
                "WORKOS_WEBHOOK_SECRET is not set.",
                hint="Copy the endpoint's secret from the WorkOS Dashboard (Webhooks). Every delivery is "
                "answered 503 without it.",
                id="webhooks.W001",
            )
        )
    return problems
