"""When digests are due: on the member's own clock, through both changes of it, and after every outage."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.notifications.queries import zones
from forum.notifications.schedule import APART, AT_MOST, FURTHEST, following, next_digest

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
HOURS, WEEKDAYS = st.integers(0, 23), st.integers(0, 6)
RHYTHMS = st.sampled_from(["daily", "weekly", "monthly"])
ZONES = st.sampled_from(zones())


def berlin(*when: int) -> datetime:
    """A moment on Frieda's clock."""
    return datetime(*when, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)  # type: ignore[arg-type]


def test_friedas_daily_digest_is_tomorrows_at_seven_and_early_in_the_morning_todays() -> None:
    assert next_digest("daily", 0, 7, BERLIN, berlin(2026, 11, 4, 9)) == berlin(2026, 11, 5, 7)
    assert next_digest("daily", 0, 7, BERLIN, berlin(2026, 11, 4, 6, 59)) == berlin(2026, 11, 4, 7)
    assert next_digest("daily", 0, 7, BERLIN, berlin(2026, 11, 4, 7)) == berlin(2026, 11, 5, 7)


def test_a_weekly_one_waits_for_its_weekday() -> None:
    assert next_digest("weekly", 4, 18, BERLIN, berlin(2026, 11, 4, 9)) == berlin(2026, 11, 6, 18)
    assert next_digest("weekly", 2, 7, BERLIN, berlin(2026, 11, 4, 9)) == berlin(2026, 11, 11, 7)


def test_a_monthly_one_comes_on_the_first_such_weekday_of_the_month() -> None:
    assert next_digest("monthly", 0, 7, BERLIN, berlin(2026, 11, 2, 7)) == berlin(2026, 12, 7, 7)
    assert next_digest("monthly", 5, 7, BERLIN, berlin(2028, 2, 28)) == berlin(2028, 3, 4, 7)


def test_whoever_wants_none_gets_none() -> None:
    now = berlin(2026, 11, 4)
    assert next_digest("off", 0, 7, BERLIN, now) is None
    assert following("off", 0, 7, BERLIN, now) is None


def test_an_hour_that_the_clock_leaves_out_comes_an_hour_later() -> None:
    assert next_digest("daily", 0, 2, BERLIN, berlin(2026, 3, 28, 12)) == berlin(2026, 3, 29, 3)
    assert next_digest("daily", 0, 2, BERLIN, berlin(2026, 3, 29, 3)) == berlin(2026, 3, 30, 2)


def test_an_hour_that_the_clock_strikes_twice_counts_once() -> None:
    first = next_digest("daily", 0, 2, BERLIN, berlin(2026, 10, 24, 12))
    assert first == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert next_digest("daily", 0, 2, BERLIN, first) == berlin(2026, 10, 26, 2)


def test_another_hour_chosen_after_todays_digest_begins_tomorrow() -> None:
    sent = berlin(2026, 11, 4, 7)
    assert next_digest("daily", 0, 18, BERLIN, berlin(2026, 11, 4, 9), sent) == berlin(2026, 11, 5, 18)


def test_a_last_digest_that_lies_ahead_holds_up_nothing() -> None:
    ahead = berlin(2026, 12, 14, 7)
    assert next_digest("daily", 0, 7, BERLIN, berlin(2026, 11, 4, 9), ahead) == berlin(2026, 11, 5, 7)


@pytest.mark.parametrize("late", range(24))
def test_after_an_outage_a_daily_digest_finds_back_to_its_hour(late: int) -> None:
    at = berlin(2026, 11, 4, 7) + timedelta(hours=late)
    for _ in range(4):
        before, at = at, following("daily", 0, 7, BERLIN, at)
        assert APART <= at - before <= AT_MOST
    assert at.astimezone(ZoneInfo(BERLIN)).hour == 7


@given(MOMENTS, HOURS, ZONES)
def test_daily_digests_lie_a_day_apart_in_every_zone(begin: datetime, hour: int, zone: str) -> None:
    at = next_digest("daily", 0, hour, zone, begin)
    assert at is not None
    for _ in range(400):
        before, at = at, following("daily", 0, hour, zone, at)
        assert at is not None
        assert APART <= at - before <= AT_MOST
        assert at == next_digest("daily", 0, hour, zone, before)


@given(RHYTHMS, WEEKDAYS, HOURS, ZONES, MOMENTS)
def test_a_digest_strikes_the_chosen_hour_of_the_chosen_day(
    rhythm: str, weekday: int, hour: int, zone: str, after: datetime
) -> None:
    at = next_digest(rhythm, weekday, hour, zone, after)
    assert at is not None
    assert after < at <= after + FURTHEST[rhythm]
    here = at.astimezone(ZoneInfo(zone))
    wished = here.replace(hour=hour, minute=0, fold=0)
    left_out = wished.astimezone(UTC).astimezone(ZoneInfo(zone)).hour != hour
    assert here.hour == hour or left_out
    assert rhythm == "daily" or here.weekday() == weekday
    assert rhythm != "monthly" or here.day <= 7


@given(RHYTHMS, WEEKDAYS, HOURS, ZONES, MOMENTS, st.floats(0, 40))
def test_no_digest_comes_too_soon_after_the_last(
    rhythm: str, weekday: int, hour: int, zone: str, now: datetime, hours: float
) -> None:
    last = now - timedelta(hours=hours)
    at = next_digest(rhythm, weekday, hour, zone, now, last)
    assert at is not None
    assert at - last >= APART
    assert at <= now + FURTHEST[rhythm]
