"""Two at once: every pair of requests is run in the worst orders, on both databases, and both get a right answer.

One stops just before its commit, with all it has written, until the other has come as far as it can; so the
other has read the old state, or waits. Then the two change parts.
"""

import io
import threading
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.checks import examine
from forum.config import Settings
from forum.db import db, transaction
from forum.members import actions as members
from forum.members.models import Member
from forum.moderation.models import Flag
from forum.notifications.models import ThreadWatch
from forum.outbox import Event
from forum.practices.models import Mark
from forum.threads.drafts import Draft
from forum.threads.models import Post, ReadMarker, Thread
from tests.cast import Person, area_id, link, post_id

Result = TypeVar("Result")
Act = Callable[[], TestResponse]
Together = Callable[[Act, Act], tuple[TestResponse, TestResponse]]
LONG_ENOUGH = 0.2  # for a request to come to where it has to wait


class Overlap:
    """Runs two requests so that one of them, `holder`, is overtaken just before its commit."""

    def __init__(self, holder: int) -> None:
        self.holder = holder
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *acts: Act) -> tuple[TestResponse, TestResponse]:
        answers: list[Any] = [None, None]
        threads = [threading.Thread(target=self._run, args=(n, act, answers), name=f"act-{n}", daemon=True)
                   for n, act in enumerate(acts)]  # fmt: skip
        for thread in threads:
            thread.start()
        self.reached.wait(20)
        threads[1 - self.holder].join(LONG_ENOUGH)
        self.let_go.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "one waits for ever"
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers[0], answers[1]

    def _run(self, number: int, act: Act, answers: list[Any]) -> None:
        try:
            if number != self.holder:
                self.reached.wait(20)
            answers[number] = act()
        except BaseException as failure:  # told by the test
            answers[number] = failure
        finally:
            if number == self.holder:
                self.reached.set()

    def hold(self, session: Any) -> None:
        """Before a commit: have all of it sent, then wait for the other, once."""
        if threading.current_thread().name == f"act-{self.holder}" and not self.reached.is_set():
            session.flush()
            self.reached.set()
            self.let_go.wait(20)


@pytest.fixture(params=[0, 1], ids=["first_holds", "second_holds"])
def together(request: pytest.FixtureRequest, app: Flask) -> Iterator[Together]:  # noqa: ARG001 - made after the network
    """Run two requests at once; their answers, in this order."""
    overlap = Overlap(request.param)
    event.listen(db.session, "before_commit", overlap.hold)
    yield overlap
    event.remove(db.session, "before_commit", overlap.hold)


@pytest.fixture(autouse=True)
def all_is_well(app: Flask, settings: Settings, work: Callable[[], int]) -> Iterator[None]:
    """After every pair: numbers dense and unique, what lists show is what there is, index and database agree."""
    yield
    work()
    with app.app_context():
        assert examine(settings).problems == []
        per_thread = select(Thread.last_number, func.count(), func.max(Post.number)).join(Post).group_by(Thread.id)
        for last_number, count, greatest in db.session.execute(per_thread):
            assert last_number == count == greatest


@pytest.fixture
def thread(frieda: Person) -> int:
    """Frieda's question."""
    return frieda.asks("Mieter öffnet nicht mehr – wie den ersten Kontakt finden?")


@pytest.fixture
def answer(jonas: Person, thread: int) -> int:
    """Jonas' answer to it."""
    return jonas.replies(thread, "Wir fragen zuerst das Gesundheitsamt.")


def other_window(app: Flask, somebody: Person) -> Person:
    """The same member in a second window of the browser."""
    other = Person(somebody.key, app.test_client())
    cookie = somebody.client.get_cookie("fachkreis")
    assert cookie is not None
    other.client.set_cookie(cookie.key, cookie.value)
    return other


def sending(somebody: Person, address: str, **fields: Any) -> Act:
    """A form that is filled in and only has to be sent."""
    token = somebody.token()
    return lambda: somebody.sends(address, follow=False, csrf_token=token, **fields)


def look(app: Flask, query: Callable[[], Result]) -> Result:
    with app.app_context():
        return query()


def statuses(*answers: TestResponse) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def posts(app: Flask, thread: int) -> list[tuple[int, str]]:
    rows = select(Post.number, Post.body).where(Post.thread_id == thread).order_by(Post.number)
    return look(app, lambda: [(number, body) for number, body in db.session.execute(rows)])


def one(app: Flask, model: type[Result], row_id: int) -> Result:
    def read() -> Result:
        found = db.session.get_one(model, row_id)
        db.session.expunge_all()
        return found

    return look(app, read)


