"""What a member gave to the others, for themselves alone: facts, no points. Replies are those under the own name."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from forum.areas.models import Area
from forum.areas.rules import VIEWER
from forum.db import AnyRow, AnySelect, at_most, read
from forum.members.models import Viewer
from forum.threads.models import Bookmark, Post, Thread
from forum.threads.protection import asked_without_name
from forum.threads.rules import may_see

MOST_SHOWN = 10


def _of_mine(statement: AnySelect) -> AnySelect:
    """Of the viewer's own posts, those that stand where they may still read them."""
    joined = statement.join(Thread, Thread.id == Post.thread_id).join(Area, Area.id == Thread.area_id)
    return joined.where(Post.author_id == VIEWER, Post.deleted_at.is_(None), may_see())


_mine = _of_mine(select(Post.number, Post.helpful, Post.recommended, Post.thanks_count)).subquery().c
_others = (Bookmark.post_id == Post.id) & (Bookmark.member_id != VIEWER)
_kept = _of_mine(select(func.count()).select_from(Post).join(Bookmark, _others)).scalar_subquery()
_without_name = (
    select(func.count())
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
    .join(Post, (Post.thread_id == Thread.id) & (Post.number == 1))
    .where(asked_without_name(), may_see(), Post.deleted_at.is_(None))
    .scalar_subquery()
)
_GIVEN: AnySelect = select(
    (func.count().filter(_mine.number == 1) + _without_name).label("threads"),
    func.count().filter(_mine.number > 1).label("replies"),
    func.count().filter(_mine.helpful).label("helped"),
    func.count().filter(_mine.recommended).label("recommended"),
    func.coalesce(func.sum(_mine.thanks_count), 0).label("thanks"),
    _kept.label("kept"),
)


def given(viewer: Viewer) -> AnyRow:
    """How much the viewer wrote, and what became of it; one statement."""
    return read(_GIVEN, {"viewer_id": viewer.id}).one()


_WHAT_HELPED: AnySelect = (
    _of_mine(
        select(
            *(Post.id, Post.number, Post.created_at, Post.html, Post.recommended, Post.helpful, Post.thanks_count),
            *(Thread.title, Area.title.label("area_title")),
        ).select_from(Post)
    )
    .where(or_(Post.helpful, Post.recommended))
    .order_by(Post.created_at.desc(), Post.id.desc())
    .limit(at_most(MOST_SHOWN))
)


def what_helped(viewer: Viewer) -> Sequence[AnyRow]:
    """The viewer's latest posts that have helped or are recommended."""
    return read(_WHAT_HELPED, {"viewer_id": viewer.id}).all()
