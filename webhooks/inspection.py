"""What a person wants to know of the webhooks, read from what is written down."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q, Sum

from webhooks.models import RefusalCount, RefusalSample, Secret, WebhookEvent
from webhooks.receive.reasons import Reason
from webhooks.receive.refusals import describe_age

# As long as WorkOS repeats a delivery.
_UNUSED_FOR = timedelta(days=3)
# Deliveries that the clock is judged by, and the part of the tolerance that may be used up.
_CLOCK_SAMPLE = 500
_CLOCK_WARNS_AT = 1 / 3
_BEHIND = timedelta(minutes=5)


@dataclass(frozen=True)
class Outcome:
    """Events that ended the same way for the same reason."""

    status: str
    reason: str
    count: int
    newest_event_id: str


@dataclass(frozen=True)
class Refusal:
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
    waiting: int
    oldest_due_at: datetime | None
    outcomes: list[Outcome]
    secrets: list[SecretUse]
    # Median of our clock less WorkOS's, in seconds, over the newest verified deliveries; None without any.
    clock_seconds: float | None
    refusals: list[Refusal]
    # What needs a person, each with its next step.
    attention: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def inspect(*, secret_names: Sequence[str], tolerance: timedelta, now: datetime) -> Inspection:
    waiting = WebhookEvent.objects.filter(due_at__lte=now).aggregate(n=Count("pk"), oldest=Min("due_at"))
    outcomes = _outcomes(now)
    clock = _clock()
    attention = []
    if waiting["oldest"] and now - waiting["oldest"] > _BEHIND:
        attention.append(
            f"Events are due since {waiting['oldest']:%Y-%m-%d %H:%M} UTC. Does `manage.py worker` run?"
        )
    if left := WebhookEvent.objects.filter(status="failed", due_at=None).count():
        attention.append(
            f"{left} failed events are left for you. Mend the cause, then `manage.py replay_events --failed`."
        )
    if clock is not None and abs(clock) > tolerance.total_seconds() * _CLOCK_WARNS_AT:
        attention.append(
            f"Our clock is {abs(clock):.0f} s {'ahead of' if clock > 0 else 'behind'} WorkOS's; at "
            f"{tolerance.total_seconds():.0f} s deliveries are refused. Switch on NTP "
            "(`timedatectl set-ntp true`)."
        )
    return Inspection(
        waiting=waiting["n"],
        oldest_due_at=waiting["oldest"],
        outcomes=outcomes,
        secrets=secrets(secret_names, now),
        clock_seconds=clock,
        refusals=refusals(now),
        attention=attention,
    )


def _outcomes(now: datetime) -> list[Outcome]:
    """Of the last day, and of all that wait or failed, whenever they came."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, left(error, 200) AS reason, count(*), max(id) FROM webhooks_webhookevent"
            " WHERE received_at >= %s OR status IN ('waiting', 'failed') GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
            [now - timedelta(days=1)],
        )
        rows = cursor.fetchall()
    ids = dict(WebhookEvent.objects.filter(pk__in=[row[3] for row in rows]).values_list("pk", "event_id"))
    return [Outcome(status, reason, count, ids.get(newest, "")) for status, reason, count, newest in rows]


def _clock() -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - issued_at))"
            " FROM (SELECT received_at, issued_at FROM webhooks_webhookevent WHERE secret_name <> ''"
            " ORDER BY id DESC LIMIT %s) newest",
            [_CLOCK_SAMPLE],
        )
        median = cursor.fetchone()[0]
    return None if median is None else float(median)


def secrets(names: Sequence[str], now: datetime) -> list[SecretUse]:
    used = dict(Secret.objects.values_list("name", "last_used_at"))
    in_use = {name for name in names if name in used and now - used[name] < _UNUSED_FOR}

    def advice(name: str) -> str:
        if name in in_use:
            return "in use"
        if not in_use:
            return "nothing was verified for three days: keep it"
        if name in used:
            return f"last used {(now - used[name]).days} days ago: safe to remove"
        return "never used: new, or safe to remove"

    return [SecretUse(name, used.get(name), advice(name)) for name in names]


def refusals(now: datetime) -> list[Refusal]:
    """Each reason that came up, the newest first."""
    counts = {
        row["reason"]: row
        for row in RefusalCount.objects.values("reason").annotate(
            hour=Sum("count", filter=Q(minute__gt=now - timedelta(hours=1)), default=0),
            days=Sum("count", filter=Q(minute__gt=now - timedelta(days=3)), default=0),
        )
    }
    none = {"hour": 0, "days": 0}
    return [
        Refusal(
            reason=Reason(sample.reason).label,
            last_hour=counts.get(sample.reason, none)["hour"],
            last_days=counts.get(sample.reason, none)["days"],
            refused_at=sample.refused_at,
            age=describe_age(sample.issued_at, sample.refused_at),
            header_length=sample.header_length,
            body_length=sample.body_length,
            detail=sample.detail,
            next_step=Reason(sample.reason).next_step,
        )
        for sample in RefusalSample.objects.order_by("-refused_at")
    ]


def in_words(sample: "RefusalSample | Refusal") -> str:
    """How far off and how long it was; never what it said."""
    off = sample.age if isinstance(sample, Refusal) else describe_age(sample.issued_at, sample.refused_at)
    parts = [
        off,
        "no header" if sample.header_length is None else f"header of {sample.header_length} characters",
        "body not read" if sample.body_length is None else f"body of {sample.body_length} bytes",
        sample.detail,
    ]
    return ", ".join(filter(None, parts))
