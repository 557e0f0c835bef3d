"""The index hears of every change, and says the same as the database afterwards."""

import os
import random
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from forum.areas.queries import readable_areas
from forum.checks import examine
from forum.config import Settings
from forum.db import db, transaction
from forum.errors import Problem
from forum.members.models import Viewer
from forum.members.queries import viewer_by_email
from forum.moderation import actions as moderation
from forum.outbox import Event, run_due
from forum.practices import actions as practices
from forum.search import handlers
from forum.search.compounds import Lexicon
from forum.search.documents import all_documents
from forum.search.engine import Document, Engine
from forum.search.german import German
from forum.search.postgres_engine import PostgresEngine
from forum.search.postings import ROW, batch_of
from forum.search.queries import Wish, search
from forum.search.segments import View
from forum.search.whoosh_engine import WhooshEngine
from forum.threads import actions
from forum.threads.models import Post, Thread
from forum.threads.queries import Opened, open_post, open_thread
from tests.cast import PEOPLE, Person, area_id, post_id

SEED = int(os.environ.get("FORUM_SEED", "7"))
OPERATIONS = 400
QUESTION = "Mieter öffnet nicht mehr – wie den ersten Kontakt finden?"


def found(somebody: Person, words: str, **wishes: str) -> bool:
    """Whether somebody finds a post by these words, all of them."""
    with somebody.client.application.app_context():
        viewer = viewer_by_email(f"{somebody.key}@weserufer.example")
        assert viewer is not None
        results = search(viewer, Wish(words, **wishes))
    assert not results.found.degraded
    return bool(results.posts) and not results.found.loosened


@pytest.fixture
def thread(frieda: Person) -> int:
    return frieda.asks(QUESTION, "Zwei Briefe blieben ohne Antwort.")


@pytest.fixture
def answer(jonas: Person, thread: int) -> int:
    return jonas.replies(thread, "Eine handschriftliche Karte an der Tür.")


Work = Callable[[], int]


def test_a_post_is_found_after_its_job_and_not_before(aylin: Person, thread: int, answer: int, work: Work) -> None:
    assert not found(aylin, "handschriftliche Karten")
    assert work()
    assert found(aylin, "handschriftliche Karten")
    assert found(aylin, "Briefe ohne Antwort")
    assert thread
    assert answer


def test_an_edit_is_found_by_its_new_words_alone(jonas: Person, answer: int, work: Work) -> None:
    work()
    jonas.sends(f"/posts/{answer}/edit", body="Ein Anruf beim Gesundheitsamt.", version="1")
    work()
    assert found(jonas, "Gesundheitsamt")
    assert not found(jonas, "handschriftliche Karte")


def test_what_is_deleted_is_not_found_until_it_is_restored(app: Flask, jonas: Person, answer: int, work: Work) -> None:
    work()
    jonas.sends(f"/posts/{answer}/delete")
    assert not found(jonas, "handschriftliche Karte")  # at once: the database has the last word
    work()
    assert answer not in indexed(app)
    jonas.sends(f"/posts/{answer}/restore")
    work()
    assert found(jonas, "handschriftliche Karte")


def test_what_moves_into_a_closed_area_is_found_there_alone(
    app: Flask, jonas: Person, bernd: Person, robert: Person, thread: int, answer: int, work: Work
) -> None:
    work()
    closed = area_id(app, "leitungskreis")
    robert.sends(f"/threads/{thread}/moderate", act="move", area=str(closed), reason="Vertraulich")
    for _ in range(2):  # before the index has heard of it, and after
        assert not found(jonas, "handschriftliche Karte")
        assert not found(jonas, "Briefe")
        work()
    assert found(bernd, "handschriftliche Karte")
    assert {indexed(app)[key][AREA] for key in (answer, post_id(app, thread, 1))} == {closed}
    robert.sends(
        f"/threads/{thread}/moderate", act="move", area=str(area_id(app, "vermuellung")), reason="Doch für alle"
    )
    work()
    assert found(jonas, "handschriftliche Karte")


