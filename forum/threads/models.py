"""Tables of threads and posts, and facts about one of them.

What a list shows about a thread is kept on the thread, changed in the transaction of the change by
`actions.refresh_facts`, and compared with the posts by `forum check`.
"""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from forum.areas.models import Area
from forum.db import NEVER_TWICE, STORED_FILE, Base, UTCDateTime
from forum.members.models import Member
from forum.text import slug

Kind = Literal["question", "strategy", "announcement"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST_TITLE, LONGEST_NOTE, LONGEST_ALT = 200, 500, 300
# How a question ended, in the words of who asked it.
Outcome = Literal["solved", "partly", "not", "open"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
POSTS_A_PAGE = 20
_MARKED = ("recommended", "helpful", "thanks_count")
_NARROWS = ("kind", "reply_count", "recommended_count", "helpful_count", "outcome", "author_id", "held", "hidden")


class ThreadTag(Base):
    """A word that a thread is tagged with, as it was written, and as it stands in addresses."""

    __tablename__ = "thread_tag"

    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]

    __table_args__ = (Index(None, "slug", "thread_id"),)


class Thread(Base):
    """A conversation of one kind in one area."""

    __tablename__ = "thread"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"))
    kind: Mapped[str]
    title: Mapped[str]
    slug: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    pinned: Mapped[bool] = mapped_column(default=False)
    locked: Mapped[bool] = mapped_column(default=False)
    # Asked without a name: who started it is a member of state "protected" (`threads.protection`).
    protected: Mapped[bool] = mapped_column(default=False)
    # Waits for a facilitator: until then it is there for the asker and the facilitators alone, and in no list.
    held: Mapped[bool] = mapped_column(default=False)
    # Not there for the colleagues of the asker.
    hidden: Mapped[bool] = mapped_column(default=False)
    # A thread without a visible post, or one that is held, is not shown in lists.
    visible: Mapped[bool] = mapped_column(default=True)
    # The number of the newest post, deleted or not: numbers are never given twice.
    last_number: Mapped[int] = mapped_column(default=0)
    # By the newest visible post: a deleted reply must not keep the thread on top.
    last_post_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    reply_count: Mapped[int] = mapped_column(default=0)
    organisation_count: Mapped[int] = mapped_column(default=0)
    recommended_count: Mapped[int] = mapped_column(default=0)
    helpful_count: Mapped[int] = mapped_column(default=0)
    thanks_count: Mapped[int] = mapped_column(default=0)
    # Where all of it stands now; its own address leads there.
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"))
    # Who asked was asked once, after some quiet weeks, how it ended; or said so unasked.
    outcome: Mapped[str | None]
    outcome_note: Mapped[str] = mapped_column(default="")
    outcome_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome_asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    area: Mapped[Area] = relationship()
    tagged: Mapped[list[ThreadTag]] = relationship(order_by=ThreadTag.position)

    @property
    def area_title(self) -> str:
        """What its area is called."""
        return self.area.title

    @property
    def area_slug(self) -> str:
        """Where its area is found."""
        return self.area.slug

    __table_args__ = (
        CheckConstraint("kind IN ('question', 'strategy', 'announcement')", name="kind"),
        CheckConstraint("outcome IN ('solved', 'partly', 'not', 'open')", name="outcome"),
        # One for each way an area can be sorted. What an area is narrowed by stands in each as well: to leave out
        # 100,000 threads takes a look at the index, and none at the threads.
        Index("ix_thread_list", "area_id", "visible", "pinned", "last_post_at", "id", *_NARROWS),
        Index("ix_thread_newest", "area_id", "visible", "created_at", "id", "last_post_at", *_NARROWS),
        Index("ix_thread_thanked", "area_id", "visible", "thanks_count", "last_post_at", "id", *_NARROWS),
        Index("ix_thread_latest", "visible", "last_post_at", "id"),
        Index("ix_thread_unanswered", "kind", "visible", "reply_count", "created_at"),
    )


class Post(Base):
    """Number 1 opens the thread, the others are replies. `html` is made when the post is written."""

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    number: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    edited_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)
    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reply_to_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    message_id: Mapped[str | None] = mapped_column(unique=True)
    # The form's own key: the second of a double click is the first.
    send_key: Mapped[str | None]
    recommended: Mapped[bool] = mapped_column(default=False)
    helpful: Mapped[bool] = mapped_column(default=False)
    thanks_count: Mapped[int] = mapped_column(default=0)
    # This row holds the place of a post that stands elsewhere now: a gap, deleted for all that counts or lists posts.
    moved_to_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    # The title of the thread that was merged in here, on the first post of it.
    came_from: Mapped[str | None]
    # The long columns come last: SQLite reads a row from the front.
    body: Mapped[str]
    html: Mapped[str]

    thread: Mapped[Thread] = relationship()
    author: Mapped[Member] = relationship(foreign_keys=author_id)

    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        UniqueConstraint("author_id", "send_key"),
        Index("ix_post_facts", "thread_id", "deleted_at", "author_id", "number", *_MARKED),
        Index("ix_post_since", "thread_id", "created_at"),
        Index("ix_post_by_author", "author_id", "created_at"),
        # The few among all posts of an organisation's members.
        Index(
            "ix_post_recommended",
            "author_id",
            "created_at",
            sqlite_where=text("recommended = 1"),
            postgresql_where=text("recommended"),
        ),
    )

    @property
    def page(self) -> int:
        """The page of the thread on which this post stands."""
        return page_of(self.number)

    @property
    def anchor(self) -> str:
        """Its place on that page."""
        return f"p{self.number}"


