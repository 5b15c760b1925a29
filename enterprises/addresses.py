"""Where a request came from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address of whoever spoke to us, or to a proxy of ours (TRUSTED_PROXIES). None when it is not known.

    X-Forwarded-For is read from the right and no further than our own proxies wrote it: what stands left of
    that was sent by the client, who can write anything there.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    address = request.META.get("REMOTE_ADDR", "")
    while True:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        trusted = any(parsed in network for network in settings.TRUSTED_PROXIES)
        if not trusted or not hops:
            return str(parsed)
        address = hops.pop()
