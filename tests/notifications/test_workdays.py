"""Working days as people at work in Lower Saxony and Bremen count them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from forum.notifications.workdays import is_working_day, working_days_ago

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "day",
    [
        *("2026-12-25", "2026-12-26", "2027-01-01", "2027-03-26", "2027-03-29", "2027-05-01", "2027-05-06"),
        *("2027-05-17", "2025-10-03", "2025-10-31", "2026-11-28", "2026-11-29", "2024-03-29", "2038-04-26"),
    ],
)
def test_weekends_and_holidays_are_no_working_days(day: str) -> None:
    assert not is_working_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-11-30", "2026-12-24", "2026-12-31", "2027-03-25", "2027-01-06", "2027-11-01"])
def test_others_are(day: str) -> None:
    assert is_working_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("now", "days", "since"),
    [
        ("2026-11-26 10:00", 3, "2026-11-23 10:00"),  # Thursday: Monday
        ("2026-12-02 10:00", 3, "2026-11-27 10:00"),  # Wednesday: Friday
        ("2026-12-03 00:00", 3, "2026-11-30 00:00"),  # what was asked at the weekend is due as Thursday begins
        ("2026-11-29 12:00", 3, "2026-11-24 23:59"),  # on Sunday the clock stands where Friday ended
        ("2027-04-01 09:00", 3, "2027-03-25 09:00"),  # over Easter
        ("2026-12-29 08:00", 3, "2026-12-23 08:00"),  # over Christmas
        ("2027-03-30 02:30", 3, "2027-03-23 02:30"),  # over the night in which clocks go forward
        ("2027-11-01 02:30", 1, "2027-10-29 02:30"),  # and back
        ("2026-12-09 10:00", 7, "2026-11-30 10:00"),
    ],
)
def test_days_are_counted_on_the_clock_of_the_network(now: str, days: int, since: str) -> None:
    found = working_days_ago(datetime.fromisoformat(now).replace(tzinfo=BERLIN), days, "Europe/Berlin")
    assert found.strftime("%Y-%m-%d %H:%M") == since
    assert found.tzinfo is BERLIN