# The second of a double click is the first


def test_a_reply_that_is_sent_twice_is_one_post(app: Flask, jonas: Person, thread: int, together: Together) -> None:
    send = {"body": "Doppelt geklickt.", "send_key": "k1"}
    again = other_window(app, jonas)
    address = f"/threads/{thread}/posts"
    one_answer, other = together(sending(jonas, address, **send), sending(again, address, **send))
    assert statuses(one_answer, other) == [303, 303]
    assert one_answer.location == other.location
    assert [body for _, body in posts(app, thread)][1:] == ["Doppelt geklickt."]
    assert told(app, "post.created") == 1


def told(app: Flask, name: str) -> int:
    return look(app, lambda: db.session.scalar(select(func.count()).where(Event.name == name)) or 0)


def test_a_thread_that_is_sent_twice_is_one_thread(app: Flask, jonas: Person, together: Together) -> None:
    send = {"kind": "question", "title": "Nur einmal", "body": "Bitte.", "send_key": "k1"}
    again = other_window(app, jonas)
    address = "/areas/vermuellung/new"
    one_answer, other = together(sending(jonas, address, **send), sending(again, address, **send))
    assert statuses(one_answer, other) == [303, 303]
    assert one_answer.location == other.location
    assert look(app, lambda: db.session.scalar(select(func.count()).select_from(Thread))) == 1
    assert told(app, "thread.started") == 1


def test_one_key_of_two_members_is_two_posts(
    app: Flask, jonas: Person, aylin: Person, thread: int, together: Together
) -> None:
    address = f"/threads/{thread}/posts"
    answers = together(
        sending(jonas, address, body="Von Jonas", send_key="k1"),
        sending(aylin, address, body="Von Aylin", send_key="k1"),
    )
    assert statuses(*answers) == [303, 303]
    assert sorted(body for _, body in posts(app, thread)[1:]) == ["Von Aylin", "Von Jonas"]


# New posts and threads


def test_two_replies_get_two_numbers(app: Flask, jonas: Person, aylin: Person, thread: int, together: Together) -> None:
    address = f"/threads/{thread}/posts"
    answers = together(sending(jonas, address, body="Von Jonas"), sending(aylin, address, body="Von Aylin"))
    assert statuses(*answers) == [303, 303]
    assert sorted(answer.location.rpartition("#")[2] for answer in answers) == ["p2", "p3"]
    assert [number for number, _ in posts(app, thread)] == [1, 2, 3]
    kept = one(app, Thread, thread)
    assert (kept.last_number, kept.reply_count, kept.organisation_count) == (3, 2, 2)


def test_one_member_replies_from_two_windows(app: Flask, jonas: Person, thread: int, together: Together) -> None:
    """Both write the same read marker, which was not there before."""
    again = other_window(app, jonas)
    address = f"/threads/{thread}/posts"
    answers = together(sending(jonas, address, body="Eins"), sending(again, address, body="Zwei"))
    assert statuses(*answers) == [303, 303]
    assert sorted(body for _, body in posts(app, thread)[1:]) == ["Eins", "Zwei"]
    mine = select(ReadMarker.number).where(ReadMarker.member_id == jonas.id, ReadMarker.thread_id == thread)
    assert look(app, lambda: list(db.session.scalars(mine))) == [3]


def test_a_reader_replies_while_the_page_notes_how_far_they_read(
    app: Flask, jonas: Person, thread: int, together: Together
) -> None:
    again = other_window(app, jonas)
    reply = sending(jonas, f"/threads/{thread}/posts", body="Schnell geantwortet")
    answers = together(lambda: again.reads(f"/threads/{thread}"), reply)
    assert answers[1].status_code == 303
    assert [body for _, body in posts(app, thread)][1:] == ["Schnell geantwortet"]


def test_a_thread_is_opened_for_the_first_time_in_two_windows(
    app: Flask, jonas: Person, thread: int, together: Together, caplog: pytest.LogCaptureFixture
) -> None:
    again = other_window(app, jonas)
    answers = together(lambda: jonas.reads(f"/threads/{thread}"), lambda: again.reads(f"/threads/{thread}"))
    assert statuses(*answers) == [200, 200]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    mine = select(ReadMarker.number).where(ReadMarker.member_id == jonas.id, ReadMarker.thread_id == thread)
    assert look(app, lambda: list(db.session.scalars(mine))) == [1]