class PostVersion(Base):
    """What a post said before an edit."""

    __tablename__ = "post_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    version: Mapped[int]
    body: Mapped[str]
    editor_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    replaced_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # The key of the form that replaced it.
    send_key: Mapped[str | None] = mapped_column(index=True)

    __table_args__ = (UniqueConstraint("post_id", "version"),)


class Mention(Base):
    """A member who is mentioned in a post."""

    __tablename__ = "mention"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True, index=True)


class ReadMarker(Base):
    """How far a member has read in a thread."""

    __tablename__ = "read_marker"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), primary_key=True)
    number: Mapped[int]
    read_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # The rest is unread on purpose, however old, until the member has caught up with this moment.
    kept_until: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index(
            "ix_read_marker_kept",
            "member_id",
            sqlite_where=text("kept_until IS NOT NULL"),
            postgresql_where=text("kept_until IS NOT NULL"),
        ),
    )


class CaughtUp(Base):
    """What was written in an area before this moment counts as read for the member, as for all areas on the member."""

    __tablename__ = "caught_up"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    # What it was before: to take the last "all read" back is to go there.
    before: Mapped[datetime] = mapped_column(UTCDateTime)


class Bookmark(Base):
    """A post that a member wants to find again, with a note for nobody else."""

    __tablename__ = "bookmark"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    note: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("post_id", "member_id"), Index(None, "member_id", "id"))


class Attachment(Base):
    """A file of a post; its content lies under its SHA-256 in the files folder."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(info=STORED_FILE, index=True)
    # What a picture shows, for those who do not see it. It has a width when we made it anew: then browsers may show it.
    alt: Mapped[str] = mapped_column(default="")
    width: Mapped[int | None]
    height: Mapped[int | None]

    __table_args__ = (UniqueConstraint("post_id", "digest", "name"), NEVER_TWICE)


class Upload(Base):
    """A file that a member brought, for a post to come; forgotten after some days. Its size counts for the quota.

    When a question without a name has taken it, size and time are all that is left, and they for a day.
    """

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(info=STORED_FILE)
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

    __table_args__ = (Index("ix_upload_by_member", "member_id", "created_at"), NEVER_TWICE)


def page_of(number: int) -> int:
    """The page on which the post of this number stands, counted from 1."""
    return (number - 1) // POSTS_A_PAGE + 1


def tag_slug(tag: str) -> str:
    """The tag in an address; however it is spelt, one word leads to one place."""
    return slug(tag, 40) or "-"
