"""Which names the sandbox answers to, so that no website can reach it through a name of its own."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit


class AllowedHosts:
    """This machine's loopback names, and those that the command line gives.

    A website may let its name resolve to 127.0.0.1 (DNS rebinding): a browser then takes its pages and the
    sandbox for one site, and would read the state and the mails, and set the webhook. It still sends the
    website's name as Host.
    """

    def __init__(self, names: Iterable[str] = (), *, any_address: bool = False) -> None:
        """`any_address`: also allow every IP address as the host, which no website's name is."""
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}
        self._any_address = any_address

    def allow(self, host: str) -> bool:
        """Whether a request with this Host header may be answered."""
        name = get_hostname(host)
        if name is None:
            return False
        if name in self._names or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._any_address


def get_hostname(host: str) -> str | None:
    """The name or address in `host:port`, in lower case and without brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        # Reading the port checks it.
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")
