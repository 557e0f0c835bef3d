"""How did it turn out? Asked once, told at any time, shown and found."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from forum.areas.actions import allow_protected
from forum.areas.models import Area
from forum.config import Settings
from forum.db import db, transaction
from forum.members.actions import add_member
from forum.members.models import Member
from forum.members.queries import viewer_of
from forum.notifications.models import Notification
from forum.notifications.outcome import ask_for_outcomes
from forum.outbox import Event
from forum.threads import actions
from forum.threads.models import Thread
from tests.cast import Person, area_id, person
from tests.mailbox import Mailbox

NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)


def at(moment: datetime) -> AbstractContextManager[Any]:
    return time_machine.travel(moment, tick=False)


def questions(app: Flask, uid: str, count: int, moment: datetime = NOON) -> list[int]:
    """Somebody asks so many questions at once."""
    area = area_id(app, "vermuellung")
    with app.app_context(), transaction():
        author = db.session.scalars(select(Member.id).where(Member.uid == uid)).one()
        made = [actions.new_thread(area, "question", f"Frage {n}", author, moment, []) for n in range(count)]
        return [thread.id for thread in made]


def works(app: Flask, settings: Settings, moment: datetime, times: int = 3) -> None:
    with at(moment), app.app_context():
        for _ in range(times):
            ask_for_outcomes(settings)


def asked(app: Flask) -> int:
    with app.app_context():
        entries = select(func.count()).select_from(Notification).where(Notification.kind == "outcome")
        return db.session.scalar(entries) or 0


def test_who_asked_is_asked_once_eight_weeks_after_the_last_post(
    app: Flask, settings: Settings, mailbox: Mailbox
) -> None:
    (thread,) = questions(app, "frieda", 1)
    due = NOON + timedelta(weeks=8)
    works(app, settings, due - timedelta(seconds=1))
    assert asked(app) == 0
    works(app, settings, due + timedelta(seconds=1))
    works(app, settings, due + timedelta(days=400))
    works(app, settings, due - timedelta(days=1))
    assert asked(app) == 1
    with at(due + timedelta(seconds=2)):
        (mail,) = [mail for mail in mailbox.to("frieda@weserufer.example") if "ausgegangen" in mail["Subject"]]
        assert f"/threads/{thread}/outcome" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_old_questions_are_asked_about_few_a_day_and_each_member_about_one_a_week(
    app: Flask, settings: Settings
) -> None:
    many = settings.model_copy(update={"outcomes_a_day": 2})
    with app.app_context(), transaction():
        for number in range(4):
            viewer_of(add_member(f"Neu {number}", f"n{number}@weserufer.example", uid=f"n{number}"))
    for number in range(4):
        questions(app, f"n{number}", 3)
    day = NOON + timedelta(weeks=9)
    for days, count, members in ((0, 2, 2), (1, 4, 4), (2, 4, 4), (8, 6, 4), (9, 8, 4), (30, 10, 4), (60, 12, 4)):
        works(app, many, day + timedelta(days=days, minutes=days))
        with app.app_context():
            found = select(func.count(), func.count(func.distinct(Thread.author_id)))
            assert db.session.execute(found.where(Thread.outcome_asked_at.is_not(None))).one() == (count, members)
    assert asked(app) == 12


@pytest.mark.parametrize("change", ["told", "suspended", "imported", "strategy", "hidden"])
def test_nobody_is_asked_for_nothing(app: Flask, settings: Settings, change: str) -> None:
    (thread,) = questions(app, "frieda", 1)
    with app.app_context(), transaction():
        row = db.session.get_one(Thread, thread)
        if change == "told":
            row.outcome = "open"
        elif change == "strategy":
            row.kind = "strategy"
        elif change == "hidden":
            row.visible = False
        else:
            db.session.get_one(Member, row.author_id).state = change
    works(app, settings, NOON + timedelta(weeks=9))
    assert asked(app) == 0


def tells(who: Person, thread: int, outcome: str, note: str = "") -> int:
    who.reads(f"/threads/{thread}/outcome")
    return who.sends(f"/threads/{thread}/outcome", follow=False, outcome=outcome, note=note).status_code


def test_it_can_be_told_at_any_time_and_otherwise_later(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wie weiter?")
    jonas.replies(thread, "Eine Karte an der Tür.")
    frieda.reads(f"/threads/{thread}")
    assert frieda.sees("Sagen, wie es ausgegangen ist")
    assert tells(frieda, thread, "partly", "Die Tür ging auf.") == 303
    for somebody in (frieda, jonas):
        somebody.reads(f"/threads/{thread}")
        assert somebody.sees("Ergebnis: teilweise gelöst")
        assert somebody.sees("Die Tür ging auf.")
        assert somebody.sees("Ändern") == (somebody is frieda)
    assert tells(frieda, thread, "solved", "Die Wohnung ist frei.") == 303
    jonas.reads("/areas/vermuellung")
    assert jonas.sees("<span>gelöst</span>")
    jonas.replies(thread, "Schön!")
    with app.app_context(), transaction():
        db.session.get_one(Thread, thread).locked = True
    assert tells(frieda, thread, "not") == 303


def test_only_who_asked_a_question_tells(frieda: Person, jonas: Person, robert: Person) -> None:
    thread, strategy = frieda.asks("Wie weiter?"), frieda.asks("So weiter", kind="strategy")
    for somebody in (jonas, robert):
        assert somebody.reads(f"/threads/{thread}/outcome").status_code == 403
        assert somebody.sends(f"/threads/{thread}/outcome", outcome="solved").status_code == 403
        somebody.reads(f"/threads/{thread}")
        assert not somebody.sees("Sagen, wie es ausgegangen ist")
    assert tells(frieda, strategy, "solved") == 403
    assert tells(frieda, thread, "glücklich", "Bleibt stehen.") == 422
    assert frieda.sees("Bleibt stehen.")
    assert tells(frieda, thread, "solved", "x" * 501) == 422


def test_areas_and_the_search_are_narrowed_by_it(frieda: Person, jonas: Person, work: Any) -> None:
    for title, outcome in (("Schimmel gelöst", "solved"), ("Schimmel teils", "partly"), ("Schimmel ohne", "")):
        thread = frieda.asks(title)
        jonas.replies(thread, "Lüften gegen Schimmel.")
        if outcome:
            tells(frieda, thread, outcome)
    work()
    for state, seen in (("solved", {"Schimmel gelöst"}), ("outcome", {"Schimmel gelöst", "Schimmel teils"})):
        for address in (f"/areas/vermuellung?state={state}", f"/search?q=Schimmel&state={state}"):
            jonas.reads(address)
            for title in ("Schimmel gelöst", "Schimmel teils", "Schimmel ohne"):
                assert jonas.sees(title) == (title in seen), address
    page = jonas.reads("/search?q=Schimmel").text
    assert "state=solved" in page
    assert "mit Ergebnis" in page
    assert "6 Beiträge gefunden" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_a_link_in_a_mail_of_long_ago_still_leads_there(app: Flask) -> None:
    (thread,) = questions(app, "frieda", 1)
    with app.app_context(), transaction():
        assert db.session.get_one(Thread, thread).outcome is None
    with at(NOON + timedelta(weeks=20)):
        frieda = person(app, "frieda")
        assert tells(frieda, thread, "open") == 303


def test_who_asked_without_a_name_is_asked_and_tells_under_that_name(
    app: Flask, settings: Settings, mailbox: Mailbox
) -> None:
    with app.app_context(), transaction():
        allow_protected(None, db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one(), True)
    with at(NOON):
        frieda, robert = person(app, "frieda"), person(app, "robert")
        thread = frieda.asks("Ohne Namen gefragt", protected="1")
        robert.publishes(thread)
    works(app, settings, NOON + timedelta(weeks=9))
    with app.app_context():
        told = select(Member.uid).join(Notification, Notification.member_id == Member.id)
        assert db.session.scalars(told.where(Notification.kind == "outcome")).all() == ["frieda"]
    with at(NOON + timedelta(weeks=9)):
        mail = mailbox.to("frieda@weserufer.example")[-1]
        assert "Ohne Namen" not in mail.as_string()
        assert "/inbox" in mail.get_body(("plain",)).get_content(), "a mail lies about"  # type: ignore[union-attr]
        frieda, jonas = person(app, "frieda"), person(app, "jonas")
        assert tells(frieda, thread, "solved", "Es ging gut aus.") == 303
        jonas.reads(f"/threads/{thread}")
        assert jonas.sees("Es ging gut aus.")
        assert not jonas.sees("Frieda")
    with app.app_context():
        actors = db.session.scalars(select(Event.actor_id).where(Event.name == "thread.outcome_told"))
        assert frieda.id not in actors.all()