def test_two_threads_in_one_area_are_both_counted(app: Flask, jonas: Person, aylin: Person, together: Together) -> None:
    form = {"kind": "question", "body": "Wie macht ihr das?"}
    address = "/areas/vermuellung/new"
    answers = together(sending(jonas, address, title="Eins", **form), sending(aylin, address, title="Zwei", **form))
    assert statuses(*answers) == [303, 303]
    assert one(app, Area, area_id(app, "vermuellung")).thread_count == 2


# Editing and deleting


def test_two_edits_one_is_shown_both_texts(app: Flask, jonas: Person, answer: int, together: Together) -> None:
    again = other_window(app, jonas)
    address = f"/posts/{answer}/edit"
    answers = together(
        sending(jonas, address, body="Fassung vom Büro", version="1"),
        sending(again, address, body="Fassung von unterwegs", version="1"),
    )
    assert statuses(*answers) == [303, 409]
    (refused,) = [answer for answer in answers if answer.status_code == 409]
    assert "Fassung vom Büro" in unescape(refused.text)
    assert "Fassung von unterwegs" in unescape(refused.text)
    kept = one(app, Post, answer)
    assert kept.version == 2
    assert kept.body in ("Fassung vom Büro", "Fassung von unterwegs")


def test_author_and_facilitator_edit(
    app: Flask, jonas: Person, robert: Person, answer: int, together: Together
) -> None:
    address = f"/posts/{answer}/edit"
    answers = together(
        sending(jonas, address, body="Von Jonas", version="1"),
        sending(robert, address, body="Von Robert", version="1", reason="Name entfernt"),
    )
    assert statuses(*answers) == [303, 409]
    assert one(app, Post, answer).version == 2


def test_edit_and_delete(app: Flask, jonas: Person, robert: Person, answer: int, together: Together) -> None:
    """Whoever comes first: the post is gone, and its author is told if the edit came too late."""
    edited, deleted = together(
        sending(jonas, f"/posts/{answer}/edit", body="Noch schnell geändert", version="1"),
        sending(robert, f"/posts/{answer}/delete", reason="Verrät zu viel"),
    )
    assert deleted.status_code == 303
    assert edited.status_code in (303, 403)
    kept = one(app, Post, answer)
    assert kept.deleted_at is not None
    assert (kept.version == 2) == (edited.status_code == 303)
    if edited.status_code == 403:
        assert "Noch schnell geändert" in unescape(edited.text)


def test_deleting_twice_is_once(app: Flask, jonas: Person, answer: int, together: Together) -> None:
    again = other_window(app, jonas)
    address = f"/posts/{answer}/delete"
    assert statuses(*together(sending(jonas, address), sending(again, address))) == [303, 303]
    assert told(app, "post.deleted") == 1


def test_delete_and_restore(jonas: Person, robert: Person, answer: int, together: Together) -> None:
    jonas.sends(f"/posts/{answer}/delete")
    answers = together(
        sending(jonas, f"/posts/{answer}/delete"),
        sending(robert, f"/posts/{answer}/restore", reason="War ein Versehen"),
    )
    assert statuses(*answers) == [303, 303]


def test_two_replies_of_a_thread_are_deleted(
    app: Flask, jonas: Person, aylin: Person, thread: int, answer: int, together: Together
) -> None:
    other = aylin.replies(thread, "Eine Karte an der Tür.")
    answers = together(sending(jonas, f"/posts/{answer}/delete"), sending(aylin, f"/posts/{other}/delete"))
    assert statuses(*answers) == [303, 303]
    kept = one(app, Thread, thread)
    assert (kept.reply_count, kept.organisation_count) == (0, 0)


def test_a_reply_while_another_is_deleted(
    app: Flask, jonas: Person, aylin: Person, thread: int, answer: int, together: Together
) -> None:
    answers = together(
        sending(jonas, f"/posts/{answer}/delete"), sending(aylin, f"/threads/{thread}/posts", body="Eine Karte.")
    )
    assert statuses(*answers) == [303, 303]
    assert one(app, Thread, thread).reply_count == 1


def test_a_thread_starts_while_another_vanishes(
    app: Flask, frieda: Person, jonas: Person, thread: int, together: Together
) -> None:
    form = {"kind": "question", "title": "Ganz anderes", "body": "Wie macht ihr das?"}
    answers = together(
        sending(frieda, f"/posts/{post_id(app, thread, 1)}/delete"),
        sending(jonas, "/areas/vermuellung/new", **form),
    )
    assert statuses(*answers) == [303, 303]
    assert one(app, Area, area_id(app, "vermuellung")).thread_count == 1


# Marks


RECOMMENDED = {"for_what": "erster Kontakt", "reason": "Hat bei uns geklappt."}


