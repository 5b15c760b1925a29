"""The worker loop: the project's steps, the tasks and the periodic jobs, each in a thread of its own.

No exception from a step, a task or a job stops the worker. Neither does a database that is unreachable,
read-only or not migrated: the step waits and continues with a new connection.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from outbox import conf, queue
from outbox.failures import name_error
from outbox.handlers import NotifiedStep, Step
from outbox.heartbeat import INTERVAL, Heartbeat
from outbox.listener import Listener
from outbox.periodic import PeriodicJobs
from outbox.task_threads import TaskThreads
from telemetry.context import LIMITED

logger = logging.getLogger(__name__)

_RETRY_SECONDS = conf.retry_seconds()
# How long work that is under way may take to finish once the worker is stopped. What is not finished then
# runs again. Shorter than the 10 seconds that container runtimes wait by default.
STOP_SECONDS = conf.stop_seconds()
# A step that is notified looks this many times less often by itself: what notifies nobody is found, too.
_SLOW_POLL = 10


def run_worker(stop: threading.Event, *, poll_interval: float, stop_seconds: float = STOP_SECONDS) -> bool:
    """Work until `stop` is set, then finish what is running, for at most about `stop_seconds`.

    `poll_interval` is the number of seconds between two looks while nothing is due, ten times as many for a
    step that is notified. Returns False when a thread died by itself.
    """
    tasks = TaskThreads()
    # A thread each, so that events do not wait while WorkOS does not answer.
    steps: Mapping[str, Step] = {
        **conf.steps(),
        "Tasks": tasks.run_due_tasks,
        "Periodic jobs": PeriodicJobs(conf.periodic_jobs()).run_due_jobs,
    }
    # What an event has enqueued does not wait for the next look.
    woken = {name: threading.Event() for name in steps} | {"Tasks": queue.new_tasks}
    notified = {step.channel: woken[name] for name, step in steps.items() if isinstance(step, NotifiedStep)}
    listener = Listener(notified, stop)

    def find_wait(step: Step) -> float:
        is_notified = isinstance(step, NotifiedStep) and listener.is_listening
        return poll_interval * _SLOW_POLL if is_notified else poll_interval

    # Daemons: one that hangs does not keep the process alive.
    threads = [
        threading.Thread(
            target=_repeat_step, args=(name, step, stop, woken[name], find_wait), name=name, daemon=True
        )
        for name, step in steps.items()
    ]
    threads.append(threading.Thread(target=_beat, args=(stop,), name="Heartbeat", daemon=True))
    if notified:
        threads.append(threading.Thread(target=listener.run, name="Listener", daemon=True))
    for thread in threads:
        thread.start()
    while all(thread.is_alive() for thread in threads) and not stop.wait(1):
        pass
    was_stopped_by_caller = stop.is_set()
    stop.set()
    for event in woken.values():
        event.set()
    _finish(threads, tasks, time.monotonic() + stop_seconds)
    return was_stopped_by_caller


def _finish(threads: list[threading.Thread], tasks: TaskThreads, deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    unfinished = {thread.name for thread in threads if thread.is_alive()}
    if unfinished:
        logger.warning("Not finished in time: %s. It runs again.", ", ".join(sorted(unfinished)))
    if "Tasks" in unfinished:
        return
    # In a thread, because a database may not answer either.
    finishing = threading.Thread(target=_finish_tasks, args=(tasks, deadline), daemon=True)
    finishing.start()
    finishing.join(max(0.0, deadline - time.monotonic()) + 1)


def _finish_tasks(tasks: TaskThreads, deadline: float) -> None:
    try:
        tasks.finish(seconds=max(0.0, deadline - time.monotonic()))
    except (DatabaseError, InterfaceError) as error:
        logger.error("Tasks: they run again when their lease ends (%s)", name_error(error))
    finally:
        connection.close()


def _beat(stop: threading.Event) -> None:
    heartbeat = Heartbeat(now=timezone.now())
    while True:
        try:
            heartbeat.beat(now=timezone.now())
        except Exception as error:
            logger.error(
                "No heartbeat: the database cannot be written to (%s)", name_error(error), extra=LIMITED
            )
            _close_connection()
        if stop.wait(INTERVAL.total_seconds()):
            break
    try:
        heartbeat.stop()
    except Exception as error:
        logger.error("The heartbeat stays: the database cannot be written to (%s)", name_error(error))
    finally:
        _close_connection()


def _repeat_step(
    name: str,
    step: Step,
    stop: threading.Event,
    woken: threading.Event,
    find_wait: Callable[[Step], float],
) -> None:
    while not stop.is_set():
        # Before the look: a notification that comes during it leads to another one.
        woken.clear()
        try:
            outcomes = step(now=timezone.now())
            summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        except (DatabaseError, InterfaceError) as error:
            logger.error(
                "%s: the database cannot be used (%s); trying again in %s s",
                name,
                name_error(error),
                _RETRY_SECONDS,
                extra=LIMITED,
            )
            _close_connection()
            stop.wait(_RETRY_SECONDS)
        except BaseException as error:  # also SystemExit: nothing in a step ends the worker
            # Its message may quote a payload.
            logger.error("%s failed: %s; trying again in %s s", name, name_error(error), _RETRY_SECONDS)
            _close_connection()
            stop.wait(_RETRY_SECONDS)
        else:
            if summary:
                logger.info("%s: %s", name, summary)
            else:
                woken.wait(find_wait(step))
    _close_connection()


def _close_connection() -> None:
    """The next query opens a new one, which may lead to another server."""
    try:
        connection.close()
    except Exception as error:
        logger.error("A database connection could not be closed: %s", name_error(error))
