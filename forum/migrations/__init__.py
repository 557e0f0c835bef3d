"""The schema, step by step: numbered, tested equal to the models on SQLite and PostgreSQL."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from forum import failpoints
from forum.db import db


def upgrade() -> None:
    """Bring the database to the newest step; safe to repeat, and to be interrupted."""
    with db.engine.begin() as connection:
        command.upgrade(_config(connection), "head")
        failpoints.reach("migrations.committing")
    failpoints.reach("migrations.committed")


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
