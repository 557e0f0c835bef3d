"""What a page costs is bounded whatever the data: statements, rows, and the database's own steps."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select, text, update

from forum.db import db, transaction
from forum.members.models import Member
from forum.practices.models import Mark
from forum.text import render
from forum.threads import queries
from forum.threads.actions import facts
from forum.threads.models import Attachment, Post, Thread
from tests.cast import Person, area_id

START = datetime(2020, 1, 1, tzinfo=UTC)
PAGE_BYTES, COLD_REQUESTS = 40_000, 5
AtMost = Callable[[int], Any]


@pytest.fixture
def at_most(statements: list[str]) -> AtMost:
    """What happens within sends at most so many statements to the database."""

    @contextmanager
    def within(count: int) -> Iterator[None]:
        statements.clear()
        yield
        assert len(statements) <= count, "\n".join(statements)

    return within


@dataclass
class Cost:
    """What a page asked of the database."""

    statements: int
    rows: int
    steps: int


def cost(app: Flask, reader: Person, address: str) -> Cost:
    """Read a page, then run its statements again and count their rows and the instructions SQLite needs for them."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        sent.append((statement, values))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        assert reader.reads(address).status_code == 200
        event.remove(db.engine, "before_cursor_execute", note)
        database = db.session.connection().connection.dbapi_connection
        steps: list[None] = []
        database.set_progress_handler(lambda: steps.append(None), 1)
        rows = sum(len(database.execute(statement, values).fetchall()) for statement, values in sent)
        database.set_progress_handler(None, 0)
    assert steps
    return Cost(len(sent), rows, len(steps))


def threads(area: int, author: int, first: int, last: int) -> None:
    """Many threads at once, the newest with the highest number, without their posts: a list reads none."""
    db.session.execute(
        insert(Thread),
        [
            {
                "uid": f"many-{n}", "area_id": area, "kind": "question", "title": f"Frage {n}", "slug": f"frage-{n}",
                "author_id": author, "last_author_id": author, "created_at": START,
                "last_post_at": START + timedelta(seconds=n), "last_number": 2, "reply_count": n % 3,
            }
            for n in range(first, last)
        ],
    )  # fmt: skip


def posts(thread: int, authors: list[int], first: int, last: int, body: str = "Kurz.") -> None:
    """Many posts at once, with what a list shows of their thread."""
    html = render(body, {})
    db.session.execute(
        insert(Post),
        [
            {
                "uid": f"{thread}-{n}", "thread_id": thread, "number": n, "author_id": authors[n % len(authors)],
                "created_at": START + timedelta(seconds=n), "body": body, "html": html,
            }
            for n in range(first, last)
        ],
    )  # fmt: skip
    kept = {"last_number": last - 1, "reply_count": last - 2, "last_post_at": START + timedelta(seconds=last)}
    db.session.execute(update(Thread).where(Thread.id == thread).values(kept))


def thanks(thread: int, by: int, first: int, last: int) -> None:
    """Each of these posts is thanked for, and has a file."""
    ids = db.session.scalars(select(Post.id).where(Post.thread_id == thread, Post.number.between(first, last - 1)))
    marks = [
        {
            "post_id": post, "thread_id": thread, "member_id": by, "kind": "thanks", "decides": False,
            "created_at": START,
        }
        for post in ids
    ]  # fmt: skip
    db.session.execute(insert(Mark), marks)
    files = [
        {"post_id": mark["post_id"], "name": "a.pdf", "media_type": "application/pdf", "size": 1, "digest": "0"}
        for mark in marks
    ]
    db.session.execute(insert(Attachment), files)


def away_since(year: int) -> None:
    """Everybody was here last in this year."""
    db.session.execute(update(Member).values(caught_up_at=datetime(year, 1, 1, tzinfo=UTC)))


def only_sqlite(app: Flask) -> None:
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("steps are counted by SQLite; on PostgreSQL its own planner decides")


def test_a_page_of_a_thread_of_10_000_posts_costs_as_much_as_one_of_60(
    app: Flask, frieda: Person, jonas: Person
) -> None:
    only_sqlite(app)
    thread = frieda.asks("Lang")
    authors = [frieda.id, jonas.id]
    pages = [f"/threads/{thread}?page={page}" for page in ("last", "1", "2")]

    def costs() -> list[Cost]:
        for page in pages:
            frieda.reads(page)  # what is unread is noted now
        return [cost(app, frieda, page) for page in pages]

    with app.app_context(), transaction():
        posts(thread, authors, 2, 61)
        thanks(thread, frieda.id, 2, 61)
    few = costs()
    with app.app_context(), transaction():
        posts(thread, authors, 61, 10_001)
        thanks(thread, frieda.id, 61, 10_001)
    many = costs()
    assert many == few


