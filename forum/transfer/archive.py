"""Writing posts that were written elsewhere: many at once, with their own dates, and once however often it runs.

An import is a row of steps, each one transaction; what takes long is made ready between them, so that members
can write in the meantime. It tells of itself in one event for each step: it reaches the index and nobody's
mailbox.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import insert, select, update

from forum import outbox
from forum.db import db
from forum.members.queries import people_by_handle
from forum.text import mentioned, render
from forum.threads.actions import count_threads, refresh_facts
from forum.threads.models import Mention, Post, Thread

T = TypeVar("T")
BATCH = 500
# What is done in one transaction; it returns how far the import is then.
Step = Callable[[], int]


@dataclass(frozen=True)
class Words:
    """What a post says, made ready: rendering takes longest of all and needs no transaction."""

    body: str
    html: str
    calls: frozenset[int]


@dataclass(frozen=True)
class OldPost:
    """A post with where and when it was written; `uid` is how its own archive calls it."""

    uid: str
    thread_id: int
    author_id: int
    words: Words
    created_at: datetime
    reply_to: str | None = None
    message_id: str | None = None
    edited_at: datetime | None = None


def present(uids: Collection[str]) -> dict[str, int]:
    """Which of these posts are here already: uid → number of the row."""
    return dict(db.session.execute(select(Post.uid, Post.id).where(Post.uid.in_(uids))).all())


def ready(bodies: Sequence[str]) -> list[Words]:
    """Render texts, with the members whom they mention."""
    calls = [mentioned(body) if "@" in body else set() for body in bodies]
    people = people_by_handle({handle for handles in calls for handle in handles})
    return [
        Words(body, render(body, people), frozenset(people[handle][0] for handle in handles & people.keys()))
        for body, handles in zip(bodies, calls, strict=True)
    ]


def write_posts(posts: Sequence[OldPost]) -> dict[str, int]:
    """Insert posts in this order, in the present transaction; return uid → number of the row."""
    if not posts:
        return {}
    db.session.execute(insert(Post), list(_rows(posts)))
    ids = present([post.uid for post in posts])
    _link_replies(posts, ids)
    if calls := [{"post_id": ids[post.uid], "member_id": called} for post in posts for called in post.words.calls]:
        db.session.execute(insert(Mention), calls)
    outbox.record("posts.imported", min(ids.values()), None, last_id=max(ids.values()))
    return ids


def _rows(posts: Sequence[OldPost]) -> Iterator[dict[str, Any]]:
    """The rows of the posts, numbered on in their threads."""
    thread_ids = {post.thread_id for post in posts}
    found = db.session.execute(select(Thread.id, Thread.last_number).where(Thread.id.in_(thread_ids)))
    last: dict[int, int] = dict(found.all())
    for post in posts:
        last[post.thread_id] += 1
        yield {
            "uid": post.uid,
            "thread_id": post.thread_id,
            "number": last[post.thread_id],
            "author_id": post.author_id,
            "created_at": post.created_at,
            "edited_at": post.edited_at,
            "message_id": post.message_id,
            "body": post.words.body,
            "html": post.words.html,
            "version": 1,
            "recommended": False,
            "helpful": False,
            "thanks_count": 0,
        }
    db.session.execute(update(Thread), [{"id": thread_id, "last_number": number} for thread_id, number in last.items()])


def _link_replies(posts: Sequence[OldPost], ids: dict[str, int]) -> None:
    known = ids | present({post.reply_to for post in posts if post.reply_to} - ids.keys())
    links = [
        {"id": ids[post.uid], "reply_to_id": known[post.reply_to]}
        for post in posts
        if post.reply_to and post.reply_to in known
    ]
    if links:
        db.session.execute(update(Post), links)


def refresh(thread_ids: Collection[int]) -> None:
    """Count anew what lists show of these threads and their areas."""
    refresh_facts(*thread_ids)
    count_threads(*db.session.scalars(select(Thread.area_id).where(Thread.id.in_(thread_ids)).distinct()))


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in lists of at most `size`."""
    batch: list[T] = []
    for thing in things:
        batch.append(thing)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
