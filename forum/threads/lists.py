"""Lists of threads, viewer first: of an area or a tag, one's own, what is unread. What one may not see is not there.

Lists go by key, so that none counts rows; their statements are built once and only bound when a page asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, bindparam, func, select, union, union_all
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.areas.rules import VIEWER, may_read
from forum.db import AnyRow, AnySelect, at_most, read
from forum.keys import Order, Page
from forum.members.models import Member, Organisation, Viewer
from forum.threads.models import CaughtUp, Post, ReadMarker, Thread, ThreadTag
from forum.threads.protection import asked_by, asked_without_name, is_waiting
from forum.threads.queries import TAGS
from forum.threads.rules import may_see
from forum.threads.unread import (
    CAUGHT_UP_AT,
    HORIZON,
    NEWEST,
    of_viewer,
    unread_posts,
    with_horizon,
    with_marker,
)

THREADS_A_PAGE = 30
# What the home page shows at most.
FOR_ME, UNANSWERED = 8, 4

_author = aliased(Member, name="author")
_last_author = aliased(Member, name="last_author")

_LIST = with_marker(
    with_horizon(
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
            Thread.held,
            is_waiting().label("waits"),
            Area.slug.label("area_slug"),
            Area.title.label("area_title"),
            _author.name.label("author_name"),
            Organisation.name.label("author_organisation"),
            _last_author.name.label("last_author_name"),
            unread_posts().label("unread"),
            TAGS,
        )
        .select_from(Thread)
        .join(Area, Area.id == Thread.area_id)
        .join(_author, _author.id == Thread.author_id)
        .join(_last_author, _last_author.id == Thread.last_author_id)
        .outerjoin(Organisation, Organisation.id == _author.organisation_id)
    )
)


_BY_ACTIVITY = Order((Thread.last_post_at, Thread.id))
# How the threads of an area can be sorted, the usual way first, and what they can be narrowed to.
SORTS: Mapping[str, Order] = {
    "activity": Order((Thread.pinned, *_BY_ACTIVITY.columns)),
    "newest": Order((Thread.created_at, Thread.id)),
    "thanked": Order((Thread.thanks_count, *_BY_ACTIVITY.columns)),
}
STATES: Mapping[str, ColumnElement[bool]] = {
    "unread": unread_posts() > 0,
    "unanswered": (Thread.kind == "question") & (Thread.reply_count == 0),
    "helpful": Thread.helpful_count > 0,
    "recommended": Thread.recommended_count > 0,
    "solved": Thread.outcome == "solved",
    "outcome": Thread.outcome.is_not(None),
    "mine": asked_by(),
}
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    **STATES,
    "area": Thread.area_id == bindparam("area_id"),
    "kind": Thread.kind == bindparam("kind"),
    "tag": Thread.id.in_(select(ThreadTag.thread_id).where(ThreadTag.slug == bindparam("tag"))),
}


@dataclass(frozen=True)
class Choice:
    """Which threads of an area are shown, and in which order; what is empty leaves nothing out."""

    kind: str = ""
    state: str = ""
    tag: str = ""
    sort: str = "activity"


def threads_of_area(viewer: Viewer, area_id: int, choice: Choice = Choice(), before: str = "") -> Page:
    """The threads of an area the viewer was allowed to open; by last activity, the pinned ones come first."""
    asked = {"area": True, "kind": choice.kind, choice.state: choice.state, "tag": choice.tag}
    conditions = tuple(name for name, value in asked.items() if value)
    bound = {"area_id": area_id, "kind": choice.kind, "tag": choice.tag}
    return _listing(SORTS[choice.sort], conditions, viewer, before, **bound)


def threads_of_tag(viewer: Viewer, tag: str, before: str = "") -> Page:
    """The threads with this tag in all the viewer sees, by last activity."""
    return _listing(_BY_ACTIVITY, ("tag",), viewer, before, tag=tag)


def own_threads(viewer: Viewer, before: str = "") -> Page:
    """The threads that the viewer started, those that are not published yet among them, by last activity."""
    key = _BY_ACTIVITY.read(before)
    return _BY_ACTIVITY.page(read(_own(bool(key)), {**of_viewer(viewer), **key}).all(), THREADS_A_PAGE)


def _listing(order: Order, conditions: tuple[str, ...], viewer: Viewer, before: str, **bound: object) -> Page:
    key = order.read(before)
    statement = _of(order, conditions, bool(key))
    return order.page(read(statement, {**of_viewer(viewer), **bound, **key}).all(), THREADS_A_PAGE)


@cache
def _of(order: Order, conditions: tuple[str, ...], further: bool) -> AnySelect:
    """The statement for this choice: which threads is found in the index alone, what they show is read for these."""
    ids = _ids(*map(_CONDITIONS.__getitem__, conditions), *([order.further()] if further else ()))
    return _listed(order, with_marker(with_horizon(ids)) if "unread" in conditions else ids)


def _ids(*conditions: ColumnElement[bool]) -> AnySelect:
    """The threads that the viewer sees, under these conditions."""
    return select(Thread.id).join(Area, Area.id == Thread.area_id).where(Thread.visible, may_see(), *conditions)


def _listed(order: Order, ids: AnySelect, *few: AnySelect) -> AnySelect:
    """A page of the threads that these find, and one more: whether there are further ones. `few` are sorted after."""
    most = order.sort(ids).limit(at_most(THREADS_A_PAGE + 1)).subquery()
    found = _LIST.where(Thread.id.in_(union(select(most.c.id), *few) if few else select(most.c.id)))
    return order.sort(found).limit(at_most(THREADS_A_PAGE + 1))


_there = select(Post.id).where(Post.thread_id == Thread.id, Post.deleted_at.is_(None)).exists()
# A question that waits for a facilitator, or came back, stands in its asker's own list alone.
_HELD = (
    select(Thread.id).join(Area, Area.id == Thread.area_id).where(may_see(), Thread.held, asked_without_name(), _there)
)


@cache
def _own(further: bool) -> AnySelect:
    both = (_ids(STATES["mine"]), _HELD)
    return _listed(_BY_ACTIVITY, *[ids.where(_BY_ACTIVITY.further()) if further else ids for ids in both])


_moved = Thread.last_post_at > CAUGHT_UP_AT


def _with_horizon_of(*further: ColumnElement[bool]) -> AnySelect:
    """Threads the viewer sees, with what tells whether they are new."""
    columns = (Thread.id, Thread.area_id, Thread.created_at, Thread.last_post_at, Thread.last_number)
    found = select(*columns, HORIZON.label("horizon")).select_from(Thread).join(Area, Area.id == Thread.area_id)
    return with_horizon(found).where(Thread.visible, may_see(), *further)


def _kept(statement: AnySelect) -> AnySelect:
    """Those among them which the viewer keeps unread: few, for it is said of each, so they are found first."""
    mine = (ReadMarker.thread_id == Thread.id) & (ReadMarker.member_id == VIEWER)
    return statement.join(ReadMarker, mine).where(
        ReadMarker.kept_until.is_not(None), ReadMarker.kept_until > HORIZON, ReadMarker.number < Thread.last_number
    )


_newly = _BY_ACTIVITY.sort(_with_horizon_of(_moved, Thread.last_post_at > HORIZON)).limit(at_most(NEWEST)).subquery()
_perhaps = union(select(_newly), _kept(_with_horizon_of())).subquery().c
_new = unread_posts(_perhaps, _perhaps.horizon) > 0
_latest_ids = _BY_ACTIVITY.sort(_ids()).limit(at_most(FOR_ME)).subquery()
_unread_ids = (
    with_marker(select(_perhaps.id), _perhaps)
    .where(_new)
    .order_by(_perhaps.last_post_at.desc(), _perhaps.id.desc())
    .limit(at_most(FOR_ME))
    .subquery()
)
_waiting_ids = SORTS["newest"].sort(_ids(STATES["unanswered"])).limit(at_most(UNANSWERED)).subquery()
# What is chosen carries the conditions: with one out here, SQLite would walk through all visible threads.
_FOR_ME = _LIST.where(
    Thread.id.in_(union_all(select(_unread_ids.c.id), select(_latest_ids.c.id), select(_waiting_ids.c.id)))
).order_by((unread_posts() > 0).desc(), Thread.last_post_at.desc(), Thread.id.desc())


@dataclass(frozen=True)
class ForMe:
    """Threads for the home page, the newest first: unread ones, questions nobody has answered, what moved besides."""

    new: Sequence[AnyRow]
    unanswered: Sequence[AnyRow]
    moved: Sequence[AnyRow]


def threads_for_me(viewer: Viewer) -> ForMe:
    """What moved lately, and who waits, in all the viewer sees. What is new is not told twice."""
    rows = read(_FOR_ME, of_viewer(viewer)).all()
    new = [row for row in rows if row.unread][:FOR_ME]
    rest = rows[len(new) :]
    waiting = [row for row in rest if row.kind == "question" and not row.reply_count]
    return ForMe(new, waiting[:UNANSWERED], [row for row in rest if not row.unread][: FOR_ME - len(new)])


# How many threads hold something new for the viewer, among the newest; more than 99 is many.
UNREAD_THREADS: AnySelect = with_marker(select(func.count(_perhaps.id)), _perhaps).where(_new)


_unread_of_area = (
    with_marker(select(_perhaps.area_id, func.count().label("threads")), _perhaps)
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
        HORIZON.label("horizon"),
    )
    .outerjoin(_unread_of_area, _unread_of_area.c.area_id == Area.id)
    .outerjoin(CaughtUp, (CaughtUp.area_id == Area.id) & (CaughtUp.member_id == VIEWER))
    .where(may_read())
    .order_by(Area.position, Area.id)
)


def areas_with_unread(viewer: Viewer) -> Sequence[AnyRow]:
    """The areas the viewer sees, each with how many of its threads hold something new, and up to when all is read."""
    return read(_AREAS, of_viewer(viewer)).all()


@cache
def _of_unread(area: bool, further: bool) -> AnySelect:
    """Unlike the count this leaves nothing out: it looks back as far as something is unread."""
    where = [_CONDITIONS["area"]] if area else []
    where += [_BY_ACTIVITY.further()] if further else []
    moved = with_marker(_with_horizon_of(_moved, *where)).where(unread_posts() > 0)
    return _listed(_BY_ACTIVITY, moved, _kept(_with_horizon_of(*where)).with_only_columns(Thread.id))


def threads_unread(viewer: Viewer, area_id: int | None = None, before: str = "") -> Page:
    """All threads with something new for the viewer, in one area or in all, by last activity."""
    key = _BY_ACTIVITY.read(before)
    bound = {**of_viewer(viewer), "area_id": area_id, **key}
    return _BY_ACTIVITY.page(read(_of_unread(area_id is not None, bool(key)), bound).all(), THREADS_A_PAGE)
