"""Reads of threads and posts, viewer first. What the viewer may not see is not there.

The statements of the pages are built once, here, and only bound when a page asks: building one costs
as much as running it. Lists go by key and thread pages by post number, so that neither counts rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, select, tuple_, union_all
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.areas.rules import facilitates, may_read
from forum.db import AnyRow, AnySelect, at_most, db, lock, read, writing
from forum.members.models import Member, Organisation, Viewer
from forum.threads.models import (
    POSTS_A_PAGE,
    Attachment,
    Post,
    PostVersion,
    ReadMarker,
    Thread,
)
from forum.threads.rules import may_see

THREADS_A_PAGE = 30
# How far back unread threads are looked for: a count must cost the same in a network of any age.
NEWEST = 100
# What the home page shows at most.
FOR_ME, UNANSWERED = 8, 4
# What the page of a member or an organisation shows at most.
POSTS_SHOWN = 10
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_author = aliased(Member, name="author")
_last_author = aliased(Member, name="last_author")


def _unread(thread: Any = Thread) -> ColumnElement[int]:
    """How many posts the viewer has not read: exact where there is a marker, at least 1 where something is new."""
    read = ReadMarker.number
    return case(
        (thread.last_post_at <= bindparam("caught_up_at"), 0),
        (read >= thread.last_number, 0),
        (read.is_not(None), thread.last_number - read),
        (thread.created_at > bindparam("caught_up_at"), thread.last_number),
        else_=1,
    )


def _with_marker(statement: AnySelect, thread: Any = Thread) -> AnySelect:
    mine = (ReadMarker.thread_id == thread.id) & (ReadMarker.member_id == bindparam("viewer_id"))
    return statement.outerjoin(ReadMarker, mine)


_LIST = _with_marker(
    select(
        Thread.id,
        Thread.slug,
        Thread.title,
        Thread.kind,
        Thread.last_post_at,
        Thread.reply_count,
        Thread.organisation_count,
        Thread.recommended_count,
        Thread.helpful_count.label("answered"),
        Thread.pinned,
        Thread.locked,
        Area.slug.label("area_slug"),
        Area.title.label("area_title"),
        _author.name.label("author_name"),
        Organisation.name.label("author_organisation"),
        _last_author.name.label("last_author_name"),
        _unread().label("unread"),
    )
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
    .join(_author, _author.id == Thread.author_id)
    .join(_last_author, _last_author.id == Thread.last_author_id)
    .outerjoin(Organisation, Organisation.id == _author.organisation_id)
)

_BY_KEY = (Thread.pinned, Thread.last_post_at, Thread.id)
_IN_AREA = (
    _LIST.where(Thread.area_id == bindparam("area_id"), Thread.visible)
    .order_by(Thread.pinned.desc(), Thread.last_post_at.desc(), Thread.id.desc())
    .limit(at_most(THREADS_A_PAGE + 1))
)
_FURTHER = _IN_AREA.where(
    tuple_(*_BY_KEY)
    < tuple_(bindparam("pinned"), bindparam("last_post_at", type_=Thread.last_post_at.type), bindparam("id"))
)
STATES: Mapping[str, ColumnElement[bool]] = {
    "unanswered": (Thread.kind == "question") & (Thread.reply_count == 0),
    "recommended": Thread.recommended_count > 0,
}


@dataclass(frozen=True)
class ThreadList:
    """One page of a list and the key of the next."""

    threads: Sequence[AnyRow]
    further: str | None


def threads_of_area(viewer: Viewer, area_id: int, before: str = "", kind: str = "", state: str = "") -> ThreadList:
    """The threads of an area the viewer was allowed to open: pinned first, then by last activity."""
    key = _read_key(before)
    statement = _FURTHER if key else _IN_AREA
    if kind:
        statement = statement.where(Thread.kind == kind)
    if state in STATES:
        statement = statement.where(STATES[state])
    rows = read(statement, {**_bound(viewer), "area_id": area_id, **key}).all()
    shown = rows[:THREADS_A_PAGE]
    return ThreadList(shown, _key(shown[-1]) if len(rows) > THREADS_A_PAGE else None)


def _key(row: AnyRow) -> str:
    micros = int((row.last_post_at - LONG_AGO).total_seconds()) * 1_000_000 + row.last_post_at.microsecond
    return f"{int(row.pinned)}-{micros}-{row.id}"


def _read_key(text: str) -> dict[str, object]:
    """The place a list goes on from; what is no key is the beginning."""
    try:
        pinned, micros, number = (int(part) for part in text.split("-"))
        at = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
    except (ValueError, OverflowError, OSError):
        return {}
    return {"pinned": bool(pinned), "last_post_at": at, "id": number} if number < 2**63 else {}


def _bound(viewer: Viewer) -> dict[str, object]:
    return {"viewer_id": viewer.id, "caught_up_at": viewer.caught_up_at or LONG_AGO}


def _newest(most: int, *further: ColumnElement[bool]) -> Any:
    """The newest of all threads the viewer sees, with what tells whether they are new."""
    return (
        select(Thread.id, Thread.area_id, Thread.created_at, Thread.last_post_at, Thread.last_number)
        .join(Area, Area.id == Thread.area_id)
        .where(Thread.visible, may_see(), *further)
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
        .limit(at_most(most))
        .subquery()
        .c
    )


_latest = _newest(FOR_ME)
_moved = _newest(NEWEST, Thread.last_post_at > bindparam("caught_up_at"))
_unread_ids = (
    _with_marker(select(_moved.id), _moved)
    .where(_unread(_moved) > 0)
    .order_by(_moved.last_post_at.desc(), _moved.id.desc())
    .limit(at_most(FOR_ME))
    .subquery()
)
_waiting_ids = (
    select(Thread.id)
    .join(Area, Area.id == Thread.area_id)
    .where(Thread.visible, STATES["unanswered"], may_see())
    .order_by(Thread.created_at.desc(), Thread.id.desc())
    .limit(at_most(UNANSWERED))
    .subquery()
)
# What is chosen carries the conditions: with one out here, SQLite would walk through all visible threads.
_FOR_ME = _LIST.where(
    Thread.id.in_(union_all(select(_unread_ids.c.id), select(_latest.id), select(_waiting_ids.c.id)))
).order_by((_unread() > 0).desc(), Thread.last_post_at.desc(), Thread.id.desc())


@dataclass(frozen=True)
class ForMe:
    """Threads for the home page, the newest first: unread ones, questions nobody has answered, what moved besides."""

    new: Sequence[AnyRow]
    unanswered: Sequence[AnyRow]
    moved: Sequence[AnyRow]


def threads_for_me(viewer: Viewer) -> ForMe:
    """What moved lately, and who waits, in all the viewer sees. What is new is not told twice."""
    rows = read(_FOR_ME, _bound(viewer)).all()
    new = [row for row in rows if row.unread][:FOR_ME]
    rest = rows[len(new) :]
    waiting = [row for row in rest if row.kind == "question" and not row.reply_count]
    return ForMe(new, waiting[:UNANSWERED], [row for row in rest if not row.unread][: FOR_ME - len(new)])


_UNREAD = _with_marker(select(func.count(_moved.id)), _moved).where(_unread(_moved) > 0)


def unread_threads(viewer: Viewer) -> int:
    """How many threads hold something new for the viewer; more than 99 is many."""
    return read(_UNREAD, _bound(viewer)).scalar() or 0


_unread_of_area = (
    _with_marker(select(_moved.area_id, func.count().label("threads")), _moved)
    .where(_unread(_moved) > 0)
    .group_by(_moved.area_id)
    .subquery()
)
_AREAS = (
    select(Area.id, Area.slug, Area.title, Area.access, func.coalesce(_unread_of_area.c.threads, 0).label("unread"))
    .outerjoin(_unread_of_area, _unread_of_area.c.area_id == Area.id)
    .where(may_read())
    .order_by(Area.position, Area.id)
)


def areas_with_unread(viewer: Viewer) -> Sequence[AnyRow]:
    """The areas the viewer sees, each with how many of its threads hold something new."""
    return read(_AREAS, _bound(viewer)).all()


_THREAD = _with_marker(
    select(
        Thread.id,
        Thread.slug,
        Thread.title,
        Thread.kind,
        Thread.tags,
        Thread.created_at,
        Thread.author_id,
        Thread.last_number,
        Thread.reply_count,
        Thread.organisation_count,
        Thread.recommended_count,
        Thread.pinned,
        Thread.locked,
        Thread.area_id,
        Area.slug.label("area_slug"),
        Area.title.label("area_title"),
        Area.access,
        facilitates().label("facilitates"),
        ReadMarker.number.label("read_number"),
        ReadMarker.read_at,
    )
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
).where(Thread.id == bindparam("thread_id"), may_see())


def readable_thread(viewer: Viewer, thread_id: int) -> AnyRow | None:
    """A thread with its area and the viewer's read marker."""
    return read(_THREAD, {"viewer_id": viewer.id, "thread_id": thread_id}).first()


