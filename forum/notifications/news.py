"""What is news: a post that was written, came back, or is recommended now. What is imported is no news.

The rule by which each post comes in exactly one digest of each member goes by numbers, never by time:

- A member's digests follow each other without a gap: each holds the news after one number up to another. A digest that
  could not be sent, or had nothing left to say, does not count: the next begins where it began.
- A post comes in the digest in whose numbers its first news lies, if the member may read it *when that is sent*, its
  level then is digest and somebody else wrote it. Otherwise it is passed by: whoever is let into an area later, or
  watches it, or sees a thread moved into it, is not told of the past.
- A post that is deleted when the digest is sent is written down there as skipped. Its restoration is news, and brings
  it to those alone who skipped it when its news before that came by: deleted again by then, it is skipped again.
- Two pieces of news of a post in one digest are one: only the first can be owed.
- Where there is nothing to tell, the numbers are passed by in the same way, without a mail.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import SQLColumnExpression, and_, exists, func, select

from forum.config import Settings
from forum.db import db, transaction
from forum.notifications.models import News
from forum.outbox import Event, on
from forum.threads.models import Post

_WHAT = {
    "thread.started": "post",
    "post.created": "post",
    "post.restored": "restored",
    "post.recommended": "recommended",
}


@on(*_WHAT, batch=200, alone=True)
def note_news(events: Sequence[Event]) -> None:
    """Number what has become known; an event that comes again is no news."""
    with transaction():
        known = set(db.session.scalars(select(News.event_id).where(News.event_id.in_([event.id for event in events]))))
        number = newest()
        for event in events:
            if event.id not in known and _is_news(event):
                number, post_id = number + 1, _post_of(event)
                db.session.add(
                    News(number=number, event_id=event.id, post_id=post_id, what=_WHAT[event.name], at=event.at)
                )


def newest() -> int:
    """The number of the newest piece of news."""
    return db.session.scalar(select(func.max(News.number))) or 0


def told_up_to(now: datetime) -> int:
    """The number up to which all news has waited, so that an edit or a withdrawal came before the telling."""
    first = db.session.scalar(select(func.min(News.number)).where(waits(News.at, now)))
    return newest() if first is None else first - 1


def waits(at: SQLColumnExpression[datetime], now: datetime) -> SQLColumnExpression[bool]:
    """Whether what became known at that time is too fresh to be told.

    What lies far ahead was written by a clock that has been put back since, and waits for nothing.
    """
    settings: Settings = current_app.extensions["forum.settings"]
    wait = timedelta(minutes=settings.mail_wait_minutes)
    return and_(at > now - wait, at < now + wait)


def _is_news(event: Event) -> bool:
    """Whether it is news; a recommendation only when it holds, and none was told of that still stands."""
    if event.name != "post.recommended":
        return True
    withdrawn = exists().where(
        Event.name == "recommendation.withdrawn", Event.subject_id == News.post_id, Event.id > News.event_id
    )
    told = exists().where(News.post_id == event.subject_id, News.what == "recommended", ~withdrawn)
    recommended = select(Post.recommended).where(Post.id == event.subject_id)
    return bool(db.session.scalar(recommended.where(~told)))


def _post_of(event: Event) -> int:
    if event.name != "thread.started":
        return event.subject_id
    opening = select(func.coalesce(Post.moved_to_id, Post.id)).where(Post.thread_id == event.subject_id)
    return db.session.scalars(opening.where(Post.number == 1)).one()