def test_a_new_title_is_found_with_every_post_of_the_thread(
    frieda: Person, thread: int, answer: int, work: Work
) -> None:
    work()
    opening = post_id(frieda.client.application, thread, 1)
    frieda.sends(f"/posts/{opening}/edit", body="Zwei Briefe.", version="1", title="Balkonbrüstung bröckelt")
    work()
    assert found(frieda, "Balkonbrüstung handschriftliche")
    assert not found(frieda, "öffnet handschriftliche Kontakt")
    assert answer


def test_states_follow_the_marks(frieda: Person, robert: Person, answer: int, work: Work) -> None:
    work()
    assert not found(frieda, "handschriftliche Karte", state="recommended")
    frieda.recommends(answer)
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    work()
    assert found(frieda, "handschriftliche Karte", state="recommended")
    assert found(frieda, "handschriftliche Karte", state="helpful")
    robert.sends(f"/posts/{answer}/withdraw", withdrawn_reason="Überholt")
    frieda.sends(f"/posts/{answer}/helpful", on="0")
    work()
    assert not found(frieda, "handschriftliche Karte", state="recommended")
    assert not found(frieda, "handschriftliche Karte", state="helpful")


def test_a_question_is_unanswered_until_a_reply_stands(jonas: Person, thread: int, work: Work) -> None:
    work()
    assert found(jonas, "Briefe", state="unanswered")
    reply = jonas.replies(thread, "Eine Karte.")
    work()
    assert not found(jonas, "Briefe", state="unanswered")
    jonas.sends(f"/posts/{reply}/delete")
    work()
    assert found(jonas, "Briefe", state="unanswered")


def test_a_job_that_runs_again_puts_what_is_there_now(app: Flask, jonas: Person, answer: int, work: Work) -> None:
    """After a crash a job runs again, perhaps when the post has long been changed; so it holds no text of its own."""
    with app.app_context():
        events = list(db.session.scalars(select(Event).where(Event.name == "post.created")))
        db.session.expunge_all()
    jonas.sends(f"/posts/{answer}/edit", body="Ein Anruf beim Gesundheitsamt.", version="1")
    with app.app_context():
        handlers.index_posts(events)
        handlers.index_posts(events)
    assert found(jonas, "Gesundheitsamt")
    jonas.sends(f"/posts/{answer}/delete")
    work()
    with app.app_context():
        handlers.index_posts(events)
    assert answer not in indexed(app)


