"""Times as WorkOS writes them. Plain Python: the webhook receiver imports it, too."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# How far a time may be ahead of the clock that it is compared with: as much as the signature's by default.
MAX_AHEAD = timedelta(seconds=180)
# A zone is less than a day from UTC. These times can be converted to any zone, and back.
_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def parse_time(value: object) -> datetime | None:
    """`2026-01-15T12:00:00.000Z` or `2023-04-28 20:05:31.093` (UTC without an offset), in UTC.

    None for anything else, and for a time that some zone cannot express.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is UTC:
            in_utc = parsed
        else:
            # An offset may hold fractions of a second, which PostgreSQL does not read.
            in_utc = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return in_utc if _EARLIEST <= in_utc <= _LATEST else None


class ResolvedTime(NamedTuple):
    """When something was so, and what was wrong with the time that was sent (blank if nothing)."""

    at: datetime
    # The object's own time, as it was sent.
    is_own: bool
    problem: str


def resolve_time(value: object, *, field: str, fallback: datetime, latest: datetime) -> ResolvedTime:
    """The time in `value`, `fallback` if it holds none, and `latest` if it is later than that can be.

    `field` names it in the problem. `latest`: when WorkOS said it.
    """
    at = parse_time(value)
    if at is None:
        problem = "" if value is None else f"{field} is not a time that we can store, so it was not used"
        return ResolvedTime(fallback, is_own=False, problem=problem)
    if at > latest + MAX_AHEAD:
        return ResolvedTime(
            latest, is_own=False, problem=f"{field} is in the future, so it counts as the present"
        )
    return ResolvedTime(at, is_own=True, problem="")
