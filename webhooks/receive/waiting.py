"""Deliveries that wait to be recorded, and how that may end. Knows no framework and no database."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from webhooks.receive.accept import Delivery, NotAnEvent


class Unavailable(Exception):
    """The database records nothing now. The message is the name of its error."""


class QueueFull(Unavailable):
    """More has arrived than can be held."""


class Unstorable(Exception):
    """The database refuses this event. The message is the name of its kind of error."""


@dataclass
class Waiting:
    """A delivery that is not recorded yet, and the future that ends when it is."""

    delivery: Delivery | NotAnEvent
    received_at: datetime
    recorded: "asyncio.Future[None]"
    # In characters.
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.delivery.body if isinstance(self.delivery, NotAnEvent) else self.delivery.text)

    def succeed(self) -> None:
        # The sender may have gone.
        if not self.recorded.done():
            self.recorded.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.recorded.done():
            self.recorded.set_exception(error)
