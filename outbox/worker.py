"""The worker loop: the project's steps, the tasks and the periodic jobs, each in a thread of its own."""

import logging
import threading
from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from outbox import conf
from outbox.handlers import Step
from outbox.heartbeat import INTERVAL, Heartbeat
from outbox.periodic import PeriodicJobs
from outbox.runner import run_due_tasks

logger = logging.getLogger(__name__)

_DATABASE_RETRY_SECONDS = 5


def run_worker(stop: threading.Event, *, poll_interval: float) -> bool:
    """Work until `stop` is set; what is running then is finished. Returns False when a thread died by itself.

    `poll_interval` is the number of seconds between two looks while nothing is due.
    """
    # A thread each: events do not wait for a WorkOS that does not answer.
    steps: Mapping[str, Step] = {
        **conf.steps(),
        "Tasks": run_due_tasks,
        "Periodic jobs": PeriodicJobs(conf.periodic_jobs()).run_due_jobs,
    }
    threads = [
        threading.Thread(target=_repeat_step, args=(name, step, stop, poll_interval), name=name)
        for name, step in steps.items()
    ]
    for thread in threads:
        thread.start()
    _beat_until_stopped(threads, stop)
    stopped_as_told = stop.is_set()
    stop.set()
    for thread in threads:
        thread.join()
    return stopped_as_told


def _beat_until_stopped(threads: list[threading.Thread], stop: threading.Event) -> None:
    heartbeat = Heartbeat(now=timezone.now())
    seconds_left = 0.0
    try:
        while all(thread.is_alive() for thread in threads):
            if seconds_left <= 0:
                _write_heartbeat(heartbeat)
                seconds_left = INTERVAL.total_seconds()
            if stop.wait(1):
                break
            seconds_left -= 1
    finally:
        _delete_heartbeat(heartbeat)


def _write_heartbeat(heartbeat: Heartbeat) -> None:
    try:
        heartbeat.beat(now=timezone.now())
    except (DatabaseError, InterfaceError) as error:
        logger.error("No heartbeat: the database does not answer (%s)", type(error).__name__)
        connection.close()


def _delete_heartbeat(heartbeat: Heartbeat) -> None:
    try:
        heartbeat.stop()
    except (DatabaseError, InterfaceError) as error:
        logger.error("The heartbeat stays: the database does not answer (%s)", type(error).__name__)
    finally:
        connection.close()


def _repeat_step(name: str, step: Step, stop: threading.Event, poll_interval: float) -> None:
    try:
        while not stop.is_set():
            try:
                outcomes = step(now=timezone.now())
            except (OperationalError, InterfaceError) as error:
                logger.error(
                    "%s: the database does not answer (%s); trying again", name, type(error).__name__
                )
                connection.close()
                stop.wait(_DATABASE_RETRY_SECONDS)
                continue
            if outcomes:
                summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
                logger.info("%s: %s", name, summary)
            else:
                stop.wait(poll_interval)
    finally:
        connection.close()
