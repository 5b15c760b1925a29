"""Settings of the audit log, with their defaults and system checks."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

from audit.client_ip import Network


def trusted_proxies() -> Sequence[Network]:
    """Networks of our own proxies, as `ipaddress` networks. X-Forwarded-For is believed of these alone."""
    return list(getattr(settings, "TRUSTED_PROXIES", []))


@checks.register
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    if all(isinstance(network, Network) for network in trusted_proxies()):
        return []
    return [
        checks.Error(
            "TRUSTED_PROXIES must hold ipaddress networks.",
            hint='Write ipaddress.ip_network("10.0.0.0/8") instead of "10.0.0.0/8".',
            id="audit.E001",
        )
    ]
