"""The IP address that a request came from. Plain Python: the webhook receiver imports it, too."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def find_client_ip(remote_addr: str, forwarded_for: str, *, trusted_proxies: Sequence[Network]) -> str | None:
    """The address of the client, or None when it is not known.

    `remote_addr` is the peer of the connection and `forwarded_for` the X-Forwarded-For header. The header is
    read from the right, and no further than our own proxies wrote it: a client can write anything to the left
    of that.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",")] if forwarded_for else []
    address = remote_addr
    while True:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        # ::ffff:192.0.2.7 is 192.0.2.7 as a dual-stack socket reports it.
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        if not hops or not is_in_networks(str(parsed), trusted_proxies):
            return str(parsed)
        address = hops.pop()


def is_in_networks(address: str, networks: Sequence[Network]) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in networks)
