"""Choosing how one hears of things: the whole of it on one page, and one level beside each thread and area."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import insert, select

from forum.db import db, transaction
from forum.members.models import Member
from forum.notifications.models import AreaWatch, MailChoice, ThreadWatch
from forum.notifications.queries import MOST_FOLLOWED
from forum.outbox import Event
from forum.threads.models import Thread
from tests.cast import Person, area_id

FRIDAY_NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
_SELECTED = re.compile(r'<select[^>]* name="([\w-]+)"[^>]*>.*?</select>', re.DOTALL)
_CHECKED = re.compile(r'<input type="(?:radio|checkbox)"[^>]* name="([\w-]+)" value="(\w+)" checked')


def fields(page: str) -> dict[str, str]:
    """What the form holds, as a browser would send it."""
    held = dict(_CHECKED.findall(page))
    for field in _SELECTED.finditer(page):
        chosen = re.search(r'value="([^"]*)" selected', field[0]) or re.search(r'value="([^"]*)"', field[0])
        held[field[1]] = chosen[1] if chosen else ""
    return held


def saves(person: Person, **changed: str) -> dict[str, str]:
    """Open the page, change some fields, send it; what the page holds then. A tick that is empty is taken away."""
    held = fields(person.reads("/settings/mail").text)
    held |= {name.replace("_", "-"): value for name, value in changed.items()}
    gone = [name for name, value in held.items() if not value and not name.startswith(("area-", "thread-", "zone"))]
    answer = person.sends("/settings/mail", **{name: value for name, value in held.items() if name not in gone})
    assert answer.status_code == 200
    return fields(answer.text)


@pytest.fixture(autouse=True)
def friday_noon() -> Any:
    with time_machine.travel(FRIDAY_NOON, tick=False):
        yield


def test_who_never_chose_gets_a_digest_on_monday_morning(frieda: Person) -> None:
    held = fields(frieda.reads("/settings/mail").text)
    assert (held["rhythm"], held["weekday"], held["hour"], held["level"]) == ("weekly", "0", "7", "digest")
    assert {"plain", "notice", "separate", "stopped"}.isdisjoint(held)
    assert frieda.sees("Montag, 23")
    assert frieda.sees("7:00")


def test_frieda_chooses_and_finds_it_again(app: Flask, frieda: Person) -> None:
    area = area_id(app, "vermuellung")
    chosen = {
        "rhythm": "daily", "hour": "18", "zone": "Europe/Lisbon", "level": "mentioned", "plain": "1", "notice": "1",
        "separate": "1", f"area_{area}": "notify", f"notice_{area}": "1",
    }  # fmt: skip
    held = saves(frieda, **chosen)
    assert held.items() >= {name.replace("_", "-"): value for name, value in chosen.items()}.items()
    assert frieda.sees("18:00")
    assert fields(frieda.reads("/settings/mail").text) == held
    with app.app_context():
        choice = db.session.get_one(MailChoice, frieda.id)
        assert (choice.html, choice.zone, choice.notice) == (False, "Europe/Lisbon", True)
        watch = db.session.get_one(AreaWatch, (frieda.id, area))
        assert (watch.level, watch.notice) == ("notify", True)
        assert choice.digest_at == datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def test_sent_unchanged_nothing_changes(app: Flask, frieda: Person) -> None:
    before = saves(frieda)
    assert saves(frieda) == before
    with app.app_context():
        assert not db.session.scalars(select(AreaWatch)).all()


def test_what_is_unticked_is_taken_back(app: Flask, frieda: Person) -> None:
    area = area_id(app, "vermuellung")
    saves(frieda, **{f"area_{area}": "off", f"notice_{area}": "1"}, separate="1")
    held = saves(frieda, **{f"area_{area}": "", f"notice_{area}": ""}, separate="")
    assert {f"notice-{area}", "separate"}.isdisjoint(held)
    assert held[f"area-{area}"] == ""


def test_a_closed_area_tells_no_content_until_one_says_so(app: Flask, bernd: Person) -> None:
    closed = area_id(app, "leitungskreis")
    assert fields(bernd.reads("/settings/mail").text)[f"notice-{closed}"] == "1"
    assert f"notice-{closed}" not in saves(bernd, **{f"notice_{closed}": ""})
    with app.app_context():
        assert db.session.get_one(AreaWatch, (bernd.id, closed)).notice is False


def test_all_without_content_leaves_the_areas_as_they_were(app: Flask, frieda: Person) -> None:
    """The ticks of the areas are those of the areas: taken back, the mails say what they said before."""
    area = area_id(app, "vermuellung")
    assert f"notice-{area}" not in saves(frieda, notice="1")
    assert f"notice-{area}" not in saves(frieda, notice="")


def test_no_mails_at_all_and_back(app: Flask, frieda: Person) -> None:
    saves(frieda, stopped="1")
    assert frieda.sees("At present you get no mails") or frieda.sees("Zurzeit bekommen Sie keine Mails")
    with app.app_context():
        assert db.session.get_one(MailChoice, frieda.id).stopped
    assert "stopped" not in saves(frieda, stopped="")


@pytest.mark.parametrize(
    ("field", "value"),
    [("rhythm", "hourly"), ("weekday", "7"), ("hour", "24"), ("hour", "x"), ("zone", "Mars/Olympus"), ("level", "all")],
)
def test_what_cannot_be_is_said_and_the_rest_is_kept(frieda: Person, field: str, value: str) -> None:
    held = fields(frieda.reads("/settings/mail").text) | {"hour": "18", "separate": "1", field: value}
    answer = frieda.sends("/settings/mail", **held)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    kept = fields(answer.text)
    assert kept["separate"] == "1"
    assert field == "hour" or kept["hour"] == "18"
    assert fields(frieda.reads("/settings/mail").text)["hour"] == "7"


def test_an_area_one_may_not_see_cannot_be_chosen(app: Flask, frieda: Person) -> None:
    """Neither on the page, nor by sending its number."""
    closed = area_id(app, "leitungskreis")
    assert f"area-{closed}" not in saves(frieda, **{f"area_{closed}": "notify"})
    with app.app_context():
        assert not db.session.scalars(select(AreaWatch)).all()
    assert frieda.sends("/areas/leitungskreis/watch", level="notify").status_code == 404


def test_a_level_beside_a_thread_is_listed_and_goes_back(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer zahlt den Container?")
    jonas.reads(f"/threads/{thread}")
    jonas.sends(f"/threads/{thread}/watch", level="notify")
    assert fields(jonas.reads(f"/threads/{thread}").text)["level"] == "notify"
    held = fields(jonas.reads("/settings/mail").text)
    assert held[f"thread-{thread}"] == "notify"
    assert jonas.sees("Wer zahlt den Container?")
    assert f"thread-{thread}" not in saves(jonas, **{f"thread_{thread}": ""})
    with app.app_context():
        assert not db.session.scalars(select(ThreadWatch)).all()


def test_of_very_many_threads_those_with_the_latest_posts_are_listed(app: Flask, frieda: Person, jonas: Person) -> None:
    first = frieda.asks("Die älteste Frage")
    with app.app_context(), transaction():
        columns = [column.name for column in Thread.__table__.columns if column.name != "id"]
        row = dict(db.session.execute(select(*(Thread.__table__.c[name] for name in columns))).one()._mapping)
        for number in range(MOST_FOLLOWED):
            later = row["last_post_at"] + timedelta(minutes=number + 1)
            db.session.execute(insert(Thread).values(row | {"uid": f"t{number}", "last_post_at": later}))
        whose = {"member_id": jonas.id, "level": "notify"}
        everything = [whose | {"thread_id": number} for number in db.session.scalars(select(Thread.id))]
        db.session.execute(insert(ThreadWatch), everything)
    page = jonas.reads("/settings/mail").text
    assert page.count('name="thread-') == MOST_FOLLOWED
    assert f'name="thread-{first}"' not in page
    assert jonas.sees("bei den anderen wählen Sie")
    saves(jonas, **{f"thread_{first + 1}": ""})
    assert not jonas.sees("bei den anderen wählen Sie")
    with app.app_context():
        assert db.session.get_one(ThreadWatch, (jonas.id, first)).level == "notify"


def test_a_level_beside_an_area_keeps_what_was_said_of_its_content(app: Flask, bernd: Person) -> None:
    closed = area_id(app, "leitungskreis")
    saves(bernd, **{f"notice_{closed}": ""})
    bernd.reads("/areas/leitungskreis")
    bernd.sends("/areas/leitungskreis/watch", level="notify")
    with app.app_context():
        watch = db.session.get_one(AreaWatch, (bernd.id, closed))
        assert (watch.level, watch.notice) == ("notify", False)


def test_a_level_that_does_not_exist_is_refused(frieda: Person) -> None:
    thread = frieda.asks("Frage")
    assert frieda.sends(f"/threads/{thread}/watch", level="sometimes").status_code == 422
    assert frieda.sends("/areas/vermuellung/watch", level="sometimes").status_code == 422


def test_who_gets_no_mails_because_they_come_back_reads_it_everywhere(
    app: Flask, frieda: Person, jonas: Person
) -> None:
    with app.app_context(), transaction():
        db.session.get_one(Member, frieda.id).bounced_at = FRIDAY_NOON
    for page in ("/", "/search?q=x", "/settings/account", "/areas/vermuellung"):
        frieda.reads(page)
        assert frieda.sees("frieda@weserufer.example")
        assert frieda.sees('action="/settings/mail/works"')
        jonas.reads(page)
        assert not jonas.sees("frieda@weserufer.example")
    frieda.sends("/settings/mail/works")
    frieda.reads("/")
    assert not frieda.sees("frieda@weserufer.example")
    with app.app_context():
        event = db.session.scalars(select(Event).where(Event.name == "member.address_works")).one()
        assert (event.subject_id, event.actor_id) == (frieda.id, frieda.id)


def test_beside_a_thread_one_click_follows_or_mutes_and_saving_is_said(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    jonas.reads(f"/threads/{thread}")
    assert not jonas.sees("Gespeichert.")
    jonas.sends(f"/threads/{thread}/watch", level="digest")
    assert jonas.sees("Gespeichert.")
    assert jonas.sees("Sie folgen diesem Thema")
    assert jonas.sees("Nicht mehr folgen</button>")
    jonas.sends(f"/threads/{thread}/watch", level="off")
    assert jonas.sees("Dieses Thema ist stumm")
    jonas.sends(f"/threads/{thread}/watch", level="")
    assert jonas.sees("Folgen</button>")
    jonas.sends("/areas/vermuellung/watch", level="notify")
    assert jonas.sees("Gespeichert.")