def test_a_reply_during_a_rebuild_is_found_at_once_and_afterwards(
    app: Flask, jonas: Person, answer: int, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()

    def documents_while_jonas_edits() -> Iterator[Document]:
        yield from list(all_documents())
        jonas.sends(f"/posts/{answer}/edit", body="Ein Anruf beim Gesundheitsamt.", version="1")
        work()
        assert found(jonas, "Gesundheitsamt")

    monkeypatch.setattr(handlers, "all_documents", documents_while_jonas_edits)
    with app.app_context():
        handlers.rebuild()
    work()
    assert found(jonas, "Gesundheitsamt")
    assert not found(jonas, "handschriftliche Karte")
    assert indexed(app) == standing(app)


# Drift


Row = tuple[int, ...]
AREA = [*ROW.names].index("area")


def indexed(app: Flask) -> dict[int, Row]:
    """What the index holds, read anew by an engine of its own."""
    with app.app_context():
        view = fresh_view(app.extensions["forum.search"])
        return {row[0]: row for row in view.rows[view.alive].tolist()}


def fresh_view(engine: Engine) -> View:
    if isinstance(engine, PostgresEngine):
        return PostgresEngine(engine._database)._asked(lambda view: view)
    assert isinstance(engine, WhooshEngine)
    fresh = WhooshEngine(engine._generations.folder)
    try:
        return fresh._current_view()
    finally:
        fresh._forget()


def standing(app: Flask) -> dict[int, Row]:
    """What it should hold."""
    with app.app_context():
        rows = batch_of(German(Lexicon.shipped()), all_documents()).rows
        return {row[0]: row for row in rows.tolist()}


class Network:
    """Random members doing random things, right or wrong."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.people: list[Viewer] = [
            found for key in PEOPLE if (found := viewer_by_email(f"{key}@weserufer.example")) is not None
        ]
        self.acts: list[Callable[[Viewer], object]] = [
            self.starts, *[self.replies] * 3, self.edits, self.edits, self.retitles, self.deletes, self.deletes,
            self.restores, self.moves, self.recommends, self.recommends, self.withdraws, self.helped,
        ]  # fmt: skip

    def does_something(self) -> bool:
        """One transaction; whether it was allowed."""
        actor, act = self.luck.choice(self.people), self.luck.choice(self.acts)
        try:
            with transaction():
                act(actor)
        except (Problem, LookupError):
            return False
        return True

    def words(self) -> str:
        return " ".join(self.luck.choices(["Karte", "Brief", "Räumung", "Geduld", "Jobcenter", "Schimmel"], k=6))

    def thread(self, actor: Viewer) -> Opened:
        chosen = self.luck.choice(db.session.scalars(select(Thread.id).order_by(Thread.id)).all())
        opened = open_thread(actor, chosen)
        if opened is None:
            raise LookupError
        return opened

    def post(self, actor: Viewer) -> tuple[Opened, Post]:
        chosen = self.luck.choice(db.session.scalars(select(Post.id).order_by(Post.id)).all())
        opened = open_post(actor, chosen)
        if opened is None:
            raise LookupError
        return opened

    def starts(self, actor: Viewer) -> None:
        area = self.luck.choice(readable_areas(actor))
        kind = self.luck.choice(["question", "strategy"])
        actions.start_thread(actor, _Area(area.id, area.access), kind, self.words(), self.words())

    def replies(self, actor: Viewer) -> None:
        actions.reply(actor, self.thread(actor), self.words())

    def edits(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        if actor.id == post.author_id:
            actions.edit(actor, opened, post, self.words(), post.version)
        else:
            moderation.edit_post(actor, opened, post, self.words(), post.version, "Grund")

    def retitles(self, actor: Viewer) -> None:
        actions.retitle(actor, self.thread(actor), self.words())

    def deletes(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        actions.delete_post(actor, opened, post)

    def restores(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        actions.restore_post(actor, opened, post, undo_hours=24)

    def moves(self, actor: Viewer) -> None:
        moderation.move(actor, self.thread(actor), self.luck.choice(readable_areas(actor)).id, "Grund")

    def recommends(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        practices.recommend(actor, opened, post, "erster Kontakt", "Grund")

    def withdraws(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        practices.withdraw(actor, opened, post, "Grund")

    def helped(self, actor: Viewer) -> None:
        opened, post = self.post(actor)
        practices.say_helpful(actor, opened, post, helped=self.luck.random() < 0.7)


class _Area:
    """An area as the page hands it over."""

    def __init__(self, number: int, access: str) -> None:
        self.id, self.access, self.facilitates = number, access, False


def test_the_index_does_not_drift(app: Flask, settings: Settings, frieda: Person) -> None:
    """Whatever members do, in whatever order, however much the worker takes at once (R10)."""
    luck = random.Random(SEED)
    frieda.asks(QUESTION)
    done = 0
    with app.app_context():
        network = Network(luck)
        for _ in range(OPERATIONS):
            done += network.does_something()
            if luck.random() < 0.2:
                run_due()
        while run_due():
            pass
        db.session.rollback()
    assert done > OPERATIONS / 3
    assert indexed(app) == standing(app), f"FORUM_SEED={SEED}"
    assert len(standing(app)) > 40
    with app.app_context():
        assert examine(settings).problems == []
        assert not handlers.mend_drift()
