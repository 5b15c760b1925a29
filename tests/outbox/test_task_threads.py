"""Tasks run in a bounded number of threads for each kind, and one that hangs is given up in time."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone, translation

from hostapp.tasks import TASKS
from outbox import queue
from outbox.claims import LEASE
from outbox.handlers import TaskHandler
from outbox.models import Task
from outbox.queue import NewTask
from outbox.task_threads import EXTRA_THREADS, MAX_HUNG, TIME_LIMIT, TaskThreads
from outbox.thread_pool import BATCH_SECONDS
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECT = uuid.uuid4()


class Hanging:
    """Tasks of the kind `hang` hang until they are released. `running` has one element for each."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.running: list[Task] = []

    def run(self, task: Task, now: datetime) -> None:
        self.running.append(task)
        self.released.wait(60)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """Tasks of the kind `quick` succeed."""
    hanging = Hanging()
    monkeypatch.setitem(TASKS, "hang", TaskHandler("Hang", hanging.run))
    monkeypatch.setitem(TASKS, "quick", TaskHandler("Quick", lambda task, now: None))
    yield hanging
    hanging.released.set()


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def make_threads(hanging: Hanging) -> Iterator[Callable[..., TaskThreads]]:
    made: list[TaskThreads] = []

    def make(**arguments: object) -> TaskThreads:
        made.append(TaskThreads(**arguments))  # type: ignore[arg-type]
        return made[-1]

    yield make
    hanging.released.set()
    for threads in made:
        # They end, with their connections.
        run_until(threads, lambda threads=threads: not (threads._running or threads._hung))  # type: ignore[misc]
        threads.finish(seconds=0)
    wait_until(lambda: not [one for one in threading.enumerate() if "task thread" in one.name])


def enqueue(kind: str, count: int, *, subject: uuid.UUID | None = None) -> None:
    queue.enqueue_all(
        NewTask(kind, subject or uuid.uuid4(), key=str(number).zfill(4)) for number in range(count)
    )


def run_until(threads: TaskThreads, condition: Callable[[], object]) -> None:
    def is_met() -> bool:
        threads.run_due_tasks(now=timezone.now())
        return bool(condition())

    wait_until(is_met)


def run_elsewhere(work: Callable[[], object]) -> None:
    """Over another connection."""

    def run() -> None:
        work()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def has_none(kind: str) -> Callable[[], bool]:
    return lambda: not Task.objects.filter(kind=kind, due_at__lte=timezone.now()).exists()


def test_time_limit_ends_before_the_lease() -> None:
    assert TIME_LIMIT < LEASE


def test_hanging_tasks_are_as_many_as_their_kind_has_threads_and_stop_no_other_kind(
    hanging: Hanging, make_threads: Callable[..., TaskThreads]
) -> None:
    enqueue("hang", 6)
    enqueue("quick", 60)
    threads = make_threads()

    run_until(threads, lambda: len(hanging.running) == TASKS["hang"].threads)
    run_until(threads, has_none("quick"))

    assert len(hanging.running) == TASKS["hang"].threads
    assert Task.objects.filter(kind="hang", attempts=1).count() == TASKS["hang"].threads


