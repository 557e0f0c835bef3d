"""Reads of the moderation log, viewer first."""

from collections.abc import Sequence

from sqlalchemy import bindparam, or_, select, true

from forum.areas.models import Area
from forum.areas.rules import facilitates, may_read
from forum.db import AnyRow, db
from forum.members.models import Member, Viewer
from forum.moderation.models import ModerationEntry
from forum.threads.models import Post, Thread
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
            true() if viewer.is_facilitator else facilitates(),
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
