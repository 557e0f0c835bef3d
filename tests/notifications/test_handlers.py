"""What becomes a mail: an answer, a mention, a mark, a decision; once for each who hears of it."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, insert, select, update

from forum import clock
from forum.areas.actions import name_member
from forum.areas.models import Area
from forum.db import db, transaction
from forum.members.actions import ask_for_reset
from forum.members.models import Member
from forum.moderation.models import ModerationEntry
from forum.notifications import handlers
from forum.notifications.models import MailChoice, OutgoingMail
from forum.notifications.outgoing import forget_old_mails
from forum.outbox import HANDLERS, HEARS, Event
from forum.practices.models import Mark
from tests.cast import Person, area_id, person, post_id
from tests.transfer.instances import take

Work = Callable[[], int]
WAIT = timedelta(minutes=5)


def mails(app: Flask, kind: str, subject_id: int | None = None) -> list[str]:
    """For whom of the cast there is a mail of this kind, in the order they were made."""
    with app.app_context():
        statement = (
            select(Member.uid)
            .join(OutgoingMail, OutgoingMail.member_id == Member.id)
            .where(OutgoingMail.kind == kind)
            .order_by(OutgoingMail.id)
        )
        about = OutgoingMail.subject_id == subject_id
        return list(db.session.scalars(statement if subject_id is None else statement.where(about)))


def only_mail(app: Flask) -> OutgoingMail:
    """The one mail there is."""
    with app.app_context():
        return db.session.scalars(select(OutgoingMail)).one()


def watch_all(app: Flask, *keys: str) -> None:
    """These want a mail for each post."""
    with app.app_context(), transaction():
        ids = db.session.scalars(select(Member.id).where(Member.uid.in_(keys))).all()
        db.session.execute(insert(MailChoice), [{"member_id": number, "level": "notify"} for number in ids])


def happens_again(app: Flask, work: Work) -> None:
    """Every handler of ours hears of every event once more, as after a worker that crashed before it could say so."""
    ours = [handler for handler in HANDLERS.values() if handler.act.__module__ == handlers.__name__]
    assert ours
    with app.app_context():
        for handler in ours:
            names = [name for name, heard in HEARS.items() if handler.name in heard]
            events = db.session.scalars(select(Event).where(Event.name.in_(names)).order_by(Event.id)).all()
            db.session.expunge_all()
            if events:
                handler.act(events)
    work()


def state(app: Flask, key: str, state: str) -> None:
    """What became of somebody's mails."""
    with app.app_context(), transaction():
        whose = select(Member.id).where(Member.uid == key).scalar_subquery()
        sent = update(OutgoingMail).where(OutgoingMail.member_id == whose)
        db.session.execute(sent.values(state=state, done_at=clock.now(), answer="so it is", attempts=3))


def test_the_asker_hears_of_an_answer_after_the_waiting_time(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir kennen jemanden.")
    work()
    mail = only_mail(app)
    frieda_id = frieda.id
    assert (mail.kind, mail.subject_id, mail.member_id, mail.state) == ("post", answer, frieda_id, "waiting")
    assert mail.key == f"post:{answer}:{frieda_id}"
    with app.app_context():
        written = db.session.scalars(select(Event.at).where(Event.name == "post.created")).one()
    assert mail.due_at == written + WAIT


def test_who_watches_hears_of_the_first_post_too(app: Flask, frieda: Person, work: Work) -> None:
    watch_all(app, "jonas", "aylin", "sven")
    threads = [frieda.asks("Erstes"), frieda.asks("Zweites"), frieda.asks("Drittes")]
    work()
    for thread in threads:
        assert sorted(mails(app, "post", post_id(app, thread, 1))) == ["aylin", "jonas"]


def test_a_handler_that_runs_twice_makes_one_mail(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Work
) -> None:
    watch_all(app, "aylin")
    thread = frieda.asks("Wer räumt?", "@robert-tamm?")
    answer = jonas.replies(thread, "Wir.")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    frieda.recommends(answer)
    robert.sends(f"/threads/{thread}/moderate", act="pin", reason="Wichtig.")
    with app.app_context(), transaction():
        ask_for_reset("jonas@weserufer.example", "10.0.0.9", str(app.secret_key))
    work()
    state(app, "aylin", "sent")
    state(app, "robert", "dead")
    made = select(OutgoingMail.key, OutgoingMail.id, OutgoingMail.state).order_by(OutgoingMail.id)
    with app.app_context():
        first = db.session.execute(made).all()
    assert sorted(row.key.split(":")[0] for row in first) == [*["decision", "link"], *["mark"] * 2, *["post"] * 4]
    assert sorted(row.state for row in first) == ["dead", "sent", "sent", *["waiting"] * 5]
    happens_again(app, work)
    with app.app_context():
        assert db.session.execute(made).all() == first


def test_of_a_closed_area_only_its_members_get_mail(app: Flask, bernd: Person, work: Work) -> None:
    watch_all(app, "frieda", "robert", "anke")
    thread = bernd.asks("Intern", "@frieda-moor, @anke-verwey?", area="leitungskreis")
    work()
    assert mails(app, "post") == ["robert"]
    bernd.sends(
        f"/posts/{post_id(app, thread, 1)}/edit", title="Intern", body="@jonas-brandt, @aylin-kaya?", version="1"
    )
    work()
    assert mails(app, "post") == ["robert"]


def test_who_is_mentioned_in_an_edit_hears_of_it_once(app: Flask, frieda: Person, work: Work) -> None:
    watch_all(app, "bernd")
    thread = frieda.asks("Wer räumt?", "@jonas-brandt?")
    post = post_id(app, thread, 1)
    work()
    assert sorted(mails(app, "post", post)) == ["bernd", "jonas"]
    frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body="@jonas-brandt und @aylin-kaya?", version="1")
    work()
    assert mails(app, "post", post)[2:] == ["aylin"]
    frieda.sends(f"/posts/{post}/edit", title="Wer?", body="@jonas-brandt, @aylin-kaya, @bernd-ahlers!", version="2")
    work()
    happens_again(app, work)
    assert len(mails(app, "post", post)) == 3


