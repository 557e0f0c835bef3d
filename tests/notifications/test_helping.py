"""Help does not fail to come: questions nobody answers, on frozen clocks."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum.areas.actions import allow_protected, create_area, name_member
from forum.areas.models import Area
from forum.config import Settings
from forum.db import db, transaction, writing
from forum.members.actions import add_member, describe, suspend
from forum.members.models import Member, Organisation
from forum.members.queries import viewer_of
from forum.notifications import helping
from forum.notifications.helping import HelpRequest, answer, ask_for_help
from forum.practices.actions import say_helpful
from forum.threads import actions
from tests.cast import Person, person
from tests.mailbox import Mailbox
from tests.security import scene
from tests.security.scene import actor

BERLIN = ZoneInfo("Europe/Berlin")


def at(moment: str) -> AbstractContextManager[Any]:
    """The clock of the network says so, and stands still."""
    return time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=BERLIN), tick=False)


@pytest.fixture(autouse=True)
def knowledge(app: Flask) -> None:
    with app.app_context(), transaction():
        describe(actor("jonas"), expertise=["Vermüllung", "Mietschulden"])
        describe(actor("aylin"), expertise=["Entrümpelung", "Vermüllung"])
        describe(actor("anke"), expertise=["Datenschutz"])


def asks(app: Flask, uid: str, moment: str, title: str = "Vermüllung im Altbau", area: str = "vermuellung") -> int:
    """Somebody asks at that time."""
    with at(moment), app.app_context(), transaction():
        place = scene._row(db.session.scalars(select(Area).where(Area.slug == area)).one())
        return actions.start_thread(actor(uid), place, "question", title, "Was hat bei euch geholfen?").id


def works(app: Flask, settings: Settings, moment: str, times: int = 2) -> None:
    """The worker looks after it at that time, more often than needed."""
    with at(moment), app.app_context():
        for _ in range(times):
            ask_for_help(settings, set())


def asked(app: Flask, thread: int) -> list[str]:
    """Who was asked, in the order of places."""
    with app.app_context():
        rows = select(Member.uid).join(HelpRequest, HelpRequest.member_id == Member.id)
        return list(db.session.scalars(rows.where(HelpRequest.thread_id == thread).order_by(HelpRequest.place)))


def newcomer(app: Flask, uid: str, expertise: Sequence[str], house: str = "") -> None:
    with app.app_context(), transaction():
        organisation = db.session.scalar(select(Organisation).where(Organisation.name == house))
        member = add_member(f"Neu {uid.title()}", f"{uid}@weserufer.example", organisation=organisation, uid=uid)
        describe(viewer_of(member), expertise=expertise)


@pytest.mark.parametrize(
    ("question", "too_early", "due"),
    [
        ("2027-02-01 10:00", "2027-02-04 09:59", "2027-02-04 10:00"),  # Monday: Thursday
        ("2027-02-05 10:00", "2027-02-10 09:59", "2027-02-10 10:00"),  # Friday: Wednesday
        ("2027-02-06 22:00", "2027-02-10 23:59", "2027-02-11 00:00"),  # Saturday counts from Monday
        ("2027-03-25 10:00", "2027-04-01 09:59", "2027-04-01 10:00"),  # over Easter
        ("2027-03-24 23:30", "2027-03-31 23:29", "2027-03-31 23:30"),  # and the night that lacks an hour
        ("2026-12-23 10:00", "2026-12-29 09:59", "2026-12-29 10:00"),  # over Christmas
    ],
)
def test_two_who_know_are_asked_after_three_working_days(
    app: Flask, settings: Settings, question: str, too_early: str, due: str
) -> None:
    thread = asks(app, "frieda", question)
    works(app, settings, too_early)
    assert asked(app, thread) == []
    works(app, settings, due)
    assert sorted(asked(app, thread)) == ["aylin", "jonas"]
    with at(due):
        later = datetime.now(BERLIN) + timedelta(days=9)
    works(app, settings, f"{later:%Y-%m-%d %H:%M}")
    assert len(asked(app, thread)) == 2, "once"


def test_they_get_one_mail_each_that_leads_to_the_answer(app: Flask, settings: Settings, mailbox: Mailbox) -> None:
    thread = asks(app, "frieda", "2027-02-01 10:00")
    with at("2027-02-02 10:00"):
        mailbox.empty()
    works(app, settings, "2027-02-04 10:00")
    with at("2027-02-04 10:00"):
        jonas = person(app, "jonas")
        for uid in ("jonas", "aylin"):
            (mail,) = [mail for mail in mailbox.to(f"{uid}@weserufer.example") if "helfen" in mail["Subject"]]
            assert f"/threads/{thread}/asked" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert not mailbox.to("frieda@weserufer.example")
        jonas.reads(f"/threads/{thread}/asked")
        assert jonas.sees("Ich antworte")
        answered = jonas.sends(f"/threads/{thread}/asked", follow=False, answer="yes")
        assert answered.location.endswith("#reply")
        robert = person(app, "robert")
        assert robert.reads(f"/threads/{thread}/asked").status_code == 404, "nobody asked him"


def test_an_answered_a_closed_and_an_old_question_ask_nobody(app: Flask, settings: Settings) -> None:
    answered, closed, old = (asks(app, "frieda", f"2027-02-0{day} 10:00", f"Vermüllung {day}") for day in (1, 2, 3))
    with at("2027-02-03 11:00"), app.app_context(), transaction():
        opened = scene.opened_by("robert", db.session.get_one(actions.Thread, answered))
        actions.reply(actor("robert"), opened, "Eine Karte an der Tür.")
        db.session.get_one(actions.Thread, closed).locked = True
    works(app, settings, "2027-02-08 10:00")
    assert asked(app, answered) == asked(app, closed) == []
    assert len(asked(app, old)) == 2
    history = asks(app, "frieda", "2027-03-01 10:00", "Vermüllung damals")
    works(app, settings, "2027-04-20 10:00")
    assert asked(app, history) == [], "whoever upgrades is not asked about all of last year"


def test_an_outage_and_a_clock_that_jumps_ask_once(app: Flask, settings: Settings) -> None:
    thread = asks(app, "frieda", "2027-02-01 10:00")
    works(app, settings, "2027-02-19 10:00")
    works(app, settings, "2027-02-02 10:00")
    works(app, settings, "2027-02-19 10:01")
    assert len(asked(app, thread)) == 2


def test_who_cannot_answer_has_one_more_asked(app: Flask, settings: Settings, work: Any) -> None:
    for uid in ("dora", "emil"):
        newcomer(app, uid, ["Vermüllung"])
    thread = asks(app, "frieda", "2027-02-01 10:00")
    works(app, settings, "2027-02-04 10:00")
    first, second = asked(app, thread)
    for uid, count in ((first, 3), (first, 3), (second, 4)):
        with app.app_context(), transaction():
            answer(actor(uid), thread, "no")
        work()
        assert len(asked(app, thread)) == count
    with app.app_context(), transaction():
        answer(actor(asked(app, thread)[2]), thread, "no")
    work()
    assert len(set(asked(app, thread))) == 4, "each is asked once, and then it is enough"


def test_the_page_of_who_was_asked_takes_a_no(app: Flask, settings: Settings, work: Any) -> None:
    newcomer(app, "dora", ["Vermüllung"])
    thread = asks(app, "frieda", "2027-02-01 10:00")
    works(app, settings, "2027-02-04 10:00")
    with at("2027-02-04 11:00"):
        jonas = person(app, asked(app, thread)[0])
        jonas.reads(f"/threads/{thread}/asked")
        jonas.sends(f"/threads/{thread}/asked", answer="no")
        assert jonas.sees("Danke, dass Sie es sagen.")
        work()
    assert len(asked(app, thread)) == 3


def test_other_houses_come_first_and_whom_nobody_asked_for_longest(app: Flask, settings: Settings) -> None:
    newcomer(app, "dora", ["Vermüllung"], "Baugenossenschaft Weserufer")
    first = asks(app, "frieda", "2027-02-01 10:00")
    works(app, settings, "2027-02-04 10:00")
    assert sorted(asked(app, first)) == ["aylin", "jonas"]
    newcomer(app, "emil", ["Vermüllung"], "Hunte Wohnen")
    second = asks(app, "frieda", "2027-02-08 10:00")
    works(app, settings, "2027-02-11 10:00")
    assert asked(app, second)[0] == "emil"
    assert "dora" not in asked(app, second), "her colleague can ask her at the desk"


def test_who_does_not_want_to_be_asked_or_is_not_there_is_not(app: Flask, settings: Settings) -> None:
    newcomer(app, "dora", ["Vermüllung"])
    with app.app_context(), transaction():
        describe(actor("jonas"), expertise=["Vermüllung"], takes_questions=False)
        suspend(None, db.session.scalars(select(Member).where(Member.uid == "aylin")).one())
    thread = asks(app, "frieda", "2027-02-01 10:00")
    works(app, settings, "2027-02-04 10:00")
    assert asked(app, thread)[0] == "dora"
    assert not {"jonas", "aylin", "frieda"} & set(asked(app, thread))


def test_of_a_closed_area_only_its_members_are_asked(app: Flask, settings: Settings) -> None:
    with app.app_context(), transaction():
        describe(actor("bernd"), expertise=["Vermüllung"])
    thread = asks(app, "robert", "2027-02-01 10:00", area="leitungskreis")
    works(app, settings, "2027-02-04 10:00")
    assert asked(app, thread) == ["bernd"]


def test_where_nobody_knows_those_who_helped_and_those_who_run_the_area_are_asked(
    app: Flask, settings: Settings
) -> None:
    with app.app_context(), transaction():
        for uid in ("jonas", "aylin"):
            describe(actor(uid), expertise=["Stromsperre"])
    earlier = asks(app, "robert", "2027-01-04 10:00", "Früher gefragt")
    with at("2027-01-04 11:00"), app.app_context(), transaction():
        opened = scene.opened_by("aylin", db.session.get_one(actions.Thread, earlier))
        post = actions.reply(actor("aylin"), opened, "So ging es.")
        say_helpful(actor("robert"), scene.opened_by("robert", opened.thread), post, True)
    thread = asks(app, "frieda", "2027-02-01 10:00", "Was tun bei Xylophonen?")
    works(app, settings, "2027-02-04 10:00")
    first, second = asked(app, thread)
    assert first == "aylin"
    assert second in ("robert", "anke")


def test_facilitators_see_what_waits_for_seven_working_days(app: Flask) -> None:
    thread = asks(app, "frieda", "2027-02-01 10:00", "Wartet lange")
    asks(app, "frieda", "2027-02-02 10:00", "Wartet kürzer")
    asks(app, "bernd", "2027-02-01 10:00", "Wartet im Kreis", "leitungskreis")
    with at("2027-02-10 10:30"):
        robert, anke, jonas = (person(app, uid) for uid in ("robert", "anke", "jonas"))
        for somebody, seen in ((robert, True), (anke, True), (jonas, False)):
            somebody.reads("/moderation/unanswered")
            assert somebody.sees("Wartet lange") == seen
            assert not somebody.sees("Wartet kürzer")
            assert somebody.sees("Wartet im Kreis") == (somebody is robert)
        person(app, "aylin").replies(thread, "Eine Karte an der Tür.")
        robert.reads("/moderation/unanswered")
        assert not robert.sees("Wartet lange")
    with app.app_context(), transaction():
        place = db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one()
        name_member(None, place, actor("jonas").id, facilitates=True)
    asks(app, "frieda", "2027-02-01 12:00", "Wartet auch")
    with at("2027-02-10 13:00"):
        jonas.reads("/moderation/unanswered")
        assert jonas.sees("Wartet auch")


def test_the_list_goes_on_by_key(app: Flask) -> None:
    start = datetime(2027, 1, 4, 9, tzinfo=BERLIN)
    for number in range(35):
        asks(app, "frieda", f"{start + timedelta(minutes=number):%Y-%m-%d %H:%M}", f"Offen Nr{number:02}.")
    with at("2027-02-10 10:30"):
        robert: Person = person(app, "robert")
        page = robert.reads("/moderation/unanswered").text
        assert "Nr34." in page
        assert "Nr04." not in page
        older = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        assert "Nr04." in robert.reads(older).text


@pytest.mark.parametrize("fields", [{}, {"hidden": "1"}])
def test_whom_a_question_without_a_name_goes_to_says_nothing_of_who_asks(
    app: Flask, settings: Settings, mailbox: Mailbox, fields: dict[str, str]
) -> None:
    """Jonas and Aylin know about it, Bernd is a colleague of Jonas: whoever of them asks, the same are asked."""
    newcomer(app, "dora", ["Vermüllung"], "Hunte Wohnen")
    with app.app_context(), transaction():
        allow_protected(None, db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one(), True)
    threads = {}
    for uid in ("jonas", "aylin", "bernd"):
        with at("2027-02-01 10:00"):
            threads[uid] = person(app, uid).asks(f"Vermüllung, {uid}", protected="1", **fields)
    works(app, settings, "2027-02-04 10:00")
    assert not any(asked(app, thread) for thread in threads.values()), "first a facilitator looks"
    with at("2027-02-04 10:30"):
        robert = person(app, "robert")
        for thread in threads.values():
            robert.publishes(thread)
    works(app, settings, "2027-02-11 10:30")
    for thread in threads.values():
        assert sorted(asked(app, thread)) == ["aylin", "dora", "jonas"], "three, since one of them may be who asks"
    with at("2027-02-11 11:00"):
        jonas = person(app, "jonas")
        jonas.reads(f"/threads/{threads['jonas']}/asked")
        assert jonas.sees("Das ist Ihre eigene Frage.")
        told = [mail for mail in mailbox.to("jonas@weserufer.example") if "helfen" in mail["Subject"]]
        assert len(told) == (2 if fields else 3), "not of his colleague's that is kept from him"
        jonas.reads("/inbox")
        assert jonas.sees("Vermüllung, bernd") != bool(fields)


def test_who_cannot_help_with_a_question_without_a_name_has_one_more_asked(
    app: Flask, settings: Settings, work: Any
) -> None:
    for uid in ("dora", "emil"):
        newcomer(app, uid, ["Vermüllung"])
    with app.app_context(), transaction():
        allow_protected(None, db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one(), True)
    with at("2027-02-01 10:00"):
        thread = person(app, "jonas").asks("Vermüllung, ohne Namen", protected="1")
        robert = person(app, "robert")
        robert.publishes(thread)
    works(app, settings, "2027-02-04 10:00")
    for uid, count in zip(asked(app, thread), (4, 5, 6), strict=True):
        with app.app_context(), transaction():
            answer(actor(uid), thread, "no")
        work()
        assert len(set(asked(app, thread))) == count


def test_nobody_who_writes_waits_for_the_choice_and_another_worker_may_be_first(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = asks(app, "frieda", "2027-02-01 10:00")
    choose, chosen = helping.fitting, []

    def meanwhile(people: Any, text: str) -> Any:
        chosen.append(writing())
        if len(chosen) == 1:
            ask_for_help(settings, set())
        return choose(people, text)

    monkeypatch.setattr(helping, "fitting", meanwhile)
    works(app, settings, "2027-02-04 10:00", times=1)
    assert chosen == [False, False]
    assert sorted(asked(app, thread)) == ["aylin", "jonas"]


def test_a_question_that_cannot_be_worked_on_holds_up_no_other(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = asks(app, "frieda", "2027-02-01 10:00", "Kaputt")
    thread = asks(app, "frieda", "2027-02-01 11:00")
    choose = helping.fitting

    def stumbles(people: Any, text: str) -> Any:
        if "Kaputt" in text:
            raise RuntimeError
        return choose(people, text)

    monkeypatch.setattr(helping, "fitting", stumbles)
    works(app, settings, "2027-02-04 12:00", times=1)
    assert asked(app, broken) == []
    assert len(asked(app, thread)) == 2
    assert f"about thread {broken}" in caplog.text
    assert "Kaputt" not in caplog.text


def test_where_there_is_nobody_to_ask_it_is_tried_again_another_day(app: Flask, settings: Settings) -> None:
    with app.app_context(), transaction():
        name_member(None, create_area(None, "allein", "Allein", access="closed"), actor("bernd").id)
    thread, in_vain = asks(app, "bernd", "2027-02-01 10:00", area="allein"), set[int]()
    for moment, count in (("2027-02-04 10:00", 0), ("2027-02-04 10:10", 0), ("2027-02-05 10:00", 1)):
        with at(moment), app.app_context():
            ask_for_help(settings, in_vain)
            assert len(asked(app, thread)) == count
            with transaction():
                name_member(
                    None, db.session.scalars(select(Area).where(Area.slug == "allein")).one(), actor("jonas").id
                )
            if moment == "2027-02-04 10:10":
                assert in_vain == {thread}
                in_vain.clear()  # as the worker does every day
