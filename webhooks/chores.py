"""What the worker does for webhooks besides applying them, each in its own time."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from webhooks import inbox, pruning

logger = logging.getLogger(__name__)


@dataclass
class Chore:
    """`run(now)` says how many it did; `every` is in seconds."""

    name: str
    every: float
    run: Callable[[datetime], int]
    _next: float = field(default=0.0, init=False)

    def run_if_due(self, now: datetime) -> int:
        """Run it if it is time. If it fails, that is said, and it comes again in its time; others go on."""
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + self.every
        try:
            return self.run(now)
        except (OperationalError, InterfaceError) as error:
            logger.error("%s: the database does not answer (%s)", self.name, type(error).__name__)
            connection.close()
        except Exception as error:
            # The message may quote what was sent.
            logger.error(
                "%s failed: %s. It is tried again in %g s.", self.name, type(error).__name__, self.every
            )
        return 0


class Chores:
    """All of them, with the time of a process: each worker has its own round."""

    def __init__(self) -> None:
        self.all = [
            Chore("events that waited too long for an organization", 3600, inbox.give_up),
            Chore("old events forgotten", 86_400, _prune),
        ]

    def run_due(self, *, now: datetime) -> Counter[str]:
        return +Counter({chore.name: chore.run_if_due(now) for chore in self.all})


def _prune(now: datetime) -> int:
    days = settings.WEBHOOK_EVENTS_KEPT_DAYS
    return pruning.prune(days=days, now=now) if days else 0
