"""Who hears of a post by mail: those who watch, are mentioned or answered, may read it now, and want mail."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from forum import clock
from forum.areas.actions import name_member, remove_member
from forum.areas.models import Area, AreaMember
from forum.db import db, transaction
from forum.members.actions import reinstate, suspend
from forum.members.models import Member
from forum.notifications.models import LEVELS, AreaWatch, MailChoice, ThreadWatch
from forum.notifications.queries import fresh_choice
from forum.notifications.recipients import Wanted, post_recipients, wanted
from forum.threads.models import Mention, Post
from tests.cast import PEOPLE, Person, area_id, post_id

ALL = tuple(PEOPLE)


def hears(app: Flask, post: int, only_mentioned: bool = False) -> dict[str, str]:
    """Who of the cast should hear of a post, and why."""
    with app.app_context():
        keys = {row.id: row.uid for row in db.session.execute(select(Member.id, Member.uid))}
        hearing = post_recipients(post, only_mentioned)
        why = wanted(post, hearing)
        assert why.keys() == hearing
        return {keys[number]: why[number].why for number in hearing}


def hears_now(app: Flask, post: int) -> dict[str, Wanted]:
    """Who of the cast should get the post's mail as things stand now."""
    with app.app_context():
        keys = {row.id: row.uid for row in db.session.execute(select(Member.id, Member.uid))}
        return {keys[number]: how for number, how in wanted(post, keys.keys()).items()}


def choose(app: Flask, key: str, **choices: Any) -> None:
    """What somebody of the cast chose for all."""
    with app.app_context(), transaction():
        member_id = _id(key)
        choice = db.session.get(MailChoice, member_id) or fresh_choice(member_id)
        for name, value in choices.items():
            setattr(choice, name, value)
        db.session.add(choice)


def watch_area(app: Flask, key: str, slug: str, level: str | None = None, notice: bool | None = None) -> None:
    """What somebody of the cast chose for an area."""
    area = area_id(app, slug)
    with app.app_context(), transaction():
        db.session.merge(AreaWatch(member_id=_id(key), area_id=area, level=level, notice=notice))


def watch_thread(app: Flask, key: str, thread: int, level: str) -> None:
    """What somebody of the cast chose for a thread."""
    with app.app_context(), transaction():
        db.session.merge(ThreadWatch(member_id=_id(key), thread_id=thread, level=level))


def change(app: Flask, key: str, **values: Any) -> None:
    """Change somebody's row."""
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == key).values(**values))


def _id(key: str) -> int:
    return db.session.scalars(select(Member.id).where(Member.uid == key)).one()