def marks(app: Flask, post: int) -> list[tuple[str, bool]]:
    rows = select(Mark.kind, Mark.withdrawn_at.is_(None)).where(Mark.post_id == post).order_by(Mark.id)
    return look(app, lambda: [(kind, bool(stands)) for kind, stands in db.session.execute(rows)])


def test_recommending_twice_is_once(app: Flask, frieda: Person, answer: int, together: Together) -> None:
    again = other_window(app, frieda)
    address = f"/posts/{answer}/recommend"
    answers = together(sending(frieda, address, **RECOMMENDED), sending(again, address, **RECOMMENDED))
    assert statuses(*answers) == [303, 403]
    assert marks(app, answer) == [("recommended", True)]
    assert one(app, Post, answer).recommended


def test_two_houses_recommend_at_once(
    app: Flask, aylin: Person, bernd: Person, thread: int, frieda: Person, together: Together
) -> None:
    """Neither sees the other's mark, and yet both together recommend."""
    post = frieda.replies(thread, "So ging es am Ende.")
    address = f"/posts/{post}/recommend"
    answers = together(sending(aylin, address, **RECOMMENDED), sending(bernd, address, **RECOMMENDED))
    assert statuses(*answers) == [303, 303]
    assert one(app, Post, post).recommended
    assert one(app, Thread, thread).recommended_count == 1


def test_recommending_while_a_facilitator_takes_it_back(
    app: Flask, frieda: Person, aylin: Person, robert: Person, answer: int, together: Together
) -> None:
    frieda.recommends(answer)
    given, withdrawn = together(
        sending(aylin, f"/posts/{answer}/recommend", **RECOMMENDED),
        sending(robert, f"/posts/{answer}/withdraw", withdrawn_reason="Überholt"),
    )
    assert (given.status_code, withdrawn.status_code) == (303, 303)
    assert marks(app, answer)[0] == ("recommended", False)
    assert not one(app, Post, answer).recommended


def test_recommending_what_is_being_deleted(
    app: Flask, frieda: Person, jonas: Person, thread: int, answer: int, together: Together
) -> None:
    given, deleted = together(
        sending(frieda, f"/posts/{answer}/recommend", **RECOMMENDED), sending(jonas, f"/posts/{answer}/delete")
    )
    assert deleted.status_code == 303
    assert given.status_code in (303, 403)
    assert one(app, Thread, thread).recommended_count == 0


def test_two_members_thank_at_once(app: Flask, frieda: Person, aylin: Person, answer: int, together: Together) -> None:
    address = f"/posts/{answer}/thanks"
    assert statuses(*together(sending(frieda, address, on="1"), sending(aylin, address, on="1"))) == [303, 303]
    assert one(app, Post, answer).thanks_count == 2


def test_thanking_twice_is_once(app: Flask, frieda: Person, answer: int, together: Together) -> None:
    again = other_window(app, frieda)
    address = f"/posts/{answer}/thanks"
    assert statuses(*together(sending(frieda, address, on="1"), sending(again, address, on="1"))) == [303, 303]
    assert marks(app, answer) == [("thanks", True)]
    assert one(app, Post, answer).thanks_count == 1


def test_thanking_and_taking_it_back(app: Flask, frieda: Person, answer: int, together: Together) -> None:
    again = other_window(app, frieda)
    address = f"/posts/{answer}/thanks"
    assert statuses(*together(sending(frieda, address, on="1"), sending(again, address, on="0"))) == [303, 303]
    standing = sum(stands for _, stands in marks(app, answer))
    assert one(app, Post, answer).thanks_count == standing


def test_saying_that_two_answers_helped(
    app: Flask, frieda: Person, aylin: Person, thread: int, answer: int, together: Together
) -> None:
    other = aylin.replies(thread, "Eine Karte an der Tür.")
    again = other_window(app, frieda)
    answers = together(
        sending(frieda, f"/posts/{answer}/helpful", on="1"), sending(again, f"/posts/{other}/helpful", on="1")
    )
    assert statuses(*answers) == [303, 303]
    assert one(app, Thread, thread).helpful_count == 2


# Moving and locking


def moving(app: Flask, mover: Person, thread: int, to: str) -> Act:
    area = str(area_id(app, to))
    return sending(mover, f"/threads/{thread}/moderate", act="move", area=area, reason="Passt dort besser")


