"""`/metrics`: who may read it, and the figures that only processes know. It imports no Django.

The receiver alone answers with these. The site's page (`hostapp.metrics`) has the database's as well.
"""

import hmac

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from audit.client_ip import find_client_ip, is_in_networks
from hostapp.receiver_settings import MetricsConfig

METRICS_PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CONNECTIONS_SHARE = Histogram(
    "portal_host_connections_share",
    "Share of a web process's connections that were in use when one more was opened. At 1 one is closed.",
    buckets=(0.1, 0.25, 0.5, 0.75, 0.9, 1),
)


def find_refusal(config: MetricsConfig, *, remote_addr: str, forwarded_for: str, authorization: str) -> int:
    """The status with which a request is refused. 0 if it is not: by its token, or by its address."""
    if not (config.token or config.sources):
        return 404
    expected = f"Bearer {config.token}".encode()
    if config.token and hmac.compare_digest(authorization.encode(), expected):
        return 0
    address = find_client_ip(remote_addr, forwarded_for, trusted_proxies=config.trusted_proxies)
    if address and is_in_networks(address, config.sources):
        return 0
    return 401 if config.token else 403


def build_registry(config: MetricsConfig) -> CollectorRegistry:
    """A registry with the figures of all processes that share the directory."""
    registry = CollectorRegistry()
    if config.directory:
        MultiProcessCollector(registry, path=config.directory)  # type: ignore[no-untyped-call]
    return registry


def render_metrics(registry: CollectorRegistry) -> bytes:
    return generate_latest(registry)
