"""A passage taken out for good: of a post, of all it said before, and of what was said about it.

Mails that wait and digests hold numbers, and are written from the post as it is then; the index is built anew. What was
sent before, and what backups hold, is out of reach.
"""

import mimetypes
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, delete, or_, select, update

from forum import clock, outbox
from forum.db import AnyRow, db
from forum.errors import Invalid, require
from forum.files import safe_name
from forum.members.models import Member, Viewer
from forum.moderation import actions as moderation
from forum.moderation.models import Flag, ModerationEntry
from forum.practices.actions import checked
from forum.practices.models import LONGEST_REASON, Mark
from forum.threads import actions as threads
from forum.threads import drafts
from forum.threads.models import Attachment, Bookmark, Post, PostVersion, Thread, ThreadTag, Upload
from forum.threads.opening import NameOpening
from forum.threads.queries import Opened
from forum.threads.rules import can_edit

LONGEST_PASSAGE, LONGEST_INSTEAD = 2000, 100
Change = Callable[[str], str]
Clearing = Callable[[Select[int], Change], None]
_beyond: list[Clearing] = []


def clears(act: Clearing) -> Clearing:
    """Have a channel clear what it keeps about posts, in the same transaction: an event could not say what."""
    _beyond.append(act)
    return act


def passage_of(text: str) -> re.Pattern[str]:
    """The passage wherever it stands: as whole words, in any case, however its lines are broken or quoted."""
    words = checked(text, "passage", "passage_empty", "passage_long", LONGEST_PASSAGE).split()
    start, end = (r"(?<!\w)" if words[0][0].isalnum() else ""), (r"(?!\w)" if words[-1][-1].isalnum() else "")
    return re.compile(start + r"[\s>]+".join(map(re.escape, words)) + end, re.IGNORECASE)


@dataclass(frozen=True)
class Elsewhere:
    """Where the passage may stand besides the post: in others of the thread that quote it, in files of all of them."""

    posts: Sequence[AnyRow]
    files: Sequence[AnyRow]


def elsewhere(opened: Opened, post: Post, passage: re.Pattern[str]) -> Elsewhere:
    """What is offered to be cleared as well: of posts those the actor may change."""
    here = Post.thread_id == opened.thread.id
    others = (
        select(Post.id, Post.number, Post.author_id, Post.body, Member.name.label("author_name"))
        .join(Member, Member.id == Post.author_id)
        .where(here, Post.id != post.id)
        .order_by(Post.number)
    )
    earlier = select(PostVersion.post_id, PostVersion.body).join(Post, Post.id == PostVersion.post_id).where(here)
    attached = (
        select(Attachment.id, Attachment.post_id, Attachment.name, Attachment.alt, Post.number)
        .join(Post, Post.id == Attachment.post_id)
        .where(here)
        .order_by(Post.number, Attachment.id)
    )
    files = db.session.execute(attached).all()
    holding = {row.post_id for row in db.session.execute(earlier) if passage.search(row.body)}
    holding |= {row.post_id for row in files if passage.search(row.alt) or _names(passage, row.name)}
    found = [row for row in db.session.execute(others) if passage.search(row.body) or row.id in holding]
    mine = [row for row in found if can_edit(opened.actor, opened, row.author_id)]
    theirs = {post.id, *(row.id for row in mine)}
    return Elsewhere(mine, [row for row in files if row.post_id in theirs])


def _names(passage: re.Pattern[str], name: str) -> bool:
    """Whether a file is named with the passage, also with other signs between its words."""
    return any(passage.search(words) for words in (name, re.sub(r"[\W_]+", " ", name)))


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
    there = elsewhere(opened, post, passage)
    removed = [file for file in there.files if file.id in files]
    chosen = {*also, *(file.post_id for file in removed)}
    cleared = [post, *(db.session.get_one(Post, other.id) for other in there.posts if other.id in chosen)]
    thread_ids = _merged_here(opened.thread.id)
    places.count = 0
    for each in cleared:
        _clear_post(each, places)
    _clear_threads(thread_ids, places)
    _clear_what_was_said(thread_ids, places)
    # Not counted: the log would tell whoever reads it what others keep to themselves.
    _clear_what_few_see(thread_ids, replace(places).clear)
    gone = _remove_files([file.id for file in removed])
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