def test_a_reply_while_the_thread_moves(
    app: Flask, jonas: Person, robert: Person, thread: int, together: Together
) -> None:
    moved, replied = together(
        moving(app, robert, thread, "mitteilungen"), sending(jonas, f"/threads/{thread}/posts", body="Noch dabei")
    )
    assert (moved.status_code, replied.status_code) == (303, 303)
    assert [body for _, body in posts(app, thread)][1:] == ["Noch dabei"]
    assert one(app, Thread, thread).area_id == area_id(app, "mitteilungen")


def test_a_reply_while_the_thread_moves_out_of_sight(
    app: Flask, jonas: Person, robert: Person, thread: int, together: Together
) -> None:
    moved, replied = together(
        moving(app, robert, thread, "leitungskreis"), sending(jonas, f"/threads/{thread}/posts", body="Noch dabei")
    )
    assert moved.status_code == 303
    assert replied.status_code in (303, 404)
    assert len(posts(app, thread)) == (2 if replied.status_code == 303 else 1)
    if replied.status_code == 404:
        assert "Noch dabei" in unescape(replied.text)


def merging(merger: Person, source: int, target: int) -> Act:
    return sending(merger, f"/threads/{source}/merge", into=str(target), reason="Dieselbe Frage")


def splitting(app: Flask, splitter: Person, thread: int, post: int, title: str = "Abgetrennt") -> Act:
    area = str(area_id(app, "vermuellung"))
    return sending(
        splitter, f"/threads/{thread}/split", posts=str(post), title=title, area=area, reason="Etwas anderes"
    )


def bodies(app: Flask) -> list[str]:
    """All that stands, wherever."""
    rows = select(Post.body).where(Post.deleted_at.is_(None)).order_by(Post.id)
    return look(app, lambda: list(db.session.scalars(rows)))


def test_a_reply_while_the_thread_is_merged(
    app: Flask, frieda: Person, jonas: Person, robert: Person, thread: int, together: Together
) -> None:
    other = frieda.asks("Dieselbe Frage noch einmal")
    merged, replied = together(
        merging(robert, other, thread), sending(jonas, f"/threads/{other}/posts", body="Noch dabei")
    )
    assert (merged.status_code, replied.status_code) == (303, 303)
    assert [number for number, _ in posts(app, thread)] == [1, 2, 3]
    assert posts(app, thread)[2] == (3, "Noch dabei")


def test_a_thread_is_followed_while_it_is_merged(
    app: Flask, frieda: Person, jonas: Person, robert: Person, thread: int, together: Together, work: Callable[[], int]
) -> None:
    other = frieda.asks("Dieselbe Frage noch einmal")
    followed, merged = together(
        sending(jonas, f"/threads/{other}/watch", level="notify"), merging(robert, other, thread)
    )
    assert (followed.status_code, merged.status_code) == (303, 303)
    work()
    watch = one_of(app, ThreadWatch, (jonas.id, thread))
    assert watch is not None
    assert watch.level == "notify"


def one_of(app: Flask, model: type[Result], key: object) -> Result | None:
    def read() -> Result | None:
        found = db.session.get(model, key)
        db.session.expunge_all()
        return found

    return look(app, read)


def test_two_threads_are_merged_into_each_other(
    app: Flask, frieda: Person, robert: Person, thread: int, together: Together
) -> None:
    """The first holds; the second finds that both are one thread already."""
    other = frieda.asks("Dieselbe Frage noch einmal")
    again = other_window(app, robert)
    answers = together(merging(robert, thread, other), merging(again, other, thread))
    assert statuses(*answers) == [303, 422]
    assert len(bodies(app)) == 2


def test_merging_twice_is_once(app: Flask, frieda: Person, robert: Person, thread: int, together: Together) -> None:
    other = frieda.asks("Dieselbe Frage noch einmal")
    again = other_window(app, robert)
    answers = together(merging(robert, other, thread), merging(again, other, thread))
    assert statuses(*answers) == [303, 422]
    assert [number for number, _ in posts(app, thread)] == [1, 2]
    assert told(app, "thread.merged") == 1


def test_a_reply_while_posts_are_split_off(
    app: Flask, aylin: Person, robert: Person, thread: int, answer: int, together: Together
) -> None:
    split, replied = together(
        splitting(app, robert, thread, answer), sending(aylin, f"/threads/{thread}/posts", body="Noch dabei")
    )
    assert (split.status_code, replied.status_code) == (303, 303)
    assert len(bodies(app)) == 3
    assert posts(app, thread)[2] == (3, "Noch dabei")


