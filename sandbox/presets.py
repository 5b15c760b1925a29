"""Presets: situations that an application should survive, one press or call each."""

from collections.abc import Callable

from sandbox import connections, webhook_endpoints
from sandbox.faults import Fault, Faults
from sandbox.store import Store

CERTIFICATE_DAYS = 14


def expire_certificates(store: Store) -> int:
    """Let the certificate of every active connection expire in 14 days. Returns how many."""
    found = [row for row in store.connections if row.state == "active" and row.certificate_expires_at]
    for connection in found:
        connections.expire_certificate(store, connection, days=CERTIFICATE_DAYS)
    return len(found)


def find_outage(faults: Faults) -> Fault | None:
    return next(
        (
            fault
            for fault in faults.active
            if fault.kind == "status"
            and (fault.times, fault.method, fault.path, fault.values["status"]) == (None, "*", "*", 503)
        ),
        None,
    )


def start_outage(store: Store, faults: Faults) -> int:
    """Answer 503 to every request until the outage ends. Returns 0 if there was an outage already."""
    if find_outage(faults):
        return 0
    faults.add(store.ids.new_id("fault"), {"kind": "status", "status": 503, "times": None})
    return 1


def end_outage(faults: Faults) -> int:
    """Returns 0 if there was no outage."""
    outage = find_outage(faults)
    return int(outage is not None and faults.cancel(outage.id))


def rotate_secrets(store: Store) -> int:
    """Add a second endpoint with a new secret for each URL, and return how many.

    WorkOS has no call that rotates a secret.
    """
    urls = {row.endpoint_url: row for row in store.endpoints if row.status == "enabled"}
    for row in urls.values():
        webhook_endpoints.create_endpoint(store, row.endpoint_url, events=row.events)
    return len(urls)


# Each returns how many objects it has changed.
PRESETS: dict[str, Callable[[Store, Faults], int]] = {
    "expire_certificates": lambda store, _faults: expire_certificates(store),
    "start_outage": start_outage,
    "end_outage": lambda _store, faults: end_outage(faults),
    "rotate_secrets": lambda store, _faults: rotate_secrets(store),
}
