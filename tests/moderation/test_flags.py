"""A member has the facilitators look at a post; they decide one after the other, and nobody else learns of it."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from forum.areas.actions import name_member
from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.db import db, transaction
from forum.members.actions import change_role
from forum.members.models import Member
from forum.members.queries import viewer_of
from forum.moderation.models import Flag, ModerationEntry
from forum.notifications.inbox import unread
from forum.threads.models import Post, Thread
from tests.cast import Person, area_id
from tests.mailbox import Mailbox

Flagged = tuple[int, int]


@pytest.fixture
def answer(frieda: Person, jonas: Person) -> int:
    """Jonas' answer to Frieda's question."""
    return jonas.replies(frieda.asks("Schimmel im Keller"), "Frau Beispiel aus der Ahornstraße hat das auch.")


def flags(somebody: Person, post: int, why: str = "confidential", words: str = "Da steht ein Name.") -> None:
    somebody.reads(f"/posts/{post}/flag")
    somebody.sends(f"/posts/{post}/flag", why=why, words=words)
    assert somebody.sees("Vielen Dank")


def decides(facilitator: Person, act: str, reason: str = "Da stand ein Name.", **more: str) -> int:
    """Decide on what the queue shows first; return the status."""
    form = facilitator.reads("/moderation/queue").text
    found = re.search(r'action="(/posts/\d+/flags)".*name="seen" value="(\d+)"', form)
    assert found is not None
    return facilitator.sends(found[1], follow=False, act=act, reason=reason, seen=found[2], **more).status_code


def kept(app: Flask) -> list[tuple[int, str, bool]]:
    with app.app_context():
        rows = db.session.execute(select(Flag.post_id, Flag.words, Flag.entry_id.is_(None)).order_by(Flag.id))
        return [(post, words, bool(waits)) for post, words, waits in rows]


def test_a_flag_comes_to_the_facilitators_and_nobody_else(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, robert: Person, anke: Person, answer: int
) -> None:
    flags(frieda, answer)
    for facilitator in (robert, anke):
        facilitator.reads("/moderation/queue")
        assert facilitator.sees("Da steht ein Name.")
        assert facilitator.sees("Frieda Moor")
        assert facilitator.sees("Frau Beispiel aus der Ahornstraße")
        assert '1<span class="away"> zu entscheiden' in facilitator.page.text  # type: ignore[union-attr]
    for other in (frieda, jonas, aylin):
        assert other.reads("/moderation/queue").status_code == 404
        for page in (f"/posts/{answer}", f"/posts/{answer}/flag", "/moderation/log", "/"):
            other.reads(page)
            assert not other.sees("Da steht ein Name.")
    assert kept(app) == [(answer, "Da steht ein Name.", True)]


def test_who_is_named_for_one_area_decides_there_alone(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, robert: Person, answer: int
) -> None:
    with app.app_context(), transaction():
        name_member(None, db.session.get_one(Area, area_id(app, "vermuellung")), aylin.id, facilitates=True)
    flags(frieda, answer)
    elsewhere = robert.asks("Treffen", area="mitteilungen", kind="announcement")
    flags(jonas, jonas.replies(elsewhere, "Ohne mich."), "unkind", "Das war nicht nett von mir.")
    aylin.reads("/moderation/queue")
    assert aylin.sees("Da steht ein Name.")
    assert not aylin.sees("Das war nicht nett von mir.")
    assert decides(aylin, "dismiss") == 303
    aylin.reads("/moderation/queue")
    assert aylin.sees("Es wartet nichts auf eine Entscheidung.")


def test_flags_of_a_closed_area_are_for_who_may_see_it(bernd: Person, robert: Person, anke: Person) -> None:
    thread = bernd.asks("Intern", area="leitungskreis")
    flags(bernd, robert.replies(thread, "Unter uns."), "outdated", "Stimmt nicht mehr.")
    robert.reads("/moderation/queue")
    assert robert.sees("Stimmt nicht mehr.")
    anke.reads("/moderation/queue")
    assert not anke.sees("Stimmt nicht mehr.")
    assert not anke.sees("Intern")


def test_nobody_decides_on_the_own_post_while_another_can(
    app: Flask, frieda: Person, robert: Person, anke: Person, mailbox: Mailbox
) -> None:
    own = robert.replies(frieda.asks("Lärm"), "Selber schuld.")
    flags(frieda, own, "unkind", "Das tut weh.")
    mailbox.arrives()
    assert any("gemeldet" in str(mail["Subject"]) for mail in mailbox.to(anke))
    assert not mailbox.to(robert)
    for page in ("/inbox", "/moderation/queue"):
        robert.reads(page)
        assert not robert.sees("Selber schuld.")
        assert not robert.sees("Das tut weh.")
        assert '<b class="count">' not in robert.page.text  # type: ignore[union-attr]
    assert robert.sends(f"/posts/{own}/flags", act="dismiss", reason="Nein.", seen="1").status_code == 403
    anke.reads("/moderation/queue")
    assert anke.sees("Das tut weh.")
    with app.app_context(), transaction():
        db.session.scalars(select(Member).where(Member.uid == "anke")).one().state = "suspended"
    robert.reads("/moderation/queue")
    assert robert.sees("Das tut weh.")
    assert decides(robert, "dismiss") == 303


def test_flagging_twice_is_once_until_it_is_answered(app: Flask, frieda: Person, robert: Person, answer: int) -> None:
    flags(frieda, answer, words="Erstens.")
    flags(frieda, answer, words="Zweitens.")
    assert [words for _, words, _ in kept(app)] == ["Erstens."]
    decides(robert, "dismiss")
    flags(frieda, answer, words="Schon wieder.")
    assert kept(app) == [(answer, "Erstens.", False), (answer, "Schon wieder.", True)]


def test_something_else_needs_words(frieda: Person, answer: int) -> None:
    frieda.reads(f"/posts/{answer}/flag")
    assert frieda.sends(f"/posts/{answer}/flag", why="other", words=" ").status_code == 422
    assert frieda.sends(f"/posts/{answer}/flag", why="", words="Bitte ansehen.").status_code == 422
    assert frieda.sees("Bitte ansehen.")


@pytest.mark.parametrize("act", ["dismiss", "delete", "lock", "move"])
def test_an_act_answers_the_flags_and_the_next_one_follows(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, robert: Person, answer: int, act: str
) -> None:
    flags(frieda, answer)
    flags(aylin, answer, "unkind", "Sehe ich auch so.")
    other = jonas.replies(frieda.asks("Lärm"), "Selber schuld.")
    flags(aylin, other, "unkind", "Das tut weh.")
    assert decides(robert, act, area=str(area_id(app, "mitteilungen"))) == 303
    robert.reads("/moderation/queue")
    assert robert.sees("Das tut weh.")
    assert not robert.sees("Sehe ich auch so.")
    with app.app_context():
        post = db.session.get_one(Post, answer)
        thread = db.session.get_one(Thread, post.thread_id)
        assert (post.deleted_at is not None) == (act == "delete")
        assert thread.locked == (act == "lock")
        assert thread.area_id == area_by_slug("mitteilungen" if act == "move" else "vermuellung").id  # type: ignore[union-attr]
        assert db.session.scalars(select(ModerationEntry.act)).all() == [act]
        assert len(db.session.scalars(select(Flag).where(Flag.entry_id.is_not(None))).all()) == 2


def test_a_reason_alone_decides_nothing(app: Flask, frieda: Person, robert: Person, answer: int) -> None:
    flags(frieda, answer)
    form = robert.reads("/moderation/queue").text
    # The Enter key ends a line there, and does not press the first button.
    assert '<textarea class="input" id="reason"' in form
    assert decides(robert, "", "Das ist eine Beleidigung und wird gelöscht.") == 422
    assert robert.sees("Bitte wählen Sie, was Sie tun möchten.")
    assert robert.sees("Das ist eine Beleidigung und wird gelöscht.")
    assert kept(app) == [(answer, "Da steht ein Name.", True)]


def test_an_edit_from_the_queue_answers_too(frieda: Person, robert: Person, answer: int) -> None:
    flags(frieda, answer)
    robert.reads("/moderation/queue")
    link = re.search(r'href="(/posts/\d+/edit\?queue=(\d+))"', robert.page.text)  # type: ignore[union-attr]
    assert link is not None
    form = robert.reads(link[1]).text
    assert f'name="queue" value="{link[2]}"' in form
    edited = {"body": "Eine Mieterin hat das auch.", "version": "1", "queue": link[2]}
    assert robert.sends(f"/posts/{answer}/edit", reason="", **edited).status_code == 422
    robert.sends(f"/posts/{answer}/edit", reason="Name entfernt", **edited)
    assert robert.sees("Es wartet nichts auf eine Entscheidung.")
    frieda.reads(f"/posts/{answer}")
    assert frieda.sees("Eine Mieterin hat das auch.")


def test_the_second_of_two_facilitators_hears_that_it_is_decided(
    app: Flask, frieda: Person, robert: Person, anke: Person, answer: int
) -> None:
    flags(frieda, answer)
    form = anke.reads("/moderation/queue").text
    seen = re.search(r'name="seen" value="(\d+)"', form)
    assert seen is not None
    assert decides(robert, "dismiss", "Das ist keine Klientin.") == 303
    late = anke.sends(f"/posts/{answer}/flags", seen=seen[1], act="delete", reason="Weg damit.")
    assert late.status_code == 409
    assert anke.sees("Robert Tamm hat über diese Meldung schon entschieden.")
    with app.app_context():
        assert db.session.get_one(Post, answer).deleted_at is None


def test_a_flag_that_comes_meanwhile_waits_for_a_look_of_its_own(
    frieda: Person, aylin: Person, robert: Person, answer: int
) -> None:
    flags(frieda, answer)
    form = robert.reads("/moderation/queue").text
    seen = re.search(r'name="seen" value="(\d+)"', form)
    assert seen is not None
    flags(aylin, answer, "unkind", "Und unfreundlich ist es auch.")
    robert.sends(f"/posts/{answer}/flags", seen=seen[1], act="dismiss", reason="Kein Name.")
    assert robert.sees("Und unfreundlich ist es auch.")
    assert not robert.sees("Da steht ein Name.")


def test_the_author_hears_of_an_act_but_not_of_flags(
    jonas: Person, frieda: Person, robert: Person, answer: int, mailbox: Mailbox
) -> None:
    flags(frieda, answer)
    decides(robert, "dismiss", "Das ist in Ordnung.")
    assert not [mail for mail in mailbox.to(jonas) if "in Ordnung" in mail.as_string()]
    flags(frieda, answer)
    decides(robert, "delete", "Da stand ein Name.")
    (told,) = [mail for mail in mailbox.to(jonas) if "gelöscht" in str(mail["Subject"])]
    text = told.get_body(("plain",))
    assert text is not None
    assert "Da stand ein Name." in text.get_content()
    assert "Frieda" not in text.get_content()


def entries(app: Flask, somebody: Person) -> list[tuple[str, str | None, str | None, bool]]:
    """What stands in somebody's inbox."""
    with app.app_context():
        rows = unread(viewer_of(db.session.get_one(Member, somebody.id)))
        return [(row.kind, row.act, row.reason, bool(row.to_flag)) for row in rows]