def test_an_edit_while_the_post_is_split_off(
    app: Flask, jonas: Person, robert: Person, thread: int, answer: int, together: Together
) -> None:
    split, edited = together(
        splitting(app, robert, thread, answer),
        sending(jonas, f"/posts/{answer}/edit", body="Noch schnell geändert", version="1"),
    )
    assert (split.status_code, edited.status_code) == (303, 303)
    kept = one(app, Post, answer)
    assert (kept.body, kept.version) == ("Noch schnell geändert", 2)
    assert kept.thread_id != thread


def test_a_mark_while_the_post_is_split_off(
    app: Flask, frieda: Person, robert: Person, thread: int, answer: int, together: Together
) -> None:
    split, marked = together(splitting(app, robert, thread, answer), sending(frieda, f"/posts/{answer}/thanks", on="1"))
    assert (split.status_code, marked.status_code) == (303, 303)
    kept = look(app, lambda: db.session.execute(select(Mark.thread_id, Post.thread_id).join(Post)).all())
    assert kept[0][0] == kept[0][1] != thread


def test_splitting_twice_is_once(app: Flask, robert: Person, thread: int, answer: int, together: Together) -> None:
    again = other_window(app, robert)
    answers = together(splitting(app, robert, thread, answer), splitting(app, again, thread, answer))
    assert statuses(*answers) == [303, 422]
    assert told(app, "thread.split") == 1


def test_a_post_is_split_off_while_its_thread_is_merged(
    app: Flask, frieda: Person, robert: Person, anke: Person, thread: int, answer: int, together: Together
) -> None:
    other = frieda.asks("Dieselbe Frage noch einmal")
    split, merged = together(splitting(app, robert, thread, answer), merging(anke, thread, other))
    assert (split.status_code, merged.status_code) == (303, 303)
    assert len(bodies(app)) == 3


def test_locking_twice_is_once(app: Flask, robert: Person, anke: Person, thread: int, together: Together) -> None:
    answers = together(*(sending(who, f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt")
                         for who in (robert, anke)))  # fmt: skip
    assert statuses(*answers) == [303, 303]
    assert told(app, "thread.locked") == told(app, "moderation.decided") == 1


# Flags and redaction


def flagging(somebody: Person, post: int) -> Act:
    return sending(somebody, f"/posts/{post}/flag", why="confidential", words="Da steht ein Name.")


def test_flagging_twice_is_once(app: Flask, frieda: Person, answer: int, together: Together) -> None:
    again = other_window(app, frieda)
    assert statuses(*together(flagging(frieda, answer), flagging(again, answer))) == [303, 303]
    assert look(app, lambda: db.session.scalar(select(func.count()).select_from(Flag))) == 1


def test_two_facilitators_decide_and_the_second_hears_of_it(
    app: Flask, frieda: Person, robert: Person, anke: Person, answer: int, together: Together
) -> None:
    flagging(frieda, answer)()
    address = f"/posts/{answer}/flags"
    answers = together(
        sending(robert, address, act="dismiss", seen="1", reason="Kein Name"),
        sending(anke, address, act="lock", seen="1", reason="Alles gesagt"),
    )
    assert statuses(*answers) == [303, 409]
    (late,) = [answer for answer in answers if answer.status_code == 409]
    assert "hat über diese Meldung schon entschieden" in unescape(late.text)
    assert told(app, "flags.answered") == 1


def test_a_flag_while_the_post_is_deleted(frieda: Person, jonas: Person, answer: int, together: Together) -> None:
    flagged, deleted = together(flagging(frieda, answer), sending(jonas, f"/posts/{answer}/delete"))
    assert deleted.status_code == 303
    assert flagged.status_code in (303, 403)


def test_an_edit_while_a_passage_is_taken_out(
    app: Flask, jonas: Person, robert: Person, answer: int, together: Together
) -> None:
    """Whoever comes first: the passage is gone from text and versions, or the author hears of it."""
    redacted, edited = together(
        sending(robert, f"/posts/{answer}/redact", passage="Gesundheitsamt", instead="[entfernt]", reason="Name"),
        sending(jonas, f"/posts/{answer}/edit", body="Wir fragen das Gesundheitsamt.", version="1"),
    )
    assert redacted.status_code == 303
    assert edited.status_code in (303, 409)
    assert "Gesundheitsamt" not in one(app, Post, answer).body


def test_two_threads_change_places(app: Flask, robert: Person, together: Together) -> None:
    """Both change the counts of both areas: neither waits for ever for the other."""
    here = robert.asks("Eins")
    there = robert.asks("Zwei", area="mitteilungen", kind="announcement")
    again = other_window(app, robert)
    answers = together(moving(app, robert, here, "mitteilungen"), moving(app, again, there, "vermuellung"))
    assert statuses(*answers) == [303, 303]
    assert one(app, Thread, here).area_id == area_id(app, "mitteilungen")
    assert one(app, Thread, there).area_id == area_id(app, "vermuellung")


def test_one_thread_is_moved_by_two(app: Flask, robert: Person, anke: Person, thread: int, together: Together) -> None:
    first, second = together(moving(app, robert, thread, "leitungskreis"), moving(app, anke, thread, "mitteilungen"))
    assert first.status_code in (303, 404)
    assert second.status_code in (303, 404)
    assert 303 in (first.status_code, second.status_code)


def test_a_reply_while_the_thread_is_closed(
    app: Flask, jonas: Person, robert: Person, thread: int, together: Together
) -> None:
    locked, replied = together(
        sending(robert, f"/threads/{thread}/moderate", act="lock", reason="Geklärt"),
        sending(jonas, f"/threads/{thread}/posts", body="Noch dabei"),
    )
    assert locked.status_code == 303
    assert replied.status_code in (303, 403)
    assert len(posts(app, thread)) == (2 if replied.status_code == 303 else 1)


def test_closing_and_pinning_do_not_undo_each_other(
    app: Flask, anke: Person, robert: Person, thread: int, together: Together
) -> None:
    address = f"/threads/{thread}/moderate"
    answers = together(
        sending(robert, address, act="lock", reason="Geklärt"), sending(anke, address, act="pin", reason="Wichtig")
    )
    assert statuses(*answers) == [303, 303]
    kept = one(app, Thread, thread)
    assert (kept.locked, kept.pinned) == (True, True)


# Members


def test_a_sign_in_link_works_once(app: Flask, together: Together) -> None:
    address = link(app, "jonas")
    one_browser, other = Person("stranger", app.test_client()), Person("stranger", app.test_client())
    for browser in (one_browser, other):
        browser.reads(address)
    new = {"password": "ganz neues Kennwort", "repeated": "ganz neues Kennwort"}
    answers = together(sending(one_browser, address, **new), sending(other, address, **new))
    assert statuses(*answers) == [303, 422]


def test_a_network_keeps_an_administrator(app: Flask, together: Together) -> None:
    """Two administrators step back at the same moment."""
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "robert").values(role="administrator"))

    def steps_back(uid: str) -> Callable[[], Any]:
        def act() -> str:
            with app.app_context():
                try:
                    with transaction():
                        who = db.session.scalars(select(Member).where(Member.uid == uid)).one()
                        members.change_role(None, who, "member")
                except members.Refused as refusal:
                    return refusal.code
                return ""

        return act

    answers = together(steps_back("robert"), steps_back("anke"))
    assert sorted(map(str, answers)) == ["", "last_administrator"]
    left = select(func.count()).where(Member.role == "administrator")
    assert look(app, lambda: db.session.scalar(left)) == 1


