"""How did it turn out? Who asked is asked once, some quiet weeks after the last post."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from forum import clock
from forum.config import Settings
from forum.db import AnyRow, AnySelect, db, read, transaction
from forum.members.models import Member
from forum.members.rules import listed
from forum.notifications.inbox import notify
from forum.threads.models import Thread
from forum.threads.protection import behind

QUIET = timedelta(weeks=8)


def ask_for_outcomes(settings: Settings) -> int:
    """Ask of some questions how they ended: so many a day, and each member about one a week."""
    room = settings.outcomes_a_day - len(_asked_within(timedelta(days=1)))
    asked_of_late = _asked_within(timedelta(weeks=1))
    chosen = [pair for pair in _candidates() if pair[1] not in asked_of_late][: max(0, room)]
    for thread_id, member_id in chosen:
        with transaction():
            _ask(thread_id, member_id)
    return len(chosen)


def _asked_within(time: timedelta) -> list[int]:
    """Who was asked of late, each as often."""
    late = select(Thread.id, Thread.author_id).where(Thread.outcome_asked_at > clock.now() - time)
    return [member_id for _, member_id in _askers(db.session.execute(late).all())]


_other = aliased(Thread, name="other")
_last_asked = select(func.max(_other.outcome_asked_at)).where(_other.author_id == Thread.author_id).scalar_subquery()
_latest = func.max(Thread.id)
_QUIET: AnySelect = (
    select(_latest, Thread.author_id)
    .join(Member, Member.id == Thread.author_id)
    .where(
        Thread.kind == "question",
        Thread.visible,
        Thread.outcome.is_(None),
        Thread.outcome_asked_at.is_(None),
        Thread.last_post_at < bindparam("before", type_=Thread.last_post_at.type),
        or_(listed(), Member.state == "protected"),
    )
    .group_by(Thread.author_id)
    .order_by(_last_asked.is_not(None), _last_asked, _latest.desc())
)


def _candidates() -> list[tuple[int, int]]:
    """Of each member's quiet questions the latest, with whom to ask; first who was not asked for longest."""
    rows = read(_QUIET, {"before": clock.now() - QUIET}).all()
    by_member: dict[int, int] = {}
    for thread_id, member_id in _askers(rows):
        by_member.setdefault(member_id, thread_id)
    return [(thread_id, member_id) for member_id, thread_id in by_member.items()]


def _askers(rows: Sequence[AnyRow]) -> list[tuple[int, int]]:
    """Threads and their authors, with whom to ask in place of these: behind a name that protects stands a member."""
    told = behind([author_id for _, author_id in rows])
    return [(thread_id, told.get(author_id, author_id)) for thread_id, author_id in rows]


def _ask(thread_id: int, member_id: int) -> None:
    """Ask, unless that was done or told meanwhile."""
    now = clock.now()
    open_ = (Thread.id == thread_id) & Thread.outcome.is_(None) & Thread.outcome_asked_at.is_(None)
    asked = db.session.execute(update(Thread).where(open_).values(outcome_asked_at=now))
    if getattr(asked, "rowcount", 0):
        notify("outcome", [member_id], key=f"outcome:{thread_id}", at=now, thread_id=thread_id, by_mail=True)
