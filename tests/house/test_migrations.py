"""The steps of the schema end where the models are, on both databases."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask

from forum import migrations
from forum.db import Base, db


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
