"""Reads of the moderation log and of what waits for facilitators, viewer first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal, or_, select, union_all

from forum.areas.models import Area
from forum.areas.rules import may_read, runs
from forum.db import AnyRow, AnySelect, at_most, db, read
from forum.members.models import Member, Viewer
from forum.moderation.models import Flag, ModerationEntry
from forum.threads.models import Post, Thread
from forum.threads.protection import NOT_THE_ASKER, is_waiting, with_persona
from forum.threads.rules import may_see

ENTRIES_A_PAGE = 50
_READABLE = select(Area.id).where(may_read())


def log(viewer: Viewer, before: int | None = None) -> Sequence[AnyRow]:
    """The acts in all areas the viewer runs and sees, newest first, one more than a page holds."""
    statement = (
        select(
            ModerationEntry.id,
            ModerationEntry.act,
            ModerationEntry.reason,
            ModerationEntry.before,
            ModerationEntry.after,
            ModerationEntry.at,
            ModerationEntry.post_id,
            ModerationEntry.thread_id,
            Post.number,
            Thread.title,
            Area.title.label("area_title"),
            Member.name.label("actor_name"),
        )
        .select_from(ModerationEntry)
        .join(Thread, Thread.id == ModerationEntry.thread_id)
        # Where the thread is now, where it was then and where it went: none may be an area the viewer does not see.
        .join(Area, Area.id == Thread.area_id)
        .join(Member, Member.id == ModerationEntry.actor_id)
        .outerjoin(Post, Post.id == ModerationEntry.post_id)
        .where(
            may_see(),
            runs(),
            ModerationEntry.area_id.in_(_READABLE),
            or_(ModerationEntry.act != "move", ModerationEntry.after["area_id"].as_integer().in_(_READABLE)),
        )
        .order_by(ModerationEntry.id.desc())
        .limit(ENTRIES_A_PAGE + 1)
    )
    if before:
        statement = statement.where(ModerationEntry.id < bindparam("before"))
    return db.session.execute(
        statement, {"viewer_id": viewer.id, "before": before} if before else {"viewer_id": viewer.id}
    ).all()


# What waits for facilitators, one row for each thing with its kind, number and since when; each kind adds a statement.
_FLAGGED: AnySelect = with_persona(
    select(
        literal("flag").label("kind"),
        Flag.post_id.label("id"),
        func.min(Flag.at).label("since"),
        func.max(Thread.title).label("title"),
        func.max(Area.title).label("area_title"),
    )
    .join(Post, Post.id == Flag.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .group_by(Flag.post_id)
).where(Flag.entry_id.is_(None), may_see(), runs(), NOT_THE_ASKER)
# Questions without a name; who facilitates does not decide on the own one.
_HELD: AnySelect = with_persona(
    select(literal("held").label("kind"), Thread.id, Thread.created_at.label("since"))
    .add_columns(Thread.title, Area.title.label("area_title"))
    .join(Area, Area.id == Thread.area_id)
    .join(Post, and_(Post.thread_id == Thread.id, Post.number == 1, Post.deleted_at.is_(None)))
).where(is_waiting(), may_see(), runs(), NOT_THE_ASKER)
SOURCES: tuple[AnySelect, ...] = (_FLAGGED, _HELD)
MOST_QUEUED = 50
_waiting = union_all(*SOURCES).subquery()
_QUEUE = select(_waiting).order_by(_waiting.c.since, _waiting.c.kind, _waiting.c.id).limit(at_most(MOST_QUEUED))


def queue(viewer: Viewer) -> Sequence[AnyRow]:
    """What waits for the viewer as a facilitator, the oldest first."""
    return read(_QUEUE, {"viewer_id": viewer.id}).all()


def open_flags() -> ColumnElement[int]:
    """How many posts with flags wait for the viewer, to be bound as `viewer_id`; a column for a statement of counts."""
    count: Select[int] = select(func.count()).select_from(_FLAGGED.subquery())
    return count.scalar_subquery()


@dataclass(frozen=True)
class Flagged:
    """A post with the flags that wait for an answer."""

    post: AnyRow
    flags: Sequence[AnyRow]

    @property
    def seen(self) -> int:
        """The newest of its flags: an answer is to those up to here."""
        return int(self.flags[-1].id)


_FLAGGED_POST = (
    select(
        *(Post.id, Post.number, Post.html, Post.created_at, Post.deleted_at, Post.author_id),
        *(Thread.id.label("thread_id"), Thread.slug, Thread.title, Thread.locked, Thread.area_id),
        *(Area.title.label("area_title"), Area.slug.label("area_slug"), Member.name.label("author_name")),
    )
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == Post.author_id)
    .where(Post.id == bindparam("post_id"), may_see(), runs())
)
_FLAGS = (
    select(Flag.id, Flag.reason, Flag.words, Flag.at, Member.name.label("by_name"))
    .join(Member, Member.id == Flag.member_id)
    .where(Flag.post_id == bindparam("post_id"), Flag.entry_id.is_(None))
    .order_by(Flag.id)
)


def flagged(viewer: Viewer, post_id: int) -> Flagged | None:
    """A post that waits for the viewer, with who flagged it and why."""
    post = read(_FLAGGED_POST, {"viewer_id": viewer.id, "post_id": post_id}).first()
    flags = read(_FLAGS, {"post_id": post_id}).all() if post else ()
    return Flagged(post, flags) if post and flags else None


_returned = and_(ModerationEntry.thread_id == Thread.id, ModerationEntry.act == "return")
_STATE = (
    select(is_waiting().label("waits"), ModerationEntry.reason, Member.name)
    .select_from(Thread)
    .outerjoin(ModerationEntry, _returned)
    .outerjoin(Member, Member.id == ModerationEntry.actor_id)
    .where(Thread.id == bindparam("thread_id"))
    .order_by(ModerationEntry.id.desc())
    .limit(at_most(1))
)


def state_of_held(thread_id: int) -> AnyRow | None:
    """Whether a held thread waits for a facilitator, else why it was returned and by whom; it was found readable."""
    return read(_STATE, {"thread_id": thread_id}).first()
