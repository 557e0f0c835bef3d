"""What facilitators do: each act changes the thing through its own noun, and is written down with its reason."""

from collections.abc import Iterable
from typing import Any

from forum import clock, outbox
from forum.db import db
from forum.errors import Refused, require
from forum.members.models import Viewer
from forum.moderation.models import ModerationEntry
from forum.practices.actions import checked
from forum.practices.models import LONGEST_REASON
from forum.threads import actions as threads
from forum.threads import asking
from forum.threads.filing import NO_FILES, Files
from forum.threads.models import Post
from forum.threads.queries import Opened
from forum.threads.rules import can_moderate

outbox.nobody_hears("thread.pinned", "thread.locked")


def pin(actor: Viewer, opened: Opened, pinned: bool, reason: str) -> ModerationEntry | None:
    """Keep a thread on top of its area, or no longer; twice is once."""
    reason = checked_reason(actor, opened, reason)
    if opened.thread.pinned == pinned:
        return None
    opened.thread.pinned = pinned
    outbox.record("thread.pinned", opened.thread.id, actor.id)
    return log(actor, opened, "pin" if pinned else "unpin", reason, {"pinned": not pinned}, {"pinned": pinned})


def lock(actor: Viewer, opened: Opened, locked: bool, reason: str) -> ModerationEntry | None:
    """End the replies of a thread, or open it again; twice is once."""
    reason = checked_reason(actor, opened, reason)
    if opened.thread.locked == locked:
        return None
    opened.thread.locked = locked
    outbox.record("thread.locked", opened.thread.id, actor.id)
    return log(actor, opened, "lock" if locked else "unlock", reason, {"locked": not locked}, {"locked": locked})


def move(actor: Viewer, opened: Opened, area_id: int, reason: str) -> ModerationEntry:
    """Put a thread into another area; the door has found that area readable for the actor."""
    reason = checked_reason(actor, opened, reason)
    thread, old = opened.thread, opened.thread.area_id
    if area_id == old:
        raise Refused("not_allowed")
    thread.area_id = area_id
    threads.count_threads(old, area_id)
    outbox.record("thread.moved", thread.id, actor.id, from_area_id=old, to_area_id=area_id)
    # Numbers, not names: whoever reads the log is shown the names of areas they can see.
    return log(actor, opened, "move", reason, {"area_id": old}, {"area_id": area_id}, area_id=old)


def edit_post(
    actor: Viewer,
    opened: Opened,
    post: Post,
    body: str,
    version: int,
    reason: str,
    title: str | None = None,
    tags: Iterable[str] | None = None,
    files: Files = NO_FILES,
    send_key: str = "",
) -> ModerationEntry | None:
    """Change what somebody else wrote; what is as it was is no act."""
    reason = checked_reason(actor, opened, reason)
    before = _as_it_stands(opened, post)
    threads.edit(actor, opened, post, body, version, title, tags, files, send_key)
    after = _as_it_stands(opened, post)
    return log(actor, opened, "edit", reason, before, after, post) if after != before else None


def _as_it_stands(opened: Opened, post: Post) -> dict[str, Any]:
    tags = [tag.name for tag in opened.thread.tagged]
    return {"version": post.version, "title": opened.thread.title, "tags": tags}


def delete_post(actor: Viewer, opened: Opened, post: Post, reason: str) -> ModerationEntry | None:
    """Take out of sight what somebody else wrote; twice is once."""
    reason = checked_reason(actor, opened, reason)
    if post.deleted_at is not None:
        return None
    threads.delete_post(actor, opened, post)
    return log(actor, opened, "delete", reason, {"deleted": False}, {"deleted": True}, post)


def restore_post(actor: Viewer, opened: Opened, post: Post, reason: str) -> ModerationEntry | None:
    """Bring back what was deleted; twice is once."""
    reason = checked_reason(actor, opened, reason)
    if post.deleted_at is None:
        return None
    threads.restore_post(actor, opened, post, undo_hours=0)
    return log(actor, opened, "restore", reason, {"deleted": True}, {"deleted": False}, post)


def publish(actor: Viewer, opened: Opened, seen: str) -> None:
    """Let everybody have a question that was asked without a name and waited for a facilitator, as it was seen."""
    asking.publish(actor, opened, seen)
    log(actor, opened, "publish", "", {"held": True}, {"held": False})


def give_back(actor: Viewer, opened: Opened, reason: str) -> None:
    """Leave such a question to its asker, who is told why and can send it again."""
    reason = checked_reason(actor, opened, reason)
    asking.give_back(actor, opened)
    log(actor, opened, "return", reason, {"waits": True}, {"waits": False})


def checked_reason(actor: Viewer, opened: Opened, reason: str) -> str:
    """The reason as it is kept, of one who may act here."""
    opened.acts(actor)
    require(can_moderate(actor, opened))
    return checked(reason, "reason", "reason_empty", "reason_long", LONGEST_REASON)


def log(
    actor: Viewer,
    opened: Opened,
    act: str,
    reason: str,
    before: dict[str, Any],
    after: dict[str, Any],
    post: Post | None = None,
    area_id: int | None = None,
    tell: bool = True,
) -> ModerationEntry:
    """Write an act down; whose post or thread it concerns hears of it, unless it did nothing to that."""
    entry = ModerationEntry(
        actor_id=actor.id,
        act=act,
        area_id=area_id or opened.thread.area_id,
        thread_id=opened.thread.id,
        post_id=post and post.id,
        reason=reason,
        before=before,
        after=after,
        at=clock.now(),
    )
    db.session.add(entry)
    db.session.flush()
    if tell:
        outbox.record("moderation.decided", entry.id, actor.id, thread_id=entry.thread_id)
    return entry
