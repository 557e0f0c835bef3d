"""Reads of threads and posts, viewer first. What the viewer may not see is not there.

The statements of the pages are built once, here, and only bound when a page asks: building one costs
as much as running it. Lists go by key and thread pages by post number, so that neither counts rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select, tuple_, union, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from forum import clock
from forum.areas.models import Area
from forum.areas.rules import VIEWER, facilitates, may_read
from forum.db import AnyRow, AnySelect, UTCDateTime, at_most, db, lock, read, writing
from forum.members.models import Member, Organisation, Viewer
from forum.threads.models import (
    POSTS_A_PAGE,
    Attachment,
    Bookmark,
    CaughtUp,
    Post,
    PostVersion,
    ReadMarker,
    Thread,
    ThreadTag,
    Upload,
)
from forum.threads.protection import NOT_THE_ASKER, PERSONA_ID, PERSONA_NAME, acting, asked_by, with_persona, written_by
from forum.threads.rules import may_see

THREADS_A_PAGE = 30
TAGS_TO_CHOOSE = 40
# How far back unread threads are looked for: a count must cost the same in a network of any age.
NEWEST = 100
# What the home page shows at most.
FOR_ME, UNANSWERED = 8, 4
# What the page of a member or an organisation shows at most.
POSTS_SHOWN = 10
# A file counts as this many bytes at least, so that a million of them are not little.
_SMALL = 512 * 1024
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_author = aliased(Member, name="author")
_last_author = aliased(Member, name="last_author")


_caught_up_at = bindparam("caught_up_at", type_=UTCDateTime())
# What came before counts as read: since the viewer caught up with all areas, or with this one.
_HORIZON = case((CaughtUp.at > _caught_up_at, CaughtUp.at), else_=_caught_up_at)


def _unread(thread: Any = Thread, horizon: ColumnElement[Any] = _HORIZON) -> ColumnElement[int]:
    """How many posts the viewer has not read: exact where a marker says it, at least 1 where something is new."""
    read = ReadMarker.number
    return case(
        (read >= thread.last_number, 0),
        (ReadMarker.kept_until > horizon, thread.last_number - read),
        (thread.last_post_at <= horizon, 0),
        (ReadMarker.read_at > horizon, thread.last_number - read),
        (thread.created_at > horizon, thread.last_number),
        else_=1,
    )


def _with_marker(statement: AnySelect, thread: Any = Thread) -> AnySelect:
    mine = (ReadMarker.thread_id == thread.id) & (ReadMarker.member_id == VIEWER)
    return statement.outerjoin(ReadMarker, mine)


def _with_horizon(statement: AnySelect) -> AnySelect:
    return statement.outerjoin(CaughtUp, (CaughtUp.area_id == Thread.area_id) & (CaughtUp.member_id == VIEWER))


_in_order = (
    select(ThreadTag.name)
    .where(ThreadTag.thread_id == Thread.id)
    .order_by(ThreadTag.position)
    .correlate(Thread)
    .subquery()
)
_tags = select(func.aggregate_strings(_in_order.c.name, "\n")).scalar_subquery().label("tags")

_LIST = _with_marker(
    _with_horizon(
        select(
            Thread.id,
            Thread.slug,
            Thread.title,
            Thread.kind,
            Thread.created_at,
            Thread.last_post_at,
            Thread.last_number,
            Thread.reply_count,
            Thread.organisation_count,
            Thread.recommended_count,
            Thread.helpful_count.label("answered"),
            Thread.thanks_count,
            Thread.outcome,
            Thread.pinned,
            Thread.locked,
            Area.slug.label("area_slug"),
            Area.title.label("area_title"),
            _author.name.label("author_name"),
            Organisation.name.label("author_organisation"),
            _last_author.name.label("last_author_name"),
            _unread().label("unread"),
            _tags,
        )
        .select_from(Thread)
        .join(Area, Area.id == Thread.area_id)
        .join(_author, _author.id == Thread.author_id)
        .join(_last_author, _last_author.id == Thread.last_author_id)
        .outerjoin(Organisation, Organisation.id == _author.organisation_id)
    )
)


@dataclass(frozen=True)
class Order:
    """How a list is sorted, downwards, and the key by which it goes on."""

    columns: tuple[InstrumentedAttribute[Any], ...]

    def sort(self, statement: AnySelect) -> AnySelect:
        """The statement in this order."""
        return statement.order_by(*[column.desc() for column in self.columns])

    def further(self) -> ColumnElement[bool]:
        """What comes after the bound key."""
        return tuple_(*self.columns) < tuple_(*[bindparam(column.key, type_=column.type) for column in self.columns])

    def key(self, row: AnyRow) -> str:
        """The place of this row, for an address."""
        return "-".join(_written(getattr(row, column.key)) for column in self.columns)

    def read(self, text: str) -> dict[str, object]:
        """The key in an address; what is none is the beginning."""
        try:
            parts = zip(self.columns, text.split("-"), strict=True)
            return {column.key: _as(column, int(part)) for column, part in parts}
        except (ValueError, OverflowError):
            return {}


def in_address(at: datetime) -> str:
    """A moment as addresses and forms hold it."""
    return str((at - LONG_AGO) // timedelta(microseconds=1))


def moment(text: str) -> datetime | None:
    """The moment that an address or a form holds; one that is still to come is none."""
    try:
        at = LONG_AGO + timedelta(microseconds=int(text))
    except (ValueError, OverflowError):
        return None
    return at if at <= clock.now() + timedelta(minutes=1) else None


def _written(value: datetime | int) -> str:
    return in_address(value) if isinstance(value, datetime) else str(int(value))


def _as(column: InstrumentedAttribute[Any], value: int) -> object:
    """The number as the column holds it; one that no row can have is none."""
    if isinstance(column.type, UTCDateTime):
        return LONG_AGO + timedelta(microseconds=value)
    if not 0 <= value < 2**31:
        raise ValueError(value)
    return bool(value) if column is Thread.pinned else value


_BY_ACTIVITY = Order((Thread.last_post_at, Thread.id))
# How the threads of an area can be sorted, the usual way first, and what they can be narrowed to.
SORTS: Mapping[str, Order] = {
    "activity": Order((Thread.pinned, *_BY_ACTIVITY.columns)),
    "newest": Order((Thread.created_at, Thread.id)),
    "thanked": Order((Thread.thanks_count, *_BY_ACTIVITY.columns)),
}
STATES: Mapping[str, ColumnElement[bool]] = {
    "unread": _unread() > 0,
    "unanswered": (Thread.kind == "question") & (Thread.reply_count == 0),
    "helpful": Thread.helpful_count > 0,
    "recommended": Thread.recommended_count > 0,
    "solved": Thread.outcome == "solved",
    "outcome": Thread.outcome.is_not(None),
    "mine": asked_by(),
}
_TAGGED = Thread.id.in_(select(ThreadTag.thread_id).where(ThreadTag.slug == bindparam("tag")))


@dataclass(frozen=True)
class Choice:
    """Which threads of an area are shown, and in which order; what is empty leaves nothing out."""

    kind: str = ""
    state: str = ""
    tag: str = ""
    sort: str = "activity"


@dataclass(frozen=True)
class ThreadList:
    """One page of a list and the key of the next."""

    threads: Sequence[AnyRow]
    further: str | None


def threads_of_area(viewer: Viewer, area_id: int, choice: Choice = Choice(), before: str = "") -> ThreadList:
    """The threads of an area the viewer was allowed to open; by last activity, the pinned ones come first."""
    order = SORTS[choice.sort]
    key = order.read(before)
    statement = _of_area(bool(choice.kind), choice.state, bool(choice.tag), choice.sort, bool(key))
    bound = {**_bound(viewer), "area_id": area_id, "kind": choice.kind, "tag": choice.tag, **key}
    return _page(order, read(statement, bound).all())


@cache
def _of_area(kind: bool, state: str, tag: bool, sort: str, further: bool) -> AnySelect:
    """The statement for this choice: which threads is found in the index alone, what they show is read for these."""
    ids = select(Thread.id).join(Area, Area.id == Thread.area_id)
    ids = ids.where(Thread.area_id == bindparam("area_id"), Thread.visible, may_see())
    for asked, condition in (
        (kind, Thread.kind == bindparam("kind")),
        (tag, _TAGGED),
        (further, SORTS[sort].further()),
    ):
        ids = ids.where(condition) if asked else ids
    if state:
        ids = (_with_marker(_with_horizon(ids)) if state == "unread" else ids).where(STATES[state])
    return _listed(SORTS[sort], ids)


_TAGS = (
    select(func.min(ThreadTag.name))
    .join(Thread, Thread.id == ThreadTag.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Thread.area_id == bindparam("area_id"), Thread.visible, may_see())
    .group_by(ThreadTag.slug)
    .order_by(func.count().desc(), ThreadTag.slug)
    .limit(at_most(TAGS_TO_CHOOSE))
)


def tags_of_area(viewer: Viewer, area_id: int) -> Sequence[str]:
    """The tags that threads of the area have already, the most frequent first."""
    return read(_TAGS, {"viewer_id": viewer.id, "area_id": area_id}).scalars().all()


def _listed(order: Order, ids: AnySelect, *few: AnySelect) -> AnySelect:
    """A page of the threads that these find, and one more: whether there are further ones. `few` are sorted after."""
    most = order.sort(ids).limit(at_most(THREADS_A_PAGE + 1)).subquery()
    found = _LIST.where(Thread.id.in_(union(select(most.c.id), *few) if few else select(most.c.id)))
    return order.sort(found).limit(at_most(THREADS_A_PAGE + 1))


def _page(order: Order, rows: Sequence[AnyRow]) -> ThreadList:
    shown = rows[:THREADS_A_PAGE]
    return ThreadList(shown, order.key(shown[-1]) if len(rows) > THREADS_A_PAGE else None)


@cache
def _of_tag(further: bool) -> AnySelect:
    tagged = select(Thread.id).join(Area, Area.id == Thread.area_id).where(Thread.visible, may_see(), _TAGGED)
    return _listed(_BY_ACTIVITY, tagged.where(_BY_ACTIVITY.further()) if further else tagged)


def threads_of_tag(viewer: Viewer, tag: str, before: str = "") -> ThreadList:
    """The threads with this tag in all the viewer sees, by last activity."""
    key = _BY_ACTIVITY.read(before)
    return _page(_BY_ACTIVITY, read(_of_tag(bool(key)), {**_bound(viewer), "tag": tag, **key}).all())


@cache
def _own(further: bool) -> AnySelect:
    mine = select(Thread.id).join(Area, Area.id == Thread.area_id).where(Thread.visible, may_see(), STATES["mine"])
    return _listed(_BY_ACTIVITY, mine.where(_BY_ACTIVITY.further()) if further else mine)


def own_threads(viewer: Viewer, before: str = "") -> ThreadList:
    """The threads that the viewer started, by last activity."""
    key = _BY_ACTIVITY.read(before)
    return _page(_BY_ACTIVITY, read(_own(bool(key)), {**_bound(viewer), **key}).all())


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


_moved = Thread.last_post_at > _caught_up_at


def _with_horizon_of(*further: ColumnElement[bool]) -> AnySelect:
    """Threads the viewer sees, with what tells whether they are new."""
    columns = (Thread.id, Thread.area_id, Thread.created_at, Thread.last_post_at, Thread.last_number)
    found = select(*columns, _HORIZON.label("horizon")).select_from(Thread).join(Area, Area.id == Thread.area_id)
    return _with_horizon(found).where(Thread.visible, may_see(), *further)


def _kept(statement: AnySelect) -> AnySelect:
    """Those among them which the viewer keeps unread: few, for it is said of each, so they are found first."""
    mine = (ReadMarker.thread_id == Thread.id) & (ReadMarker.member_id == VIEWER)
    return statement.join(ReadMarker, mine).where(
        ReadMarker.kept_until.is_not(None), ReadMarker.kept_until > _HORIZON, ReadMarker.number < Thread.last_number
    )


_newly = _BY_ACTIVITY.sort(_with_horizon_of(_moved, Thread.last_post_at > _HORIZON)).limit(at_most(NEWEST)).subquery()
_perhaps = union(select(_newly), _kept(_with_horizon_of())).subquery().c
_new = _unread(_perhaps, _perhaps.horizon) > 0
_latest = _newest(FOR_ME)
_unread_ids = (
    _with_marker(select(_perhaps.id), _perhaps)
    .where(_new)
    .order_by(_perhaps.last_post_at.desc(), _perhaps.id.desc())
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


# How many threads hold something new for the viewer, among the newest; more than 99 is many.
UNREAD_THREADS: AnySelect = _with_marker(select(func.count(_perhaps.id)), _perhaps).where(_new)


_unread_of_area = (
    _with_marker(select(_perhaps.area_id, func.count().label("threads")), _perhaps)
    .where(_new)
    .group_by(_perhaps.area_id)
    .subquery()
)
_AREAS = (
    select(
        Area.id,
        Area.slug,
        Area.title,
        Area.access,
        func.coalesce(_unread_of_area.c.threads, 0).label("unread"),
        _HORIZON.label("horizon"),
    )
    .outerjoin(_unread_of_area, _unread_of_area.c.area_id == Area.id)
    .outerjoin(CaughtUp, (CaughtUp.area_id == Area.id) & (CaughtUp.member_id == VIEWER))
    .where(may_read())
    .order_by(Area.position, Area.id)
)


def areas_with_unread(viewer: Viewer) -> Sequence[AnyRow]:
    """The areas the viewer sees, each with how many of its threads hold something new, and up to when all is read."""
    return read(_AREAS, _bound(viewer)).all()


@cache
def _of_unread(area: bool, further: bool) -> AnySelect:
    """Unlike the count this leaves nothing out: it looks back as far as something is unread."""
    where = [Thread.area_id == bindparam("area_id")] if area else []
    where += [_BY_ACTIVITY.further()] if further else []
    moved = _with_marker(_with_horizon_of(_moved, *where)).where(_unread() > 0)
    return _listed(_BY_ACTIVITY, moved, _kept(_with_horizon_of(*where)).with_only_columns(Thread.id))


def threads_unread(viewer: Viewer, area_id: int | None = None, before: str = "") -> ThreadList:
    """All threads with something new for the viewer, in one area or in all, by last activity."""
    key = _BY_ACTIVITY.read(before)
    bound = {**_bound(viewer), "area_id": area_id, **key}
    return _page(_BY_ACTIVITY, read(_of_unread(area_id is not None, bool(key)), bound).all())


_THREAD = _with_marker(
    _with_horizon(
        with_persona(
            select(
                Thread.id,
                Thread.slug,
                Thread.title,
                Thread.kind,
                _tags,
                Thread.created_at,
                Thread.author_id,
                Thread.last_number,
                Thread.last_post_at,
                Thread.reply_count,
                Thread.organisation_count,
                Thread.recommended_count,
                Thread.outcome,
                Thread.outcome_note,
                Thread.outcome_at,
                Thread.pinned,
                Thread.locked,
                Thread.protected,
                Thread.held,
                Thread.merged_into_id,
                Thread.area_id,
                Area.slug.label("area_slug"),
                Area.title.label("area_title"),
                Area.access,
                and_(facilitates(), NOT_THE_ASKER).label("facilitates"),
                PERSONA_ID,
                PERSONA_NAME,
                ReadMarker.number.label("read_number"),
                ReadMarker.read_at,
                ReadMarker.kept_until,
                _HORIZON.label("horizon"),
            )
            .select_from(Thread)
            .join(Area, Area.id == Thread.area_id)
        )
    )
).where(Thread.id == bindparam("thread_id"), may_see())


def readable_thread(viewer: Viewer, thread_id: int) -> AnyRow | None:
    """A thread with its area, the viewer's read marker, up to when all is read, and as whom they act (`acting`)."""
    return read(_THREAD, {**_bound(viewer), "thread_id": thread_id}).first()