def test_closing_an_area_while_somebody_asks_in_it(app: Flask, jonas: Person, together: Together) -> None:
    def closes() -> Any:
        with app.app_context(), transaction():
            area = area_by_slug("vermuellung")
            assert area is not None
            area.access = "closed"

    form = {"kind": "question", "title": "Gerade noch", "body": "Wie macht ihr das?"}
    _, asked = together(closes, sending(jonas, "/areas/vermuellung/new", **form))
    assert asked.status_code in (303, 404)


def test_a_click_while_somebody_else_clicks_is_never_a_page_of_trouble(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, thread: int
) -> None:
    """Without a fixed order: forms of three members, all at once, many times."""
    devices = [frieda, jonas, aylin, other_window(app, jonas)]
    answers: list[TestResponse] = []

    def click(somebody: Person, number: int) -> None:
        fields = {"kind": "question", "title": f"Frage {number}", "body": "Wie macht ihr das?"}
        for turn in range(4):
            key = f"{somebody.key}-{turn}"
            reply = sending(somebody, f"/threads/{thread}/posts", body=f"Antwort {key}", send_key=key)
            answers.extend((reply(), sending(somebody, "/areas/vermuellung/new", send_key=key, **fields)()))

    clickers = [threading.Thread(target=click, args=(who, number)) for number, who in enumerate(devices)]
    for clicker in clickers:
        clicker.start()
    for clicker in clickers:
        clicker.join()
    assert {answer.status_code for answer in answers} == {303}
    assert len(answers) == 32
    assert len(posts(app, thread)) == 1 + 12
    assert one(app, Area, area_id(app, "vermuellung")).thread_count == 1 + 12


# Drafts