def test_by_default_only_the_asker_hears_of_an_answer(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer räumt bei Vermüllung?")
    assert hears(app, post_id(app, thread, 1)) == {}
    assert hears(app, jonas.replies(thread, "Wir haben einen Dienst gefunden.")) == {"frieda": "answered"}


def test_whom_a_reply_answers_hears_of_it_beside_the_asker(
    app: Flask, frieda: Person, jonas: Person, aylin: Person
) -> None:
    thread = frieda.asks("Wer räumt bei Vermüllung?")
    answer = jonas.replies(thread, "Wir haben einen Dienst gefunden.")
    further = aylin.replies(thread, "Welchen denn?", reply_to=str(answer))
    assert hears(app, further) == {"frieda": "answered", "jonas": "answered"}


def test_nobody_hears_of_the_own_post(app: Flask, frieda: Person) -> None:
    for level in LEVELS:
        choose(app, "frieda", level=level)
        thread = frieda.asks("Wer räumt?", "Ich, @frieda-moor, frage.")
        own = frieda.replies(thread, "Ich, @frieda-moor, antworte mir.", reply_to=str(post_id(app, thread, 1)))
        assert hears(app, post_id(app, thread, 1)) == hears(app, own) == {}


def test_who_watches_all_hears_of_each_post(app: Flask, frieda: Person, jonas: Person) -> None:
    choose(app, "aylin", level="notify")
    thread = frieda.asks("Wer räumt?")
    assert hears(app, post_id(app, thread, 1)) == {"aylin": "notify"}
    assert hears(app, jonas.replies(thread, "Wir.")) == {"aylin": "notify", "frieda": "answered"}


def test_what_was_chosen_for_a_thread_goes_before_the_area_and_that_before_all(app: Flask, frieda: Person) -> None:
    for key in ("jonas", "aylin", "bernd", "anke"):
        choose(app, key, level="notify")
    watch_area(app, "aylin", "vermuellung", "digest")
    watch_area(app, "bernd", "vermuellung", "off")
    watch_area(app, "anke", "mitteilungen", "off")  # another area, another matter
    thread = frieda.asks("Wer räumt?")
    watch_thread(app, "bernd", thread, "notify")
    watch_thread(app, "anke", thread, "mentioned")
    watch_thread(app, "robert", frieda.asks("Etwas anderes"), "notify")
    assert hears(app, frieda.replies(thread, "Niemand?")) == {"jonas": "notify", "bernd": "notify"}


def test_a_mention_reaches_all_but_those_who_want_nothing(app: Flask, frieda: Person) -> None:
    for key, level in zip(("jonas", "aylin", "bernd", "robert"), LEVELS, strict=True):
        choose(app, key, level=level)
    thread = frieda.asks("Wer räumt?", "@jonas-brandt @aylin-kaya @bernd-ahlers @robert-tamm: was meint ihr?")
    mentioned = {"jonas": "mentioned", "aylin": "mentioned", "bernd": "mentioned"}
    assert hears(app, post_id(app, thread, 1)) == mentioned
    watch_thread(app, "bernd", thread, "off")
    assert hears(app, post_id(app, thread, 1)) == {"jonas": "mentioned", "aylin": "mentioned"}


def test_an_edit_is_told_to_those_it_mentions_alone(app: Flask, frieda: Person, jonas: Person) -> None:
    choose(app, "aylin", level="notify")
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "@frieda-moor, frag @robert-tamm.")
    assert hears(app, answer) == {"aylin": "notify", "frieda": "mentioned", "robert": "mentioned"}
    assert hears(app, answer, only_mentioned=True) == {"frieda": "mentioned", "robert": "mentioned"}


def test_of_a_closed_area_only_its_members_hear(app: Flask, bernd: Person) -> None:
    for key in ALL:
        choose(app, key, level="notify")
    thread = bernd.asks("Intern", "@robert-tamm und @frieda-moor, was meint ihr?", area="leitungskreis")
    assert hears(app, post_id(app, thread, 1)) == {"robert": "mentioned"}
    assert hears(app, bernd.replies(thread, "Niemand?")) == {"robert": "notify"}
    watch_thread(app, "anke", thread, "notify")  # administrators, too, see closed areas only when they are named
    assert hears(app, bernd.replies(thread, "Wirklich niemand?")) == {"robert": "notify"}


def test_a_network_in_which_all_is_closed(app: Flask, bernd: Person) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Area).values(access="closed"))
        area = db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one()
        name_member(None, area, _id("bernd"))
        name_member(None, area, _id("frieda"))
    choose(app, "frieda", level="notify")
    choose(app, "jonas", level="notify")
    thread = bernd.asks("Wer räumt?")
    assert hears_now(app, post_id(app, thread, 1)) == {"frieda": Wanted("notify", notice=True)}


def test_who_may_read_is_seen_when_the_mail_goes(app: Flask, bernd: Person) -> None:
    choose(app, "robert", level="notify")
    choose(app, "aylin", level="notify")
    thread = bernd.asks("Intern", area="leitungskreis")
    post = post_id(app, thread, 1)
    assert hears_now(app, post).keys() == {"robert"}
    with app.app_context(), transaction():
        area = db.session.scalars(select(Area).where(Area.slug == "leitungskreis")).one()
        remove_member(None, area, _id("robert"))
        name_member(None, area, _id("aylin"))
    assert hears_now(app, post).keys() == {"aylin"}


def test_a_thread_that_is_moved_takes_its_waiting_mails_with_it(app: Flask, frieda: Person, robert: Person) -> None:
    choose(app, "aylin", level="notify")
    choose(app, "bernd", level="notify")
    thread = frieda.asks("Wer räumt?")
    assert hears_now(app, post_id(app, thread, 1)).keys() == {"aylin", "bernd"}
    area = str(area_id(app, "leitungskreis"))
    robert.sends(f"/threads/{thread}/moderate", act="move", area=area, reason="Zu vertraulich.")
    assert hears_now(app, post_id(app, thread, 1)) == {"bernd": Wanted("notify", notice=True)}


