"""Tables of the marks that members give to posts."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import Base, UTCDateTime

MarkKind = Literal["recommended", "helpful", "thanks"]
MARK_KINDS: tuple[MarkKind, ...] = get_args(MarkKind)
LONGEST_FOR, LONGEST_REASON = 120, 1000


class Mark(Base):
    """One member's mark on one post. A mark that was taken back stays, with the reason."""

    __tablename__ = "mark"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    # The organisation at the time of marking: who changes house later does not undo what two houses agreed on.
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[str]
    for_what: Mapped[str | None]
    reason: Mapped[str | None]
    # Whether this mark alone recommends the post: the asker's and a facilitator's do.
    decides: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    withdrawn_reason: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("kind IN ('recommended', 'helpful', 'thanks')", name="kind"),
        Index(
            "uq_mark_standing",
            "post_id",
            "member_id",
            "kind",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index("ix_mark_of_thread", "thread_id", "kind"),
        Index("ix_mark_latest", "kind", "created_at", "id"),
    )
