"""Inspect the webhooks for staff: what waits or failed, which secrets are used, what was refused."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext

from mirror.models import Organization
from outbox.models import ALIVE_WITHIN, WorkerHeartbeat
from webhooks.claims import find_oldest_due_at
from webhooks.models import RefusalCount, RefusalSample, Secret, UnreadableDelivery, WebhookEvent
from webhooks.receive.reasons import Reason
from webhooks.refusal_ages import describe_age

# WorkOS repeats a delivery for three days.
_UNUSED_AFTER = timedelta(days=3)
# How many deliveries the clock is judged by, and the part of the tolerance that may be used up.
_CLOCK_SAMPLE_SIZE = 500
_CLOCK_WARNING_SHARE = 1 / 3
LATE_AFTER = timedelta(minutes=5)
# Reasons and problems may name an object each: no report grows with the number of events.
_MAX_OUTCOMES = 200
_MAX_SHOWN = 20
_SHOWN_LENGTH = 500


@dataclass(frozen=True)
class OutcomeCount:
    """Events with the same status for the same reason."""

    status: str
    reason: str
    count: int
    newest_event_id: str


@dataclass(frozen=True)
class DataProblem:
    """What of events could not be used as it was sent, such as a time; the rest of them was applied."""

    problem: str
    count: int
    newest_event_id: str


@dataclass(frozen=True)
class ReconcileProblem:
    """What the API said of an organization when it was last reconciled, and could not be stored or used."""

    organization_id: str
    problem: str


@dataclass(frozen=True)
class UnreadableReport:
    """What is not an event, of the last three days: signed deliveries, and items of the Events API."""

    deliveries: int
    listed: int
    newest_at: datetime
    newest_detail: str

    def describe(self) -> str:
        signed = f"{self.deliveries} signed {'delivery' if self.deliveries == 1 else 'deliveries'}"
        listed = f"{self.listed} {'item' if self.listed == 1 else 'items'} of the Events API"
        return " and ".join(
            text for text, count in ((signed, self.deliveries), (listed, self.listed)) if count
        )


@dataclass(frozen=True)
class RefusalReport:
    """How often deliveries were refused for one reason, and the newest of them."""

    reason: str
    last_hour: int
    last_days: int
    refused_at: datetime
    age: str
    header_length: int | None
    body_length: int | None
    detail: str
    next_step: str


@dataclass(frozen=True)
class SecretUse:
    name: str
    last_used_at: datetime | None
    advice: str


@dataclass(frozen=True)
class Inspection:
    # That are alive, and since when the oldest of them is.
    workers: int
    workers_since: datetime | None
    waiting: int
    oldest_due_at: datetime | None
    outcomes: list[OutcomeCount]
    # Of the last day.
    data_problems: list[DataProblem]
    reconcile_problems: list[ReconcileProblem]
    unreadable: UnreadableReport | None
    secrets: list[SecretUse]
    # Our clock minus WorkOS's in seconds: the median of the newest verified deliveries, None without any.
    clock_seconds: float | None
    refusals: list[RefusalReport]
    # What needs a person, each with its next step.
    attention: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def inspect_webhooks(*, secret_names: Sequence[str], tolerance: timedelta, now: datetime) -> Inspection:
    oldest_due_at = find_oldest_due_at(now)
    clock_seconds = _measure_clock()
    data_problems = _count_data_problems(now)
    reconcile_problems = _read_reconcile_problems()
    unreadable = _build_unreadable_report(now)
    alive = WorkerHeartbeat.objects.filter(last_seen_at__gt=now - ALIVE_WITHIN)
    workers = alive.aggregate(count=Count("pk"), since=Min("started_at"))
    return Inspection(
        workers=workers["count"],
        workers_since=workers["since"],
        waiting=WebhookEvent.objects.due(now).count(),
        oldest_due_at=oldest_due_at,
        outcomes=_count_outcomes(now),
        data_problems=data_problems,
        reconcile_problems=reconcile_problems,
        unreadable=unreadable,
        secrets=describe_secrets(secret_names, now),
        clock_seconds=clock_seconds,
        refusals=build_refusal_reports(now),
        attention=[
            *_find_problems(oldest_due_at, clock_seconds, tolerance, now),
            *_find_value_problems(data_problems, reconcile_problems, unreadable),
        ],
    )


def describe_secrets(names: Sequence[str], now: datetime) -> list[SecretUse]:
    """When each secret was last used, and whether it can be removed."""
    last_used = dict(Secret.objects.values_list("name", "last_used_at"))
    in_use = {name for name in names if name in last_used and now - last_used[name] < _UNUSED_AFTER}

    def advise(name: str) -> str:
        if name in in_use:
            return "in use"
        if not in_use:
            return "nothing was verified for three days: keep it"
        if name in last_used:
            return f"last used {(now - last_used[name]).days} days ago: safe to remove"
        return "never used: new, or safe to remove"

    return [SecretUse(name, last_used.get(name), advise(name)) for name in names]


def describe_sample(sample: RefusalSample | RefusalReport) -> str:
    """How old the refused delivery was, and how long its header and body; nothing that was sent."""
    age = (
        sample.age if isinstance(sample, RefusalReport) else describe_age(sample.issued_at, sample.refused_at)
    )
    header, body = sample.header_length, sample.body_length
    parts = [
        age,
        gettext("no header")
        if header is None
        else gettext("header of %(count)d characters") % {"count": header},
        gettext("body not read") if body is None else gettext("body of %(count)d bytes") % {"count": body},
        sample.detail,
    ]
    return ", ".join(filter(None, parts))


def _find_problems(
    oldest_due_at: datetime | None, clock_seconds: float | None, tolerance: timedelta, now: datetime
) -> list[str]:
    problems = []
    if oldest_due_at and now - oldest_due_at > LATE_AFTER:
        problems.append(
            f"Events have been due since {oldest_due_at:%Y-%m-%d %H:%M} UTC. Is `manage.py worker` running?"
        )
    if failed := WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED, due_at=None).count():
        problems.append(
            f"{failed} {'event' if failed == 1 else 'events'} failed and will not be retried. Fix the cause, "
            "then run `manage.py replay_events --failed`."
        )
    seconds = tolerance.total_seconds()
    if clock_seconds is not None and abs(clock_seconds) > seconds * _CLOCK_WARNING_SHARE:
        problems.append(
            f"Our clock is {abs(clock_seconds):.0f} s {'ahead of' if clock_seconds > 0 else 'behind'} "
            f"WorkOS's. At {seconds:.0f} s deliveries are refused. Switch on NTP "
            "(`timedatectl set-ntp true`)."
        )
    return problems


def _find_value_problems(
    data_problems: Sequence[DataProblem],
    reconcile_problems: Sequence[ReconcileProblem],
    unreadable: UnreadableReport | None,
) -> list[str]:
    problems = []
    if data_problems:
        problems.append(
            "Events of the last day hold values that could not be used as they were sent. The rest of them "
            "was applied. Ask WorkOS about the newest event of each problem."
        )
    if reconcile_problems:
        problems.append(
            "The API's answer holds objects or values that could not be stored. The rest of it was stored. "
            "Ask WorkOS about the objects."
        )
    if unreadable:
        problems.append(
            f"Not events, of the last three days: {unreadable.describe()}. Read them in the Django admin "
            "(Unreadable deliveries)."
        )
    return problems


def _count_data_problems(now: datetime) -> list[DataProblem]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT left(data_problems, %s), count(*), max(id) FROM webhooks_webhookevent"
            " WHERE received_at >= %s AND NOT (data_problems = '') GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
            [_SHOWN_LENGTH, now - timedelta(days=1), _MAX_SHOWN],
        )
        rows = cursor.fetchall()
    ids = _read_event_ids(row[2] for row in rows)
    return [DataProblem(problem, count, ids.get(newest, "")) for problem, count, newest in rows]


def _read_reconcile_problems() -> list[ReconcileProblem]:
    rows = Organization.objects.exclude(reconcile_problems="").order_by("-reconciled_at")
    shown = rows.values_list("organization_id", "reconcile_problems")[:_MAX_SHOWN]
    return [ReconcileProblem(one, problems[:_SHOWN_LENGTH]) for one, problems in shown]


def _build_unreadable_report(now: datetime) -> UnreadableReport | None:
    recent = UnreadableDelivery.objects.filter(received_at__gt=now - timedelta(days=3))
    newest = recent.order_by("-received_at", "-id").first()
    if newest is None:
        return None
    listed = recent.filter(secret_name="").count()
    return UnreadableReport(recent.count() - listed, listed, newest.received_at, newest.detail)


def _read_event_ids(numbers: Iterable[int]) -> dict[int, str]:
    return dict(WebhookEvent.objects.filter(pk__in=list(numbers)).values_list("pk", "event_id"))


def _count_outcomes(now: datetime) -> list[OutcomeCount]:
    """Outcomes of the last day's events, and of all that wait or failed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, left(reason, 200), count(*), max(id) FROM webhooks_webhookevent"
            " WHERE received_at >= %s OR status IN ('waiting', 'failed') GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
            " LIMIT %s",
            [now - timedelta(days=1), _MAX_OUTCOMES],
        )
        rows = cursor.fetchall()
    ids = _read_event_ids(row[3] for row in rows)
    return [
        OutcomeCount(status, reason, count, ids.get(newest, "")) for status, reason, count, newest in rows
    ]


