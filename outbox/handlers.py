"""What the project hands to the worker: task handlers, steps and periodic jobs."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from outbox.models import Task


class TaskFailed(Exception):
    """A failure whose message staff can act on. The task is retried after at least `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class TaskHandler:
    """How tasks of one kind run.

    `run(task, now)` is called outside any transaction, and again after a crash. It returns when the work is
    done; if it raises, it is called again later. `label` is what staff read.

    `run_all(tasks, now)` does the same for many tasks that are due, of any subjects. If it raises, it has
    done nothing, and each task is run by itself. It is for work that one statement does for many.

    `threads`: how many run at once in a process. `most`: how many of them are claimed for one thread at most;
    fewer are, so that they take a fraction of a second together. `around` is entered once around tasks that
    one thread runs one after another, such as to share a connection to a mail server.
    """

    label: str
    run: Callable[["Task", datetime], None]
    run_all: Callable[[Sequence["Task"], datetime], None] | None = None
    threads: int = 4
    most: int = 100
    around: Callable[[], AbstractContextManager[object]] = nullcontext


class Step(Protocol):
    def __call__(self, *, now: datetime) -> Counter[str]:
        """Do some of the work that is due. Returns a count for each outcome, empty if nothing was due."""


@dataclass(frozen=True)
class NotifiedStep:
    """A step that begins at once when the database notifies `channel`, and looks by itself less often."""

    run: Step
    channel: str

    def __call__(self, *, now: datetime) -> Counter[str]:
        return self.run(now=now)


@dataclass(frozen=True)
class PeriodicJob:
    """`run(now)` returns how many rows it handled; `interval` is in seconds."""

    name: str
    interval: float
    run: Callable[[datetime], int]
