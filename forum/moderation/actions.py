"""What facilitators do: each act changes the thing through its own noun, and is written down with its reason."""

from typing import Any

from forum import clock, outbox
from forum.db import db
from forum.errors import Refused, require
from forum.members.models import Viewer
from forum.moderation.models import ModerationEntry
from forum.practices.actions import checked
from forum.practices.models import LONGEST_REASON
from forum.threads import actions as threads
from forum.threads.models import Post
from forum.threads.queries import Opened
from forum.threads.rules import can_moderate

outbox.nobody_hears("thread.pinned", "thread.locked")


def pin(actor: Viewer, opened: Opened, pinned: bool, reason: str) -> None:
    """Keep a thread on top of its area, or no longer."""
    reason = _checked(actor, opened, reason)
    before = {"pinned": opened.thread.pinned}
    opened.thread.pinned = pinned
    _log(actor, opened, "pin" if pinned else "unpin", reason, before, {"pinned": pinned})
    outbox.record("thread.pinned", opened.thread.id, actor.id)


def lock(actor: Viewer, opened: Opened, locked: bool, reason: str) -> None:
    """End the replies of a thread, or open it again."""
    reason = _checked(actor, opened, reason)
    before = {"locked": opened.thread.locked}
    opened.thread.locked = locked
    _log(actor, opened, "lock" if locked else "unlock", reason, before, {"locked": locked})
    outbox.record("thread.locked", opened.thread.id, actor.id)


def move(actor: Viewer, opened: Opened, area_id: int, reason: str) -> None:
    """Put a thread into another area; the door has found that area readable for the actor."""
    reason = _checked(actor, opened, reason)
    thread, old = opened.thread, opened.thread.area_id
    if area_id == old:
        raise Refused("not_allowed")
    thread.area_id = area_id
    threads.count_threads(old, area_id)
    # Numbers, not names: whoever reads the log is shown the names of areas they can see.
    _log(actor, opened, "move", reason, {"area_id": old}, {"area_id": area_id}, area_id=old)
    outbox.record("thread.moved", thread.id, actor.id, from_area_id=old, to_area_id=area_id)


def edit_post(
    actor: Viewer, opened: Opened, post: Post, body: str, version: int, reason: str, title: str | None = None
) -> None:
    """Change what somebody else wrote."""
    reason = _checked(actor, opened, reason)
    before = {"version": post.version, "title": opened.thread.title}
    threads.edit(actor, opened, post, body, version, title)
    _log(actor, opened, "edit", reason, before, {"version": post.version, "title": opened.thread.title}, post)


def delete_post(actor: Viewer, opened: Opened, post: Post, reason: str) -> None:
    """Take out of sight what somebody else wrote; twice is once."""
    reason = _checked(actor, opened, reason)
    if post.deleted_at is not None:
        return
    threads.delete_post(actor, opened, post)
    _log(actor, opened, "delete", reason, {"deleted": False}, {"deleted": True}, post)


def restore_post(actor: Viewer, opened: Opened, post: Post, reason: str) -> None:
    """Bring back what was deleted; twice is once."""
    reason = _checked(actor, opened, reason)
    if post.deleted_at is None:
        return
    threads.restore_post(actor, opened, post, undo_hours=0)
    _log(actor, opened, "restore", reason, {"deleted": True}, {"deleted": False}, post)


def _checked(actor: Viewer, opened: Opened, reason: str) -> str:
    require(can_moderate(actor, opened))
    return checked(reason, "reason", "reason_empty", "reason_long", LONGEST_REASON)


def _log(
    actor: Viewer,
    opened: Opened,
    act: str,
    reason: str,
    before: dict[str, Any],
    after: dict[str, Any],
    post: Post | None = None,
    area_id: int | None = None,
) -> None:
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
    outbox.record("moderation.decided", entry.id, actor.id, thread_id=entry.thread_id)
