from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.chassis.ids import timestamp

BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 11, 30, 9, 5, 7, 41_999, UTC), "2026-11-30T09:05:07.041Z"),
        (datetime(2026, 11, 30, 9, 5, 7, 0, UTC), "2026-11-30T09:05:07.000Z"),
        (datetime(2026, 12, 1, 0, 30, 0, 0, BERLIN), "2026-11-30T23:30:00.000Z"),
    ],
)
def test_a_timestamp_is_in_utc_with_milliseconds(moment: datetime, written: str) -> None:
    assert timestamp(moment) == written
