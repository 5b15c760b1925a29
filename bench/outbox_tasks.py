"""The tasks of `bench.outbox`: the application's, one kind that does nothing and one that hangs."""

import threading
from datetime import datetime

from hostapp.tasks import TASKS as APPLICATION_TASKS
from outbox.handlers import TaskHandler
from outbox.models import Task

NO_OP, HANG = "bench_no_op", "bench_hang"


def _do_nothing(task: Task, now: datetime) -> None:
    pass


def _hang(task: Task, now: datetime) -> None:
    threading.Event().wait(3600)


TASKS = {
    **APPLICATION_TASKS,
    NO_OP: TaskHandler("Nothing", _do_nothing),
    HANG: TaskHandler("Hang", _hang),
}
