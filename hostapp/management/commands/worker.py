import logging
import signal
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from datetime import datetime
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from enterprises import errands
from portal import launching
from webhooks.chores import Chores
from webhooks.inbox import apply_waiting

logger = logging.getLogger(__name__)


class Turn(Protocol):
    def __call__(self, *, now: datetime) -> Counter[str]:
        """Do a little of what is due, and say how many ended how; nothing when nothing was due."""


class Command(BaseCommand):
    help = """Apply webhook events, run errands and see to the chores, until SIGTERM or Ctrl-C.

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
            # What is in hand is finished; nothing new is begun.
            signal.signal(signum, lambda *_: stop.set())
        logger.info("Worker started")
        threads = [
            threading.Thread(target=_go_round, args=(name, turn, stop, interval), name=name)
            for name, turn in TURNS.items()
        ]
        for thread in threads:
            thread.start()
        while not stop.wait(1):
            if not all(thread.is_alive() for thread in threads):
                break
        broken = not stop.is_set()
        stop.set()
        for thread in threads:
            thread.join()
        if broken:
            raise CommandError("The worker stopped by itself; see above.")
        logger.info("Worker stopped")


def _go_round(name: str, turn: Turn, stop: threading.Event, interval: float) -> None:
    try:
        while not stop.is_set():
            try:
                outcomes = turn(now=timezone.now())
            except (OperationalError, InterfaceError) as error:
                logger.error(
                    "%s: the database does not answer (%s); trying again", name, type(error).__name__
                )
                connection.close()
                stop.wait(5)
                continue
            if outcomes:
                told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
                logger.info("%s: %s", name, told)
            else:
                stop.wait(interval)
    finally:
        connection.close()


_chores = Chores()


def see_to_chores(*, now: datetime) -> Counter[str]:
    return _chores.run_due(now=now) + launching.end_cut_off(now=now)


# What the worker does, each in a thread of its own: events do not wait for a WorkOS that does not answer.
TURNS: dict[str, Turn] = {
    "Events": apply_waiting,
    "Errands": errands.run_due,
    "Chores": see_to_chores,
}
