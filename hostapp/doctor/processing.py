"""Offline: deliveries, events, tasks and workers."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from hostapp.doctor.findings import Finding, failed, not_checked, ok
from outbox.management.base import count_of
from outbox.models import Task, WorkerHeartbeat
from webhooks import conf
from webhooks.health import Health, read_health
from webhooks.inspection import inspect_webhooks
from webhooks.models import RefusalSample
from webhooks.receive.reasons import Reason

_LATE_AFTER = timedelta(minutes=5)
# Attempts after which a task that fails is worth a look.
_MANY_ATTEMPTS = 4
_MAX_SHOWN = 5
# Refused deliveries of the last hour: more than this share, and so many at least, are not chance.
_REFUSED_SHARE = 0.1
_MIN_REFUSED = 5
_CLOCK_REASONS = (Reason.TOO_OLD, Reason.IN_THE_FUTURE)


def check_workers(now: datetime) -> Iterator[Finding]:
    workers = list(WorkerHeartbeat.objects.order_by("-last_seen_at"))
    alive = [one for one in workers if one.is_alive(now=now)]
    if alive:
        since = min(one.started_at for one in alive)
        yield ok("workers", f"{count_of(len(alive), 'worker')} alive, the oldest since {_format(since)}.")
    else:
        seen = (
            f"The last one was {workers[0]}, seen at {_format(workers[0].last_seen_at)}."
            if workers
            else "None was ever seen, or the last one was stopped."
        )
        yield failed(
            "workers",
            f"No worker is alive: events and mail wait. {seen}",
            "Start `manage.py worker`, and let a supervisor restart it. Read the log of the one that ended.",
        )


def check_events(now: datetime) -> Iterator[Finding]:
    health = read_health(now)
    inspection = inspect_webhooks(secret_names=conf.secret_names(), tolerance=conf.tolerance(), now=now)
    for problem in inspection.attention:
        text, _, step = problem.partition(". ")
        yield failed("events", f"{text}.", step or "Run `manage.py inspect_webhooks`.")
    if not inspection.attention:
        yield ok(
            "events",
            f"No event is late or failed; {count_of(health.due.number, 'event waits', 'events wait')}.",
        )
    yield _describe_last_delivery(health, now)
    yield from _describe_refusals(health, now)


def _describe_last_delivery(health: Health, now: datetime) -> Finding:
    if health.newest_received_at is None:
        return not_checked(
            "deliveries.last",
            "No webhook has arrived yet.",
            "Register the endpoint with `manage.py register_webhook`.",
        )
    return ok("deliveries.last", f"The newest event arrived at {_format(health.newest_received_at)}.")


def _describe_refusals(health: Health, now: datetime) -> Iterator[Finding]:
    refused, accepted = health.refused_last_hour, health.accepted.number
    if refused < _MIN_REFUSED or refused < _REFUSED_SHARE * (refused + accepted):
        yield ok(
            "deliveries.refused",
            f"Of the last hour's deliveries, {refused} were refused and {accepted} accepted.",
        )
        return
    newest = max(health.refusals, key=lambda report: (report.last_hour, report.refused_at))
    sample = RefusalSample.objects.filter(reason__in=_CLOCK_REASONS).order_by("-refused_at").first()
    detail = (
        f"Of the last hour's {refused + accepted} deliveries, {refused} were refused, most of them because "
        f"{newest.reason}."
    )
    if sample and sample.issued_at and now - sample.refused_at < timedelta(hours=1):
        seconds = (sample.refused_at - sample.issued_at).total_seconds()
        detail += (
            f" The newest was signed {abs(seconds):.0f} s {'before' if seconds > 0 else 'after'} it arrived, "
            "by our clock."
        )
    yield failed("deliveries.refused", detail, newest.next_step)


def check_tasks(now: datetime) -> Iterator[Finding]:
    due = Task.objects.filter(due_at__lte=now - _LATE_AFTER)
    late = due.order_by("due_at").first()
    failing = Task.objects.filter(attempts__gte=_MANY_ATTEMPTS).exclude(error="").order_by("-attempts", "pk")
    for task in failing[:_MAX_SHOWN]:
        yield failed(
            "tasks",
            f"“{task.label}” failed {task.attempts} times: {task.error.splitlines()[0]}",
            f"Remove the cause. It is tried again at {_format(task.due_at)}, or at once with Retry now in "
            f"the Django admin (Tasks, number {task.pk}).",
        )
    if late:
        yield failed(
            "tasks",
            f"{count_of(due.count(), 'task')} due for more than five minutes, the oldest since "
            f"{_format(late.due_at)}.",
            "See whether a worker is alive, and what its log says.",
        )
    if not late and not failing.exists():
        yield ok(
            "tasks",
            f"No task is late or keeps failing; {count_of(Task.objects.count(), 'task')} in the outbox.",
        )


def check_catch_up() -> Iterator[Finding]:
    if not settings.CATCH_UP_INTERVAL:
        yield not_checked(
            "catch_up",
            "CATCH_UP_INTERVAL is 0: events of a longer outage are not read from the API.",
            "Set it, or run `manage.py catch_up` on a schedule.",
        )


def _format(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
