"""Rate limits: per person, and for all people of an enterprise together."""

import hashlib
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enterprises import conf
from enterprises.models import Enterprise, RateLimitCount
from enterprises.templatetags.times import render_time

WINDOW = timedelta(minutes=10)
# Longer than any window.
_KEPT = timedelta(days=1)


# Stands for the time in the sentence of a RateLimited.
TIME = "{time}"


class RateLimited(Exception):
    """The sentence says when to try again. If it contains TIME, `retry_at` is that time."""

    def __init__(self, sentence: str, retry_at: datetime | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_at = retry_at

    def __str__(self) -> str:
        return self.sentence.replace(TIME, f"{self.retry_at:%H:%M} UTC" if self.retry_at else "")

    def render(self) -> SafeString:
        """The sentence as HTML, with the time in the reader's time zone."""
        time = render_time(self.retry_at, "time") if self.retry_at else ""
        return mark_safe(escape(self.sentence).replace(TIME, time))  # noqa: S308


def check_rate_limit(
    enterprise: Enterprise,
    user_id: int | None,
    recent: QuerySet[Any],
    *,
    at_field: str,
    user_field: str,
    count_field: str = "",
    retry: str,
    now: datetime,
) -> None:
    """Raise RateLimited if one more is too many.

    `recent` are the rows of the enterprise within WINDOW; the fields say when an action was, whose it was,
    and how many actions a row stands for (one by default). `retry` is a sentence that says what is possible
    again at TIME.
    """
    for refusal, rows, limit in (
        (_("Too many attempts."), recent.filter(**{user_field: user_id}), conf.rate_limit_per_person()),
        (
            _("Too many attempts by the IT admins of %(enterprise)s.") % {"enterprise": enterprise},
            recent,
            conf.rate_limit_per_enterprise(),
        ),
    ):
        # A row is at least one action, so no more rows than the limit are needed.
        fields = [at_field, count_field] if count_field else [at_field]
        newest = list(rows.order_by(f"-{at_field}").values_list(*fields)[:limit])
        totals = accumulate(row[1] if count_field else 1 for row in newest)
        # The next one is possible when this action has left the window.
        last = next((row[0] for row, total in zip(newest, totals, strict=True) if total >= limit), None)
        if last:
            raise RateLimited(f"{refusal} {retry}", _round_up(last + WINDOW))


def _round_up(at: datetime) -> datetime:
    """The next whole minute: pages show no seconds, and nobody should come back too early."""
    return at + (datetime.min.replace(tzinfo=at.tzinfo) - at) % timedelta(minutes=1)


def count_action(key: str, *, limit: int, window: timedelta, now: datetime) -> int:
    """Count one more action under `key`, at most `limit` in one window, which begins with the first of them.

    Returns 0, or, if one more is too many, the minutes until it is possible again; then nothing is written.
    One statement: actions that happen at once count each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enterprises_ratelimitcount AS held (key, count, started_at)"
            " VALUES (%(key)s, 1, %(now)s)"
            " ON CONFLICT (key) DO UPDATE SET"
            " count = CASE WHEN held.started_at <= %(expired)s THEN 1 ELSE held.count + 1 END,"
            " started_at = CASE WHEN held.started_at <= %(expired)s THEN %(now)s ELSE held.started_at END"
            " WHERE held.started_at <= %(expired)s OR held.count < %(limit)s RETURNING 1",
            {"key": key, "now": now, "expired": now - window, "limit": limit},
        )
        if cursor.fetchone():
            return 0
    started_at = RateLimitCount.objects.values_list("started_at", flat=True).filter(key=key).first() or now
    return minutes_until(started_at + window, now)


def was_counted(key: str, *, window: timedelta, now: datetime) -> bool:
    """Whether an action was counted under `key` in a window that has not ended."""
    return RateLimitCount.objects.filter(key=key, started_at__gt=now - window).exists()


def minutes_until(at: datetime, now: datetime) -> int:
    """Whole minutes, at least one."""
    return max(1, -((now - at) // timedelta(minutes=1)))


def describe_minutes(minutes: int) -> str:
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def hash_for_key(text: str) -> str:
    """A short digest, so that the table of counts holds no addresses."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def prune_counts(now: datetime) -> int:
    """Delete counts whose window has ended for long; a periodic job. Returns how many it deleted."""
    return RateLimitCount.objects.filter(started_at__lt=now - _KEPT).delete()[0]
