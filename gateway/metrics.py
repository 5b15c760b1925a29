"""What the page of metrics says of calls to WorkOS. Each process counts its own; the page sums them."""

from prometheus_client import Histogram

CALLS = Histogram(
    "portal_host_gateway_call_seconds",
    "Calls to WorkOS by operation and outcome (ok, refused, unavailable or busy), and how long they took.",
    ["operation", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16),
)
