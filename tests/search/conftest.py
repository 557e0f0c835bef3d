"""A database for search engines alone: its tables, and nothing else."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from forum.db import Base
from forum.search.postgres_engine import SearchBlock, SearchSegment, SearchState
from tests.conftest import POSTGRES, _address, _on_server


@pytest.fixture(scope="session")
def _tables() -> Iterator[str]:
    if not POSTGRES:
        pytest.skip("no PostgreSQL server: see tests/postgres.sh")
    name = f"search_{uuid.uuid4().hex[:8]}"
    _on_server(f'CREATE DATABASE "{name}"')
    engine = create_engine(_address(name))
    Base.metadata.create_all(engine, [model.metadata.tables[model.__tablename__] for model in _MODELS])
    engine.dispose()
    yield _address(name)
    _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')


_MODELS = (SearchState, SearchSegment, SearchBlock)


@pytest.fixture
def shared(_tables: str) -> Iterator[Engine]:
    """An empty database."""
    engine = create_engine(_tables)
    yield engine
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE search_state, search_segment, search_block"))
    engine.dispose()
