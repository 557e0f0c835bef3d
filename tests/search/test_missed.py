"""Searches that found nothing are counted without names, not for ever, and not when they may be about a person."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum.db import db, transaction
from forum.search import missed
from forum.search.missed import KEPT_DAYS, MissedSearch
from tests.cast import Person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def search(app: Flask, *texts: str) -> None:
    with app.app_context(), transaction():
        for text in texts:
            missed.note(text)


def kept(app: Flask) -> list[tuple[str, int]]:
    with app.app_context():
        found = db.session.execute(select(MissedSearch.text, MissedSearch.count).order_by(MissedSearch.text))
        return [(text, count) for text, count in found]


def test_it_counts_by_day_whatever_the_case_and_the_spaces(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        search(app, "Messie", " messie ", "MESSIE  Bremen")
        clock.shift(timedelta(days=1))
        search(app, "messie")
    assert kept(app) == [("messie", 2), ("messie", 1), ("messie bremen", 1)]


def test_nothing_tells_who_searched_or_at_what_time() -> None:
    assert set(MissedSearch.__table__.columns.keys()) == {"text", "day", "count"}


@pytest.mark.parametrize(
    "text",
    ["", "  ", "anna@web.example", "0421 12345", "Wohnung 12.345.6", "Frau Kowalski", "herrn meyer", "Familie Schmidt",
     "autor:Bernd Schimmel", "die Tochter der Mieterin im dritten Stock hat wieder getrunken"],
)  # fmt: skip
def test_what_may_be_about_a_person_is_not_kept(app: Flask, text: str) -> None:
    search(app, text)
    assert kept(app) == []


@pytest.mark.parametrize("text", ["Herrenhausen", "SGB II § 22", "Fraunhofer", "Ratten 2026", "“erster Kontakt”"])
def test_what_is_no_person_is_kept(app: Flask, text: str) -> None:
    search(app, text)
    assert len(kept(app)) == 1


def test_it_is_forgotten_after_ninety_days(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        search(app, "alt")
        clock.shift(timedelta(days=1))
        search(app, "neu")
        clock.shift(timedelta(days=KEPT_DAYS))
        with app.app_context(), transaction():
            missed.forget_old()
    assert kept(app) == [("neu", 1)]


def test_robert_sees_them_and_takes_one_into_the_thesaurus(app: Flask, robert: Person) -> None:
    robert.reads("/moderation/searches")
    assert robert.sees("In letzter Zeit hat jede Suche etwas gefunden.")
    with time_machine.travel(NOON, tick=False):
        search(app, "Messie & Co", "Messie & Co", "Xylophon")
    page = robert.reads("/moderation/searches").text
    assert page.index("messie &amp; co") < page.index("xylophon")
    assert robert.sees("20. November 2026")
    assert "/search?q=messie%20%26%20co" in page
    assert "/moderation/thesaurus/new?words=messie%20%26%20co" in page
    robert.reads("/moderation/thesaurus/new?words=messie%20%26%20co")
    assert robert.sees("messie & co</textarea>")