def test_two_edits_before_the_worker_comes_lose_nobody(app: Flask, frieda: Person, work: Work) -> None:
    thread = frieda.asks("Wer räumt?")
    post = post_id(app, thread, 1)
    with time_machine.travel(clock.now(), tick=False):
        for version, body in enumerate(("@jonas-brandt?", "@jonas-brandt? Bitte.", "@jonas-brandt? @aylin-kaya?"), 1):
            frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body=body, version=str(version))
    work()
    assert sorted(mails(app, "post", post)) == ["aylin", "jonas"]


def test_an_old_mention_is_not_told_again_when_its_mail_is_forgotten(app: Flask, frieda: Person, work: Work) -> None:
    post = post_id(app, frieda.asks("Wer räumt?", "@jonas-brandt?"), 1)
    work()
    with app.app_context(), transaction():
        db.session.execute(delete(OutgoingMail))
    frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body="Lieber @jonas-brandt?", version="1")
    work()
    assert mails(app, "post") == []


def test_a_mention_of_oneself_is_no_mail(app: Flask, frieda: Person, work: Work) -> None:
    post = post_id(app, frieda.asks("Wer räumt?", "Ich, @frieda-moor."), 1)
    frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body="Ich, @frieda-moor, und sonst?", version="1")
    work()
    assert mails(app, "post") == []


