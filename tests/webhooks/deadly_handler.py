"""An app of the tests alone: one kind of event kills its worker."""

import os
from collections.abc import Sequence
from datetime import datetime

from django.apps import AppConfig


class DeadlyHandlerConfig(AppConfig):
    name = "tests.webhooks"
    label = "deadly_handler"

    def ready(self) -> None:
        from webhooks.events import Event
        from webhooks.handlers import APPLIED, HANDLERS, Outcome

        def kill_worker(events: Sequence[Event], now: datetime) -> Sequence[Outcome]:
            if any(event.text("name") == "poison" for event in events):
                os._exit(9)
            return [APPLIED for _ in events]

        HANDLERS["test.deadly"] = kill_worker
