"""Opening a name: one administrator asks, another agrees, each with a reason; the two then see it, and the asker hears.

Each step is written down and stays. Before both have agreed nothing here reads who asked, so the pages are the same
whoever it is, also when it is one of the two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from forum import clock, outbox
from forum.areas.models import Area
from forum.db import AnyRow, Base, UTCDateTime, db
from forum.errors import Invalid, Missing, require
from forum.members.models import Member, Viewer
from forum.members.rules import can_administer
from forum.text import tidy
from forum.threads.models import Thread
from forum.threads.protection import asker_of
from forum.threads.queries import Opened
from forum.threads.rules import may_see

# How long a request waits for a second administrator, and how long the two see the name.
LASTS = timedelta(days=7)
LONGEST_REASON = 1000
MOST_SHOWN = 100


class NameOpening(Base):
    """A request to open the name behind a protected thread, and who agreed."""

    __tablename__ = "name_opening"

    id: Mapped[int] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), index=True)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    asked_why: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    agreed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    agreed_why: Mapped[str | None]
    agreed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def ask_for_name(actor: Viewer, opened: Opened, reason: str) -> None:
    """Ask that the name be opened; nothing is shown before another administrator agrees."""
    _require(actor, opened)
    require(pending(opened.thread.id) is None, "opening_waits")
    asked = NameOpening(
        thread_id=opened.thread.id, asked_by_id=actor.id, asked_why=_checked(reason), asked_at=clock.now()
    )
    db.session.add(asked)
    db.session.flush()
    outbox.record("name.asked_for", asked.id, actor.id, thread_id=opened.thread.id)


def open_name(actor: Viewer, opened: Opened, reason: str) -> None:
    """Agree with another administrator's request: both see the name, and the asker is told by whom and why."""
    _require(actor, opened)
    asked = pending(opened.thread.id)
    if asked is None:
        raise Invalid("opening_expired", "reason")
    require(asked.asked_by_id != actor.id, "opening_needs_another")
    asked.agreed_by_id, asked.agreed_why, asked.agreed_at = actor.id, _checked(reason), clock.now()
    outbox.record("name.opened", asked.id, actor.id, thread_id=opened.thread.id)


def pending(thread_id: int) -> NameOpening | None:
    """The request for this thread that waits for a second administrator; that of somebody who is none now has ended."""
    of_late = (NameOpening.thread_id == thread_id) & (NameOpening.asked_at > clock.now() - LASTS)
    administers = (Member.role == "administrator") & (Member.state == "active")
    by_one = select(NameOpening).join(Member, Member.id == NameOpening.asked_by_id).where(of_late, administers)
    return db.session.scalar(by_one.where(NameOpening.agreed_at.is_(None)).order_by(NameOpening.id.desc()).limit(1))


def opened_name(viewer: Viewer, thread_id: int) -> Member | None:
    """The member behind a thread, for the two administrators who opened the name of late."""
    of_late = (NameOpening.thread_id == thread_id) & (NameOpening.agreed_at > clock.now() - LASTS)
    mine = (NameOpening.asked_by_id == viewer.id) | (NameOpening.agreed_by_id == viewer.id)
    agreed = db.session.scalar(select(NameOpening.id).where(of_late, mine).limit(1))
    return db.session.get(Member, asker_of(thread_id)) if agreed and can_administer(viewer) else None


_asked_by, _agreed_by = aliased(Member, name="asked_by"), aliased(Member, name="agreed_by")
_OPENINGS = (
    select(
        *(NameOpening.id, NameOpening.thread_id, Thread.title, NameOpening.asked_why, NameOpening.asked_at),
        *(NameOpening.agreed_why, NameOpening.agreed_at),
        *(_asked_by.name.label("asked_by"), _agreed_by.name.label("agreed_by")),
    )
    .join(Thread, Thread.id == NameOpening.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(_asked_by, _asked_by.id == NameOpening.asked_by_id)
    .outerjoin(_agreed_by, _agreed_by.id == NameOpening.agreed_by_id)
    .where(may_see())
    .order_by(NameOpening.id.desc())
    .limit(MOST_SHOWN)
)


def openings(viewer: Viewer, thread_id: int | None = None) -> Sequence[AnyRow]:
    """Who asked for names and who agreed, when and why, in one thread or in all: for administrators and the asker."""
    statement = _OPENINGS.where(NameOpening.thread_id == thread_id) if thread_id else _OPENINGS
    return db.session.execute(statement, {"viewer_id": viewer.id}).all()


def _require(actor: Viewer, opened: Opened) -> None:
    require(can_administer(actor))
    if not opened.thread.protected:
        raise Missing


def _checked(reason: str) -> str:
    reason = " ".join(tidy(reason).split())
    if not reason:
        raise Invalid("reason_empty", "reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid("reason_long", "reason", most=LONGEST_REASON)
    return reason