def test_a_restored_post_reaches_those_whose_mail_was_dropped(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    watch_all(app, "aylin", "bernd")
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    work()
    state(app, "frieda", "dropped")
    state(app, "aylin", "sent")
    jonas.sends(f"/posts/{answer}/delete")
    watch_all(app, "robert")  # who watches since hears nothing of what was written before
    jonas.sends(f"/posts/{answer}/restore")
    work()
    with app.app_context():
        rows = db.session.execute(
            select(Member.uid, OutgoingMail.state, OutgoingMail.attempts, OutgoingMail.answer, OutgoingMail.due_at)
            .join(OutgoingMail, OutgoingMail.member_id == Member.id)
            .where(OutgoingMail.subject_id == answer)
        ).all()
        restored = db.session.scalars(select(Event.at).where(Event.name == "post.restored")).one()
    found = {row.uid: row for row in rows}
    assert {uid: row.state for uid, row in found.items()} == {"frieda": "waiting", "aylin": "sent", "bernd": "waiting"}
    assert (found["frieda"].attempts, found["frieda"].answer, found["frieda"].due_at) == (0, None, restored + WAIT)
    assert found["bernd"].due_at < restored + WAIT


def test_the_author_hears_of_marks_by_others(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, robert: Person, work: Work
) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    robert.recommends(answer)
    aylin.recommends(answer)
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    aylin.sends(f"/posts/{answer}/thanks", on="1")
    work()
    assert mails(app, "mark") == ["jonas", "jonas", "jonas"]
    with app.app_context():
        marks = select(Mark.created_at).where(Mark.kind != "thanks")
        due_at = select(OutgoingMail.due_at).where(OutgoingMail.kind == "mark")
        assert set(db.session.scalars(due_at)) == {made + WAIT for made in db.session.scalars(marks)}


@pytest.mark.parametrize("at_once", [True, False])
def test_the_author_hears_of_a_recommendation_when_it_counts(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, bernd: Person, robert: Person, work: Work, at_once: bool
) -> None:
    """Aylin's alone waits for a second house. With Bernd's the post is recommended, and each further one is news."""
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    told = []
    for somebody in (aylin, bernd, robert):
        somebody.recommends(answer)
        if not at_once:
            work()
            told.append(len(mails(app, "mark")))
    work()
    happens_again(app, work)
    assert told == ([] if at_once else [0, 1, 2])
    with app.app_context():
        told_of = (OutgoingMail.subject_id == Mark.id) & (OutgoingMail.kind == "mark")
        by = select(Member.uid).join(Mark, Mark.member_id == Member.id).join(OutgoingMail, told_of)
        assert list(db.session.scalars(by.order_by(Mark.id))) == ["bernd", "robert"]


def test_two_of_one_house_recommend_nothing(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, bernd: Person, work: Work
) -> None:
    with app.app_context(), transaction():
        house = select(Member.organisation_id).where(Member.uid == "aylin").scalar_subquery()
        db.session.execute(update(Member).where(Member.uid == "bernd").values(organisation_id=house))
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    for somebody in (aylin, bernd):
        somebody.recommends(answer)
    work()
    assert mails(app, "mark") == []
    frieda.recommends(answer)
    work()
    assert mails(app, "mark") == ["jonas"]


def test_a_mark_that_was_taken_back_is_not_told(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, work: Work
) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    aylin.recommends(answer)
    aylin.sends(f"/posts/{answer}/withdraw", withdrawn_reason="Falscher Beitrag.")
    frieda.recommends(answer)
    frieda.sends(f"/posts/{answer}/withdraw", withdrawn_reason="Falscher Beitrag.")
    for helped in ("1", "", "1", ""):
        frieda.sends(f"/posts/{answer}/helpful", on=helped)
    work()
    assert mails(app, "mark") == []
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    work()
    frieda.sends(f"/posts/{answer}/helpful", on="")
    work()
    assert mails(app, "mark") == ["jonas"]  # its sending looks once more


def test_a_mark_is_not_told_to_who_wants_nothing_of_the_thread_or_may_not_read_it(
    app: Flask, bernd: Person, jonas: Person, aylin: Person, robert: Person, work: Work
) -> None:
    thread = bernd.asks("Wer räumt?")
    answers = [somebody.replies(thread, "Wir.") for somebody in (jonas, aylin, robert)]
    for answer in answers:
        bernd.recommends(answer)
    with app.app_context(), transaction():
        jonas_id, robert_id = db.session.scalars(
            select(Member.id).where(Member.uid.in_(("jonas", "robert"))).order_by(Member.uid)
        )
        db.session.add(MailChoice(member_id=jonas_id, level="off"))
        area = db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one()
        area.access = "closed"
        name_member(None, area, jonas_id)
        name_member(None, area, robert_id)
    work()
    assert mails(app, "mark") == ["robert"]


def test_who_wrote_hears_what_a_facilitator_decided(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Frau Beispiel half.")
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    robert.sends(f"/posts/{answer}/edit", body="Eine Kollegin half.", version="1", reason="Name entfernt")
    robert.sends(f"/posts/{answer}/delete", reason="Doppelt")
    work()
    assert mails(app, "decision") == ["frieda", "jonas", "jonas"]
    with app.app_context():
        decided = db.session.scalars(select(ModerationEntry).where(ModerationEntry.act == "lock")).one()
        mail = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "decision")).first()
        assert mail is not None
        assert (mail.subject_id, mail.due_at) == (decided.id, decided.at + WAIT)
        assert db.session.scalars(select(Event.subject_id).where(Event.name == "moderation.decided")).first()


def test_nobody_hears_of_acts_on_the_own_things_or_on_what_is_out_of_sight(
    app: Flask, frieda: Person, robert: Person, work: Work
) -> None:
    own = robert.asks("Von der Leitung")
    robert.sends(f"/threads/{own}/moderate", act="pin", reason="Wichtig.")
    robert.sends(f"/posts/{post_id(app, own, 1)}/delete", reason="Doppelt")
    thread = frieda.asks("Wer räumt?")
    area = str(area_id(app, "leitungskreis"))
    robert.sends(f"/threads/{thread}/moderate", act="move", area=area, reason="Zu vertraulich.")
    work()
    assert mails(app, "decision") == []


def test_a_decision_is_told_whatever_one_chose_for_the_thread(
    app: Flask, frieda: Person, robert: Person, work: Work
) -> None:
    with app.app_context(), transaction():
        frieda_id = db.session.scalars(select(Member.id).where(Member.uid == "frieda")).one()
        db.session.add(MailChoice(member_id=frieda_id, level="off"))
    thread = frieda.asks("Wer räumt?")
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    work()
    assert mails(app, "decision") == ["frieda"]


