"""Tables of what members hear of: what they chose, what is news, the digests, and the mails due to them."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import NEVER_TWICE, Base, UTCDateTime

# notify: a mail for each post; digest: told of in the digest; mentioned: only when mentioned or answered; off: nothing.
Level = Literal["notify", "digest", "mentioned", "off"]
LEVELS: tuple[Level, ...] = get_args(Level)
Rhythm = Literal["daily", "weekly", "monthly", "off"]
RHYTHMS: tuple[Rhythm, ...] = get_args(Rhythm)
MailState = Literal["waiting", "sent", "dropped", "dead"]
MailKind = Literal["post", "digest", "link", "sign_in", "mark", "decision", "notification"]
# What an entry of the inbox tells. mention, answer, followed: of a post, by the strongest reason; mark, decision: of
# what one wrote; shared: a colleague points to a post; flagged: facilitators are to look; asked: a question that fits
# one's expertise; outcome: how did it end; published, returned, opened: of a protected question; contact: a letter.
NotificationKind = Literal[
    "mention", "answer", "followed", "mark", "decision", "shared", "flagged", "asked", "outcome", "published",
    "returned", "opening", "opened", "contact",
]  # fmt: skip
# What a link in a mail stops: the mails of a thread, of an area, the digest, or all.
Scope = Literal["thread", "area", "digest", "all"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LONGEST_LINE = 500
LONGEST_SHARED = 500


class MailChoice(Base):
    """How a member wants to be mailed; the worker makes the row of everybody who can be."""

    __tablename__ = "mail_choice"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    # For every area without a level of its own.
    level: Mapped[str] = mapped_column(default="digest")
    rhythm: Mapped[str] = mapped_column(default="weekly")
    weekday: Mapped[int] = mapped_column(default=0)  # 0 is Monday
    hour: Mapped[int] = mapped_column(default=7)
    zone: Mapped[str | None]  # none is the network's
    html: Mapped[bool] = mapped_column(default=True)
    # Mails without content, for a mailbox that others read.
    notice: Mapped[bool] = mapped_column(default=False)
    # A digest in which each post is a message of its own (RFC 2046 §5.1.5).
    separate: Mapped[bool] = mapped_column(default=False)
    # No mail at all but those about one's own access.
    stopped: Mapped[bool] = mapped_column(default=False)
    # News up to this number, and lines up to this one, were told in a digest.
    told_number: Mapped[int] = mapped_column(default=0)
    told_line: Mapped[int] = mapped_column(default=0)
    digest_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_digest_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name="level"),
        CheckConstraint("rhythm IN ('daily', 'weekly', 'monthly', 'off')", name="rhythm"),
        Index(None, "digest_at"),
    )


class AreaWatch(Base):
    """What a member chose for an area: no level is the member's own, no `notice` is what the area's access asks for."""

    __tablename__ = "area_watch"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True, index=True)
    level: Mapped[str | None]
    notice: Mapped[bool | None]

    __table_args__ = (CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name="level"),)


class ThreadWatch(Base):
    """What a member chose for a thread; it goes before what was chosen for the area."""

    __tablename__ = "thread_watch"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), primary_key=True, index=True)
    level: Mapped[str]

    __table_args__ = (CheckConstraint("level IN ('notify', 'digest', 'mentioned', 'off')", name="level"),)


class News(Base):
    """One piece of news, numbered without a gap in the order in which it became known.

    Digests go by this number, not by time: a clock that jumps and a transaction that commits late lose nothing.
    The number is given by us, one more than the last: of two writers that overlap, one has to begin anew.
    """

    __tablename__ = "news"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), unique=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    what: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("what IN ('post', 'restored', 'recommended')", name="what"),
        Index(None, "at"),
    )


class DigestLine(Base):
    """A line that a facilitator adds to everybody's next digest."""

    __tablename__ = "digest_line"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Digest(Base):
    """One member's digest: the news after one number up to another; what it says is read when it is sent."""

    __tablename__ = "digest"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    after_number: Mapped[int]
    up_to_number: Mapped[int]
    after_line: Mapped[int]
    up_to_line: Mapped[int]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    # Posts that were deleted when it was sent: restored, they come in a later one.
    skipped: Mapped[list[int]] = mapped_column(JSON)

    __table_args__ = (Index(None, "member_id", "up_to_number"),)


class OutgoingMail(Base):
    """One mail due to one member, written in the transaction of what caused it.

    It holds numbers, never text: what it says, and whether the member may still read it, is seen when it is sent.
    """

    __tablename__ = "outgoing_mail"

    id: Mapped[int] = mapped_column(primary_key=True)
    # What it is about and for whom, so that a handler that runs twice writes one mail.
    key: Mapped[str] = mapped_column(unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    kind: Mapped[str]
    subject_id: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    # Why it was dropped, or what the mail server said last.
    answer: Mapped[str | None]
    lease: Mapped[str | None]
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'dropped', 'dead')", name="state"),
        CheckConstraint(
            "kind IN ('post', 'digest', 'link', 'sign_in', 'mark', 'decision', 'notification')", name="kind"
        ),
        Index(None, "state", "due_at", "id"),
        Index(None, "kind", "subject_id"),
    )


class Notification(Base):
    """One entry of a member's inbox: numbers, never text; what it says is read when the inbox is.

    `subject_id` is the row of the kind's own table: the mark, the act of a facilitator, what was shared.
    """

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(primary_key=True)
    # What it is about and for whom, so that a handler that runs twice tells once.
    key: Mapped[str] = mapped_column(unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    kind: Mapped[str]
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    subject_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(f"kind IN {get_args(NotificationKind)}", name="kind"),
        Index(None, "member_id", "read_at", "id"),
        Index(None, "member_id", "id"),
        Index(None, "at"),
        NEVER_TWICE,
    )


class Share(Base):
    """A post that a member pointed colleagues to, with a line of their own; to whom stands in their inboxes."""

    __tablename__ = "share"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    line: Mapped[str]
    members: Mapped[int]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "by_id", "at"), NEVER_TWICE)
