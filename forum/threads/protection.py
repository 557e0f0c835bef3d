"""Who asks without a name: the link from the name in a thread to the member behind it.

The author of a protected thread is a *persona*, a row of `member` of state "protected": so every list, mail, index,
log and export says the persona's name, because it is all they read. Nobody but this module reads the link
(`tests/house/test_protection.py`).

As whom somebody acts in a thread is decided here too: `Opened.actor` and `acting` are the persona for the asker and the
viewer for everybody else. A read marker, a watch level, a draft or a notification belongs to the member.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    SQLColumnExpression,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, aliased, mapped_column

from forum.areas.models import Area
from forum.areas.rules import VIEWER, may_read, runs
from forum.db import AnyRow, AnySelect, Base, UTCDateTime, db
from forum.members.models import Member, Viewer
from forum.threads.models import Thread


class ProtectedAsker(Base):
    """Who stands behind the persona of one thread."""

    __tablename__ = "protected_asker"

    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), primary_key=True)
    persona_id: Mapped[int] = mapped_column(ForeignKey("member.id"), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    # Whose members do not see the thread: the asker's organisation when it was asked.
    hidden_from_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    # Since when it waits for a facilitator; none when it was returned to the asker, or published.
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The form's own key: of a double click on two threads of ours, one is the first.
    send_key: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("member_id", "send_key"),
        # Every page counts what waits.
        Index(
            "ix_protected_asker_waiting", "thread_id",
            sqlite_where=text("sent_at IS NOT NULL"), postgresql_where=text("sent_at IS NOT NULL"),
        ),
    )  # fmt: skip


_own = aliased(ProtectedAsker, name="own")
_persona = aliased(Member, name="persona")
# Not the table itself: whoever asks for many members at once has it in the statement already.
_one = aliased(Member, name="one")
PERSONA_ID, PERSONA_NAME = _persona.id.label("persona_id"), _persona.name.label("persona_name")
# The viewer is not the one who asked here without a name.
NOT_THE_ASKER: ColumnElement[bool] = _own.thread_id.is_(None)


def with_persona(statement: AnySelect) -> AnySelect:
    """Join to a statement on Thread the name under which the viewer, and nobody else, acts in it."""
    mine = (_own.thread_id == Thread.id) & (_own.member_id == VIEWER)
    return statement.outerjoin(_own, mine).outerjoin(_persona, _persona.id == _own.persona_id)


def acting(viewer: Viewer, thread: AnyRow) -> Viewer:
    """As whom the viewer acts in a thread: in their own protected one as the persona, without role or organisation."""
    if thread.persona_id is None:
        return viewer
    return replace(
        viewer, id=thread.persona_id, name=thread.persona_name, role="member", organisation_id=None, caught_up_at=None,
        sign_in_id=None, bounced_address=None, photo=None,
    )  # fmt: skip


def sees_guarded(viewer_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Whether the viewer sees a Thread that is held or hidden: the asker does, and whom it is not kept from."""
    colleague = select(_one.id).where(_one.id == viewer_id, _one.organisation_id == ProtectedAsker.hidden_from_id)
    others = and_(or_(~Thread.held, runs(viewer_id)), ~colleague.correlate_except(_one).exists())
    return (
        select(ProtectedAsker.thread_id)
        .where(ProtectedAsker.thread_id == Thread.id, or_(ProtectedAsker.member_id == viewer_id, others))
        .correlate_except(ProtectedAsker)
        .exists()
    )


def hidden_from() -> ColumnElement[int | None]:
    """The organisation whose members do not see a Thread, for an index that asks who searches."""
    link = select(ProtectedAsker.hidden_from_id).where(ProtectedAsker.thread_id == Thread.id)
    return link.correlate_except(ProtectedAsker).scalar_subquery().label("hidden_from_id")


def asked_by(member_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """Whether the member started a Thread, under the own name or without: for lists of one's own alone."""
    return or_(Thread.author_id == member_id, asked_without_name(member_id))


def asked_without_name(member_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """Whether the member started a Thread without a name: for the member alone."""
    return Thread.id.in_(select(ProtectedAsker.thread_id).where(ProtectedAsker.member_id == member_id))


def written_by(viewer: Viewer, author_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Whether the viewer is this author, under whichever name: to know what, and how much, was sent already."""
    names = select(ProtectedAsker.persona_id).where(ProtectedAsker.member_id == viewer.id)
    return or_(author_id == viewer.id, author_id.in_(names))


def behind(author_id: SQLColumnExpression[Any]) -> ColumnElement[int]:
    """Who is to be told what is told to an author: the member behind a persona, of others themselves."""
    link = select(ProtectedAsker.member_id).where(ProtectedAsker.persona_id == author_id)
    return func.coalesce(link.correlate_except(ProtectedAsker).scalar_subquery(), author_id)


def protect(thread: Thread, persona_id: int, asker: Viewer, hidden: bool, at: datetime, send_key: str) -> None:
    """Keep who asks, in the transaction in which the thread is started."""
    db.session.add(
        ProtectedAsker(
            thread_id=thread.id, persona_id=persona_id, member_id=asker.id, sent_at=at, send_key=send_key or None,
            hidden_from_id=asker.organisation_id if hidden else None,
        )
    )  # fmt: skip
    db.session.flush()


def somebody_looks(asker: Viewer, area_id: int, hidden: bool) -> bool:
    """Whether there is a facilitator, other than the asker, who would see the question while it is held."""
    looks = and_(Member.id != asker.id, Member.state == "active", runs(Member.id), may_read(Member.id))
    if hidden and asker.organisation_id is not None:
        looks = and_(looks, or_(Member.organisation_id.is_(None), Member.organisation_id != asker.organisation_id))
    found = select(func.count()).select_from(Member).join(Area, Area.id == area_id).where(looks)
    return bool(db.session.scalar(found))


def is_waiting() -> ColumnElement[bool]:
    """Whether a Thread waits for a facilitator, and not for its asker to send it again; few at a time do."""
    return Thread.id.in_(select(ProtectedAsker.thread_id).where(ProtectedAsker.sent_at.is_not(None)))


def sent_at(thread_id: int) -> datetime | None:
    """Since when a held thread waits; none when it was returned."""
    return db.session.get_one(ProtectedAsker, thread_id).sent_at


def note_sent(thread_id: int, at: datetime | None) -> None:
    """The question waits for a facilitator since then; none: it was returned, or published."""
    db.session.get_one(ProtectedAsker, thread_id).sent_at = at


def asker_of(thread_id: int) -> int:
    """The member behind a protected thread: for the mailbox of that member, and for an opening that two agreed on."""
    return db.session.get_one(ProtectedAsker, thread_id).member_id
