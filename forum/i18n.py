"""Languages: the words of the catalogues, and dates as people say them.

The language is a context variable rather than Flask's request, because mails, commands and the
worker speak as well, each to a person of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from forum import clock
from forum.errors import SENTENCES, Problem

LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"
_language: ContextVar[str] = ContextVar("language", default="de")
_zone: ContextVar[ZoneInfo] = ContextVar("zone", default=ZoneInfo("Europe/Berlin"))  # noqa: B039 - a zone never changes


@cache
def languages() -> tuple[str, ...]:
    """The languages there are: German first, English in which the code is written, then other catalogues."""
    found = {folder.name for folder in LOCALE.iterdir() if (folder / "LC_MESSAGES/messages.po").exists()}
    return ("de", SOURCE, *sorted(found - {"de", SOURCE}))


def language() -> str:
    """The language that is being spoken."""
    return _language.get()


def speak(code: str | None, zone: str | None = None) -> None:
    """Speak a language, and a time zone, from here on."""
    _language.set(code if code in languages() else "de")
    if zone:
        _zone.set(ZoneInfo(zone))


@contextmanager
def speaking(code: str, zone: str | None = None) -> Iterator[None]:
    """Speak a language, and a time zone, for a while."""
    before = _language.set(code if code in languages() else "de"), _zone.set(ZoneInfo(zone) if zone else _zone.get())
    try:
        yield
    finally:
        _language.reset(before[0])
        _zone.reset(before[1])


@cache
def _catalogue(code: str) -> NullTranslations:
    """The catalogue, compiled in memory: a translator changes one text file and needs no build step."""
    file = LOCALE / code / "LC_MESSAGES" / "messages.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as text:
        write_mo(compiled, read_po(text, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def gettext(sentence: str, **values: object) -> str:
    """The sentence in the language that is being spoken."""
    said: str = _catalogue(_language.get()).gettext(sentence)
    return said % values if values else said


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """The sentence for this number of things; `%(num)s` stands for the number."""
    said: str = _catalogue(_language.get()).ngettext(one, many, num)
    return said % {"num": num, **values}


def sentence(problem: Problem) -> str:
    """What a person reads when this problem comes up."""
    return gettext(SENTENCES[problem.code], **problem.values)


def local(moment: datetime) -> datetime:
    """The moment on the reader's clock."""
    return moment.astimezone(_zone.get())


def when(moment: datetime) -> str:
    """A moment as one says it: "heute, 8:05", "3. November, 9:12", "3. November 2025"."""
    here, today = local(moment), local(clock.now()).date()
    return _when(here.date(), here.hour, here.minute, today, _language.get())


@lru_cache(maxsize=4096)
def _when(on: date, hour: int, minute: int, today: date, code: str) -> str:
    time = f"{hour}:{minute:02}"
    if on == today:
        return gettext("today, %(time)s", time=time)
    if on == today - timedelta(days=1):
        return gettext("yesterday, %(time)s", time=time)
    if on.year == today.year:
        day_and_month = gettext("d MMMM")
        return f"{format_date(on, day_and_month, locale=code)}, {time}"
    return _day(on, code)


def day(moment: datetime) -> str:
    """The day of a moment: "3. November 2026"."""
    return _day(local(moment).date(), _language.get())


@lru_cache(maxsize=4096)
def _day(on: date, code: str) -> str:
    return format_date(on, gettext("d MMMM y"), locale=code)


def appointment(moment: datetime) -> str:
    """A moment to come: "Monday, 30 November, 7:00"."""
    here, weekday_and_day = local(moment), gettext("EEEE, d MMMM")
    return f"{format_date(here, weekday_and_day, locale=_language.get())}, {here.hour}:{here.minute:02}"


def exact(moment: datetime) -> str:
    """The moment to the second with its zone, for `<time datetime>`."""
    return local(moment).isoformat(timespec="seconds")