_gone = aliased(Post, name="gone")
# Where a post went is told to those who may see it there.
_moved_to_title = (
    select(Thread.title)
    .join(_gone, _gone.thread_id == Thread.id)
    .join(Area, Area.id == Thread.area_id)
    .where(_gone.id == Post.moved_to_id, may_see())
    .correlate(Post)
    .scalar_subquery()
)
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
        Post.moved_to_id,
        Post.came_from,
        _moved_to_title.label("moved_to_title"),
        Post.html,
        Member.name.label("author_name"),
        (Member.state == "protected").label("nameless"),
        Organisation.name.label("organisation_name"),
        Organisation.city,
        Bookmark.id.is_not(None).label("bookmarked"),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .outerjoin(Bookmark, (Bookmark.post_id == Post.id) & (Bookmark.member_id == VIEWER))
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .order_by(Post.number)
)


def posts_of_page(viewer: Viewer, thread: AnyRow, page: int) -> Sequence[AnyRow]:
    """The posts of one page of a thread that was found readable, deleted and moved ones as gaps."""
    first = (page - 1) * POSTS_A_PAGE + 1
    bound = {"viewer_id": viewer.id, "thread_id": thread.id, "first": first, "last": first + POSTS_A_PAGE - 1}
    return read(_POSTS, bound).all()