_POSTS = (
    select(
        Post.id,
        Post.number,
        Post.author_id,
        Post.created_at,
        Post.edited_at,
        Post.deleted_at,
        Post.deleted_by_id,
        Post.recommended,
        Post.helpful,
        Post.thanks_count.label("thanks"),
        Post.html,
        Member.name.label("author_name"),
        Organisation.name.label("organisation_name"),
        Organisation.city,
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .order_by(Post.number)
)


def posts_of_page(thread: AnyRow, page: int) -> Sequence[AnyRow]:
    """The posts of one page of a thread that was found readable, deleted ones as gaps."""
    first = (page - 1) * POSTS_A_PAGE + 1
    bound = {"thread_id": thread.id, "first": first, "last": first + POSTS_A_PAGE - 1}
    return read(_POSTS, bound).all()


_ATTACHMENTS = (
    select(Attachment.id, Attachment.post_id, Attachment.name, Attachment.size)
    .join(Post, Post.id == Attachment.post_id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .order_by(Attachment.id)
)


def attachments_of_page(thread: AnyRow, page: int) -> dict[int, list[AnyRow]]:
    """The files of the posts of one page: post id → files."""
    first = (page - 1) * POSTS_A_PAGE + 1
    bound = {"thread_id": thread.id, "first": first, "last": first + POSTS_A_PAGE - 1}
    found: dict[int, list[AnyRow]] = {}
    for row in read(_ATTACHMENTS, bound):
        found.setdefault(row.post_id, []).append(row)
    return found


def first_unread_number(viewer: Viewer, thread: AnyRow) -> int:
    """The number of the first post the viewer has not read; behind the last one if all are read."""
    if thread.read_number is not None:
        return int(thread.read_number) + 1
    since = viewer.caught_up_at or LONG_AGO
    if thread.created_at > since:
        return 1
    first = db.session.scalar(select(func.min(Post.number)).where(Post.thread_id == thread.id, Post.created_at > since))
    return first or thread.last_number + 1


def posts_since(thread: AnyRow, number: int) -> int:
    """How many visible posts came after this number, up to a hundred."""
    newer = (
        select(Post.id).where(Post.thread_id == thread.id, Post.number > number, Post.deleted_at.is_(None)).limit(100)
    )
    return db.session.scalar(select(func.count()).select_from(newer.subquery())) or 0


@dataclass(frozen=True)
class Opened:
    """A thread that an actor was allowed to open, with what the rules ask about its area."""

    thread: Thread
    access: str
    facilitates: bool

    @property
    def locked(self) -> bool:
        """Whether replies have ended."""
        return self.thread.locked

    @property
    def author_id(self) -> int:
        """Who started it."""
        return self.thread.author_id


_TO_CHANGE = select(Thread, Area.access, facilitates()).join(Area, Area.id == Thread.area_id).where(may_see())


def open_thread(actor: Viewer, thread_id: int) -> Opened | None:
    """A thread to be changed; its row is locked first, so that numbers and facts come one by one."""
    lock(select(Thread.id).where(Thread.id == thread_id))
    anew = {"populate_existing": writing()}
    statement = _TO_CHANGE.where(Thread.id == thread_id)
    row = db.session.execute(statement, {"viewer_id": actor.id}, execution_options=anew).first()
    return Opened(*row) if row else None


def open_post(actor: Viewer, post_id: int) -> tuple[Opened, Post] | None:
    """A post to be changed, with its thread."""
    thread_id = db.session.scalar(select(Post.thread_id).where(Post.id == post_id))
    opened = open_thread(actor, thread_id) if thread_id is not None else None
    post = db.session.get(Post, post_id, populate_existing=True) if opened else None
    return (opened, post) if opened and post else None


def post_sent(actor: Viewer, send_key: str) -> Post | None:
    """The post that came from this form already, if it was sent before."""
    return (
        db.session.scalar(select(Post).where(Post.author_id == actor.id, Post.send_key == send_key))
        if send_key
        else None
    )


def versions(post_id: int) -> Sequence[AnyRow]:
    """What the post said before, newest first; who may ask is decided by `can_see_history`."""
    return db.session.execute(
        select(PostVersion.version, PostVersion.body, PostVersion.replaced_at, Member.name.label("editor_name"))
        .join(Member, Member.id == PostVersion.editor_id)
        .where(PostVersion.post_id == post_id)
        .order_by(PostVersion.version.desc())
    ).all()


_GIVEN: AnySelect = (
    select(
        func.count().label("posts"),
        func.count().filter(Post.recommended).label("recommended"),
        func.count().filter(Post.helpful).label("helpful"),
    )
    .select_from(Post)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.author_id == bindparam("member_id"), Post.deleted_at.is_(None), may_see())
)


def given_by(viewer: Viewer, member_id: int) -> AnyRow:
    """How many posts of a member the viewer may read, and how many of them were recommended or have helped."""
    return read(_GIVEN, {"viewer_id": viewer.id, "member_id": member_id}).one()


_POSTS_SHOWN: AnySelect = (
    select(
        Post.id,
        Post.number,
        Post.created_at,
        Post.html,
        Post.recommended,
        Thread.title,
        Area.title.label("area_title"),
        Member.name.label("author_name"),
    )
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == Post.author_id)
    .where(Post.deleted_at.is_(None), may_see())
    .order_by(Post.created_at.desc(), Post.id.desc())
    .limit(at_most(POSTS_SHOWN))
)
_BY_MEMBER = _POSTS_SHOWN.where(Post.author_id == bindparam("member_id"))
_RECOMMENDED_OF = _POSTS_SHOWN.where(Member.organisation_id == bindparam("organisation_id"), Post.recommended)


