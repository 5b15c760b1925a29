"""Times as WorkOS writes them. Plain Python: the webhook receiver imports it, too."""

from datetime import UTC, datetime


def parse_time(value: object) -> datetime | None:
    """`2026-01-15T12:00:00.000Z` or `2023-04-28 20:05:31.093` (UTC without an offset); None for anything
    else.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
