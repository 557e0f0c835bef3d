"""Posts that go into another thread, and with them how far each member has read."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, case, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from forum import clock
from forum.db import AnyRow, db
from forum.members.models import Member, Viewer
from forum.threads.actions import mark_read, pass_gaps, refresh_facts
from forum.threads.models import CaughtUp, Post, ReadMarker, Thread
from forum.tokens import new_key


def move_posts(actor: Viewer, source: Thread, posts: Sequence[AnyRow], target: Thread) -> None:
    """Put posts behind those of another thread, in their order; each leaves its place behind.

    So a number is never given twice, nor does one lead to another post than before. How far somebody had read goes
    along: what is new for them stays new, and nothing else becomes so.
    """
    before = _Standing(target.last_number, _last_seen(target.id), target.last_post_at)
    now, left = clock.now(), source.last_post_at
    moved = [{"row": post.id, "to": target.id, "place": n} for n, post in enumerate(posts, before.last_number + 1)]
    by_row = update(Post).where(Post.id == bindparam("row"))
    db.session.flush()
    db.session.connection().execute(by_row.values(thread_id=bindparam("to"), number=bindparam("place")), moved)
    places = [
        {
            "uid": new_key()[:16], "thread_id": source.id, "number": post.number, "author_id": post.author_id,
            "created_at": post.created_at, "deleted_at": now, "deleted_by_id": actor.id, "moved_to_id": post.id,
            "body": "", "html": "",
        }
        for post in posts
    ]  # fmt: skip
    db.session.execute(insert(Post), places)
    target.last_number += len(moved)
    _carry_markers(source, target, before, [post.number for post in posts], left)
    db.session.expire_all()
    refresh_facts(source.id, target.id)
    pass_gaps(source)


@dataclass(frozen=True)
class _Standing:
    """A thread before posts come into it: its last number, that of the last post to be seen, and when that was."""

    last_number: int
    last_seen: int
    last_post_at: datetime


def _last_seen(thread_id: int) -> int:
    seen = (Post.thread_id == thread_id) & Post.deleted_at.is_(None)
    return db.session.scalar(select(func.max(Post.number)).where(seen)) or 0


def _carry_markers(source: Thread, target: Thread, before: _Standing, numbers: list[int], left: datetime) -> None:
    """Whoever had nothing left to read in the target has read of what came in as much as where it was before."""
    here, there = aliased(ReadMarker, name="here"), aliased(ReadMarker, name="there")
    readers = (
        select(
            *(Member.id, here.number.label("here"), there.number.label("there"), there.kept_until),
            (here.kept_until > _horizon(target)).label("kept_here"),
            (there.kept_until > _horizon(source)).label("kept_there"),
            (_horizon(target) >= before.last_post_at).label("caught_up_here"),
            (_horizon(source) >= left).label("caught_up_there"),
        )
        .outerjoin(here, (here.member_id == Member.id) & (here.thread_id == target.id))
        .outerjoin(there, (there.member_id == Member.id) & (there.thread_id == source.id))
        .where(or_(here.number.is_not(None), there.number.is_not(None)))
    )
    for row in db.session.execute(readers).all():
        read_here = (row.here or 0) >= before.last_seen or (row.caught_up_here and not row.kept_here)
        all_there = row.caught_up_there and not row.kept_there
        read_there = len(numbers) if all_there else bisect_right(numbers, row.there or 0)
        if read_here and (read_there or row.kept_there):
            mark_read(row.id, target.id, before.last_number + read_there)
        if row.kept_there and not before.last_number:
            mine = (ReadMarker.member_id == row.id) & (ReadMarker.thread_id == target.id)
            db.session.execute(update(ReadMarker).where(mine).values(kept_until=row.kept_until))


def _horizon(thread: Thread) -> ColumnElement[datetime]:
    """What came before counts as read for the Member: since they caught up with all areas, or with that of a thread."""
    mine = (CaughtUp.member_id == Member.id) & (CaughtUp.area_id == thread.area_id)
    here = select(CaughtUp.at).where(mine).scalar_subquery()
    return case((here > Member.caught_up_at, here), else_=Member.caught_up_at)
