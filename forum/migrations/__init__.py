"""The schema, step by step: numbered, tested equal to the models on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from forum import failpoints
from forum.db import db, on_postgres


def upgrade(step: str = "head") -> None:
    """Bring the database to the newest step, or to an earlier one; safe to repeat, and to be interrupted."""
    with db.engine.connect() as connection, _without_references(connection), connection.begin():
        command.upgrade(_config(connection), step)
        failpoints.reach("migrations.committing")
    failpoints.reach("migrations.committed")


@contextmanager
def _without_references(connection: Connection) -> Iterator[None]:
    """Let tables be replaced that others refer to: that is how SQLite changes a condition, and it forbids it else."""
    if on_postgres():
        yield
        return
    execute: Any = getattr(connection.connection.dbapi_connection, "execute")  # noqa: B009 - the protocol has none
    execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        execute("PRAGMA foreign_keys=ON")


def is_current() -> bool:
    """Whether the database stands at the newest step."""
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return present == ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
