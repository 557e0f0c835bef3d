"""How did it turn out? Who asked is asked once, some quiet weeks after the last post."""

from datetime import timedelta

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import aliased

from forum import clock
from forum.config import Settings
from forum.db import AnySelect, changed, db, read, transaction
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
    quiet = read(_QUIET, {"before": clock.now() - QUIET}).all()
    chosen = [row for row in quiet if row.member_id not in asked_of_late][: max(0, room)]
    for row in chosen:
        with transaction():
            _ask(row.thread_id, row.member_id)
    return len(chosen)


# Behind a name that protects stands a member, who is asked.
_who_asked = behind(Thread.author_id)
_other = aliased(Thread, name="other")
_last_asked = select(func.max(_other.outcome_asked_at)).where(_other.author_id == Member.id).scalar_subquery()
_latest = func.max(Thread.id).label("thread_id")
# Of each member's quiet questions the latest; first who was not asked for longest.
_QUIET: AnySelect = (
    select(_latest, Member.id.label("member_id"))
    .select_from(Thread)
    .join(Member, Member.id == _who_asked)
    .where(
        Thread.kind == "question",
        Thread.visible,
        Thread.outcome.is_(None),
        Thread.outcome_asked_at.is_(None),
        Thread.last_post_at < bindparam("before", type_=Thread.last_post_at.type),
        listed(),
    )
    .group_by(Member.id)
    .order_by(_last_asked.is_not(None), _last_asked, _latest.desc())
)


def _asked_within(time: timedelta) -> list[int]:
    """Who was asked of late, each as often."""
    return list(db.session.scalars(select(_who_asked).where(Thread.outcome_asked_at > clock.now() - time)))


def _ask(thread_id: int, member_id: int) -> None:
    """Ask, unless that was done or told meanwhile."""
    now = clock.now()
    open_ = (Thread.id == thread_id) & Thread.outcome.is_(None) & Thread.outcome_asked_at.is_(None)
    if changed(update(Thread).where(open_).values(outcome_asked_at=now)):
        notify("outcome", [member_id], key=f"outcome:{thread_id}", at=now, thread_id=thread_id, by_mail=True)