def test_who_asks_for_a_link_gets_it_at_once(app: Flask, work: Work) -> None:
    with app.app_context(), transaction():
        ask_for_reset("jonas@weserufer.example", "10.0.0.9", str(app.secret_key))
        ask_for_reset("nobody@weserufer.example", "10.0.0.9", str(app.secret_key))
        ask_for_reset("sven@weserufer.example", "10.0.0.9", str(app.secret_key))
    work()
    assert mails(app, "link") == ["jonas"]
    assert only_mail(app).due_at <= clock.now()


def test_a_sign_in_from_a_new_device_is_told_at_once(app: Flask, work: Work) -> None:
    person(app, "jonas")
    work()
    assert mails(app, "sign_in") == []
    elsewhere = Person("jonas", app.test_client())
    elsewhere.client.environ_base["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
    )
    elsewhere.signs_in()
    work()
    assert mails(app, "sign_in") == ["jonas"]
    mail = only_mail(app)
    assert mail.due_at <= clock.now()
    with app.app_context():
        assert db.session.get_one(Event, mail.subject_id).name == "member.signed_in_anew"


def test_an_import_mails_nobody(app: Flask, tmp_path: Path, work: Work) -> None:
    watch_all(app, "jonas", "aylin")
    post = {"author": "gesa", "created_at": "2025-03-01T08:30:00+01:00", "body": "Wer, @jonas-brandt?"}
    lines: list[dict[str, str]] = [
        {"type": "person", "id": "gesa", "name": "Gesa Krüger", "email": "gesa@weser.example"},
        {"type": "area", "slug": "vermuellung", "title": "Verwahrlosung und Vermüllung"},
        {"type": "thread", "id": "t1", "area": "vermuellung", "kind": "question", "title": "Von früher"},
        {"type": "post", "id": "p1", "thread": "t1", **post},
    ]
    (tmp_path / "old.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    assert take(app, tmp_path / "old.ndjson")["post"] == 1
    with app.app_context():
        assert db.session.scalars(select(Event).where(Event.name == "posts.imported")).all()
    work()
    assert mails(app, "post") == []


def test_mails_that_are_done_are_forgotten_after_a_month(app: Flask) -> None:
    def make(kind: Any, state: str, days: int) -> None:
        at = clock.now() - timedelta(days=days)
        with app.app_context(), transaction():
            jonas = db.session.scalars(select(Member.id).where(Member.uid == "jonas")).one()
            about = {"key": f"{kind}:{state}:{days}:{jonas}", "member_id": jonas, "kind": kind, "subject_id": days}
            done_at = None if state == "waiting" else at
            db.session.add(OutgoingMail(**about, made_at=at, due_at=at, state=state, done_at=done_at))

    for state in ("waiting", "sent", "dropped", "dead"):
        for days in (29, 31):
            make("post", state, days)
            make("digest", state, days)
    with app.app_context(), transaction():
        forget_old_mails()
    with app.app_context():
        left = {key.rpartition(":")[0] for key in db.session.scalars(select(OutgoingMail.key))}
    # A digest that failed waits for a person; and after one that was dropped the next begins where it began.
    old = {"post:waiting:31", "digest:waiting:31", "digest:dead:31", "digest:dropped:31"}
    assert {name for name in left if name.endswith("31")} == old
    assert len(left - old) == 8


def test_a_large_circle_costs_no_more_statements(app: Flask, frieda: Person, statements: list[str], work: Work) -> None:
    costs = []
    for more in (range(1000, 1003), range(2000, 2060)):
        with app.app_context(), transaction():
            now = {"joined_at": clock.now(), "caught_up_at": clock.now()}
            names = [(number, f"m{number}") for number in more]
            rows = [
                {"id": number, "uid": name, "name": name, "handle": name, "email": f"{name}@weserufer.example"}
                | {"role": "member", "state": "active", **now}
                for number, name in names
            ]
            db.session.execute(insert(Member), rows)
            db.session.execute(insert(MailChoice), [{"member_id": number, "level": "notify"} for number in more])
        post = post_id(app, frieda.asks("Wer räumt?"), 1)
        with app.app_context():
            event = db.session.scalars(select(Event).where(Event.name == "thread.started").order_by(Event.id)).all()[-1]
            db.session.expunge_all()
            statements.clear()
            handlers.mail_posts([event])
            costs.append(len([sent for sent in statements if sent.startswith(("SELECT", "INSERT"))]))
        made = len(mails(app, "post", post))
        work()
        assert made == len(mails(app, "post", post)) >= len(more)
    assert costs == [3, 3]
