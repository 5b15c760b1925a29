"""Times are parsed in both of the forms in which WorkOS writes them."""

from datetime import UTC, datetime

import pytest

from mirror.times import parse_time


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("2026-01-15T12:00:00.000Z", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2023-04-28 20:05:31.093", datetime(2023, 4, 28, 20, 5, 31, 93_000, tzinfo=UTC)),
        ("2026-01-15T12:00:00+02:00", datetime(2026, 1, 15, 10, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        (1768478400, None),
        (None, None),
    ],
)
def test_time_is_parsed_or_absent(text: object, parsed: datetime | None) -> None:
    assert parse_time(text) == parsed
