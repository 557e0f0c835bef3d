"""The text of attached files: read once by the worker, in a process of its own, and searched with their posts.

Each file has one row, whatever came of it, so that one that is broken or hostile is not tried again. Reading
goes in short stretches: in between, what members write is put into the index.
"""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from flask import current_app
from sqlalchemy import CheckConstraint, delete, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from forum import confined, files, outbox
from forum.config import Settings
from forum.db import Base, db, transaction
from forum.threads.models import Attachment, Post

STATES = ("read", "nothing", "too_large", "refused", "failed")
EXTRACTION = Path(__file__).with_name("extraction.py")
ENDINGS = ("pdf", "docx", "odt", "txt")
MEDIA_TYPES = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.oasis.opendocument.text",
    "text/plain",
)
# How much of all its files together a post is found by.
MOST_CHARACTERS = 200_000
SECONDS_FOR_A_FILE = 20
_SECONDS_AT_A_STRETCH = 1.0
_MOST_BYTES_SAID = 6 * MOST_CHARACTERS + 1000
_POSTS_AT_ONCE = 500


class AttachmentText(Base):
    """What a file says, found by the file's SHA-256; `reason` tells why not, or that the text is cut."""

    __tablename__ = "attachment_text"

    digest: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str]
    text: Mapped[str]

    __table_args__ = (CheckConstraint("state IN ('read', 'nothing', 'too_large', 'refused', 'failed')", name="state"),)


class Outcome(NamedTuple):
    """How reading a file ended."""

    state: str
    reason: str = ""
    text: str = ""


_TEXTS = (
    select(Attachment.post_id, AttachmentText.text)
    .join(AttachmentText, AttachmentText.digest == Attachment.digest)
    .where(AttachmentText.state == "read")
    .order_by(Attachment.id)
)
# By its name or what the mail said it is; what it really is, the reading process sees.
_MAY_HOLD_TEXT = or_(
    Attachment.media_type.in_(MEDIA_TYPES),
    *(func.lower(Attachment.name).like(f"%.{ending}") for ending in ENDINGS),
)
_UNREAD = (
    select(Attachment.digest, Attachment.post_id)
    .outerjoin(AttachmentText, AttachmentText.digest == Attachment.digest)
    .where(AttachmentText.digest.is_(None), _MAY_HOLD_TEXT)
    .order_by(Attachment.id)
    .limit(1)
)


def texts_of(post_ids: Collection[int]) -> dict[int, str]:
    """What the files of these posts say, for those that have any: post id → text."""
    ids, found = sorted(post_ids), defaultdict(list)
    for start in range(0, len(ids), _POSTS_AT_ONCE):
        part = _TEXTS.where(Attachment.post_id.in_(ids[start : start + _POSTS_AT_ONCE]))
        for post_id, text in db.session.execute(part):
            found[post_id].append(text)
    return {post_id: "\n".join(texts)[:MOST_CHARACTERS] for post_id, texts in found.items()}


@outbox.on("post.attached", "files.left", batch=200, alone=True)
def read_files(_events: Sequence[outbox.Event]) -> None:
    """Read files that nobody has read, for a short while; the rest has its turn after what else is due."""
    settings: Settings = current_app.extensions["forum.settings"]
    enough = time.monotonic() + _SECONDS_AT_A_STRETCH
    while waiting := db.session.execute(_UNREAD).first():
        db.session.rollback()
        _keep(waiting.digest, extract(files.location(settings.instance / "files", waiting.digest)))
        outbox.still_working()
        if time.monotonic() > enough:
            with transaction():
                outbox.record("files.left", waiting.post_id, None)
            return


def _keep(digest: str, outcome: Outcome) -> None:
    """Write down what a file says, and have its posts put into the index again."""
    with transaction():
        db.session.add(AttachmentText(digest=digest, **outcome._asdict()))
        carrying = select(Post.id, Post.thread_id).join(Attachment).where(Attachment.digest == digest)
        for post_id, thread_id in db.session.execute(carrying.distinct()) if outcome.text else ():
            outbox.record("post.file_read", post_id, None, thread_id=thread_id)


def forget_texts() -> None:
    """Forget what files said that hang on no post any more."""
    used = select(Attachment.id).where(Attachment.digest == AttachmentText.digest).exists()
    db.session.execute(delete(AttachmentText).where(~used))


def extract(path: Path) -> Outcome:
    """Have a confined process read a file."""
    try:
        file = path.open("rb")
    except OSError:
        return Outcome("failed", "missing")
    with file:
        ended = confined.run(EXTRACTION, file, seconds=SECONDS_FOR_A_FILE, most_said=_MOST_BYTES_SAID)
    return _understood(ended.said) or Outcome("failed", "killed" if ended.killed else "crashed")


def _understood(said: bytes) -> Outcome | None:
    try:
        outcome = Outcome(*json.loads(said))
    except (ValueError, TypeError):
        return None
    return outcome if outcome.state in STATES else None
