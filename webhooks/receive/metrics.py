"""What the page of metrics says of the receiver. Each process counts its own; the page sums them."""

from prometheus_client import Counter, Histogram

DELIVERIES = Counter(
    "portal_host_deliveries",
    "Deliveries by the answer that they were given: recorded, unavailable (503), or why they were refused.",
    ["outcome"],
)
QUEUE_SHARE = Histogram(
    "portal_host_receiver_queue_share",
    "Share of the receiver's queue that was in use when a delivery arrived. At 1 it is answered 503.",
    buckets=(0.1, 0.25, 0.5, 0.75, 0.9, 1),
)
