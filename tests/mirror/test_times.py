"""Times are parsed in both of the forms in which WorkOS writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.times import parse_time


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("2026-01-15T12:00:00.000Z", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        ("2023-04-28 20:05:31.093", datetime(2023, 4, 28, 20, 5, 31, 93_000, tzinfo=UTC)),
        ("2026-01-15T12:00:00+02:00", datetime(2026, 1, 15, 10, tzinfo=UTC)),
        ("2026-01-15T12:00:00+05:30:00.5", datetime(2026, 1, 15, 6, 29, 59, 500_000, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:30", None),
        ("9999-12-31T23:59:59-05:30", None),
        ("0001-01-01T12:00:00", None),
        ("9999-12-31T12:00:00Z", None),
        ("0001-01-02T00:00:00Z", datetime(1, 1, 2, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        (1768478400, None),
        (None, None),
    ],
)
def test_time_is_parsed_or_absent(text: object, parsed: datetime | None) -> None:
    assert parse_time(text) == parsed


@given(st.datetimes().map(str) | st.text(), st.integers(-1439, 1439))
def test_parsed_time_survives_every_zone_and_back(text: str, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    for written in (text, f"{text}{zone.tzname(None)[3:]}"):
        parsed = parse_time(written)
        if parsed is not None:
            assert parsed.astimezone(zone).astimezone(UTC) == parsed