_ATTACHMENTS = (
    select(
        Attachment.id,
        Attachment.post_id,
        Attachment.name,
        Attachment.size,
        Attachment.alt,
        Attachment.width,
        Attachment.height,
    )
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


def marked(thread: AnyRow) -> bool:
    """Whether the viewer's marker says what is unread: one from before they caught up says nothing any more."""
    return any(at is not None and at > thread.horizon for at in (thread.read_at, thread.kept_until))


def is_read(thread: AnyRow) -> bool:
    """Whether all of the thread counts as read, without a look at its posts."""
    kept = thread.kept_until is not None and thread.kept_until > thread.horizon
    return thread.last_number <= (thread.read_number or 0) or (thread.last_post_at <= thread.horizon and not kept)


def first_unread_number(thread: AnyRow) -> int:
    """The number of the first post the viewer has not read; behind the last one if all are read."""
    if is_read(thread):
        return int(thread.last_number) + 1
    if marked(thread):
        return int(thread.read_number) + 1
    if thread.created_at > thread.horizon:
        return 1
    newer = select(func.min(Post.number)).where(Post.thread_id == thread.id, Post.created_at > thread.horizon)
    return db.session.scalar(newer) or thread.last_number + 1


_posts_since = (
    select(Post.id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number > bindparam("number"), Post.deleted_at.is_(None))
    .where(may_see())
    .limit(at_most(NEWEST))
)
_COUNT_SINCE: AnySelect = select(func.count()).select_from(_posts_since.subquery())


def posts_since(viewer: Viewer, thread_id: int, number: int) -> int:
    """How many visible posts came after this number, up to a hundred; none in a thread the viewer may not see."""
    return read(_COUNT_SINCE, {"viewer_id": viewer.id, "thread_id": thread_id, "number": number}).scalar() or 0


@dataclass(frozen=True)
class Opened:
    """A thread that a viewer was allowed to open, with what the rules ask about its area.

    `actor` is who acts in it: the viewer or, for the asker of a protected thread, the name it was asked under. All that
    others may see is done as `actor`; what is the viewer's alone, as how far they have read, is kept for `viewer`.
    """

    thread: Thread
    access: str
    facilitates: bool
    viewer: Viewer
    actor: Viewer

    def acts(self, actor: Viewer) -> None:
        """Stop who would do something under the own name and not the one they asked under: that is a bug."""
        if self.thread.protected and actor.id != self.actor.id:
            raise RuntimeError("an asker must act under the name that the thread gives them")

    @property
    def kind(self) -> str:
        """question, strategy or announcement."""
        return self.thread.kind

    @property
    def locked(self) -> bool:
        """Whether replies have ended."""
        return self.thread.locked

    @property
    def held(self) -> bool:
        """Whether it waits for a facilitator."""
        return self.thread.held

    @property
    def author_id(self) -> int:
        """Who started it."""
        return self.thread.author_id


_TO_CHANGE = with_persona(
    select(Thread, Area.access, and_(facilitates(), NOT_THE_ASKER).label("facilitates"), PERSONA_ID, PERSONA_NAME).join(
        Area, Area.id == Thread.area_id
    )
).where(may_see())


def open_thread(viewer: Viewer, thread_id: int) -> Opened | None:
    """A thread to be changed; its row is locked first, so that numbers and facts come one by one."""
    lock(select(Thread.id).where(Thread.id == thread_id))
    anew = {"populate_existing": writing()}
    statement = _TO_CHANGE.where(Thread.id == thread_id)
    row = db.session.execute(statement, {"viewer_id": viewer.id}, execution_options=anew).first()
    if row and row.Thread.merged_into_id:
        return open_thread(viewer, row.Thread.merged_into_id)
    return Opened(row.Thread, row.access, row.facilitates, viewer, acting(viewer, row)) if row else None


def open_both(viewer: Viewer, one: int, other: int) -> tuple[Opened | None, Opened | None]:
    """Two threads to be changed together, locked in one order, so that two who want both do not wait crosswise."""
    lock(select(Thread.id).where(Thread.id.in_((one, other))).order_by(Thread.id))
    return open_thread(viewer, one), open_thread(viewer, other)


def open_post(viewer: Viewer, post_id: int) -> tuple[Opened, Post] | None:
    """A post to be changed, with its thread; the number of a place that it left finds it too."""
    row = db.session.execute(select(Post.thread_id, Post.moved_to_id).where(Post.id == post_id)).first()
    if row and row.moved_to_id:
        return open_post(viewer, row.moved_to_id)
    opened = open_thread(viewer, row.thread_id) if row else None
    post = db.session.get(Post, post_id, populate_existing=True) if opened else None
    if opened and post and post.thread_id != opened.thread.id:  # it was moved while we waited for its thread
        return open_post(viewer, post_id)
    return (opened, post) if opened and post else None


def standing_thread(thread_id: int) -> int:
    """The number under which a thread stands now: its own, or that of the one it was merged into."""
    lock(select(Thread.id).where(Thread.id == thread_id))
    into = db.session.scalar(select(Thread.merged_into_id).where(Thread.id == thread_id))
    return standing_thread(into) if into else thread_id


def first_moved(thread_id: int) -> int | None:
    """The post that opened a thread which was merged into another."""
    places = select(Post.moved_to_id).where(Post.thread_id == thread_id, Post.moved_to_id.is_not(None))
    return db.session.scalar(places.order_by(Post.number).limit(1))


_MOVABLE: AnySelect = (
    select(Post.id, Post.number, Post.author_id, Post.created_at, Post.deleted_at.is_not(None).label("deleted"))
    .where(Post.thread_id == bindparam("thread_id"), Post.moved_to_id.is_(None))
    .order_by(Post.number)
)


def movable_posts(opened: Opened) -> Sequence[AnyRow]:
    """The posts that stand in a thread, deleted ones too."""
    return read(_MOVABLE, {"thread_id": opened.thread.id}).all()


def post_sent(actor: Viewer, send_key: str) -> Post | None:
    """The post that came from this form already, if it was sent before."""
    return (
        db.session.scalar(select(Post).where(written_by(actor, Post.author_id), Post.send_key == send_key))
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


def attachments_of(post_id: int) -> Sequence[Attachment]:
    """The files of a post that was found readable."""
    return db.session.scalars(select(Attachment).where(Attachment.post_id == post_id).order_by(Attachment.id)).all()


def uploads_of(viewer: Viewer, ids: Collection[int]) -> Sequence[Upload]:
    """Those of these uploads that are the viewer's own and still here, in the order asked for."""
    if not ids:
        return ()
    mine = select(Upload).where(Upload.id.in_(ids), Upload.member_id == viewer.id)
    return sorted(db.session.scalars(mine), key=lambda one: list(ids).index(one.id))


def at_least(size: int) -> int:
    """What a file counts for the quota."""
    return max(size, _SMALL)


def size_of_uploads(member_id: int, since: datetime) -> int:
    """How many bytes a member brought since then."""
    counted = case((Upload.size < _SMALL, _SMALL), else_=Upload.size)
    brought = select(func.sum(counted)).where(Upload.member_id == member_id, Upload.created_at > since)
    return db.session.scalar(brought) or 0
