"""What members choose about their mail, what they stop with one click, and how they take that back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum.db import db, transaction
from forum.errors import Invalid, Missing, Refused
from forum.members.models import Member, Viewer
from forum.members.queries import viewer_by_email
from forum.notifications import actions, queries
from forum.notifications.models import LEVELS, SCOPES, AreaWatch, MailChoice, Scope, ThreadWatch
from forum.notifications.news import newest
from forum.outbox import Event
from tests.cast import Person, area_id, person, post_id
from tests.security import scene

Work = Callable[[], int]
THURSDAY = datetime(2026, 11, 19, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)  # 7 o'clock in Berlin
USUAL: dict[str, Any] = {"level": "digest", "rhythm": "weekly", "weekday": 0, "hour": 7}


def does(app: Flask, key: str, act: Callable[..., object], *choice: Any, **choices: Any) -> None:
    """Somebody of the cast chooses."""
    with app.app_context(), transaction():
        act(_viewer(key), *choice, **choices)


def clicks(app: Flask, key: str, act: Callable[[int, Scope, int], object], scope: Scope, number: int = 0) -> None:
    """Somebody clicks what stands in a mail."""
    with app.app_context(), transaction():
        act(_viewer(key).id, scope, number)


def choice(app: Flask, key: str) -> MailChoice:
    """What holds for somebody."""
    with app.app_context():
        return queries.choice(_viewer(key))


def level_of(app: Flask, key: str, thread: int) -> str:
    """The level that holds for somebody in a thread."""
    with app.app_context():
        found = queries.thread_level(_viewer(key), thread)
        assert found is not None
        return str(found.level)


def events(app: Flask, *names: str) -> list[tuple[str, int]]:
    """What was recorded of these: name and subject."""
    with app.app_context():
        rows = db.session.scalars(select(Event).where(Event.name.in_(names)).order_by(Event.id))
        return [(event.name, event.subject_id) for event in rows]


def _viewer(key: str) -> Viewer:
    viewer = viewer_by_email(f"{key}@weserufer.example")
    assert viewer is not None
    return viewer


def test_who_never_chose_gets_a_weekly_digest(app: Flask) -> None:
    mine = choice(app, "jonas")
    assert (mine.level, mine.rhythm, mine.weekday, mine.hour, mine.zone) == ("digest", "weekly", 0, 7, None)
    assert (mine.html, mine.notice, mine.separate, mine.stopped) == (True, False, False, False)
    with app.app_context():
        assert {row.level for row in queries.levels(_viewer("jonas"))} == {"digest"}


@time_machine.travel(THURSDAY, tick=False)
def test_jonas_chooses_a_daily_digest_in_his_own_zone(app: Flask, jonas: Person) -> None:
    does(app, "jonas", actions.choose, "mentioned", "daily", 3, 18, "Atlantic/Canary", html=False, separate=True)
    mine = choice(app, "jonas")
    assert (mine.level, mine.rhythm, mine.weekday, mine.hour) == ("mentioned", "daily", 3, 18)
    assert (mine.zone, mine.html, mine.notice, mine.separate) == ("Atlantic/Canary", False, False, True)
    assert mine.digest_at == datetime(2026, 11, 19, 18, tzinfo=UTC)
    assert events(app, "mail.chosen") == [("mail.chosen", jonas.id)]


@time_machine.travel(THURSDAY, tick=False)
def test_the_next_digest_follows_the_choice(app: Flask) -> None:
    does(app, "jonas", actions.choose, **USUAL)
    assert choice(app, "jonas").digest_at == MONDAY
    does(app, "jonas", actions.choose, **USUAL | {"hour": 9})
    assert choice(app, "jonas").digest_at == MONDAY + timedelta(hours=2)
    does(app, "jonas", actions.choose, **USUAL | {"weekday": 4})
    assert choice(app, "jonas").digest_at == MONDAY - timedelta(days=3)
    does(app, "jonas", actions.choose, **USUAL | {"rhythm": "off"})
    assert choice(app, "jonas").digest_at is None


def test_a_digest_that_is_due_is_not_put_off_by_another_choice(app: Flask) -> None:
    with time_machine.travel(THURSDAY, tick=False):
        does(app, "jonas", actions.choose, **USUAL)
    with time_machine.travel(MONDAY + timedelta(minutes=1), tick=False):
        does(app, "jonas", actions.choose, **USUAL | {"level": "notify"})
    assert choice(app, "jonas").digest_at == MONDAY


def test_a_digest_that_was_off_tells_only_what_comes_from_now_on(app: Flask, frieda: Person, work: Work) -> None:
    does(app, "jonas", actions.choose, **USUAL)
    before = choice(app, "jonas").told_number
    frieda.asks("Vorher")
    work()
    does(app, "jonas", actions.choose, **USUAL | {"rhythm": "daily"})
    assert choice(app, "jonas").told_number == before
    does(app, "jonas", actions.choose, **USUAL | {"rhythm": "off"})
    frieda.asks("Währenddessen")
    work()
    does(app, "jonas", actions.choose, **USUAL | {"rhythm": "monthly"})
    mine = choice(app, "jonas")
    with app.app_context():
        assert mine.told_number == newest() == before + 2
    assert mine.digest_at is not None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"level": "loud"}, "level_unknown"),
        ({"level": ""}, "level_unknown"),
        ({"rhythm": "hourly"}, "rhythm_unknown"),
        ({"weekday": 7}, "weekday_unknown"),
        ({"weekday": -1}, "weekday_unknown"),
        ({"hour": 24}, "hour_unknown"),
        ({"hour": -1}, "hour_unknown"),
        ({"zone": "Europe"}, "zone_unknown"),
        ({"zone": "../../etc/passwd"}, "zone_unknown"),
        ({"zone": "\0"}, "zone_unknown"),
    ],
)
def test_a_wrong_choice_changes_nothing(app: Flask, wrong: dict[str, Any], code: str) -> None:
    does(app, "jonas", actions.choose, **USUAL | {"hour": 9})
    with pytest.raises(Invalid, match=code) as problem:
        does(app, "jonas", actions.choose, **USUAL | wrong)
    assert problem.value.field == next(iter(wrong))
    assert choice(app, "jonas").hour == 9


def test_a_level_for_an_area_and_one_for_a_thread(app: Flask, frieda: Person) -> None:
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    does(app, "jonas", actions.choose, **USUAL | {"level": "mentioned"})
    assert level_of(app, "jonas", thread) == "mentioned"
    does(app, "jonas", actions.watch_area, area, "notify")
    assert level_of(app, "jonas", thread) == "notify"
    does(app, "jonas", actions.watch_thread, thread, "off")
    assert level_of(app, "jonas", thread) == "off"
    does(app, "jonas", actions.watch_thread, thread, None)
    assert level_of(app, "jonas", thread) == "notify"
    does(app, "jonas", actions.watch_area, area, None)
    assert level_of(app, "jonas", thread) == "mentioned"
    with app.app_context():  # what says nothing is not kept
        assert not db.session.scalars(select(AreaWatch)).all()
        assert not db.session.scalars(select(ThreadWatch)).all()
    recorded = events(app, "area.watched", "thread.watched")
    assert recorded == [
        ("area.watched", area),
        ("thread.watched", thread),
        ("thread.watched", thread),
        ("area.watched", area),
    ]


def test_the_same_choice_again_is_none(app: Flask, frieda: Person) -> None:
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    for _ in range(2):
        does(app, "jonas", actions.watch_area, area, "notify", notice=True)
        does(app, "jonas", actions.watch_thread, thread, "digest")
        does(app, "aylin", actions.watch_area, area, None)
        does(app, "aylin", actions.watch_thread, thread, None)
    assert events(app, "area.watched", "thread.watched") == [("area.watched", area), ("thread.watched", thread)]


def test_what_one_may_not_see_cannot_be_watched(app: Flask, bernd: Person) -> None:
    thread, area = bernd.asks("Intern", area="leitungskreis"), area_id(app, "leitungskreis")
    for act, number in ((actions.watch_area, area), (actions.watch_thread, thread)):
        for unknown in (number, 99_999):
            with pytest.raises(Missing):
                does(app, "frieda", act, unknown, "notify")
        with pytest.raises(Invalid, match="level_unknown"):
            does(app, "bernd", act, number, "loud")
        does(app, "bernd", act, number, "notify")


def test_content_is_chosen_for_an_area_and_what_its_access_asks_for_is_not_kept(app: Flask) -> None:
    open_area, closed = area_id(app, "vermuellung"), area_id(app, "leitungskreis")

    def kept() -> dict[int, bool | None]:
        with app.app_context():
            return {watch.area_id: watch.notice for watch in db.session.scalars(select(AreaWatch))}

    does(app, "bernd", actions.watch_area, open_area, None, notice=False)
    does(app, "bernd", actions.watch_area, closed, None, notice=True)
    assert kept() == {}
    does(app, "bernd", actions.watch_area, open_area, None, notice=True)
    does(app, "bernd", actions.watch_area, closed, None, notice=False)
    assert kept() == {open_area: True, closed: False}
    does(app, "bernd", actions.watch_area, closed, "notify")
    assert kept() == {open_area: True, closed: False}
    does(app, "bernd", actions.watch_area, open_area, "digest", notice=False)
    assert kept() == {open_area: None, closed: False}


def test_the_threads_that_one_follows(app: Flask, bernd: Person, frieda: Person, robert: Person) -> None:
    first, second = bernd.asks("Erstes"), bernd.asks("Zweites")
    hidden, deleted = bernd.asks("Intern", area="leitungskreis"), bernd.asks("Drittes")
    for thread, level in ((first, "notify"), (second, "off"), (hidden, "digest"), (deleted, "digest")):
        does(app, "robert", actions.watch_thread, thread, level)
    bernd.sends(f"/posts/{post_id(app, deleted, 1)}/delete")
    frieda.replies(first, "Jetzt oben.")

    def followed() -> list[tuple[str, str]]:
        with app.app_context():
            return [(row.title, row.level) for row in queries.followed(_viewer("robert"))]

    assert followed() == [("Erstes", "notify"), ("Intern", "digest"), ("Zweites", "off")]
    with app.app_context():
        assert not queries.followed(_viewer("bernd"))
    robert.sends(f"/threads/{first}/moderate", act="pin", reason="Wichtig.")
    with app.app_context(), transaction():
        db.session.get_one(Member, _viewer("robert").id).role = "member"
    does(app, "robert", actions.watch_thread, first, None)
    assert followed() == [("Intern", "digest"), ("Zweites", "off")]


def test_one_click_stops_a_thread_an_area_the_digest_or_all(app: Flask, frieda: Person) -> None:
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    clicks(app, "jonas", actions.stop, "thread", thread)
    assert level_of(app, "jonas", thread) == "off"
    clicks(app, "aylin", actions.stop, "area", area)
    assert level_of(app, "aylin", thread) == "off"
    clicks(app, "robert", actions.stop, "digest")
    assert (choice(app, "robert").rhythm, choice(app, "robert").digest_at) == ("off", None)
    clicks(app, "anke", actions.stop, "all")
    assert choice(app, "anke").stopped
    assert level_of(app, "anke", thread) == level_of(app, "robert", thread) == "digest"
    assert len(events(app, "mail.stopped")) == 4


def test_a_link_of_a_thread_that_is_no_more_stops_nothing(app: Flask) -> None:
    for scope in ("thread", "area"):
        with pytest.raises(Missing):
            clicks(app, "jonas", actions.stop, scope, 99_999)


def test_a_click_works_for_who_may_not_read_any_more(app: Flask, bernd: Person) -> None:
    thread = bernd.asks("Intern", area="leitungskreis")
    clicks(app, "aylin", actions.stop, "thread", thread)
    with app.app_context():
        assert db.session.get_one(ThreadWatch, (_viewer("aylin").id, thread)).level == "off"


@pytest.mark.parametrize("before", [None, *LEVELS[:3]])
def test_a_stopped_thread_or_area_is_taken_back_to_what_it_was(app: Flask, frieda: Person, before: str | None) -> None:
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    does(app, "jonas", actions.watch_thread, thread, before)
    does(app, "jonas", actions.watch_area, area, before, notice=True)
    for _ in range(2):  # twice is once
        clicks(app, "jonas", actions.stop, "thread", thread)
        clicks(app, "jonas", actions.stop, "area", area)
    for _ in range(2):
        clicks(app, "jonas", actions.resume, "thread", thread)
        clicks(app, "jonas", actions.resume, "area", area)
    with app.app_context():
        watch = db.session.get(ThreadWatch, (_viewer("jonas").id, thread))
        assert (watch.level if watch else None) == before
        area_watch = db.session.get_one(AreaWatch, (_viewer("jonas").id, area))
        assert (area_watch.level, area_watch.notice) == (before, True)
    assert len(events(app, "mail.stopped")) == len(events(app, "mail.resumed")) == 2


@pytest.mark.parametrize("scope", ["digest", "all"])
def test_a_slip_of_the_hand_loses_no_digest(app: Flask, work: Work, scope: Scope) -> None:
    with time_machine.travel(THURSDAY, tick=False) as at:
        does(app, "jonas", actions.choose, **USUAL | {"rhythm": "daily", "hour": 18})
        person(app, "frieda").asks("Vorher")
        work()
        kept = choice(app, "jonas")
        clicks(app, "jonas", actions.stop, scope)
        at.shift(timedelta(hours=20))
        person(app, "frieda").asks("Währenddessen")
        work()
        clicks(app, "jonas", actions.resume, scope)
    mine = choice(app, "jonas")
    assert (mine.rhythm, mine.stopped) == ("daily", False)
    # The digest of the evening is due at once, with what was new in between.
    assert (mine.told_number, mine.digest_at) == (kept.told_number, kept.digest_at)


def test_after_a_longer_pause_digests_begin_anew_for_who_is_signed_in(app: Flask, work: Work) -> None:
    with time_machine.travel(THURSDAY, tick=False) as at:
        does(app, "jonas", actions.choose, **USUAL | {"rhythm": "daily", "hour": 18})
        clicks(app, "jonas", actions.stop, "all")
        at.shift(timedelta(days=10))
        person(app, "frieda").asks("Währenddessen")
        work()
        for _ in range(2):  # twice is once
            does(app, "jonas", actions.start_again)
    mine = choice(app, "jonas")
    with app.app_context():
        assert mine.told_number == newest() > 0
    assert mine.digest_at is not None
    assert mine.digest_at > THURSDAY + timedelta(days=10)
    assert (mine.rhythm, mine.stopped) == ("daily", False)
    assert len(events(app, "mail.resumed")) == 1


def test_who_is_signed_in_takes_a_slip_of_the_hand_back_too(app: Flask, work: Work) -> None:
    with time_machine.travel(THURSDAY, tick=False) as at:
        does(app, "jonas", actions.choose, **USUAL)
        clicks(app, "jonas", actions.stop, "all")
        at.shift(timedelta(hours=20))
        before = choice(app, "jonas").told_number
        person(app, "frieda").asks("Währenddessen")
        work()
        does(app, "jonas", actions.start_again)
    mine = choice(app, "jonas")
    assert (mine.stopped, mine.told_number, mine.digest_at) == (False, before, MONDAY)


@pytest.mark.parametrize("act", [actions.resume, actions.weekly_instead])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_link_takes_nothing_back_after_a_day(
    app: Flask, scope: Scope, act: Callable[[int, Scope, int], object]
) -> None:
    """Mails are forwarded, and the links in them last: stopping is all that they are good for in the end."""
    with time_machine.travel(THURSDAY, tick=False) as at:
        thread = person(app, "frieda").asks("Wer räumt?")
        number = {"thread": thread, "area": area_id(app, "vermuellung")}.get(scope, 0)
        does(app, "jonas", actions.choose, **USUAL | {"level": "notify"})
        clicks(app, "jonas", actions.stop, scope, number)
        at.shift(timedelta(days=1))
        before = scene.snapshot(app)
        with pytest.raises(Refused, match="resume_too_late"):
            clicks(app, "jonas", act, scope, number)
        assert not scene.differences(before, scene.snapshot(app))


@pytest.mark.parametrize("scope", SCOPES)
def test_no_digest_instead_of_what_was_not_stopped(app: Flask, frieda: Person, scope: Scope) -> None:
    thread = frieda.asks("Wer räumt?")
    does(app, "jonas", actions.choose, **USUAL | {"level": "notify", "rhythm": "daily"})
    does(app, "jonas", actions.watch_thread, thread, "notify")
    number = {"thread": thread, "area": area_id(app, "vermuellung")}.get(scope, 0)
    before = scene.snapshot(app)
    clicks(app, "jonas", actions.weekly_instead, scope, number)
    assert not scene.differences(before, scene.snapshot(app))


def test_what_was_stopped_for_one_thing_is_not_taken_back_for_another(app: Flask, frieda: Person) -> None:
    first, second = frieda.asks("Erstes"), frieda.asks("Zweites")
    does(app, "jonas", actions.watch_thread, first, "notify")
    clicks(app, "jonas", actions.stop, "thread", first)
    clicks(app, "jonas", actions.stop, "thread", second)
    clicks(app, "aylin", actions.stop, "thread", first)
    clicks(app, "jonas", actions.resume, "thread", second)
    assert (level_of(app, "jonas", first), level_of(app, "jonas", second)) == ("off", "digest")
    clicks(app, "jonas", actions.resume, "thread", first)
    assert (level_of(app, "jonas", first), level_of(app, "aylin", first)) == ("notify", "off")


def test_what_was_not_stopped_is_left_alone(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    does(app, "jonas", actions.watch_thread, thread, "notify")
    clicks(app, "jonas", actions.resume, "thread", thread)
    clicks(app, "jonas", actions.resume, "all")
    assert level_of(app, "jonas", thread) == "notify"
    assert events(app, "mail.resumed") == []


@time_machine.travel(THURSDAY, tick=False)
def test_a_digest_instead_of_what_was_stopped(app: Flask) -> None:
    frieda = person(app, "frieda")
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    does(app, "jonas", actions.choose, **USUAL | {"level": "notify", "rhythm": "daily"})
    clicks(app, "jonas", actions.stop, "thread", thread)
    clicks(app, "jonas", actions.weekly_instead, "thread", thread)
    assert (level_of(app, "jonas", thread), choice(app, "jonas").rhythm) == ("digest", "daily")
    does(app, "aylin", actions.choose, **USUAL | {"level": "notify", "rhythm": "off"})
    clicks(app, "aylin", actions.stop, "area", area)
    clicks(app, "aylin", actions.weekly_instead, "area", area)
    assert (level_of(app, "aylin", thread), choice(app, "aylin").digest_at) == ("digest", MONDAY)


@time_machine.travel(THURSDAY, tick=False)
def test_once_a_week_instead_of_everything(app: Flask, work: Work) -> None:
    frieda = person(app, "frieda")
    thread, area = frieda.asks("Wer räumt?"), area_id(app, "vermuellung")
    does(app, "jonas", actions.choose, **USUAL | {"level": "notify", "rhythm": "daily"})
    does(app, "jonas", actions.watch_area, area, "mentioned")
    does(app, "jonas", actions.watch_thread, thread, "notify")
    told = choice(app, "jonas").told_number
    frieda.replies(thread, "Noch etwas.")
    work()
    clicks(app, "jonas", actions.stop, "all")
    clicks(app, "jonas", actions.weekly_instead, "all")
    mine = choice(app, "jonas")
    assert (mine.stopped, mine.level, mine.rhythm, mine.digest_at) == (False, "digest", "weekly", MONDAY)
    assert mine.told_number == told
    assert level_of(app, "jonas", thread) == "notify"  # what was chosen for one thing alone stays
    with app.app_context():
        assert db.session.get_one(AreaWatch, (_viewer("jonas").id, area)).level == "mentioned"


def test_the_page_says_what_remains_in_numbers(app: Flask, frieda: Person, bernd: Person) -> None:
    thread, intern = frieda.asks("Wer räumt?"), bernd.asks("Intern", area="leitungskreis")
    does(app, "robert", actions.watch_thread, intern, "notify")
    does(app, "robert", actions.watch_area, area_id(app, "mitteilungen"), "notify")
    clicks(app, "robert", actions.stop, "thread", thread)
    with app.app_context():
        rest = queries.remaining(_viewer("robert").id)
        assert (rest.areas, rest.threads) == ({"digest": 2, "notify": 1}, {"notify": 1, "off": 1})
        assert rest.areas["mentioned"] == 0
        assert (rest.choice.rhythm, rest.choice.stopped) == ("weekly", False)
        other = queries.remaining(_viewer("jonas").id)
        assert (other.areas, other.threads) == ({"digest": 2}, {})  # a closed area is not even counted
