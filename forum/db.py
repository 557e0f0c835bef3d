"""The database: base of all tables, and the one place that commits.

On SQLite a transaction that will write says so when it begins (`BEGIN IMMEDIATE`): with the default,
two readers that both want to write shut each other out, and one of them fails at once.
"""

import importlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    DateTime,
    Delete,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Row,
    Select,
    TypeDecorator,
    Update,
    event,
    literal_column,
    select,
    text,
    union,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase

from forum import failpoints
from forum.config import Settings

# 3.7.0 to 3.51.2 can corrupt a WAL database that two processes write or checkpoint at once ("WAL-reset bug").
SAFE_SQLITE = (3, 51, 3)
# Marks the columns that hold the SHA-256 of a stored file: as long as a row names it, the file is kept.
STORED_FILE = {"stored_file": True}
# Of rows that are removed, while mails, drafts and keys go on naming their numbers: none may come to mean another.
NEVER_TWICE = {"sqlite_autoincrement": True}
_WRITES = "forum_writes"
_LIGHTLY = "forum_lightly"


class Base(DeclarativeBase):
    """Every table, with names for its constraints so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UTCDateTime(TypeDecorator[datetime]):
    """A moment: aware UTC in Python, also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a naive time is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a time without zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give back what was stored, as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# What a read for a page gives back: columns by name, whatever they are; and the statement for it.
AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]

db = SQLAlchemy(model_class=Base)


def stored_files(digests: Collection[str]) -> set[str]:
    """Those of these files that some row of some table names."""
    columns = [column for table in Base.metadata.tables.values() for column in table.c if "stored_file" in column.info]
    return set(db.session.scalars(union(*(select(column).where(column.in_(digests)) for column in columns))))


def at_most(count: int) -> ColumnElement[int]:
    """A limit that stands in the statement: for one that is bound, SQLite plans the statement anew at each call."""
    return literal_column(str(count), Integer)


def read(statement: AnySelect, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Read columns for a page, in the session's transaction but past its bookkeeping: that costs as much as the query.

    What the session has not sent yet is sent before, so that a read sees what was written.
    """
    db.session.flush()
    return db.session.connection().execute(statement, values)


def changed(statement: Update | Delete) -> int:
    """Have rows changed or deleted; how many there were."""
    return int(getattr(db.session.execute(statement), "rowcount", 0))


def sqlite_module() -> ModuleType:
    """The newest SQLite there is: Python's own where it is safe, else the one that came with us."""
    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return sqlite3
    newer: ModuleType = importlib.import_module("pysqlite3")  # not needed where the system's is safe
    return newer


def sqlite_version() -> tuple[int, ...]:
    """The version that is in use; `forum check` judges it."""
    version: str = sqlite_module().sqlite_version
    return tuple(int(part) for part in version.split("."))


def connect(app: Flask, settings: Settings) -> None:
    """Tie the app to its database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(settings)
    db.init_app(app)
    with app.app_context():
        if settings.on_sqlite:
            _prepare_sqlite(db.engine, settings)


def _engine_options(settings: Settings) -> dict[str, Any]:
    # A failing statement is logged; what members wrote, its values, is not.
    # A page that searches in PostgreSQL takes a second connection: there is one for each, so none waits for another's.
    room = {"pool_size": settings.web_threads + 2, "max_overflow": settings.web_threads + 8, "hide_parameters": True}
    if settings.on_sqlite:
        return {**room, "module": sqlite_module(), "connect_args": {"timeout": 20, "isolation_level": None}}
    return {**room, "pool_pre_ping": True}


def _prepare_sqlite(engine: Engine, settings: Settings) -> None:
    """Set what each connection needs, and begin transactions ourselves instead of the driver."""

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"cache_size=-{settings.sqlite_cache_megabytes * 1024}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        execute = connection.connection.dbapi_connection.execute
        lightly = options.get(_LIGHTLY, False)
        if connection.info.get(_LIGHTLY, False) != lightly:
            execute(f"PRAGMA synchronous={'NORMAL' if lightly else 'FULL'}")
            connection.info[_LIGHTLY] = lightly
        execute("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")


@contextmanager
def transaction(lightly: bool = False) -> Iterator[None]:
    """Do all of it or nothing. Only doors open one; this is the only commit there is.

    Lightly: it survives the end of the process, but the disk is not waited for. That is for what a power cut may
    take back, as that a mail was sent: then it is sent once more.
    """
    session = db.session
    session.rollback()  # a read that came before must not become a write that fails
    session.connection(execution_options={_WRITES: True, _LIGHTLY: lightly})
    if lightly and on_postgres():
        session.execute(text("SET LOCAL synchronous_commit TO off"))
    try:
        yield
        failpoints.reach("db.committing")
        session.commit()
        failpoints.reach("db.committed")
    except BaseException:
        session.rollback()
        raise


def writing() -> bool:
    """Whether the present transaction is one that changes something, so that rows read in it are worth locking."""
    return bool(db.session.connection().get_execution_options().get(_WRITES))


def lock(rows: Select[Any]) -> None:
    """Wait until nobody else is changing these rows, and keep others waiting; on SQLite nobody else writes anyway.

    A statement of its own, because what is read after it then is as the other left it. `FOR UPDATE` on
    the read itself re-reads the locked row alone: not what it is joined with, nor what is counted beside it.
    """
    if writing() and on_postgres():
        # Only as far as an update needs: a row that was written before and refers to this one must not get in the way.
        db.session.execute(rows.with_for_update(key_share=True))


def collided(error: DBAPIError) -> bool:
    """Whether two transactions met: a unique key the other was first to take, or locks that were taken crosswise."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") in ("40001", "40P01")


def insert_into(table: Any) -> Any:
    """An INSERT that can say what happens where a row is there already."""
    return (postgresql.insert if on_postgres() else sqlite.insert)(table)


def on_postgres() -> bool:
    """Whether the database is PostgreSQL, for the few statements that differ."""
    return db.engine.dialect.name == "postgresql"