def test_many_hanging_kinds_leave_each_other_kind_a_thread(
    hanging: Hanging, make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [f"hang {number}" for number in range(5)]
    for kind in kinds:
        monkeypatch.setitem(TASKS, kind, TaskHandler("Hang", hanging.run))
        enqueue(kind, 4)
    threads = make_threads()
    run_until(threads, lambda: len(hanging.running) == len(kinds) + EXTRA_THREADS)

    enqueue("quick", 5)
    run_until(threads, has_none("quick"))

    assert len(hanging.running) == len(kinds) + EXTRA_THREADS


def test_tasks_of_one_subject_run_in_order_and_never_at_once(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[str] = []
    seen: list[str] = []

    def run(task: Task, now: datetime) -> None:
        running.append(task.key)
        assert len(running) == 1
        seen.append(task.key)
        running.remove(task.key)

    monkeypatch.setitem(TASKS, "ordered", TaskHandler("Ordered", run))
    enqueue("ordered", 40, subject=SUBJECT)
    workers = [make_threads(), make_threads()]

    def all_ran() -> bool:
        for threads in workers:
            threads.run_due_tasks(now=timezone.now())
        return not Task.objects.exists()

    wait_until(all_ran)

    assert seen == sorted(seen)
    assert len(seen) == 40


def test_tasks_behind_one_that_hangs_are_given_back(
    hanging: Hanging, make_threads: Callable[..., TaskThreads]
) -> None:
    enqueue("hang", 3, subject=SUBJECT)
    clock = Clock()
    threads = make_threads(clock=clock)
    run_until(threads, lambda: hanging.running)
    clock.seconds = BATCH_SECONDS + 1

    threads.run_due_tasks(now=timezone.now())

    # As if they had not been claimed. Another worker does not begin them while the first one runs.
    assert Task.objects.filter(claimed_until=None, attempts=0, error="").count() == 2
    assert make_threads().run_due_tasks(now=timezone.now()) == {}
    assert len(hanging.running) == 1


@pytest.fixture
def late_threads(hanging: Hanging, make_threads: Callable[..., TaskThreads]) -> TaskThreads:
    """Their only task has hung for longer than the time limit of 270 s."""
    enqueue("hang", 1)
    clock = Clock()
    threads = make_threads(time_limit=timedelta(seconds=270), clock=clock)
    run_until(threads, lambda: hanging.running)
    clock.seconds = 271
    return threads


def test_task_that_hangs_longer_than_the_time_limit_is_retried_with_a_reason(
    late_threads: TaskThreads,
) -> None:
    assert late_threads.run_due_tasks(now=timezone.now()) == {"retried later": 1}

    task = Task.objects.get()
    assert (task.error, task.claimed_until) == ("It did not end within 270 seconds.", None)
    assert task.due_at > timezone.now()


def test_task_that_ends_after_it_was_given_up_is_complete(
    hanging: Hanging, late_threads: TaskThreads
) -> None:
    assert late_threads.run_due_tasks(now=timezone.now()) == {"retried later": 1}

    hanging.released.set()

    run_until(late_threads, lambda: not Task.objects.exists())


def test_kind_with_too_many_hanging_tasks_is_left_alone(
    hanging: Hanging, make_threads: Callable[..., TaskThreads], caplog: pytest.LogCaptureFixture
) -> None:
    enqueue("hang", MAX_HUNG + 2, subject=SUBJECT)
    clock = Clock()
    threads = make_threads(time_limit=timedelta(seconds=10), clock=clock)
    for number in range(MAX_HUNG):
        run_until(threads, lambda number=number: len(hanging.running) == number + 1)  # type: ignore[misc]
        clock.seconds += 11
    threads.run_due_tasks(now=timezone.now())

    assert "tasks of the kind hang hang" in caplog.text
    enqueue("quick", 1)
    run_until(threads, has_none("quick"))
    assert len(hanging.running) == MAX_HUNG


def test_stopped_worker_puts_back_what_runs_and_what_it_has_not_begun(
    hanging: Hanging, make_threads: Callable[..., TaskThreads]
) -> None:
    enqueue("hang", 3, subject=SUBJECT)
    threads = make_threads()
    run_until(threads, lambda: hanging.running)

    threads.finish(seconds=0)

    assert not Task.objects.filter(claimed_until__isnull=False).exists()
    assert sorted(Task.objects.values_list("attempts", "error")) == [
        (0, ""),
        (0, ""),
        (1, "The worker was stopped before it ended."),
    ]


def test_stopped_worker_saves_an_outcome_once_nobody_has_locked_its_row(
    hanging: Hanging, make_threads: Callable[..., TaskThreads]
) -> None:
    enqueue("hang", 1)
    threads = make_threads()
    run_until(threads, lambda: hanging.running)

    def stop() -> None:
        threads.finish(seconds=30)
        connection.close()

    stopping = threading.Thread(target=stop)
    with transaction.atomic():
        # As a request does that enqueues the task again, and is not committed yet.
        Task.objects.select_for_update().get()
        hanging.released.set()
        run_elsewhere(lambda: run_until(threads, lambda: threads._ended))
        stopping.start()
        stopping.join(0.3)
    stopping.join()

    assert not Task.objects.exists()


def test_tasks_are_given_back_if_no_thread_can_be_started(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    enqueue("quick", 3)
    threads = make_threads()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        threads.run_due_tasks(now=timezone.now())
        threads.run_due_tasks(now=timezone.now())

    run_until(threads, lambda: not Task.objects.exists())


def test_task_that_its_thread_cannot_begin_within_the_time_limit_is_retried_and_not_begun_later(
    hanging: Hanging, make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_entered = threading.Event()
    ran: list[str] = []

    @contextmanager
    def hang_first() -> Iterator[None]:
        is_entered.set()
        hanging.released.wait(60)
        yield

    def run(task: Task, now: datetime) -> None:
        ran.append(task.key)

    monkeypatch.setitem(TASKS, "around", TaskHandler("Around", run, around=hang_first, threads=1))
    enqueue("around", 1)
    clock = Clock()
    threads = make_threads(time_limit=timedelta(seconds=270), clock=clock)
    run_until(threads, is_entered.is_set)
    clock.seconds = 271

    assert threads.run_due_tasks(now=timezone.now()) == {"retried later": 1}

    task = Task.objects.get()
    assert (task.error, task.claimed_until) == ("It did not end within 270 seconds.", None)
    hanging.released.set()
    run_until(threads, lambda: not threads._hung)
    assert not ran


def test_task_enqueued_again_while_its_batch_runs_is_run_again(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def enqueue_again(task: Task, now: datetime) -> None:
        seen.append(task.arguments)
        if len(seen) == 1:
            queue.enqueue("again", SUBJECT, arguments={"newer": True})

    monkeypatch.setitem(TASKS, "again", TaskHandler("Again", enqueue_again))
    queue.enqueue("again", SUBJECT)

    run_until(make_threads(), lambda: not Task.objects.exists())

    assert seen == [{}, {"newer": True}]


def _leave_a_transaction_open(task: Task, now: datetime) -> None:
    transaction.atomic().__enter__()
    queue.enqueue("never", SUBJECT)


def _fail_in_a_transaction(task: Task, now: datetime) -> None:
    transaction.atomic().__enter__()
    queue.enqueue("never", SUBJECT)
    raise ZeroDivisionError


def _leave_a_session(task: Task, now: datetime) -> None:
    translation.activate("de")
    timezone.activate("Asia/Tokyo")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 12345")
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
        cursor.execute("CREATE TEMPORARY TABLE left_behind (id int)")
        cursor.execute("SELECT pg_advisory_lock(4711)")


def _inspect() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('TimeZone'),"
            " to_regclass('left_behind'),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711)"
        )
        row = cursor.fetchone()
    zone = timezone.get_current_timezone_name()
    return [*row, translation.get_language(), zone, connection.in_atomic_block]


@pytest.mark.parametrize("leave", [_leave_a_transaction_open, _fail_in_a_transaction, _leave_a_session])
def test_what_a_task_leaves_behind_does_not_reach_the_next_one(
    leave: Callable[[Task, datetime], None],
    make_threads: Callable[..., TaskThreads],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads_used: set[int] = set()
    seen: list[list[object]] = []

    def run(task: Task, now: datetime) -> None:
        threads_used.add(threading.get_ident())
        if task.key == "leaves":
            leave(task, now)
        else:
            seen.append(_inspect())

    monkeypatch.setitem(TASKS, "visit", TaskHandler("Visit", run, most=1, threads=1))
    threads = make_threads()
    for key in ("before", "leaves", "after"):
        queue.enqueue("visit", SUBJECT, key=key)
        run_until(threads, has_none("visit"))

    assert len(threads_used) == 1
    assert seen[0] == seen[1]
    assert not Task.objects.filter(kind="never").exists()


def test_tasks_that_run_together_are_one_call(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def run_all(tasks: Sequence[Task], now: datetime) -> None:
        calls.append(len(tasks))

    def run(task: Task, now: datetime) -> None:
        raise AssertionError

    monkeypatch.setitem(TASKS, "together", TaskHandler("Together", run, run_all=run_all))
    enqueue("together", 200)

    run_until(make_threads(), lambda: not Task.objects.exists())

    assert sum(calls) == 200
    assert max(calls) > 20


def test_one_bad_task_of_many_that_run_together_fails_alone(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(task: Task, now: datetime) -> None:
        if task.key == "0003":
            raise ZeroDivisionError

    def run_all(tasks: Sequence[Task], now: datetime) -> None:
        for task in tasks:
            run(task, now)

    monkeypatch.setitem(TASKS, "together", TaskHandler("Together", run, run_all=run_all))
    enqueue("together", 10)

    run_until(make_threads(), has_none("together"))

    assert Task.objects.get().error == "ZeroDivisionError: "


def test_failure_around_tasks_is_the_failure_of_each(
    make_threads: Callable[..., TaskThreads], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Around:
        def __enter__(self) -> None:
            raise ConnectionError("no server")

        def __exit__(self, *_: object) -> None:
            raise AssertionError

    monkeypatch.setitem(TASKS, "around", TaskHandler("Around", lambda task, now: None, around=Around))
    enqueue("around", 3)

    run_until(make_threads(), has_none("around"))

    assert set(Task.objects.values_list("error", "attempts")) == {("ConnectionError: no server", 1)}
