"""When a member's digest is due: on the chosen weekday and hour of the member's own clock.

An hour that the clock leaves out in spring comes an hour later, one that it strikes twice in autumn counts once.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

# Two digests of a member lie so far apart; two daily ones no further than this.
APART, AT_MOST = timedelta(hours=20), timedelta(hours=28)
# How far ahead a digest can lie; further ahead, the clock was wrong when it was reckoned.
FURTHEST = {"daily": timedelta(days=2), "weekly": timedelta(days=8), "monthly": timedelta(days=36)}
_HALF = timedelta(hours=12)


def next_digest(
    rhythm: str, weekday: int, hour: int, zone: str, after: datetime, last: datetime | None = None
) -> datetime | None:
    """The first moment after this one at which a digest is due, not too soon after the last; never where it is off."""
    if rhythm == "off":
        return None
    # A last one that lies ahead was sent by a clock that has been put back since.
    earliest = last + APART if last and last <= after else after
    return next(at for at in _moments(rhythm, weekday, hour, zone, after) if at > after and at >= earliest)


def following(rhythm: str, weekday: int, hour: int, zone: str, now: datetime) -> datetime | None:
    """When the digest after one that goes now is due.

    A daily one that came late, after an outage, comes nearer to its hour day by day: the next would be too soon and
    the one after it too late.
    """
    soonest = next_digest(rhythm, weekday, hour, zone, now)
    due = next_digest(rhythm, weekday, hour, zone, now, now)
    if rhythm != "daily" or soonest is None or due is None or due - now <= AT_MOST:
        return due
    return now + (APART if soonest - now >= _HALF else AT_MOST)


def _moments(rhythm: str, weekday: int, hour: int, zone: str, after: datetime) -> Iterator[datetime]:
    """All moments of the rhythm from the day before on."""
    clock = ZoneInfo(zone)
    first = after.astimezone(clock).date() - timedelta(days=1)
    for day in (first + timedelta(days=number) for number in count()):
        if _strikes(rhythm, weekday, day):
            yield datetime.combine(day, time(hour), clock).astimezone(UTC)


def _strikes(rhythm: str, weekday: int, day: date) -> bool:
    """Whether a digest goes on this day: daily, on the weekday, or on the first such weekday of the month."""
    return rhythm == "daily" or (day.weekday() == weekday and (rhythm == "weekly" or day.day <= 7))
