"""Who looks at a text before sending it keeps nobody from writing, and changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import Connection, Table, event, func, select

from forum.db import Base, db
from tests.cast import Person, post_id

TEXT = "Das ist **wichtig**."


@contextmanager
def transactions(app: Flask) -> Iterator[list[bool]]:
    """Of each transaction that begins, whether it means to write."""
    begun: list[bool] = []

    def note(connection: Connection) -> None:
        begun.append(bool(connection.get_execution_options().get("forum_writes")))

    with app.app_context():
        event.listen(db.engine, "begin", note)
        yield begun
        event.remove(db.engine, "begin", note)


def rows(app: Flask) -> dict[Table, int]:
    with app.app_context():
        tables = Base.metadata.sorted_tables
        return {table: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.fixture
def thread(jonas: Person) -> int:
    """A thread that Jonas has started and read."""
    number = jonas.asks("Vorschau", "Mietschulden wachsen.")
    jonas.reads(f"/threads/{number}")
    return number


@pytest.mark.parametrize("form", ["new thread", "reply", "edit", "beside"])
def test_a_preview_takes_no_writers_turn(app: Flask, jonas: Person, thread: int, form: str) -> None:
    address, fields = {
        "new thread": ("/areas/vermuellung/new", {"kind": "question", "title": "Mietschulden", "preview": "1"}),
        "reply": (f"/threads/{thread}/posts", {"preview": "1"}),
        "edit": (f"/posts/{post_id(app, thread, 1)}/edit", {"version": "1", "preview": "1"}),
        "beside": ("/preview", {}),
    }[form]
    before = rows(app)
    with transactions(app) as begun:
        page = jonas.sends(address, body=TEXT, **fields)
    assert "<strong>wichtig</strong>" in page.text
    assert begun
    assert not any(begun)
    assert rows(app) == before


def test_the_same_form_without_it_does(app: Flask, jonas: Person, thread: int) -> None:
    with transactions(app) as begun:
        jonas.sends(f"/threads/{thread}/posts", body=TEXT, preview="", follow=False)
    assert any(begun)
    assert jonas.page is not None
    assert jonas.page.status_code == 303
