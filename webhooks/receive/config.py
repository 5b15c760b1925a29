"""What a receiver needs to know. Plain Python: the settings of Django or the environment fill it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from audit.client_ip import Network, Proxy


@dataclass(frozen=True)
class ReceiverConfig:
    # Signing secrets by name. Without any, nothing is accepted.
    secrets: Mapping[str, str]
    tolerance: timedelta
    # The last part of the path. Blank for a path without one.
    token: str
    # Networks that may deliver. None allow every address.
    sources: Sequence[Network]
    trusted_proxies: Sequence[Proxy]
    # Seconds between two writes of the refusals that a process has counted.
    refusals_interval: float
