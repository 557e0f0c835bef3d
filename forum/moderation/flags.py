"""Flags: a member asks the facilitators to look at a post, and hears what became of it.

Who flagged what is for those alone who run the area; neither the author nor other members learn that there is a flag,
and an author who runs the area learns it from the log, when another has decided.
"""

from collections.abc import Callable

from sqlalchemy import Select, bindparam, select, update

from forum import clock, outbox
from forum.areas.models import Area
from forum.db import AnySelect, db, read
from forum.errors import Conflict, Invalid, require
from forum.members.models import Member, Viewer
from forum.moderation import actions as moderation
from forum.moderation.models import FLAG_REASONS, Flag, ModerationEntry
from forum.moderation.rules import judges
from forum.practices.actions import checked
from forum.practices.models import LONGEST_REASON
from forum.text import tidy
from forum.threads.models import Post, Thread
from forum.threads.queries import Opened

_JUDGES: AnySelect = (
    select(Post.id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.id == bindparam("post_id"), judges())
)


def flag(actor: Viewer, opened: Opened, post: Post, reason: str, words: str) -> None:
    """Ask the facilitators to look; a member who asks twice while nobody has answered asked once."""
    opened.acts(actor)
    require(post.deleted_at is None, "post_deleted")
    if reason not in FLAG_REASONS:
        raise Invalid("flag_reason", "why")
    if reason == "other" or tidy(words).strip():
        words = checked(words, "words", "flag_words", "reason_long", LONGEST_REASON)
    if db.session.scalar(_open(post.id).where(Flag.member_id == actor.id)):
        return
    made = Flag(post_id=post.id, member_id=actor.id, reason=reason, words=words, at=clock.now())
    db.session.add(made)
    db.session.flush()
    outbox.record("post.flagged", post.id, actor.id, thread_id=opened.thread.id, flag_id=made.id)


def decide(
    actor: Viewer,
    opened: Opened,
    post: Post,
    seen: int,
    reason: str,
    act: Callable[[], ModerationEntry | None] | None = None,
) -> None:
    """Answer the flags up to the one that was seen, by an act or by a word alone; later ones wait for their own look.

    Of a word alone the author hears nothing, and so does not learn that there were flags.
    """
    reason = moderation.checked_reason(actor, opened, reason)
    require(read(_JUDGES, {"viewer_id": actor.id, "post_id": post.id}).scalar() is not None)
    if not db.session.scalar(_open(post.id).where(Flag.id <= seen).limit(1)):
        raise Conflict("flag_answered", name=_who_answered(post.id))
    done = act() if act else None
    entry = done or moderation.log(actor, opened, "dismiss", reason, {}, {}, post, tell=False)
    answered = (Flag.post_id == post.id) & Flag.entry_id.is_(None) & (Flag.id <= seen)
    db.session.execute(update(Flag).where(answered).values(entry_id=entry.id))
    outbox.record("flags.answered", entry.id, actor.id, thread_id=opened.thread.id, post_id=post.id)


def _open(post_id: int) -> Select[int]:
    return select(Flag.id).where(Flag.post_id == post_id, Flag.entry_id.is_(None))


def _who_answered(post_id: int) -> str:
    answers = select(Member.name).join(ModerationEntry, ModerationEntry.actor_id == Member.id)
    of_post = answers.join(Flag, Flag.entry_id == ModerationEntry.id).where(Flag.post_id == post_id)
    return db.session.scalar(of_post.order_by(ModerationEntry.id.desc()).limit(1)) or "–"
