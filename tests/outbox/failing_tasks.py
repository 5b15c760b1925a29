"""What the worker of `tests.outbox.test_failures` does: tasks, steps and jobs that fail, hang or succeed."""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from outbox.handlers import PeriodicJob, TaskHandler
from outbox.models import Task
from tests.outbox.failing import FAILURES, ExitsWhenPrintedError, UnprintableError, hang

_FILE = Path(os.environ.get("TEST_DONE_FILE", os.devnull))


def _write(line: str) -> None:
    with _FILE.open("a") as file:
        file.write(f"{line}\n")


def _succeed(task: Task, now: datetime) -> None:
    _write(f"task {task.key}")


def _fail_step(*, now: datetime) -> Counter[str]:
    _write("failing step")
    raise SystemExit(1)


def _answer_nothing(*, now: datetime) -> Counter[str]:
    _write("step without an answer")
    return None  # type: ignore[return-value]


def _fail_job(now: datetime) -> int:
    _write("failing job")
    raise ExitsWhenPrintedError


def _fail_unprintably(now: datetime) -> int:
    raise UnprintableError


def _succeed_job(now: datetime) -> int:
    _write("job")
    return 1


TASKS = {
    **{name: TaskHandler(name, run) for name, run in FAILURES.items()},
    "hang": TaskHandler("Hang", hang),
    "succeed": TaskHandler("Succeed", _succeed),
}
STEPS = {"Failing": _fail_step, "Answering nothing": _answer_nothing}
PERIODIC_JOBS: Sequence[PeriodicJob] = (
    PeriodicJob("Failing", 0.1, _fail_job),
    PeriodicJob("Unprintable", 0.1, _fail_unprintably),
    PeriodicJob("Succeeding", 0.1, _succeed_job),
)
