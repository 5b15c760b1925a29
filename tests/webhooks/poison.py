"""An app of the tests alone: one kind of event is deadly for a worker, and an effect that may be."""

import os
from collections.abc import Sequence
from pathlib import Path

from django.apps import AppConfig


class PoisonConfig(AppConfig):
    name = "tests.webhooks"
    label = "poison"

    def ready(self) -> None:
        from webhooks.effects import EFFECTS
        from webhooks.events import Event
        from webhooks.handlers import APPLIED, HANDLERS, Outcome

        def deadly(events: Sequence[Event]) -> Sequence[Outcome]:
            if any(event.text("name") == "poison" for event in events):
                os._exit(9)
            return [APPLIED for _ in events]

        def mail(event: Event) -> None:
            box = Path(os.environ["TEST_MAILBOX"])
            with box.open("a") as lines:
                lines.write(f"{event.event_id}\n")
            died = box.with_suffix(".died")
            if event.text("name") == "deadly once" and not died.exists():
                died.touch()
                os._exit(9)

        HANDLERS["test.deadly"] = deadly
        EFFECTS["connection.activated"] = (mail,)
