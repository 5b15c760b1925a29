"""Rate limits: per person, and for all people of an enterprise together."""

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import QuerySet

from enterprises import conf
from enterprises.models import Enterprise

WINDOW = timedelta(minutes=10)


class RateLimited(Exception):
    """The message says who did it how often, and when it is possible again."""


def check_rate_limit(
    action: str,
    enterprise: Enterprise,
    user_id: int | None,
    recent: QuerySet[Any],
    *,
    at_field: str,
    user_field: str,
    count_field: str = "",
    now: datetime,
) -> None:
    """Raise RateLimited if one more is too many.

    `action` completes “You have …”. `recent` are the rows of the enterprise within WINDOW; the fields say
    when an action was, whose it was, and how many actions a row stands for (one by default).
    """
    for subject, rows, limit in (
        ("You have", recent.filter(**{user_field: user_id}), conf.rate_limit_per_person()),
        (f"The IT admins of {enterprise} have", recent, conf.rate_limit_per_enterprise()),
    ):
        # A row is at least one action, so no more rows than the limit are needed.
        fields = [at_field, count_field] if count_field else [at_field]
        newest = list(rows.order_by(f"-{at_field}").values_list(*fields)[:limit])
        totals = accumulate(row[1] if count_field else 1 for row in newest)
        # It is possible again when this action has left the window.
        last = next((row[0] for row, total in zip(newest, totals, strict=True) if total >= limit), None)
        if last:
            minutes = max(1, -((now - last - WINDOW) // timedelta(minutes=1)))
            raise RateLimited(
                f"{subject} {action} {limit} times in ten minutes. Nothing was changed. "
                f"Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
            )
