"""How far a member has read: catching up with an area or with all, taking that back, one thread kept unread."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from forum import outbox
from forum.db import AnyRow, db, insert_into
from forum.errors import Missing
from forum.keys import LONG_AGO
from forum.members.models import Member, Viewer
from forum.threads.models import CaughtUp, Post, ReadMarker

_MOMENT = timedelta(microseconds=1)

outbox.nobody_hears("member.caught_up", "member.not_caught_up")


def beyond(*moments: datetime | None) -> datetime:
    """With what moment one has caught up who was shown these: past the last of them, and past what was read before."""
    return max(at for at in moments if at is not None) + _MOMENT


def catch_up(actor: Viewer, until: datetime, area_id: int | None = None) -> None:
    """All that was written up to this moment counts as read, in one area or in all; twice is once."""
    if area_id is None:
        moved = update(Member).where(Member.id == actor.id, Member.caught_up_at < until)
        db.session.execute(moved.values(caught_up_before=Member.caught_up_at, caught_up_at=until))
    else:
        _catch_up_with(actor, area_id, until)
    outbox.record("member.caught_up", actor.id, actor.id, area_id=area_id or 0)


def _catch_up_with(actor: Viewer, area_id: int, until: datetime) -> None:
    new = insert_into(CaughtUp).values(member_id=actor.id, area_id=area_id, at=until, before=LONG_AGO)
    moved = {"at": until, "before": CaughtUp.at}
    key = [CaughtUp.member_id, CaughtUp.area_id]
    db.session.execute(new.on_conflict_do_update(index_elements=key, set_=moved, where=CaughtUp.at < until))


def undo(actor: Viewer, until: datetime, area_id: int | None = None) -> None:
    """Take back that all up to this moment was read: exactly what was unread then is so again. Twice is once."""
    if area_id is None:
        mine = (Member.id == actor.id) & (Member.caught_up_at == until) & Member.caught_up_before.is_not(None)
        back = update(Member).where(mine).values(caught_up_at=Member.caught_up_before, caught_up_before=None)
    else:
        mine = (CaughtUp.member_id == actor.id) & (CaughtUp.area_id == area_id) & (CaughtUp.at == until)
        back = update(CaughtUp).where(mine).values(at=CaughtUp.before)
    db.session.execute(back)
    outbox.record("member.not_caught_up", actor.id, actor.id, area_id=area_id or 0)


def keep_unread(actor: Viewer, thread: AnyRow, number: int) -> None:
    """The thread, which the door has found readable, is unread from this post on, however old it is."""
    at = db.session.scalar(select(Post.created_at).where(Post.thread_id == thread.id, Post.number == number))
    if at is None:
        raise Missing
    kept = {"number": number - 1, "read_at": at, "kept_until": beyond(thread.horizon)}
    new = insert_into(ReadMarker).values(member_id=actor.id, thread_id=thread.id, **kept)
    key = [ReadMarker.member_id, ReadMarker.thread_id]
    db.session.execute(new.on_conflict_do_update(index_elements=key, set_=kept))
