"""Reads of the moderation log and of what waits for facilitators, viewer first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select, union_all

from forum.areas.models import Area
from forum.areas.rules import may_read, runs
from forum.db import AnyRow, AnySelect, at_most, read
from forum.members.models import Member, Viewer
from forum.moderation.models import Flag, ModerationEntry
from forum.moderation.rules import judges
from forum.threads.models import Post, PostVersion, Thread
from forum.threads.protection import NOT_THE_ASKER, is_waiting, with_persona
from forum.threads.rules import may_see

ENTRIES_A_PAGE = 50
_READABLE = select(Area.id).where(may_read())


# Acts that take something elsewhere; where that is stands in what was after.
_MOVES = ("move", "merge", "split")
_post_is_seen = (
    select(Post.id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.id == ModerationEntry.post_id, may_see())
    .correlate(ModerationEntry)
    .exists()
)
# Where the thread is now, where it was then and where it went, and where the post is now: none may be kept from the
# viewer.
_SEEN = and_(
    may_see(),
    runs(),
    ModerationEntry.area_id.in_(_READABLE),
    or_(ModerationEntry.act.not_in(_MOVES), ModerationEntry.after["area_id"].as_integer().in_(_READABLE)),
    or_(ModerationEntry.post_id.is_(None), _post_is_seen),
)
_ENTRIES: AnySelect = (
    select(
        *(ModerationEntry.id, ModerationEntry.act, ModerationEntry.reason, ModerationEntry.before),
        *(ModerationEntry.after, ModerationEntry.at, ModerationEntry.post_id, ModerationEntry.thread_id),
        *(Post.number, Post.body, Thread.title, Area.title.label("area_title"), Member.name.label("actor_name")),
    )
    .select_from(ModerationEntry)
    .join(Thread, Thread.id == ModerationEntry.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == ModerationEntry.actor_id)
    .outerjoin(Post, Post.id == ModerationEntry.post_id)
    .where(_SEEN)
    .order_by(ModerationEntry.id.desc())
    .limit(at_most(ENTRIES_A_PAGE + 1))
)


def log(
    viewer: Viewer, before: int | None = None, area_id: int = 0, act: str = "", actor_id: int = 0
) -> Sequence[AnyRow]:
    """The acts in all areas the viewer runs and sees, or some of them, newest first, one more than a page holds."""
    statement = _ENTRIES
    if before:
        statement = statement.where(ModerationEntry.id < before)
    if area_id:
        statement = statement.where(ModerationEntry.area_id == area_id)
    if act:
        statement = statement.where(ModerationEntry.act == act)
    if actor_id:
        statement = statement.where(ModerationEntry.actor_id == actor_id)
    return read(statement, {"viewer_id": viewer.id}).all()


_ACTORS: AnySelect = (
    select(Member.id, Member.name)
    .distinct()
    .select_from(ModerationEntry)
    .join(Thread, Thread.id == ModerationEntry.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == ModerationEntry.actor_id)
    .where(_SEEN)
    .order_by(Member.name)
)


def actors(viewer: Viewer) -> Sequence[AnyRow]:
    """Who has acted in the areas the viewer runs and sees."""
    return read(_ACTORS, {"viewer_id": viewer.id}).all()


_TITLES: AnySelect = (
    select(Thread.id, Thread.title)
    .join(Area, Area.id == Thread.area_id)
    .where(Thread.id.in_(bindparam("ids", expanding=True)), may_see())
)


def titles(viewer: Viewer, thread_ids: Collection[int]) -> dict[int, str]:
    """The titles of those of these threads that the viewer sees."""
    rows = read(_TITLES, {"viewer_id": viewer.id, "ids": list(thread_ids)}) if thread_ids else ()
    return {row.id: row.title for row in rows}


_VERSIONS: AnySelect = (
    select(PostVersion.post_id, PostVersion.version, PostVersion.body)
    .where(PostVersion.post_id.in_(bindparam("ids", expanding=True)))
    .order_by(PostVersion.post_id, PostVersion.version)
)


def bodies(entries: Sequence[AnyRow]) -> dict[int, tuple[str, str]]:
    """What posts said before and after they were edited: entry → both texts. The entries were found readable."""
    edits = [entry for entry in entries if entry.act == "edit" and entry.post_id]
    kept: dict[int, list[AnyRow]] = {}
    for row in read(_VERSIONS, {"ids": [entry.post_id for entry in edits]}) if edits else ():
        kept.setdefault(row.post_id, []).append(row)

    def said(entry: AnyRow, version: int) -> str:
        """The version, or as it was kept since: of one that a redaction replaced there is none of that number."""
        later = (row.body for row in kept.get(entry.post_id, ()) if row.version >= version)
        return str(next(later, entry.body))

    return {entry.id: (said(entry, entry.before["version"]), said(entry, entry.after["version"])) for entry in edits}


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
).where(Flag.entry_id.is_(None), may_see(), judges(), NOT_THE_ASKER)
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


# How much of it there is, for the viewer to be bound as `viewer_id`; a column for a statement of counts.
WAITING: ColumnElement[int] = select(func.count()).select_from(_waiting).scalar_subquery()


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
