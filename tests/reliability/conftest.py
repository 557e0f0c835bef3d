"""A network to be killed, on each database."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DATABASES, _address, _on_server
from tests.reliability.site import Site


@pytest.fixture(params=DATABASES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A network made as an operator makes it."""
    name = f"kill_{uuid.uuid4().hex[:8]}" if request.param == "postgresql" else ""
    if name:
        _on_server(f'CREATE DATABASE "{name}"')
    site = Site(tmp_path / "instance", _address(name) if name else "")
    site.set_up()
    yield site
    if name:
        _on_server(f'DROP DATABASE "{name}" WITH (FORCE)')
