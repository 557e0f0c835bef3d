"""Reads of marks, viewer first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import bindparam, case, select, union_all
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.db import AnyRow, AnySelect, at_most, db, read
from forum.keys import Order, Page
from forum.members.models import Member, Organisation, Viewer
from forum.practices.models import Mark
from forum.threads.models import Post, Thread
from forum.threads.rules import may_see

RECOMMENDATIONS_A_PAGE = 20
# So many marks are shown on top of a thread and beside its posts; a thread with more is a library.
MOST_SHOWN = 60

_marker = aliased(Member, name="marker")
_author = aliased(Member, name="author")
_STANDING = Mark.withdrawn_at.is_(None)

_given_ids = (
    select(Mark.id)
    .join(Post, Post.id == Mark.post_id)
    .where(Mark.thread_id == bindparam("thread_id"), Mark.kind == "recommended", _STANDING, Post.deleted_at.is_(None))
    .order_by(Post.recommended.desc(), Post.number, Mark.id)
    .limit(at_most(MOST_SHOWN))
    .subquery()
)
# By the posts of the page: a long thread holds thousands of thanks.
_thanks_ids = (
    select(Mark.id)
    .select_from(Post)
    .join(Mark, Mark.post_id == Post.id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .where(Mark.member_id == bindparam("viewer_id"), Mark.kind == "thanks", _STANDING)
)
_OF_THREAD = (
    select(
        Mark.post_id,
        Mark.kind,
        Mark.for_what,
        Mark.reason,
        Mark.member_id,
        Mark.created_at.label("at"),
        Post.number,
        Post.recommended,
        _marker.name.label("by_name"),
        _author.name.label("author_name"),
        Organisation.name.label("organisation_name"),
        Organisation.city,
        case((Mark.kind == "recommended", Post.html)).label("html"),
    )
    .select_from(Mark)
    .join(Post, Post.id == Mark.post_id)
    .join(_marker, _marker.id == Mark.member_id)
    .join(_author, _author.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == _author.organisation_id)
    .where(Mark.id.in_(union_all(select(_given_ids.c.id), _thanks_ids)))
    .order_by(Post.recommended.desc(), Post.number, Mark.id)
)


@dataclass
class MarksOfThread:
    """The recommendations of a thread, those that wait for a second house, and the viewer's own thanks."""

    recommended: list[AnyRow]
    pending: list[AnyRow]
    thanked: set[int]


def marks_of_thread(viewer: Viewer, thread_id: int, first: int, last: int) -> MarksOfThread:
    """The marks that stand in a thread that was found readable; thanks for posts `first` to `last` only."""
    bound = {"thread_id": thread_id, "viewer_id": viewer.id, "first": first, "last": last}
    rows = read(_OF_THREAD, bound).all()
    given = [row for row in rows if row.kind == "recommended"]
    return MarksOfThread(
        [row for row in given if row.recommended],
        [row for row in given if not row.recommended],
        {row.post_id for row in rows if row.kind == "thanks"},
    )


_NEWEST = Order((Mark.created_at, Mark.id))
_RECOMMENDATIONS = _NEWEST.sort(
    select(
        Mark.id,
        Mark.post_id,
        Mark.for_what,
        Mark.reason,
        Mark.created_at,
        _marker.name.label("by_name"),
        _author.name.label("author_name"),
        Organisation.name.label("organisation_name"),
        Organisation.city,
        Post.html,
        Thread.id.label("thread_id"),
        Thread.slug.label("thread_slug"),
        Thread.title.label("thread_title"),
        Area.slug.label("area_slug"),
        Area.title.label("area_title"),
    )
    .select_from(Mark)
    .join(Post, Post.id == Mark.post_id)
    .join(Thread, Thread.id == Mark.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(_marker, _marker.id == Mark.member_id)
    .join(_author, _author.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == _author.organisation_id)
    .where(Mark.kind == "recommended", _STANDING, Post.recommended, Post.deleted_at.is_(None), may_see())
)


@cache
def _recommendations(most: int, area: bool, older: bool) -> AnySelect:
    found = _RECOMMENDATIONS.where(Area.slug == bindparam("area_slug")) if area else _RECOMMENDATIONS
    return (found.where(_NEWEST.further()) if older else found).limit(at_most(most))


def recommendations(viewer: Viewer, area_slug: str = "", before: str = "", most: int = RECOMMENDATIONS_A_PAGE) -> Page:
    """What is recommended in all the viewer sees, the newest first; one row for each thing it is recommended for."""
    key = _NEWEST.read(before)
    statement = _recommendations(most + 1, bool(area_slug), bool(key))
    return _NEWEST.page(read(statement, {"viewer_id": viewer.id, "area_slug": area_slug, **key}).all(), most)


def standing_marks(post_id: int, kind: str) -> Sequence[Mark]:
    """The marks of this kind that a post carries."""
    return db.session.scalars(
        select(Mark).where(Mark.post_id == post_id, Mark.kind == kind, _STANDING).order_by(Mark.id)
    ).all()


def mark_by(member_id: int, post_id: int, kind: str) -> Mark | None:
    """The member's own mark of this kind on the post."""
    mine = (Mark.post_id == post_id) & (Mark.member_id == member_id) & (Mark.kind == kind)
    return db.session.scalar(select(Mark).where(mine, _STANDING))
