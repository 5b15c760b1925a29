"""The IP address that a request came from. Plain Python: the webhook receiver imports it, too."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# In `trusted_proxies`: a proxy that connects through a unix socket, and so has no address.
UNIX_SOCKET: Literal["unix"] = "unix"
Proxy = Network | Literal["unix"]

# What servers give as the peer's address on a unix socket.
_UNIX_SOCKET_PEERS = {"", "unix", "unix:"}
# [2001:db8::1]:443, [2001:db8::1] or 192.0.2.7:443. An IPv6 address with a port has brackets.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]*)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")


def find_client_ip(remote_addr: str, forwarded_for: str, *, trusted_proxies: Sequence[Proxy]) -> str | None:
    """The address of the client, or None when it is not known. Two unknown clients may be two people.

    `remote_addr` is the peer of the connection and `forwarded_for` the X-Forwarded-For header. The header is
    read from the right for as long as the hops are trusted proxies: anyone can forge what is left of that.
    """
    hops = forwarded_for.split(",") if forwarded_for else []
    peer = remote_addr
    if peer.strip() in _UNIX_SOCKET_PEERS:
        if UNIX_SOCKET not in trusted_proxies or not hops:
            return None
        peer = hops.pop()
    while True:
        address = parse_address(peer)
        if address is None:
            return None
        if not hops or not _is_in(address, trusted_proxies):
            return str(address)
        peer = hops.pop()


def hides_client(remote_addr: str, forwarded_for: str, *, trusted_proxies: Sequence[Proxy]) -> bool:
    """Whether a proxy of ours passed the request on without X-Forwarded-For: the peer is not the client."""
    peer = parse_address(remote_addr)
    return not forwarded_for.strip() and peer is not None and _is_in(peer, trusted_proxies)


def parse_address(text: str) -> Address | None:
    """The address as proxies and servers write it, or None.

    Accepts a port, brackets and double quotes around it. A zone is dropped: it names a network card of this
    machine, and a database cannot store it. ::ffff:192.0.2.7 is 192.0.2.7, as a dual-stack socket reports it.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["v4"] or match["v6"]
    text = text.partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_network(text: str) -> Network:
    """A network or one address. Raises ValueError. A network of mapped addresses becomes the IPv4 network."""
    network = ipaddress.ip_network(text.strip())
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def is_too_wide(network: Network) -> bool:
    """Whether a network is too wide to be one's own proxies: it holds a large part of the internet.

    A client in it could write any address into X-Forwarded-For.
    """
    return not network.is_private and network.prefixlen < (8 if network.version == 4 else 16)


def is_in_networks(address: str, networks: Sequence[Network]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and _is_in(parsed, networks)


def _is_in(address: Address, networks: Sequence[Proxy]) -> bool:
    return any(network != UNIX_SOCKET and address in network for network in networks)
