"""Languages: what is said in which, plural forms, and dates on the days when the clock jumps."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from forum import i18n
from forum.errors import Invalid
from tests.cast import Person

BERLIN = ZoneInfo("Europe/Berlin")
CACHES = (i18n.languages, i18n._catalogue, i18n._when, i18n._day)
POLISH = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Language: pl\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\n"

msgid "Search"
msgstr "Szukaj"

msgid "today, %(time)s"
msgstr "dziś, %(time)s"

msgid "%(num)s reply"
msgid_plural "%(num)s replies"
msgstr[0] "%(num)s odpowiedź"
msgstr[1] "%(num)s odpowiedzi"
msgstr[2] "%(num)s odpowiedzi."
"""


@pytest.fixture(autouse=True)
def _german_in_berlin() -> Iterator[None]:
    i18n.speak("de", "Europe/Berlin")
    yield
    i18n.speak("de", "Europe/Berlin")


@pytest.fixture
def polish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A third language: one more folder with a catalogue, and nothing else."""
    (tmp_path / "de").symlink_to(i18n.LOCALE / "de")
    folder = tmp_path / "pl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(POLISH, encoding="utf-8")
    (tmp_path / "unfinished").mkdir()
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cache in CACHES:
        cache.cache_clear()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def said_at(now: datetime, moment: datetime) -> str:
    with time_machine.travel(now, tick=False):
        return i18n.when(moment)


NOON = datetime(2026, 11, 3, 12, 0, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "german", "english"),
    [
        ((2026, 11, 3, 8, 5), "heute, 8:05", "today, 8:05"),
        ((2026, 11, 3, 0, 0), "heute, 0:00", "today, 0:00"),
        ((2026, 11, 2, 23, 59), "gestern, 23:59", "yesterday, 23:59"),
        ((2026, 11, 2, 0, 0), "gestern, 0:00", "yesterday, 0:00"),
        ((2026, 11, 1, 9, 12), "1. November, 9:12", "1 November, 9:12"),
        ((2026, 1, 1, 0, 1), "1. Januar, 0:01", "1 January, 0:01"),
        ((2025, 12, 31, 23, 59), "31. Dezember 2025", "31 December 2025"),
        ((2026, 12, 24, 18, 0), "24. Dezember, 18:00", "24 December, 18:00"),
    ],
)
def test_moments_are_said_as_people_say_them(moment: tuple[int, ...], german: str, english: str) -> None:
    there = datetime(*moment, tzinfo=BERLIN)  # type: ignore[misc,arg-type]
    assert said_at(NOON, there) == german
    i18n.speak("en")
    assert said_at(NOON, there) == english


def test_new_year() -> None:
    now = datetime(2027, 1, 1, 0, 30, tzinfo=BERLIN)
    assert said_at(now, datetime(2026, 12, 31, 23, 45, tzinfo=BERLIN)) == "gestern, 23:45"
    assert said_at(now, datetime(2026, 12, 30, 23, 45, tzinfo=BERLIN)) == "30. Dezember 2026"


def test_the_same_moment_is_said_anew_the_next_day() -> None:
    moment = utc(2026, 11, 3, 7, 5)
    assert said_at(NOON, moment) == "heute, 8:05"
    assert said_at(datetime(2026, 11, 4, 0, 0, tzinfo=BERLIN), moment) == "gestern, 8:05"


def test_the_clock_jumps_forward() -> None:
    """29 March 2026: after 1:59 comes 3:00, and the day has 23 hours."""
    evening = utc(2026, 3, 29, 18, 0)
    assert said_at(evening, utc(2026, 3, 29, 0, 59)) == "heute, 1:59"
    assert said_at(evening, utc(2026, 3, 29, 1, 0)) == "heute, 3:00"
    assert said_at(evening, utc(2026, 3, 28, 22, 59)) == "gestern, 23:59"
    assert i18n.exact(utc(2026, 3, 29, 0, 59)) == "2026-03-29T01:59:00+01:00"
    assert i18n.exact(utc(2026, 3, 29, 1, 0)) == "2026-03-29T03:00:00+02:00"

    after_midnight = utc(2026, 3, 29, 22, 10)
    assert said_at(after_midnight, utc(2026, 3, 28, 23, 5)) == "gestern, 0:05"
    assert said_at(after_midnight, utc(2026, 3, 28, 22, 50)) == "28. März, 23:50"


def test_the_clock_jumps_back() -> None:
    """25 October 2026: the hour from 2 to 3 comes twice, and the day has 25 hours."""
    evening = utc(2026, 10, 25, 18, 0)
    first, second = utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)
    assert said_at(evening, first) == said_at(evening, second) == "heute, 2:30"
    assert i18n.exact(first) == "2026-10-25T02:30:00+02:00"
    assert i18n.exact(second) == "2026-10-25T02:30:00+01:00"

    just_before_midnight = utc(2026, 10, 25, 22, 50)
    assert said_at(just_before_midnight, utc(2026, 10, 24, 22, 5)) == "heute, 0:05"
    just_after_midnight = utc(2026, 10, 25, 23, 10)
    assert said_at(just_after_midnight, utc(2026, 10, 24, 22, 5)) == "gestern, 0:05"
    assert said_at(just_after_midnight, utc(2026, 10, 24, 21, 55)) == "24. Oktober, 23:55"


def test_the_day_is_the_readers() -> None:
    late = utc(2026, 11, 2, 23, 30)
    assert i18n.day(late) == "3. November 2026"
    i18n.speak("en", "America/New_York")
    assert i18n.day(late) == "2 November 2026"


@pytest.mark.parametrize(
    ("num", "german", "english"),
    [
        (0, "0 Beiträge gefunden", "0 posts found"),
        (1, "1 Beitrag gefunden", "1 post found"),
        (2, "2 Beiträge gefunden", "2 posts found"),
        (21, "21 Beiträge gefunden", "21 posts found"),
    ],
)
def test_plural_forms(num: int, german: str, english: str) -> None:
    assert i18n.ngettext("%(num)s post found", "%(num)s posts found", num) == german
    with i18n.speaking("en"):
        assert i18n.ngettext("%(num)s post found", "%(num)s posts found", num) == english
    assert i18n.language() == "de"


def test_values_are_said_as_they_are() -> None:
    assert i18n.gettext("Recommended for: %(what)s", what="100 % sicher") == "Empfohlen für: 100 % sicher"
    problem = Invalid("title_long", "title", most=120)
    assert i18n.sentence(problem) == "Der Titel ist zu lang: höchstens 120\u00a0Zeichen."


@pytest.mark.parametrize("code", ["xx", "", None, "../de", "DE"])
def test_an_unknown_language_falls_back_to_german(code: str | None) -> None:
    i18n.speak("en")
    i18n.speak(code)
    assert i18n.language() == "de"
    assert i18n.gettext("Search") == "Suchen"


def test_there_are_german_and_english() -> None:
    assert i18n.languages()[:2] == ("de", "en")


@pytest.mark.usefixtures("polish")
def test_a_third_language_is_one_more_catalogue() -> None:
    assert i18n.languages() == ("de", "en", "pl")
    i18n.speak("pl")
    assert i18n.gettext("Search") == "Szukaj"
    assert [i18n.ngettext("%(num)s reply", "%(num)s replies", num) for num in (1, 3, 5)] == [
        "1 odpowiedź",
        "3 odpowiedzi",
        "5 odpowiedzi.",
    ]
    assert said_at(NOON, NOON) == "dziś, 12:00"
    assert i18n.day(NOON) == "3 listopada 2026"
    assert i18n.gettext("Settings") == "Settings", "what is not translated yet is said in English"
    i18n.speak("de")
    assert i18n.gettext("Search") == "Suchen"


@pytest.mark.usefixtures("polish")
def test_a_member_chooses_the_third_language(frieda: Person) -> None:
    frieda.reads("/settings/account")
    frieda.sends("/settings/account/language", language="pl")
    assert frieda.page is not None
    assert '<html lang="pl"' in frieda.page.text
    assert frieda.sees("Szukaj")


def test_a_member_reads_english_while_others_read_german(frieda: Person, jonas: Person) -> None:
    frieda.reads("/settings/account")
    frieda.sends("/settings/account/language", language="en")
    frieda.reads("/")
    assert frieda.sees("Recommended practice")
    assert not frieda.sees("Empfohlene Praxis")
    jonas.reads("/")
    assert jonas.sees("Empfohlene Praxis")
