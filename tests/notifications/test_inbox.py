"""What stands in a member's inbox: each thing once, for the strongest reason, and only what may be seen now."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, func, select

from forum import clock
from forum.areas.models import Area, AreaMember
from forum.db import db, transaction
from forum.members.queries import viewer_of
from forum.notifications import inbox
from forum.notifications.models import AreaWatch, MailChoice, Notification, OutgoingMail, Share, ThreadWatch
from forum.notifications.outgoing import forget_old_mails
from forum.threads.queries import readable_thread
from forum.web.pages import found
from tests.cast import Person, area_id, post_id
from tests.mailbox import Mailbox
from tests.notifications.test_handlers import happens_again
from tests.security.scene import _member as member

Work = Callable[[], int]


def told(app: Flask, person: Person) -> list[str]:
    """The kinds of what somebody has not read, the oldest first."""
    with app.app_context():
        viewer = viewer_of(member(person.key))
        rows = inbox.unread(viewer)
        assert inbox.counts(viewer).entries == len(rows)
        return [row.kind for row in reversed(rows)]


def watches(app: Flask, person: Person, thread: int, level: str) -> None:
    with app.app_context(), transaction():
        db.session.merge(ThreadWatch(member_id=person.id, thread_id=thread, level=level))


def test_one_post_is_told_once_for_the_strongest_reason(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, bernd: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    for somebody in (frieda, aylin, bernd):
        watches(app, somebody, thread, "digest")
    jonas.replies(thread, "Wir. Und du, @frieda-moor? Und ihr, @aylin-kaya?")
    jonas.replies(thread, "Nachtrag.")
    work()
    assert told(app, frieda) == ["mention", "answer"]
    assert told(app, aylin) == ["mention", "followed"]
    assert told(app, bernd) == ["followed", "followed"]
    assert told(app, jonas) == []
    happens_again(app, work)
    assert told(app, frieda) == ["mention", "answer"]


def test_an_answer_to_a_reply_is_told_to_who_wrote_it(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir.")
    aylin.replies(thread, "Zu welchem Preis?", reply_to=str(answer))
    work()
    assert told(app, jonas) == ["answer"]
    assert told(app, frieda) == ["answer", "answer"]


def test_who_is_mentioned_in_an_edit_is_told(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?", "@jonas-brandt?")
    work()
    frieda.sends(
        f"/posts/{post_id(app, thread, 1)}/edit", title="Wer räumt?", body="@jonas-brandt, @aylin-kaya?", version="1"
    )
    work()
    assert told(app, jonas) == told(app, aylin) == ["mention"]


@pytest.mark.parametrize("muted", ["thread", "area"])
def test_a_muted_thread_or_area_gives_nothing_but_mentions(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Work, muted: str
) -> None:
    thread = frieda.asks("Wer räumt?")
    if muted == "thread":
        watches(app, frieda, thread, "off")
    else:
        with app.app_context(), transaction():
            db.session.add(AreaWatch(member_id=frieda.id, area_id=area_id(app, "vermuellung"), level="off"))
    answer = jonas.replies(thread, "Wir.")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    own = frieda.replies(thread, "Danke.")
    robert.recommends(own)
    work()
    assert told(app, frieda) == []
    jonas.replies(thread, "Gern, @frieda-moor.")
    work()
    assert told(app, frieda) == ["mention"]


def test_who_wants_no_mails_still_finds_answers_in_the_inbox(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    with app.app_context(), transaction():
        db.session.add(MailChoice(member_id=frieda.id, level="off", stopped=True))
    jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    work()
    assert told(app, frieda) == ["answer"]


def test_marks_and_decisions_are_told_to_who_wrote(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, bernd: Person, robert: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir.")
    aylin.recommends(answer)
    work()
    assert told(app, jonas) == []  # it counts when a second house agrees
    bernd.recommends(answer)
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    robert.sends(f"/posts/{answer}/edit", body="Wir alle.", version="1", reason="Genauer.")
    work()
    assert told(app, jonas) == ["mark", "mark", "decision"]
    assert told(app, frieda) == ["decision"]  # the answer she has read when she said that it helped
    frieda.sends(f"/posts/{answer}/helpful", on="")
    assert told(app, jonas) == ["mark", "decision"]


def test_what_was_deleted_is_not_told_until_it_is_there_again(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    work()
    jonas.sends(f"/posts/{answer}/delete")
    work()
    assert told(app, frieda) == []
    jonas.sends(f"/posts/{answer}/restore")
    work()
    assert told(app, frieda) == ["answer"]


def test_that_a_post_was_deleted_by_a_facilitator_is_told(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Work
) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    robert.sends(f"/posts/{answer}/delete", reason="Doppelt.")
    work()
    assert told(app, jonas) == ["decision"]
    assert told(app, frieda) == []


def test_who_left_a_closed_area_finds_nothing_of_it(app: Flask, bernd: Person, robert: Person, work: Work) -> None:
    thread = bernd.asks("Intern", area="leitungskreis")
    robert.replies(thread, "Ja.")
    work()
    assert told(app, bernd) == ["answer"]
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.member_id == bernd.id))
    assert told(app, bernd) == []


def test_nobody_is_told_of_a_closed_area_by_being_mentioned_in_it(
    app: Flask, bernd: Person, jonas: Person, anke: Person, work: Work
) -> None:
    bernd.asks("Intern", "@jonas-brandt und @anke-verwey?", area="leitungskreis")
    work()
    assert told(app, jonas) == told(app, anke) == []
    with app.app_context():
        assert db.session.scalars(select(Notification)).all() == []


def share(app: Flask, post: int, by: Person, *to: Person, line: str = "Für euch.") -> None:
    """Point to a post; twice under the same key is once."""
    with app.app_context(), transaction():
        row = Share(post_id=post, by_id=by.id, line=line, members=len(to), at=clock.now())
        db.session.add(row)
        db.session.flush()
        for _ in range(2):
            inbox.notify(
                "shared", [person.id for person in to], key=f"share:{row.id}", at=row.at, post_id=post, by_id=by.id,
                subject_id=row.id, by_mail=True,
            )  # fmt: skip


def test_what_is_told_by_mail_too_is_written_when_it_is_sent(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox
) -> None:
    post = post_id(app, frieda.asks("Wer räumt?", "Den Keller."), 1)
    share(app, post, aylin, jonas, line="Ihr kennt doch jemanden?")
    assert told(app, jonas) == ["shared"]
    frieda.sends(f"/posts/{post}/edit", title="Wer räumt?", body="Den Dachboden.", version="1")
    (mail,) = mailbox.to(jonas)
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert str(mail["Subject"]).endswith("Aylin Kaya weist Sie auf einen Beitrag hin")
    assert "Ihr kennt doch jemanden?" in text
    assert "Dachboden" in text
    assert f"/posts/{post}" in text


def test_a_mail_without_content_says_only_that_there_is_something(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox
) -> None:
    with app.app_context(), transaction():
        db.session.add(MailChoice(member_id=jonas.id, notice=True))
    share(app, post_id(app, frieda.asks("Wer räumt?", "Den Keller."), 1), aylin, jonas, line="Ihr kennt jemanden?")
    (mail,) = mailbox.to(jonas)
    whole = mail.as_string()
    assert "Etwas für Sie" in str(mail["Subject"])
    assert not [word for word in ("Aylin", "Keller", "räumt", "kennt") if word in whole]


@pytest.mark.parametrize("why", ["removed", "deleted", "stopped"])
def test_a_mail_is_dropped_for_who_may_not_see_it_any_more(
    app: Flask, bernd: Person, robert: Person, mailbox: Mailbox, why: str
) -> None:
    post = post_id(app, bernd.asks("Intern", area="leitungskreis"), 1)
    share(app, post, bernd, robert)
    if why == "deleted":
        bernd.sends(f"/posts/{post}/delete")
    with app.app_context(), transaction():
        if why == "removed":
            db.session.execute(delete(AreaMember).where(AreaMember.member_id == robert.id))
        if why == "stopped":
            db.session.add(MailChoice(member_id=robert.id, stopped=True))
    assert [mail for mail in mailbox.to(robert) if "Etwas" in str(mail["Subject"])] == []
    with app.app_context():
        states = db.session.scalars(select(OutgoingMail.state).where(OutgoingMail.kind == "notification")).all()
    assert states == ["dropped"]


def test_reading_a_thread_reads_what_is_told_of_it_up_to_there(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    thread, other = frieda.asks("Wer räumt?"), frieda.asks("Wer putzt?")
    for number in range(3):
        jonas.replies(thread, f"Antwort {number}")
    jonas.replies(other, "Wir.")
    work()
    with app.app_context(), transaction():
        reader = viewer_of(member("frieda"))
        inbox.mark_thread_read(reader, found(readable_thread(reader, thread)), 3)
    assert told(app, frieda) == ["answer", "answer"]
    with app.app_context():
        left = [(row.thread_id, row.number) for row in inbox.unread(viewer_of(member("frieda")))]
    assert left == [(other, 2), (thread, 4)]


def test_all_is_read_up_to_what_was_shown_and_the_rest_stays_new(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    thread = frieda.asks("Wer räumt?")
    jonas.replies(thread, "Eins.")
    work()
    with app.app_context():
        shown = inbox.unread(viewer_of(member("frieda")))[0].id
    jonas.replies(thread, "Zwei.")
    work()
    with app.app_context(), transaction():
        inbox.mark_read(jonas.id, shown)  # another's click
        inbox.mark_read(frieda.id, shown)
    assert told(app, frieda) == ["answer"]
    with app.app_context():
        read = inbox.inbox(viewer_of(member("frieda")))
        assert [row.id for row in read] == [shown]
        assert list(inbox.inbox(viewer_of(member("frieda")), before=shown)) == []


def test_a_thread_that_moved_into_a_closed_area_is_told_to_nobody_outside(
    app: Flask, frieda: Person, jonas: Person, work: Work
) -> None:
    jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    work()
    with app.app_context(), transaction():
        db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one().access = "closed"
    assert told(app, frieda) == []


def test_old_entries_are_forgotten_and_what_was_shared_with_the_last_of_them(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "FORGOTTEN_AT_ONCE", 2)
    begin, thread = clock.now(), frieda.asks("Wer räumt?")
    jonas.sends(f"/members/{frieda.id}/messages", subject="Eine Frage", body="Rufst du mich an?")
    mailbox.arrives()
    for _ in range(3):
        jonas.replies(thread, "Wir.")
    jonas.sends(f"/posts/{post_id(app, thread, 1)}/share", to="Aylin Kaya, Bernd Ahlers", line="Für euch.")
    mailbox.arrives()
    frieda.reads(f"/threads/{thread}")
    with app.app_context(), transaction():
        last = db.session.scalars(select(func.max(Notification.id))).one()
        inbox.mark_read(aylin.id, last)

    def left(days: int, mails_go: bool = True) -> dict[str, int]:
        with time_machine.travel(begin + timedelta(days=days), tick=False), app.app_context():
            going = True
            while going:
                with transaction():
                    if mails_go:
                        forget_old_mails()
                    going = inbox.forget_old_entries(31)
            kinds = Counter(db.session.scalars(select(Notification.kind)))
            return {**kinds, "lines": len(db.session.scalars(select(Share)).all())}

    assert left(30) == {"contact": 2, "answer": 3, "shared": 2, "lines": 1}
    assert left(32, mails_go=False) == {"contact": 2, "shared": 2, "lines": 1}, "as long as the mail about it"
    assert left(33) == {"contact": 2, "shared": 1, "lines": 1}, "Bernd has not read his"
    assert left(63) == {"contact": 2, "lines": 0}, "a message goes in its own time"
    jonas.replies(thread, "Nachtrag.")
    mailbox.arrives()
    with app.app_context():
        assert db.session.scalars(select(func.max(Notification.id))).one() > last, "a number is never given twice"
