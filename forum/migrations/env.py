"""How Alembic reaches the database: through the connection it is handed, and with all models known."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

import forum.areas.models
import forum.mail.models
import forum.members.models
import forum.moderation.models
import forum.notifications.helping
import forum.notifications.models
import forum.outbox
import forum.practices.models
import forum.search.attachments
import forum.search.missed
import forum.search.postgres_engine
import forum.search.saved
import forum.search.thesaurus
import forum.search.vectors
import forum.threads.drafts
import forum.threads.models
import forum.threads.opening
import forum.threads.protection
import forum.threads.templates  # noqa: F401 - imported so that the metadata holds every table
from forum import failpoints
from forum.db import Base, UTCDateTime


def _plain_types(type_: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A step must not change when our classes do: it names the database's own types."""
    return "sa.DateTime(timezone=True)" if type_ == "type" and isinstance(item, UTCDateTime) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, render_item=_plain_types, render_as_batch=True,
    transaction_per_migration=False,
    on_version_apply=lambda **_step: failpoints.reach("migrations.step"),
)  # fmt: skip
context.run_migrations()
