"""A passage taken out for good: of a post, of all it said before, and of what was said about it.

Mails that wait and digests hold numbers, and are written from the post as it is then; the index is built anew. What was
sent before, and what backups hold, is out of reach.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, or_, select

from forum import clock, outbox
from forum.db import AnyRow, changed, db
from forum.errors import Invalid, require
from forum.members.models import Member, Viewer
from forum.moderation import actions as moderation
from forum.moderation.models import Flag, ModerationEntry
from forum.practices.actions import checked
from forum.practices.models import LONGEST_REASON, Mark
from forum.threads import actions as threads
from forum.threads.models import Attachment, Post, PostVersion, Thread, ThreadTag
from forum.threads.queries import Opened
from forum.threads.rules import can_edit

LONGEST_PASSAGE, LONGEST_INSTEAD = 2000, 100
Change = Callable[[str], str]


def passage_of(text: str) -> re.Pattern[str]:
    """The passage wherever it stands: as whole words, in any case, however its lines are broken or quoted."""
    words = checked(text, "passage", "passage_empty", "passage_long", LONGEST_PASSAGE).split()
    start, end = (r"(?<!\w)" if words[0][0].isalnum() else ""), (r"(?!\w)" if words[-1][-1].isalnum() else "")
    return re.compile(start + r"[\s>]+".join(map(re.escape, words)) + end, re.IGNORECASE)


@dataclass(frozen=True)
class Elsewhere:
    """Where the passage may stand besides the post: in others of the thread that quote it, in files of the post."""

    posts: Sequence[AnyRow]
    files: Sequence[AnyRow]


def elsewhere(opened: Opened, post: Post, passage: re.Pattern[str]) -> Elsewhere:
    """What is offered to be cleared as well: of posts those the actor may change."""
    others = (
        select(Post.id, Post.number, Post.author_id, Post.body, Member.name.label("author_name"))
        .join(Member, Member.id == Post.author_id)
        .where(Post.thread_id == opened.thread.id, Post.id != post.id)
        .order_by(Post.number)
    )
    earlier = (
        select(PostVersion.post_id, PostVersion.body)
        .join(Post, Post.id == PostVersion.post_id)
        .where(Post.thread_id == opened.thread.id)
    )
    before = {row.post_id for row in db.session.execute(earlier) if passage.search(row.body)}
    found = [row for row in db.session.execute(others) if passage.search(row.body) or row.id in before]
    files = select(Attachment.id, Attachment.name).where(Attachment.post_id == post.id).order_by(Attachment.id)
    mine = [row for row in found if can_edit(opened.actor, opened, row.author_id)]
    return Elsewhere(mine, db.session.execute(files).all())


def redact(
    actor: Viewer,
    opened: Opened,
    post: Post,
    passage: re.Pattern[str],
    instead: str,
    reason: str,
    also: Collection[int] = (),
    files: Collection[int] = (),
) -> ModerationEntry:
    """Put other words in place of a passage wherever it stands; the log says how often, never what it was."""
    opened.acts(actor)
    require(can_edit(actor, opened, post.author_id))
    instead = checked(instead, "instead", "instead_empty", "passage_long", LONGEST_INSTEAD)
    places = _Places(passage, instead)
    reason = places.clear(checked(reason, "reason", "reason_empty", "reason_long", LONGEST_REASON))
    chosen = [other.id for other in elsewhere(opened, post, passage).posts if other.id in also]
    cleared = [post, *(db.session.get_one(Post, number) for number in chosen)]
    places.count = 0
    for each in cleared:
        _clear_post(each, places)
    _clear_thread(opened.thread, places)
    _clear_what_was_said(opened.thread.id, [each.id for each in cleared], places)
    gone = _remove_files(post, files)
    if not places.count and not gone:
        raise Invalid("passage_absent", "passage")
    outbox.record("post.redacted", post.id, actor.id, thread_id=opened.thread.id)
    after = {"places": places.count, "files": gone}
    # An entry for each post, so that each author hears of it.
    entries = [
        moderation.log(actor, opened, "redact", reason, {}, after, each, tell=each.author_id != actor.id)
        for each in cleared
    ]
    return entries[0]


@dataclass
class _Places:
    """Replaces the passage, and counts."""

    passage: re.Pattern[str]
    instead: str
    count: int = 0

    def clear(self, text: str) -> str:
        """The text without the passage."""
        # Not as a template: what is typed may hold a backslash.
        cleared, here = self.passage.subn(lambda _match: self.instead, text)
        self.count += here
        return cleared

    def within(self, value: Any) -> Any:
        """The same for all texts in what an act kept."""
        if isinstance(value, str):
            return self.clear(value)
        if isinstance(value, list):
            return [self.within(one) for one in value]
        return {key: self.within(one) for key, one in value.items()} if isinstance(value, dict) else value


def _clear_post(post: Post, places: _Places) -> None:
    """Clear a post and its earlier versions; whoever is editing the old text is told that there is a new one."""
    body = places.clear(post.body)
    if post.came_from:
        post.came_from = places.clear(post.came_from)
    for version in db.session.scalars(select(PostVersion).where(PostVersion.post_id == post.id)):
        version.body = places.clear(version.body)
    if body != post.body:
        post.body, post.edited_at = body, clock.now()
        threads.write_html(post)
    post.version += 1


def _clear_thread(thread: Thread, places: _Places) -> None:
    """Clear title and outcome, also of threads that were merged in, and tags; a tag that holds the passage goes."""
    for each in db.session.scalars(
        select(Thread).where(or_(Thread.id == thread.id, Thread.merged_into_id == thread.id))
    ):
        each.outcome_note = places.clear(each.outcome_note)
        title = places.clear(each.title)
        if title != each.title:
            each.title, each.slug = title, threads.words_of(title)
    for tag in db.session.scalars(select(ThreadTag).where(ThreadTag.thread_id == thread.id)).all():
        if places.clear(tag.name) != tag.name:
            db.session.delete(tag)


def _clear_what_was_said(thread_id: int, post_ids: Sequence[int], places: _Places) -> None:
    """Clear reasons, and titles that the log kept: of marks, flags and acts."""
    for mark in db.session.scalars(select(Mark).where(Mark.post_id.in_(post_ids))):
        mark.for_what, mark.reason = places.within(mark.for_what), places.within(mark.reason)
        mark.withdrawn_reason = places.within(mark.withdrawn_reason)
    for flag in db.session.scalars(select(Flag).where(Flag.post_id.in_(post_ids))):
        flag.words = places.clear(flag.words)
    about = or_(ModerationEntry.thread_id == thread_id, ModerationEntry.post_id.in_(post_ids))
    for entry in db.session.scalars(select(ModerationEntry).where(about)):
        entry.reason = places.clear(entry.reason)
        entry.before, entry.after = places.within(entry.before), places.within(entry.after)
    db.session.flush()


def _remove_files(post: Post, files: Collection[int]) -> int:
    theirs = and_(Attachment.post_id == post.id, Attachment.id.in_(files))
    return changed(delete(Attachment).where(theirs)) if files else 0