def test_facilitators_hear_of_a_flag_and_who_flagged_of_the_answer(
    app: Flask,
    frieda: Person,
    jonas: Person,
    robert: Person,
    anke: Person,
    answer: int,
    work: Callable[[], int],
    mailbox: Mailbox,
) -> None:
    mailbox.empty()
    flags(frieda, answer)
    work()
    for facilitator in (robert, anke):
        assert ("flagged", None, None, False) in entries(app, facilitator)
    (told,) = mailbox.to(robert)
    assert "gemeldet" in str(told["Subject"])
    assert "Frieda" not in told.as_string()
    assert "Da steht ein Name." not in told.as_string()
    assert mailbox.to(jonas) == []
    decides(robert, "delete", "Da stand ein Name.")
    work()
    assert entries(app, frieda)[0] == ("decision", "delete", "Da stand ein Name.", True)
    assert entries(app, jonas)[0] == ("decision", "delete", "Da stand ein Name.", False)


def test_who_facilitates_no_longer_hears_of_no_flag(
    app: Flask, frieda: Person, robert: Person, answer: int, work: Callable[[], int], mailbox: Mailbox
) -> None:
    mailbox.empty()
    flags(frieda, answer)
    work()
    with app.app_context(), transaction():
        change_role(None, db.session.get_one(Member, robert.id), "member")
    assert "flagged" not in [kind for kind, *_ in entries(app, robert)]
    assert mailbox.to(robert) == []