def draft(somebody: Person, thread: int, body: str, key: str, seen: str = "") -> Act:
    """What the script of a form sends after the last key."""
    return sending(somebody, "/drafts", place=f"thread:{thread}", body=body, send_key=key, draft=seen)


def drafts_of(app: Flask) -> list[str]:
    rows = select(Draft).where(Draft.discarded_at.is_(None)).order_by(Draft.id)
    return look(app, lambda: sorted(row.fields["body"] for row in db.session.scalars(rows)))


def test_two_devices_save_the_same_draft_and_both_texts_stay(
    app: Flask, jonas: Person, thread: int, together: Together
) -> None:
    draft(jonas, thread, "Angefangen", "old")()
    seen = look(app, lambda: db.session.scalars(select(Draft)).one().seen)
    phone = other_window(app, jonas)
    answers = together(
        draft(jonas, thread, "Angefangen im Büro", "office", seen),
        draft(phone, thread, "Angefangen, weiter unterwegs", "phone", seen),
    )
    assert statuses(*answers) == [303, 303]
    assert drafts_of(app) == ["Angefangen im Büro", "Angefangen, weiter unterwegs"]


def test_one_form_saves_twice_at_once(app: Flask, jonas: Person, thread: int, together: Together) -> None:
    again = other_window(app, jonas)
    answers = together(draft(jonas, thread, "Erst", "k"), draft(again, thread, "Dann", "k"))
    assert statuses(*answers) == [303, 303]
    assert len(drafts_of(app)) == 1


def test_a_draft_that_is_saved_while_it_is_sent_does_not_outlive_it(
    app: Flask, jonas: Person, thread: int, together: Together
) -> None:
    again = other_window(app, jonas)
    answers = together(
        draft(again, thread, "Fast fert", "k1"),
        sending(jonas, f"/threads/{thread}/posts", body="Fast fertig.", send_key="k1"),
    )
    assert statuses(*answers) == [303, 303]
    assert [body for _, body in posts(app, thread)][1:] == ["Fast fertig."]
    assert drafts_of(app) == []


def test_a_draft_is_saved_while_its_thread_is_merged(
    app: Flask, frieda: Person, robert: Person, jonas: Person, thread: int, together: Together
) -> None:
    other = frieda.asks("Dieselbe Frage noch einmal")
    answers = together(merging(robert, other, thread), draft(jonas, other, "Fast fertig", "k1"))
    assert statuses(*answers) == [303, 303]
    assert look(app, lambda: db.session.scalars(select(Draft)).one().place) == f"thread:{thread}"


def test_an_edit_that_is_saved_as_draft_while_it_is_sent(
    app: Flask, jonas: Person, answer: int, together: Together
) -> None:
    again = other_window(app, jonas)
    form = {"place": f"post:{answer}", "body": "Wir fragen zuerst i", "send_key": "k1", "version": "1"}
    answers = together(
        sending(again, "/drafts", **form),
        sending(jonas, f"/posts/{answer}/edit", body="Wir fragen zuerst ihn.", send_key="k1", version="1"),
    )
    assert statuses(*answers) == [303, 303]
    assert one(app, Post, answer).body == "Wir fragen zuerst ihn."
    assert drafts_of(app) == []


@pytest.mark.parametrize("version", ["0", "1"])
def test_two_facilitators_write_one_template(robert: Person, anke: Person, together: Together, version: str) -> None:
    address = "/moderation/templates/vermuellung/question"
    if version == "1":
        sending(robert, address, text="**Lage**", version="0")()
    answers = together(
        sending(robert, address, text="**Von Robert**", version=version),
        sending(anke, address, text="**Von Anke**", version=version),
    )
    assert statuses(*answers) == [303, 409]
    (refused,) = [answer for answer in answers if answer.status_code == 409]
    assert "**Von Robert**" in unescape(refused.text)
    assert "**Von Anke**" in unescape(refused.text)


def test_two_files_come_at_the_end_of_a_members_day(app: Flask, jonas: Person, together: Together) -> None:
    settings: Settings = app.extensions["forum.settings"]
    app.extensions["forum.settings"] = settings.model_copy(update={"files_megabytes_a_day": 1})
    phone = other_window(app, jonas)
    jonas.sends("/uploads", files=[(io.BytesIO(b"a"), "a.txt")])  # each counts for half a megabyte
    acts = (
        sending(who, "/uploads", files=[(io.BytesIO(name), "b.txt")]) for who, name in ((jonas, b"b"), (phone, b"c"))
    )
    assert statuses(*together(*acts)) == [200, 422]
