"""When a mail was sent, as far as its header says so."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_GERMAN_MONTHS = {
    "januar": "Jan", "februar": "Feb", "mär": "Mar", "mrz": "Mar", "märz": "Mar", "mai": "May", "juni": "Jun",
    "juli": "Jul", "okt": "Oct", "oktober": "Oct", "dez": "Dec", "dezember": "Dec",
}  # fmt: skip
_ZONES = {
    "cet": "+0100", "cest": "+0200", "met": "+0100", "mest": "+0200", "mez": "+0100", "mesz": "+0200",
    "wet": "+0000", "west": "+0100", "bst": "+0100", "eet": "+0200", "eest": "+0300", "msk": "+0300",
    "ist": "+0530", "jst": "+0900", "utc": "+0000", "gmt": "+0000", "z": "+0000",
}  # fmt: skip
_FIRST_YEAR, _LAST_YEAR = 1971, 2100


def parse_date(value: str) -> datetime | None:
    """A date of RFC 5322, of a "From " line, or ISO 8601, as UTC. None when it is missing or absurd.

    Tolerant of two-digit years, German month names and zone names; without a zone the time counts as UTC.
    """
    words = [_date_word(word) for word in re.sub(r"\([^()]*\)", " ", value[:120]).split()]
    text = " ".join(words)
    try:
        parsed = parsedate_tz(text)
        moment = _moment(parsed) if parsed else datetime.fromisoformat(text.replace(" +", "+"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC) if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _date_word(word: str) -> str:
    plain = word.strip(".,").lower()
    return _GERMAN_MONTHS.get(plain) or _ZONES.get(plain) or (plain if plain.isdigit() else word)


def _moment(parsed: tuple[int | None, ...]) -> datetime:
    year, month, day, hour, minute, second = (int(number or 0) for number in parsed[:6])
    offset = timedelta(seconds=parsed[9] or 0)
    zone = timezone(offset) if abs(offset) < timedelta(hours=24) else UTC
    # A leap second is not a moment for Python; and "24:00" is the next day's midnight.
    moment = datetime(year, month, day, tzinfo=zone)
    return moment + timedelta(hours=min(hour, 24), minutes=min(minute, 59), seconds=min(second, 59))