def _measure_clock() -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - issued_at))"
            " FROM (SELECT received_at, issued_at FROM webhooks_webhookevent WHERE secret_name <> ''"
            " ORDER BY id DESC LIMIT %s) newest",
            [_CLOCK_SAMPLE_SIZE],
        )
        median = cursor.fetchone()[0]
    return None if median is None else float(median)


def build_refusal_reports(now: datetime) -> list[RefusalReport]:
    """A report on each reason that occurred, the newest first."""
    counts = {
        row["reason"]: row
        for row in RefusalCount.objects.values("reason").annotate(
            hour=Sum("count", filter=Q(minute__gt=now - timedelta(hours=1)), default=0),
            days=Sum("count", filter=Q(minute__gt=now - timedelta(days=3)), default=0),
        )
    }
    none = {"hour": 0, "days": 0}
    return [
        RefusalReport(
            reason=gettext(Reason(sample.reason).label),
            last_hour=counts.get(sample.reason, none)["hour"],
            last_days=counts.get(sample.reason, none)["days"],
            refused_at=sample.refused_at,
            age=describe_age(sample.issued_at, sample.refused_at),
            header_length=sample.header_length,
            body_length=sample.body_length,
            detail=sample.detail,
            next_step=gettext(Reason(sample.reason).next_step),
        )
        for sample in RefusalSample.objects.order_by("-refused_at")
    ]
