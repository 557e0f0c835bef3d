"""A network for each test, on SQLite and, where there is a server, on PostgreSQL."""

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import create_engine, event, text

from forum import config, create_app, migrations
from forum.db import db
from forum.outbox import run_due
from forum.search.handlers import rebuild
from forum.web import templating
from tests import cast
from tests.mailbox import Mailbox

# Where the suite's PostgreSQL listens, as tests/postgres.sh started it: postgresql://…/postgres
POSTGRES = os.environ.get("FORUM_TEST_DATABASE", "")
DATABASES = ["sqlite", *(["postgresql"] if POSTGRES else [])]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that uses the database on each database there is."""
    if "database" in metafunc.fixturenames:
        marks = {"postgresql": [pytest.mark.postgres]}
        metafunc.parametrize(
            "database", [pytest.param(name, marks=marks.get(name, [])) for name in DATABASES], indirect=True
        )


class Compiled(BytecodeCache):
    """Templates, compiled once for all networks of all tests: that takes longer than most tests do."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType | None] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        return super().get_bucket(environment, f"{environment.globals['language']}/{name}", filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def compiled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templating, "Environment", partial(Environment, bytecode_cache=Compiled()))
        yield


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settled network as a SQLite file and an index, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("settled")
    _settle(config.load(instance=folder, database_url=""))
    return folder


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The same as a PostgreSQL database, cloned for each test."""
    name = f"settled_{uuid.uuid4().hex[:8]}"
    _on_server(f'CREATE DATABASE "{name}"')
    yield name
    _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


def _settle(settings: config.Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        migrations.upgrade()
        cast.settle()
        while run_due():
            pass
        rebuild()
        db.session.remove()
        db.engine.dispose()


def _on_server(statement: str) -> None:
    engine = create_engine(_address("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _address(name: str) -> str:
    return f"{POSTGRES.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a settled database of the test's own."""
    settled: Path = request.getfixturevalue("settled")
    shutil.copytree(settled, tmp_path / "instance")
    if request.param == "sqlite":
        yield ""
        return
    (tmp_path / "instance" / "forum.db").unlink()
    template: str = request.getfixturevalue("template")
    yield from _clone(template, tmp_path / "instance")


_filled: set[str] = set()


def _clone(template: str, instance: Path) -> Iterator[str]:
    if template not in _filled:
        _settle(config.load(instance=instance, database_url=_address(template)))
        _filled.add(template)
    name = f"test_{uuid.uuid4().hex[:12]}"
    _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _address(name)
    _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(database: str, tmp_path: Path) -> config.Settings:
    """The settings of the test's network."""
    return config.load(instance=tmp_path / "instance", database_url=database)


@pytest.fixture
def app(settings: config.Settings) -> Iterator[Flask]:
    """The test's network, with nobody signed in. Look into its database within `with app.app_context():`.

    No context stays open during requests: they would share it, and with it who is signed in.
    """
    app = create_app(settings)
    app.testing = False  # errors become pages, as for a member
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def work(app: Flask) -> Callable[[], int]:
    """Do all jobs that are due."""

    def work() -> int:
        done = 0
        with app.app_context():
            while count := run_due():
                done += count
        return done

    return work


@pytest.fixture
def mailbox(app: Flask, settings: config.Settings) -> Mailbox:
    """What members find in their mail programs."""
    return Mailbox(app, settings)


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that is sent to the database from here on; clear it to count anew."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def _somebody(key: str) -> Any:
    @pytest.fixture(name=key)
    def somebody(app: Flask) -> cast.Person:
        return cast.person(app, key)

    return somebody


for _key in (*cast.PEOPLE, "stranger"):
    globals()[_key] = _somebody(_key)


def shared_data(name: str) -> Path:
    """A folder of real test data beside the checkout; the test is skipped where it is absent."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "data" / name
        if folder.is_dir():
            return folder
    pytest.skip(f"real test data shared/data/{name} is not beside this checkout")
    sys.exit()  # never reached; tells the type checker so