def _merged_here(thread_id: int) -> Sequence[int]:
    """The thread, and all that were merged into it or into one of those."""
    here = select(Thread.id).where(Thread.id == thread_id).cte("here", recursive=True)
    here = here.union(select(Thread.id).where(Thread.merged_into_id == here.c.id))
    return db.session.scalars(select(here.c.id)).all()


def _clear_post(post: Post, places: _Places) -> None:
    """Clear a post and its earlier versions; whoever is editing the old text is told that there is a new one."""
    body = places.clear(post.body)
    for version in db.session.scalars(select(PostVersion).where(PostVersion.post_id == post.id)):
        version.body = places.clear(version.body)
    if body != post.body:
        post.body, post.edited_at = body, clock.now()
        threads.write_html(post)
    post.version += 1
    for file in db.session.scalars(select(Attachment).where(Attachment.post_id == post.id)):
        file.alt = places.clear(file.alt)
        if _names(places.passage, file.name):
            _rename(file, places)


def _rename(file: Attachment, places: _Places) -> None:
    """Give a file another name, and what it was brought as; of two in one post each keeps its own."""
    name = safe_name(f"{places.instead} {file.id}{mimetypes.guess_extension(file.media_type) or ''}")
    brought = (Upload.digest == file.digest) & (Upload.name == file.name)
    db.session.execute(update(Upload).where(brought).values(name=name))
    file.name = name
    places.count += 1


def _clear_threads(thread_ids: Sequence[int], places: _Places) -> None:
    """Clear titles, also where posts say from where they came, outcomes, and tags; one that holds the passage goes."""
    for each in db.session.scalars(select(Thread).where(Thread.id.in_(thread_ids))):
        each.outcome_note = places.clear(each.outcome_note)
        title = places.clear(each.title)
        if title != each.title:
            each.title, each.slug = title, threads.words_of(title)
    moved = Post.thread_id.in_(thread_ids) & Post.came_from.is_not(None)
    for post in db.session.scalars(select(Post).where(moved)):
        post.came_from = places.within(post.came_from)
    for tag in db.session.scalars(select(ThreadTag).where(ThreadTag.thread_id.in_(thread_ids))).all():
        if places.clear(tag.name) != tag.name:
            db.session.delete(tag)


def _clear_what_was_said(thread_ids: Sequence[int], places: _Places) -> None:
    """Clear reasons, and titles that the log kept: of marks, flags and acts."""
    posts = _posts_of(thread_ids)
    for mark in db.session.scalars(select(Mark).where(Mark.post_id.in_(posts))):
        mark.for_what, mark.reason = places.within(mark.for_what), places.within(mark.reason)
        mark.withdrawn_reason = places.within(mark.withdrawn_reason)
    for flag in db.session.scalars(select(Flag).where(Flag.post_id.in_(posts))):
        flag.words = places.clear(flag.words)
    about = or_(ModerationEntry.thread_id.in_(thread_ids), ModerationEntry.post_id.in_(posts))
    for entry in db.session.scalars(select(ModerationEntry).where(about)):
        entry.reason = places.clear(entry.reason)
        entry.before, entry.after = places.within(entry.before), places.within(entry.after)


def _clear_what_few_see(thread_ids: Sequence[int], change: Change) -> None:
    """Clear drafts, notes to bookmarks, why a name was to be opened, and what channels keep."""
    posts = _posts_of(thread_ids)
    drafts.clear(thread_ids, change)
    for bookmark in db.session.scalars(select(Bookmark).where(Bookmark.post_id.in_(posts))):
        bookmark.note = change(bookmark.note)
    for opening in db.session.scalars(select(NameOpening).where(NameOpening.thread_id.in_(thread_ids))):
        opening.asked_why, opening.agreed_why = change(opening.asked_why), change(opening.agreed_why or "") or None
    for clear in _beyond:
        clear(posts, change)
    db.session.flush()


def _posts_of(thread_ids: Sequence[int]) -> Select[int]:
    return select(Post.id).where(Post.thread_id.in_(thread_ids))


def _remove_files(numbers: Sequence[int]) -> int:
    """Take files from their posts, and from whoever brought them: then nothing keeps them on the disk."""
    gone = Attachment.id.in_(numbers)
    digests = db.session.scalars(select(Attachment.digest).where(gone)).all()
    db.session.execute(delete(Attachment).where(gone))
    db.session.execute(delete(Upload).where(Upload.digest.in_(digests)))
    return len(digests)