def posts_by(viewer: Viewer, member_id: int) -> Sequence[AnyRow]:
    """The newest posts of a member that the viewer may read."""
    return read(_BY_MEMBER, {"viewer_id": viewer.id, "member_id": member_id}).all()


def recommended_of(viewer: Viewer, organisation_id: int) -> Sequence[AnyRow]:
    """The newest recommended posts from an organisation that the viewer may read."""
    return read(_RECOMMENDED_OF, {"viewer_id": viewer.id, "organisation_id": organisation_id}).all()


def readable_posts(viewer: Viewer, ids: Sequence[int]) -> dict[int, AnyRow]:
    """Those of these posts that exist and the viewer may read, with what a hit shows: id → row."""
    statement = (
        select(
            Post.id.label("post_id"),
            Post.thread_id,
            Post.number,
            Post.created_at,
            Post.html,
            Post.recommended,
            Post.helpful,
            Thread.title,
            Thread.slug,
            Thread.kind,
            Thread.reply_count,
            Thread.recommended_count,
            Area.title.label("area_title"),
            Area.slug.label("area_slug"),
            Member.name.label("author_name"),
            Organisation.name.label("organisation_name"),
        )
        .join(Thread, Thread.id == Post.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .join(Member, Member.id == Post.author_id)
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .where(Post.id.in_(ids), Post.deleted_at.is_(None), may_see())
    )
    return {row.post_id: row for row in db.session.execute(statement, {"viewer_id": viewer.id})}


def readable_attachment(viewer: Viewer, attachment_id: int) -> Attachment | None:
    """A file, if its post may be read."""
    statement = (
        select(Attachment)
        .join(Post, Post.id == Attachment.post_id)
        .join(Thread, Thread.id == Post.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .where(Attachment.id == attachment_id, Post.deleted_at.is_(None), may_see())
    )
    return db.session.scalar(statement, {"viewer_id": viewer.id})
