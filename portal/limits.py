"""How often: by a person, and by all of an enterprise together."""

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from enterprises.models import Enterprise

WINDOW = timedelta(minutes=10)


class TooOften(Exception):
    """The message says who did it how often, and when it is possible again."""


def check(
    deed: str,
    enterprise: Enterprise,
    user_id: int | None,
    recent: QuerySet[Any],
    *,
    at: str,
    who: str,
    times: str = "",
    now: datetime,
) -> None:
    """Raise TooOften if one more is too many.

    `recent` are the enterprise's rows within WINDOW; `at`, `who` and `times` name their columns: when, whose,
    and how many deeds a row stands for (one by default).
    """
    for subject, rows, limit in (
        ("You have", recent.filter(**{who: user_id}), settings.PORTAL_LIMIT_PERSON),
        (f"The IT admins of {enterprise} have", recent, settings.PORTAL_LIMIT_ENTERPRISE),
    ):
        # A row is one deed at least, so no more rows than the limit are ever needed.
        newest = list(rows.order_by(f"-{at}").values_list(at, *([times] if times else []))[:limit])
        counted = accumulate(row[1] if times else 1 for row in newest)
        # It is possible again when this one is too old to count.
        full = next((row[0] for row, deeds in zip(newest, counted, strict=True) if deeds >= limit), None)
        if full:
            minutes = max(1, -((now - full - WINDOW) // timedelta(minutes=1)))
            raise TooOften(
                f"{subject} {deed} {limit} times in ten minutes. Nothing was changed. "
                f"Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
            )
