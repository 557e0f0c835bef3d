"""Empty databases, as many as a story needs, of the kind the test runs on."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from forum import config
from forum.db import db
from tests.conftest import _address, _on_server
from tests.transfer.instances import fresh


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database, made once and copied."""
    folder = tmp_path_factory.mktemp("bare")
    app = fresh(config.load(instance=folder, database_url=""))
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return folder


@pytest.fixture
def blank(database: str, bare: Path, tmp_path: Path) -> Iterator[Callable[[], tuple[Flask, config.Settings]]]:
    """Make another installation, without a network."""
    made: list[Flask] = []
    names: list[str] = []

    def blank() -> tuple[Flask, config.Settings]:
        url = ""
        if database:
            names.append(f"blank_{uuid.uuid4().hex[:12]}")
            _on_server(f'CREATE DATABASE "{names[-1]}"')
            url = _address(names[-1])
        else:
            shutil.copytree(bare, tmp_path / f"blank{len(made)}")
        settings = config.load(instance=tmp_path / f"blank{len(made)}", database_url=url)
        made.append(fresh(settings))
        return made[-1], settings

    yield blank
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
    for name in names:
        _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')
