"""Where a delivery comes from, for the optional allow-list of addresses."""

import ipaddress
from collections.abc import Sequence
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_allowed(meta: dict[str, Any], networks: Sequence[Network], *, behind_proxy: bool) -> bool:
    """Is the sender's address in one of `networks`? Everybody's is while there are none.

    Behind our own proxy it is the last address of X-Forwarded-For, which that proxy wrote; what stands before
    it anybody may have written.
    """
    if not networks:
        return True
    told = (
        meta.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] if behind_proxy else meta.get("REMOTE_ADDR")
    )
    try:
        address = ipaddress.ip_address((told or "").strip())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
