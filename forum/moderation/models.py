"""The moderation log, and the flags by which members ask facilitators to look."""

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import Base, UTCDateTime

FlagReason = Literal["confidential", "unkind", "off_topic", "outdated", "other"]
FLAG_REASONS: tuple[FlagReason, ...] = get_args(FlagReason)


class ModerationEntry(Base):
    """One act: who did what to which thread or post, when, why, and what it was before and after."""

    __tablename__ = "moderation_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    act: Mapped[str]
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    reason: Mapped[str]
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "area_id", "id"),)


class Flag(Base):
    """A member asks the facilitators to look at a post; open until an act, or a word, answers it."""

    __tablename__ = "flag"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    reason: Mapped[str]
    words: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    # What was done about it: by whom, when and why.
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("moderation_entry.id"), index=True)

    __table_args__ = (
        CheckConstraint("reason IN ('confidential', 'unkind', 'off_topic', 'outdated', 'other')", name="reason"),
        Index(
            "uq_flag_open",
            "post_id",
            "member_id",
            unique=True,
            sqlite_where=text("entry_id IS NULL"),
            postgresql_where=text("entry_id IS NULL"),
        ),
    )
