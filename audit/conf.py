"""Settings of the audit log, with their defaults and system checks."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

from audit.client_ip import UNIX_SOCKET, Network, Proxy, is_too_wide


def trusted_proxies() -> Sequence[Proxy]:
    """Our own proxies: `ipaddress` networks, and "unix" for one that connects through a unix socket.

    X-Forwarded-For is trusted only from these.
    """
    return list(getattr(settings, "TRUSTED_PROXIES", []))


def product_name() -> str:
    """The name of the SaaS, for what its staff did."""
    return str(getattr(settings, "PRODUCT_NAME", "SaaS"))


@checks.register
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    networks = [proxy for proxy in trusted_proxies() if proxy != UNIX_SOCKET]
    if not all(isinstance(network, Network) for network in networks):
        return [
            checks.Error(
                "TRUSTED_PROXIES must hold ipaddress networks.",
                hint='Write ipaddress.ip_network("10.0.0.0/8") instead of "10.0.0.0/8".',
                id="audit.E001",
            )
        ]
    if any(is_too_wide(network) for network in networks if isinstance(network, Network)):
        return [
            checks.Error(
                "TRUSTED_PROXIES holds a network that is a large part of the internet.",
                hint="Name only your own proxies: every client in these networks may claim any address.",
                id="audit.E002",
            )
        ]
    return []
