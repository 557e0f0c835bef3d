"""Writing posts that were written elsewhere: many at once, with their own dates, and once however often it runs.

An import tells of itself in one event for each batch: it reaches the index and nobody's mailbox.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import insert, select, update

from forum import outbox
from forum.db import db
from forum.members.queries import people_by_handle
from forum.text import mentioned, render
from forum.threads.actions import count_threads, refresh_facts
from forum.threads.models import Mention, Post, Thread

T = TypeVar("T")
BATCH = 500


@dataclass(frozen=True)
class OldPost:
    """A post with where and when it was written; `uid` is how its own archive calls it."""

    uid: str
    thread_id: int
    author_id: int
    body: str
    created_at: datetime
    reply_to: str | None = None
    message_id: str | None = None
    edited_at: datetime | None = None


@dataclass
class Numbers:
    """The last post number of each thread that is written to, so that it is read once."""

    last: dict[int, int] = field(default_factory=dict)

    def next(self, thread_id: int) -> int:
        """The number of the next post."""
        if thread_id not in self.last:
            self.last[thread_id] = db.session.scalar(select(Thread.last_number).where(Thread.id == thread_id)) or 0
        self.last[thread_id] += 1
        return self.last[thread_id]


def present(uids: Collection[str]) -> dict[str, int]:
    """Which of these posts are here already: uid → number of the row."""
    return dict(db.session.execute(select(Post.uid, Post.id).where(Post.uid.in_(uids))).all())


def write_posts(posts: Sequence[OldPost], numbers: Numbers) -> dict[str, int]:
    """Insert posts in this order, in the present transaction; return uid → number of the row."""
    if not posts:
        return {}
    handles = {post.uid: mentioned(post.body) for post in posts}
    people = people_by_handle({handle for found in handles.values() for handle in found})
    rows = [
        {
            "uid": post.uid,
            "thread_id": post.thread_id,
            "number": numbers.next(post.thread_id),
            "author_id": post.author_id,
            "created_at": post.created_at,
            "edited_at": post.edited_at,
            "message_id": post.message_id,
            "body": post.body,
            "html": render(post.body, people),
            "version": 1,
            "recommended": False,
            "helpful": False,
            "thanks_count": 0,
        }
        for post in posts
    ]
    db.session.execute(insert(Post), rows)
    ids = present([post.uid for post in posts])
    _link_replies(posts, ids)
    mentions = [
        {"post_id": ids[uid], "member_id": people[handle][0]}
        for uid, found in handles.items()
        for handle in found & set(people)
    ]
    if mentions:
        db.session.execute(insert(Mention), mentions)
    _keep_numbers({post.thread_id for post in posts}, numbers)
    outbox.record("posts.imported", min(ids.values()), None, last_id=max(ids.values()))
    return ids


def _link_replies(posts: Sequence[OldPost], ids: dict[str, int]) -> None:
    answered = {post.reply_to for post in posts if post.reply_to} - set(ids)
    known = ids | present(answered)
    links = [
        {"id": ids[post.uid], "reply_to_id": known[post.reply_to]}
        for post in posts
        if post.reply_to and post.reply_to in known
    ]
    if links:
        db.session.execute(update(Post), links)


def _keep_numbers(thread_ids: Iterable[int], numbers: Numbers) -> None:
    kept = [{"id": thread_id, "last_number": numbers.last[thread_id]} for thread_id in thread_ids]
    db.session.execute(update(Thread), kept)


def refresh(thread_ids: Sequence[int]) -> None:
    """Count anew what lists show of these threads and their areas."""
    refresh_facts(*thread_ids)
    count_threads(*db.session.scalars(select(Thread.area_id).where(Thread.id.in_(thread_ids)).distinct()))


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in lists of at most `size`, each of which is one transaction of an import."""
    batch: list[T] = []
    for thing in things:
        batch.append(thing)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
