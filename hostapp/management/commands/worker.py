import logging
import signal
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from webhooks.errands import errands
from webhooks.inbox import apply_waiting

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = """Apply webhook events as they come, and forget them in time, until SIGTERM or Ctrl-C.

Run as many as you like: they share the work.

  manage.py worker
  manage.py worker --interval 0.2
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval",
            type=float,
            default=0.5,
            help="seconds between looks when nothing waits (default: 0.5)",
        )

    def handle(self, *, interval: float, **options: Any) -> None:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            # The batch in hand is finished; nothing new is begun.
            signal.signal(signum, lambda *_: stop.set())
        logger.info("Worker started")
        others = errands()
        while not stop.is_set():
            for errand in others:
                errand.run_if_due(timezone.now())
            try:
                outcomes = apply_waiting(now=timezone.now())
            except (OperationalError, InterfaceError) as error:
                logger.error("The database does not answer (%s); trying again", type(error).__name__)
                connection.close()
                stop.wait(5)
                continue
            if outcomes:
                logger.info(
                    "Events: %s", ", ".join(f"{n} {status}" for status, n in sorted(outcomes.items()))
                )
            else:
                stop.wait(interval)
        logger.info("Worker stopped")
