"""What the worker does for webhooks besides applying them, each in its own time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from webhooks import effects, inbox, pruning

logger = logging.getLogger(__name__)


@dataclass
class Errand:
    """`run(now)` says how many it did; `every` is in seconds."""

    name: str
    every: float
    run: Callable[[datetime], int]
    _next: float = field(default=0.0, init=False)

    def run_if_due(self, now: datetime) -> None:
        """Run it if it is time. If it fails, that is said, and it comes again in its time; others go on."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.every
        try:
            if done := self.run(now):
                logger.info("%s: %s", self.name, done)
        except (OperationalError, InterfaceError) as error:
            logger.error("%s: the database does not answer (%s)", self.name, type(error).__name__)
            connection.close()
        except Exception as error:
            # The message may quote what was sent.
            logger.error(
                "%s failed: %s. It is tried again in %g s.", self.name, type(error).__name__, self.every
            )


def _prune(now: datetime) -> int:
    days = settings.WEBHOOK_EVENTS_KEPT_DAYS
    return pruning.prune(days=days, now=now) if days else 0


def errands() -> list[Errand]:
    return [
        Errand("Events whose effects were carried out", 0.5, lambda now: effects.carry_out(now=now)),
        Errand("Events that waited too long for an organization", 3600, inbox.give_up),
        Errand("Old events forgotten", 86_400, _prune),
    ]
