"""What the editor offers while one writes: members for `@`, threads and recommended posts for `#`.

Members are those who may read what is written there. Threads are those that its readers may see too: what is linked
shows its title to all of them, so the title of a thread in another closed area is not offered.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select, true

from forum.areas.models import Area
from forum.areas.rules import may_read
from forum.db import AnyRow, db
from forum.members.models import Member, Organisation, Viewer
from forum.practices.models import Mark
from forum.text import slug
from forum.threads.models import Post, Thread
from forum.threads.rules import may_see

MOST, MOST_WORDS = 6, 8


def members_to_mention(viewer: Viewer, place: str, letters: str) -> Sequence[AnyRow]:
    """Members of this area who are called so, those who wrote in the thread first.

    Not by who may see the thread: one that is hidden from colleagues shows to its asker alone among them.
    """
    wrote = select(Post.author_id).where(Post.thread_id == _thread_number(place), Post.deleted_at.is_(None))
    statement = (
        select(Member.handle, Member.name, Organisation.name.label("organisation_name"))
        .select_from(Member)
        .join(Area, true())
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .where(Area.id == _area_of(place), may_read(), may_read(Member.id))
        .where(Member.state == "active", Member.id != viewer.id)
        .where(Member.handle.contains(slug(letters), autoescape=True))
        .order_by(Member.id.in_(wrote).desc(), Member.name, Member.id)
        .limit(MOST)
    )
    return db.session.execute(statement, {"viewer_id": viewer.id}).all()


def threads_to_link(viewer: Viewer, place: str, words: str) -> Sequence[AnyRow]:
    """Threads with these words, or beginnings of them, in their title, the last active first."""
    statement = (
        select(Thread.id, Thread.title, Thread.recommended_count, Thread.reply_count, Area.title.label("area_title"))
        .join(Area, Area.id == Thread.area_id)
        .where(Thread.visible, *_shown_to_all(place), *(_holds(word) for word in _typed(words)))
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
        .limit(MOST)
    )
    return db.session.execute(statement, {"viewer_id": viewer.id}).all()


def practices_to_link(viewer: Viewer, place: str, words: str) -> Sequence[AnyRow]:
    """Recommended posts that are recommended for this, or stand in a thread about it."""
    named = (
        or_(_holds(word), func.lower(Mark.for_what).contains(word.lower(), autoescape=True)) for word in _typed(words)
    )
    statement = (
        select(Post.id, Mark.for_what, Thread.title, Area.title.label("area_title"))
        .select_from(Mark)
        .join(Post, Post.id == Mark.post_id)
        .join(Thread, Thread.id == Post.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .where(Mark.kind == "recommended", Mark.withdrawn_at.is_(None), Post.recommended, Post.deleted_at.is_(None))
        .where(*_shown_to_all(place), *named)
        .order_by(Mark.created_at.desc(), Mark.id.desc())
        .limit(MOST // 2)
    )
    return db.session.execute(statement, {"viewer_id": viewer.id}).all()


def _typed(words: str) -> list[str]:
    return words.split()[:MOST_WORDS]


def _holds(word: str) -> ColumnElement[bool]:
    """By the title in the address: there "Vermüllung" is "vermuellung", whatever the case and the database."""
    return Thread.slug.contains(slug(word), autoescape=True)


def _shown_to_all(place: str) -> tuple[ColumnElement[bool], ...]:
    return may_see(), ~Thread.held, ~Thread.hidden, or_(Area.access != "closed", Area.id == _area_of(place))


def _area_of(place: str) -> ScalarSelect[int]:
    """The area of a place that the viewer sees."""
    what, _, where = place.partition(":")
    if what == "area":
        return select(Area.id).where(Area.slug == where, may_read()).correlate(None).scalar_subquery()
    thread = Thread.id == _thread_number(place)
    return (
        select(Area.id)
        .join(Thread, Thread.area_id == Area.id)
        .where(thread, may_see())
        .correlate(None)
        .scalar_subquery()
    )


def _thread_number(place: str) -> int:
    what, _, where = place.partition(":")
    return int(where) if what == "thread" and where.isascii() and where.isdigit() and len(where) <= 9 else 0
