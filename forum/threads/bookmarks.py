"""Posts that a member wants to find again, each with a note for nobody else."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from forum import clock, outbox
from forum.areas.models import Area
from forum.areas.rules import VIEWER
from forum.db import AnyRow, AnySelect, at_most, changed, db, read
from forum.errors import Invalid, require
from forum.members.models import Member, Viewer
from forum.text import tidy
from forum.threads.models import LONGEST_NOTE, Bookmark, Post, Thread
from forum.threads.rules import may_see

BOOKMARKS_A_PAGE = 30

outbox.nobody_hears("post.bookmarked", "bookmark.removed")


def bookmark(actor: Viewer, post: Post, note: str) -> None:
    """Keep a post, which the door has found readable, or say something else about it."""
    require(post.deleted_at is None, "post_deleted")
    note = " ".join(tidy(note).split())
    if len(note) > LONGEST_NOTE:
        raise Invalid("words_long", "note", most=LONGEST_NOTE)
    kept = bookmark_of(actor, post.id)
    if kept is None:
        db.session.add(Bookmark(member_id=actor.id, post_id=post.id, note=note, at=clock.now()))
    elif kept.note != note:
        kept.note = note
    else:
        return
    outbox.record("post.bookmarked", post.id, actor.id)


def remove(actor: Viewer, post_id: int) -> None:
    """Keep a post no longer, also one that may not be seen any more; twice is once."""
    mine = (Bookmark.member_id == actor.id) & (Bookmark.post_id == post_id)
    if changed(delete(Bookmark).where(mine)):
        outbox.record("bookmark.removed", post_id, actor.id)


def bookmark_of(viewer: Viewer, post_id: int) -> Bookmark | None:
    """The viewer's bookmark on a post."""
    mine = (Bookmark.member_id == viewer.id) & (Bookmark.post_id == post_id)
    return db.session.scalar(select(Bookmark).where(mine))


_BOOKMARKS: AnySelect = (
    select(
        *(Bookmark.id, Bookmark.post_id, Bookmark.note, Bookmark.at, Post.number, Post.html, Thread.title),
        *(Area.title.label("area_title"), Member.name.label("author_name")),
    )
    .join(Post, Post.id == Bookmark.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == Post.author_id)
    .where(Bookmark.member_id == VIEWER, Post.deleted_at.is_(None), may_see())
    .order_by(Bookmark.id.desc())
    .limit(at_most(BOOKMARKS_A_PAGE + 1))
)
_FURTHER = _BOOKMARKS.where(Bookmark.id < bindparam("before"))


def bookmarks(viewer: Viewer, before: int = 0) -> Sequence[AnyRow]:
    """What the viewer kept and may see, the newest first, one more than a page holds."""
    if before:
        return read(_FURTHER, {"viewer_id": viewer.id, "before": before}).all()
    return read(_BOOKMARKS, {"viewer_id": viewer.id}).all()