def test_a_deleted_post_is_told_to_nobody_until_it_is_restored(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir.")
    jonas.sends(f"/posts/{answer}/delete")
    frieda_id = frieda.id
    with app.app_context():
        assert post_recipients(answer) == {frieda_id}
    assert hears_now(app, answer) == {}
    jonas.sends(f"/posts/{answer}/restore")
    assert hears_now(app, answer) == {"frieda": Wanted("answered", notice=False)}


def test_a_mention_that_was_taken_out_is_told_no_more(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Wer räumt?", "@jonas-brandt und @aylin-kaya?")
    post = post_id(app, thread, 1)
    assert hears_now(app, post).keys() == {"jonas", "aylin"}
    frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body="Nur @aylin-kaya?", version="1")
    assert hears_now(app, post) == {"aylin": Wanted("mentioned", notice=False)}


def test_who_has_no_access_or_no_working_address_hears_nothing(app: Flask, frieda: Person) -> None:
    for key in ALL:
        choose(app, key, level="notify")
    thread = frieda.asks("Wer räumt?")
    post = post_id(app, thread, 1)
    others = {"jonas", "aylin", "bernd", "robert", "anke"}
    assert hears(app, post).keys() == hears_now(app, post).keys() == others  # Sven is suspended
    change(app, "jonas", bounced_at=clock.now())
    change(app, "aylin", email=None, state="imported")
    choose(app, "bernd", stopped=True)
    with app.app_context(), transaction():
        suspend(None, db.session.get_one(Member, _id("robert")))
        reinstate(None, db.session.get_one(Member, _id("sven")))
    assert hears(app, post).keys() == hears_now(app, post).keys() == {"anke", "sven"}


def test_only_those_asked_about_are_answered_for(app: Flask, frieda: Person, jonas: Person) -> None:
    choose(app, "jonas", level="notify")
    choose(app, "aylin", level="notify")
    post = post_id(app, frieda.asks("Wer räumt?"), 1)
    jonas_id = jonas.id
    with app.app_context():
        assert wanted(post, [jonas_id]) == {jonas_id: Wanted("notify", notice=False)}
        assert wanted(post, []) == {}
        assert wanted(99_999, [jonas_id]) == {}
        assert post_recipients(99_999) == set()


def test_mails_are_without_content_where_the_member_or_the_area_asks_for_it(app: Flask, bernd: Person) -> None:
    open_post = post_id(app, bernd.asks("Offen", "@robert-tamm?"), 1)
    closed_post = post_id(app, bernd.asks("Intern", "@robert-tamm?", area="leitungskreis"), 1)

    def without_content() -> tuple[bool, bool]:
        return hears_now(app, open_post)["robert"].notice, hears_now(app, closed_post)["robert"].notice

    assert without_content() == (False, True)
    watch_area(app, "robert", "leitungskreis", notice=False)
    assert without_content() == (False, False)
    watch_area(app, "robert", "vermuellung", notice=True)
    assert without_content() == (True, False)
    watch_area(app, "robert", "vermuellung", notice=False)
    choose(app, "robert", notice=True)
    assert without_content() == (True, True)


def level(of_thread: str | None, of_area: str | None, of_all: str | None) -> str:
    """The rule of levels, as it is said to people."""
    return of_thread or of_area or of_all or "digest"


def combinations() -> Iterator[dict[str, Any]]:
    """Everything that a member can have chosen."""
    nothing = {"level": None, "notice": False, "stopped": False}
    for_all = [nothing, *_all(level=LEVELS, notice=(False, True), stopped=(False, True))]
    for_area = list(_all(level=(None, *LEVELS), notice=(None, False, True)))
    for chosen, area, thread in product(for_all, for_area, (None, *LEVELS)):
        yield {"all": chosen, "area": area, "thread": thread}


def _all(**values: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    return (dict(zip(values, row, strict=True)) for row in product(*values.values()))


@pytest.mark.parametrize("slug", ["vermuellung", "leitungskreis"])
def test_every_combination_of_choices_follows_the_rule(app: Flask, bernd: Person, slug: str) -> None:
    thread = bernd.asks("Wer räumt?", area=slug)
    watched, mentioning = post_id(app, thread, 1), bernd.replies(thread, "Und ihr?")
    area = area_id(app, slug)
    everybody = dict(enumerate(combinations(), 1000))
    assert len(everybody) == 17 * 15 * 5
    with app.app_context(), transaction():
        db.session.execute(insert(Member), [_member(number) for number in everybody])
        db.session.execute(insert(AreaMember), [{"area_id": area, "member_id": number} for number in everybody])
        db.session.execute(insert(Mention), [{"post_id": mentioning, "member_id": number} for number in everybody])
        db.session.execute(insert(MailChoice), list(_chosen_for_all(everybody)))
        db.session.execute(insert(AreaWatch), list(_chosen_for_area(everybody, area)))
        db.session.execute(insert(ThreadWatch), list(_chosen_for_thread(everybody, thread)))
    for post in (watched, mentioning):
        expected = {}
        for number, choice in everybody.items():
            why = _why(choice, mentioned=post == mentioning)
            if why:
                expected[number] = Wanted(why, _notice(choice, closed=slug == "leitungskreis"))
        with app.app_context():
            assert wanted(post, everybody) == expected
            assert post_recipients(post) == expected.keys()


def _why(choice: dict[str, Any], mentioned: bool) -> Any:
    holds = level(choice["thread"], choice["area"]["level"], choice["all"]["level"])
    if choice["all"]["stopped"] or holds == "off":
        return None
    if mentioned:
        return "mentioned"
    return "notify" if holds == "notify" else None


def _notice(choice: dict[str, Any], closed: bool) -> bool:
    of_area = choice["area"]["notice"]
    return bool(choice["all"]["notice"] or of_area or (closed and of_area is not False))


def _member(number: int) -> dict[str, Any]:
    name = f"m{number}"
    return {
        "id": number, "uid": name, "name": name, "handle": name, "email": f"{name}@weserufer.example", "role": "member",
        "state": "active", "joined_at": clock.now(), "caught_up_at": clock.now() - timedelta(days=1),
    }  # fmt: skip


def _chosen_for_all(everybody: dict[int, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, choice in everybody.items():
        if choice["all"]["level"]:
            yield {"member_id": number, **choice["all"]}


def _chosen_for_area(everybody: dict[int, dict[str, Any]], area: int) -> Iterator[dict[str, Any]]:
    for number, choice in everybody.items():
        if choice["area"] != {"level": None, "notice": None}:
            yield {"member_id": number, "area_id": area, **choice["area"]}


def _chosen_for_thread(everybody: dict[int, dict[str, Any]], thread: int) -> Iterator[dict[str, Any]]:
    for number, choice in everybody.items():
        if choice["thread"]:
            yield {"member_id": number, "thread_id": thread, "level": choice["thread"]}


def test_a_large_circle_costs_no_more_statements(app: Flask, frieda: Person, statements: list[str]) -> None:
    post = post_id(app, frieda.asks("Wer räumt?"), 1)
    costs = []
    for more in (range(0), range(1000, 1060)):
        with app.app_context(), transaction():
            if more:
                db.session.execute(insert(Member), [_member(number) for number in more])
                db.session.execute(insert(MailChoice), [{"member_id": number, "level": "notify"} for number in more])
        with app.app_context():
            statements.clear()
            hearing = post_recipients(post)
            asked = wanted(post, [*hearing, *range(2000, 2003)])
        assert hearing == asked.keys() == set(more)
        costs.append(len([sent for sent in statements if sent.startswith("SELECT")]))
    assert costs == [2, 2]


def test_the_post_of_the_rule_is_the_one_that_is_asked_about(app: Flask, frieda: Person, jonas: Person) -> None:
    """Many posts at once must not mix: who is mentioned in one is not mentioned in the next."""
    thread = frieda.asks("Wer räumt?", "@aylin-kaya?")
    second = jonas.replies(thread, "@robert-tamm!")
    third = frieda.replies(thread, "Danke.", reply_to=str(second))
    assert hears(app, post_id(app, thread, 1)) == {"aylin": "mentioned"}
    assert hears(app, second) == {"frieda": "answered", "robert": "mentioned"}
    assert hears(app, third) == {"jonas": "answered"}
    with app.app_context():
        assert db.session.get_one(Post, third).reply_to_id == second