def test_an_area_of_100_000_threads_costs_as_much_as_one_of_300(app: Flask, frieda: Person) -> None:
    only_sqlite(app)
    area, author = area_id(app, "vermuellung"), frieda.id
    here = "/areas/vermuellung"
    pages = ["/", here, "/practices", f"{here}?before=0-1577836900000000-50", "/unread", "/unread?area=vermuellung"]
    pages += ["/unread?before=1577836900000000-50", *(f"{here}?{more}" for more in ("sort=newest", "sort=thanked"))]
    pages += [f"{here}?state=unread", f"{here}?kind=question&state=unanswered&sort=thanked"]

    def costs() -> list[Cost]:
        return [cost(app, frieda, page) for page in pages]

    with app.app_context(), transaction():
        away_since(2019)
        threads(area, author, 1, 300)
    few = costs()
    for first in range(300, 100_000, 20_001):  # ends as it began: as many of the newest wait for an answer
        with app.app_context(), transaction():
            threads(area, author, first, first + 20_001)
    many = costs()
    assert many == few


def test_each_page_takes_at_most_eight_statements(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, at_most: AtMost
) -> None:
    thread = frieda.asks("Mit allem", "Was half?")
    answer = jonas.replies(thread, "Eine Karte an der Tür.")
    pending = jonas.replies(thread, "Und ein Anruf.")
    frieda.recommends(answer)
    aylin.recommends(pending)
    frieda.sends(f"/posts/{answer}/thanks")
    frieda.sends(f"/posts/{answer}/helpful")
    with app.app_context(), transaction():
        thanks(thread, aylin.id, 1, 4)
    address = f"/threads/{thread}"
    frieda.reads(address)
    here = "/areas/vermuellung"
    lists = ["/", here, f"{here}?kind=question&state=unread&tag=x&sort=thanked", "/unread", "/unread?area=vermuellung"]
    for page in (*lists, address, f"{address}?page=last", "/settings/reading", "/settings/keys"):
        with at_most(8):
            assert frieda.reads(page).status_code == 200


def test_a_page_of_20_posts_is_small_and_loads_in_five_requests(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Zwanzig")
    sentence = "Wir haben zuerst mit der Nachbarschaft gesprochen und danach **gemeinsam** einen Termin vereinbart. "
    body = "\n\n".join([sentence * 3, sentence * 3, "> " + sentence, sentence * 2])
    assert len(body.split()) >= 110
    with app.app_context(), transaction():
        posts(thread, [frieda.id, jonas.id], 2, 21, body)
    page = frieda.reads(f"/threads/{thread}")
    assert page.text.count("<article") == 20
    assert len(page.data) <= PAGE_BYTES
    assert 1 + len(loaded(frieda, page.text)) <= COLD_REQUESTS


def loaded(reader: Person, html: str) -> set[str]:
    """The addresses that a browser fetches for a page, and for its style sheets."""
    found = set(re.findall(r'(?:src|<link rel="stylesheet" href)="(/[^"]+)"', html))
    sheets = [reader.reads(address).text for address in found if address.endswith(".css")]
    return found.union(*(re.findall(r"url\((/[^)]+)\)", sheet) for sheet in sheets))


def test_what_a_list_shows_is_counted_without_reading_the_posts(app: Flask) -> None:
    """A reply counts its thread anew: in a long thread that is quick only while one index holds all that is counted."""
    only_sqlite(app)
    with app.app_context():
        counting = (
            select(*facts().values()).where(Thread.id == 1).compile(db.engine, compile_kwargs={"literal_binds": True})
        )
        plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {counting}")).all()
    of_posts = [step.detail for step in plan if step.detail.startswith("SEARCH post")]
    newest = [detail for detail in of_posts if "ix_post_facts" not in detail]
    assert len(of_posts) == 8, of_posts
    assert len(newest) == 2, newest  # they stop at the first post from the end
    assert not [step.detail for step in plan if "ORDER BY" in step.detail]


def test_what_was_recommended_of_a_house_is_found_without_reading_all_its_posts(app: Flask) -> None:
    with app.app_context():
        asked = queries._RECOMMENDED_OF.params(viewer_id=1, organisation_id=1)
        statement = asked.compile(db.engine, compile_kwargs={"literal_binds": True})
        on_sqlite = db.engine.dialect.name == "sqlite"
        if not on_sqlite:
            db.session.execute(text("SET LOCAL enable_seqscan TO off"))
        plan = db.session.execute(text(f"EXPLAIN {'QUERY PLAN ' * on_sqlite}{statement}")).all()
    assert "ix_post_recommended" in str(plan)
