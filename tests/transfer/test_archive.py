"""Posts that were written elsewhere take their place among those that were written here."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import select

from forum.config import Settings
from forum.db import db, transaction
from forum.outbox import Event
from forum.threads.models import Mention, Post, Thread
from forum.transfer.archive import OldPost, batches, ready, refresh, write_posts
from tests.cast import Person
from tests.transfer.instances import drift

AT = datetime(2020, 5, 4, 9, 0, tzinfo=UTC)


def write(app: Flask, thread: int, author: Person, *bodies: str, uid: str = "alt") -> None:
    """Write old posts of one author; each answers the one before it."""
    author_id = author.id
    with app.app_context():
        words = ready(bodies)
        posts = [
            OldPost(f"{uid}{n}", thread, author_id, said, AT, f"{uid}{n - 1}" if n else None)
            for n, said in enumerate(words)
        ]
        with transaction():
            write_posts(posts)
            refresh([thread])


def test_old_posts_are_numbered_after_those_that_stand(
    app: Flask, settings: Settings, frieda: Person, jonas: Person
) -> None:
    thread = frieda.asks("Schlüssel verloren", "Wer kennt das?")
    write(app, thread, jonas, "Wir.", "Und wir.")
    jonas.replies(thread, "Heute auch.")
    write(app, thread, jonas, "Noch einer.", uid="neu")

    with app.app_context():
        rows = db.session.execute(select(Post.number, Post.body, Post.reply_to_id).order_by(Post.number)).all()
        ids = dict(db.session.execute(select(Post.body, Post.id)).all())
    assert [row[:2] for row in rows] == [
        (1, "Wer kennt das?"), (2, "Wir."), (3, "Und wir."), (4, "Heute auch."), (5, "Noch einer."),
    ]  # fmt: skip
    assert rows[2].reply_to_id == ids["Wir."]
    assert drift(app, settings) == []
    frieda.reads(f"/threads/{thread}")
    assert frieda.sees("Noch einer.")


def test_who_is_mentioned_is_known_and_code_calls_nobody(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Schlüssel verloren")
    write(app, thread, jonas, "Frag @frieda-moor!", "`@jonas-brandt` und @niemand, x@frieda-moor.example")

    with app.app_context():
        assert db.session.scalars(select(Mention.member_id)).all() == [frieda.id]


def test_an_import_reaches_the_index_and_nobodys_mailbox(
    app: Flask, frieda: Person, jonas: Person, work: Callable[[], int]
) -> None:
    thread = frieda.asks("Schlüssel verloren")
    work()
    write(app, thread, jonas, "Der Zweitschlüssel liegt im Tresor.", "Und einer beim Pförtner.")

    with app.app_context():
        told = db.session.scalars(select(Event.name).order_by(Event.id.desc()).limit(1)).one()
    assert told == "posts.imported"
    work()
    frieda.reads("/search?q=Pf%C3%B6rtner")
    assert frieda.sees("1 Beitrag gefunden")


def test_nothing_written_is_nothing_told(app: Flask) -> None:
    with app.app_context(), transaction():
        before = db.session.scalars(select(Event.id)).all()
        assert write_posts([]) == {}
        assert db.session.scalars(select(Event.id)).all() == before
        assert db.session.scalars(select(Thread.id)).all() == []


def test_batches_hold_everything_once() -> None:
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []
