"""Merging threads and splitting posts off: each undoes the other, and every address goes on leading to its post."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from forum import outbox
from forum.db import AnyRow, db
from forum.errors import Invalid, require
from forum.members.models import Viewer
from forum.moderation import actions as moderation
from forum.moderation.models import ModerationEntry
from forum.practices.actions import follow_posts
from forum.threads import actions as threads
from forum.threads import drafts
from forum.threads.actions import StartableArea
from forum.threads.models import Post, Thread
from forum.threads.moving import move_posts
from forum.threads.queries import Opened, movable_posts
from forum.threads.rules import can_moderate


def merge(actor: Viewer, source: Opened, target: Opened, reason: str) -> ModerationEntry:
    """Have all of one thread stand behind the posts of another; its address leads there from now on."""
    reason = moderation.checked_reason(actor, source, reason)
    require(can_moderate(target.actor, target))
    one, other = source.thread, target.thread
    # Who asked without a name would act under the own name where the posts stand then.
    require(not one.protected and not other.protected, "protected_stays")
    if one.id == other.id:
        raise Invalid("merge_itself", "into")
    posts = movable_posts(source)
    db.session.get_one(Post, posts[0].id).came_from = one.title
    before, after = _before(one, posts), _after(other)
    _move(actor, one, posts, other)
    one.merged_into_id = other.id
    drafts.follow(one.id, other.id)
    outbox.record("thread.merged", other.id, actor.id, from_thread_id=one.id)
    return moderation.log(actor, source, "merge", reason, before, after)


def split(
    actor: Viewer, source: Opened, post_ids: Collection[int], area: StartableArea, title: str, reason: str
) -> ModerationEntry:
    """Make a thread of its own of some posts; the door has found that the actor may bring one into that area."""
    reason, title = moderation.checked_reason(actor, source, reason), threads.checked_title(title)
    require(not source.thread.protected, "protected_stays")
    standing = [post for post in movable_posts(source) if not post.deleted]
    posts = [post for post in standing if post.id in post_ids]
    if not posts or len(posts) == len(standing):
        raise Invalid("split_all" if posts else "split_none", "posts")
    one, first = source.thread, posts[0]
    kind = "announcement" if area.access == "announcement" else one.kind
    tags = [tag.name for tag in one.tagged]
    made = threads.new_thread(area.id, kind, title, first.author_id, first.created_at, tags)
    db.session.get_one(Post, first.id).came_from = None
    before, after = _before(one, posts), _after(made)
    _move(actor, one, posts, made)
    outbox.record("thread.split", made.id, actor.id, from_thread_id=one.id)
    return moderation.log(actor, replace(source, thread=made), "split", reason, before, after, area_id=one.area_id)


def _move(actor: Viewer, source: Thread, posts: Sequence[AnyRow], target: Thread) -> None:
    move_posts(actor, source, posts, target)
    follow_posts(target.id)
    threads.count_threads(source.area_id, target.area_id)


# Numbers, not titles: whoever reads the log is shown the titles of threads they can see.


def _before(thread: Thread, posts: Sequence[AnyRow]) -> dict[str, Any]:
    return {"thread_id": thread.id, "area_id": thread.area_id, "numbers": [post.number for post in posts]}


def _after(thread: Thread) -> dict[str, Any]:
    return {"thread_id": thread.id, "area_id": thread.area_id, "first": thread.last_number + 1}
