"""The steps of the schema end where the models are, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import MetaData, insert, select, text

from forum import migrations
from forum.config import Settings
from forum.db import Base, db, transaction
from forum.threads.models import Post, Thread

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_steps_equal_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_upgrade_changes_nothing(app: Flask) -> None:
    with app.app_context():
        assert migrations.is_current()
        migrations.upgrade()
        assert migrations.is_current()


def test_steps_are_numbered() -> None:
    steps = sorted(path.name[:4] for path in (Path(migrations.__file__).parent / "versions").glob("*.py"))
    assert steps == [f"{number:04}" for number in range(1, len(steps) + 1)]


def test_what_was_there_before_is_there_after(app: Flask, settings: Settings) -> None:
    """A network of the first mails: its tags, thanks and posts, of which an import put an older one last."""
    with app.app_context():
        empty(settings)
        migrations.upgrade("0006")
        fill()
        migrations.upgrade()
        thread = db.session.scalars(select(Thread)).one()
        assert [tag.name for tag in thread.tagged] == ["Räumung", "erster Kontakt"]
        assert [tag.slug for tag in thread.tagged] == ["raeumung", "erster-kontakt"]
        assert (thread.thanks_count, thread.last_author_id, thread.last_post_at) == (3, 1, NOON + timedelta(hours=2))
        assert (thread.held, thread.hidden, thread.protected) == (False, False, False)
        assert db.session.scalars(select(Post.body).order_by(Post.number)).all() == ["Frage", "Antwort", "Früher"]
        assert db.session.execute(text("SELECT theme, keys FROM member")).one() == ("", True)


def empty(settings: Settings) -> None:
    """As before `forum init`."""
    if settings.on_sqlite:
        db.engine.dispose()
        for file in settings.instance.glob("forum.db*"):
            file.unlink()
    else:
        with db.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))


def fill() -> None:
    """A member, an area, and a thread of three posts, in the tables as they were."""
    tables = MetaData()
    tables.reflect(db.engine)
    at = dict.fromkeys(("created_at", "joined_at", "caught_up_at", "last_post_at"), NOON)
    facts = {"tags": ["Räumung", "erster Kontakt"], "last_author_id": 1, "last_number": 3, "kind": "question"}
    posts = [("Frage", 0, 1), ("Antwort", 2, 2), ("Früher", 1, 0)]
    rows: dict[str, list[dict[str, Any]]] = {
        "member": [
            {"id": 1, "uid": "frieda", "name": "Frieda", "handle": "frieda", "role": "member", "state": "active"}
        ],
        "area": [{"id": 1, "slug": "a", "title": "A", "description": "", "access": "open", "position": 1}],
        "thread": [{"id": 1, "uid": "t", "area_id": 1, "title": "T", "slug": "t", "author_id": 1, **facts}],
        "post": [
            {"id": n, "uid": f"p{n}", "thread_id": 1, "number": n, "author_id": 1, "body": body, "html": ""}
            | {"created_at": NOON + timedelta(hours=hours), "thanks_count": thanks}
            for n, (body, hours, thanks) in enumerate(posts, 1)
        ],
    }
    with transaction():
        for name, of_table in rows.items():
            for row in of_table:
                db.session.execute(insert(tables.tables[name]).values(filled(tables.tables[name], at | row)))


def filled(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    """The row with what the table has, and something in each column that must not be empty."""
    known = {column.name: column for column in table.columns}
    nothing = {
        name: column.type.python_type() for name, column in known.items() if not column.nullable and name not in row
    }
    return nothing | {name: value for name, value in row.items() if name in known}
