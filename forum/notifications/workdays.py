"""Working days: Monday to Friday but for the holidays of Lower Saxony and Bremen, which have the same."""

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_FIXED = ((1, 1), (5, 1), (10, 3), (10, 31), (12, 25), (12, 26))
# Good Friday, Easter Monday, Ascension Day, Whit Monday.
_AFTER_EASTER = (-2, 1, 39, 50)
_DAY = timedelta(days=1)


def working_days_ago(moment: datetime, days: int, zone: str) -> datetime:
    """The moment since which so many whole working days have passed: what happened up to then happened long enough ago.

    Asked on Friday at ten, a question has waited for one working day on Monday at ten; asked on a Sunday, on Tuesday
    as soon as it begins. On a day that is no working day the clock stands still.
    """
    here = moment.astimezone(ZoneInfo(zone))
    day, clock = here.date(), here.time()
    if not is_working_day(day):
        day, clock = _before(day), time.max
    for _ in range(days):
        day = _before(day)
    return datetime.combine(day, clock, ZoneInfo(zone))


def is_working_day(day: date) -> bool:
    """Whether people are at work."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def _before(day: date) -> date:
    day -= _DAY
    while not is_working_day(day):
        day -= _DAY
    return day


@cache
def _holidays(year: int) -> frozenset[date]:
    easter = _easter(year)
    return frozenset(
        {date(year, month, day) for month, day in _FIXED} | {easter + timedelta(days=days) for days in _AFTER_EASTER}
    )


def _easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar, by Gauss and Lichtenberg."""
    century = year // 100
    moon = (15 + (3 * century + 3) // 4 - (8 * century + 13) // 25) % 30
    full = (19 * (year % 19) + moon) % 30
    limit = full - (full // 29 + (full // 28 - full // 29) * (year % 19 // 11))
    border = 21 + limit
    sunday = 7 - (year + year // 4 + (2 - (3 * century + 3) // 4)) % 7
    return date(year, 3, 1) + timedelta(days=border + 7 - (border - sunday) % 7 - 1)
