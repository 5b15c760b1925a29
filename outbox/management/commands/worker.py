import logging
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from outbox.management.base import Command as BaseCommand
from outbox.worker import run_worker

logger = logging.getLogger(__name__)


def _parse_interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    # At 0 it would ask the database without a pause.
    if not 0.01 <= seconds <= 60:
        raise ArgumentTypeError(f"{text} is not between 0.01 and 60 seconds.")
    return seconds


class Command(BaseCommand):
    help = """Apply webhook events, run outbox tasks and periodic jobs, until SIGTERM or Ctrl-C.

Run as many workers as you like: they share the work. Exits with 0 after SIGTERM or Ctrl-C, and with 1 when it
stops by itself.

  manage.py worker
  manage.py worker --interval 0.2
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval",
            type=_parse_interval,
            default=0.5,
            help="seconds between two looks while nothing is due, 0.01 to 60 (default: 0.5)",
        )

    def handle(self, *, interval: float, **options: Any) -> None:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            # What is running is finished; nothing new is started.
            signal.signal(signum, lambda *_: stop.set())
        logger.info("Worker started")
        if not run_worker(stop, poll_interval=interval):
            raise CommandError("The worker stopped by itself; see above.")
        logger.info("Worker stopped")
