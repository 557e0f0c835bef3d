"""Help does not fail to come: a question nobody answers goes to two members who know about it, then to others once."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, bindparam, case, func, or_, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from forum import clock, outbox
from forum.areas.models import Area
from forum.areas.rules import VIEWER, may_read, runs
from forum.config import Settings
from forum.db import AnyRow, AnySelect, Base, UTCDateTime, at_most, db, lock, read, transaction
from forum.errors import Missing
from forum.keys import LONG_AGO
from forum.members.models import Member, Profile, Viewer
from forum.members.rules import listed
from forum.notifications.inbox import notify
from forum.notifications.workdays import working_days_ago
from forum.outbox import Event, on
from forum.search.people import fitting
from forum.text import extract, plain
from forum.threads.lists import STATES
from forum.threads.models import Post, Thread, ThreadTag
from forum.threads.rules import may_see

ASKED_AT_FIRST = 2
AGENDA_AFTER = 7
# An older question is history: after an upgrade, or an outage, nobody is asked about last year's.
STILL_FRESH = timedelta(days=30)
QUESTIONS_A_PAGE = 30
_WORDS_READ = 300
Answer = Literal["yes", "no"]

log = logging.getLogger(__name__)


class HelpRequest(Base):
    """That a member was asked to help with a thread. The first places are filled; whoever declines frees one behind."""

    __tablename__ = "help_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    place: Mapped[int]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    answer: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("thread_id", "place"),
        UniqueConstraint("thread_id", "member_id"),
        CheckConstraint("answer IN ('yes', 'no')", name="answer"),
        Index(None, "member_id", "at"),
    )


_WAITS = (STATES["unanswered"], Thread.visible, ~Thread.locked)
# Of a question without a name one more is asked, since one of them may be who asks.
_AT_FIRST = ASKED_AT_FIRST + case((Thread.protected, 1), else_=0)


def ask_for_help(settings: Settings, in_vain: set[int]) -> None:
    """Ask members about each question that has waited long enough; each once, however often this runs.

    Those `in_vain` are passed over; one about which there is nobody to ask becomes one of them.
    """
    waited = working_days_ago(clock.now(), settings.help_after_days, settings.time_zone)
    nobody_asked = ~select(HelpRequest.id).where(HelpRequest.thread_id == Thread.id).exists()
    due = (
        select(Thread.id, _AT_FIRST.label("at_first"))
        .where(*_WAITS, Thread.created_at.between(waited - STILL_FRESH, waited), nobody_asked)
        .order_by(Thread.created_at, Thread.id)
    )
    for thread_id, at_first in db.session.execute(due).all():
        if thread_id in in_vain:
            continue
        try:
            if not _ask(thread_id, range(1, at_first + 1)):
                in_vain.add(thread_id)
        except Exception:
            # The others must not wait for it.
            db.session.rollback()
            log.exception("nobody could be asked about thread %s", thread_id)


@on("help.answered", batch=20)
def ask_others(events: Sequence[Event]) -> None:
    """Somebody of the first cannot answer: another is asked, once."""
    freed = (
        select(HelpRequest.thread_id, HelpRequest.place + _AT_FIRST)
        .join(Thread, Thread.id == HelpRequest.thread_id)
        .where(HelpRequest.answer == "no", HelpRequest.place <= _AT_FIRST)
    )
    for event in events:
        for thread_id, place in db.session.execute(freed.where(HelpRequest.id == event.subject_id)).all():
            _ask(thread_id, [place])


def _ask(thread_id: int, places: Sequence[int]) -> bool:
    """Fill these places that are free, if the question still waits; whether there is anybody to ask.

    Who knows is found before the transaction: that takes its time, and no other writer is to wait for it.
    """
    helpers = list(_helpers(thread_id))
    with transaction():
        lock(select(Thread.id).where(Thread.id == thread_id))
        waits = db.session.scalar(select(Thread.id).where(Thread.id == thread_id, *_WAITS)) is not None
        present = select(HelpRequest.place, HelpRequest.member_id).where(HelpRequest.thread_id == thread_id)
        asked = db.session.execute(present).all()
        free = [place for place in places if waits and place not in {row.place for row in asked}]
        others, now = [one for one in helpers if one not in {row.member_id for row in asked}], clock.now()
        for place, member_id in zip(free, others, strict=False):
            db.session.add(HelpRequest(thread_id=thread_id, place=place, member_id=member_id, at=now))
            notify("asked", [member_id], key=f"asked:{thread_id}", at=now, thread_id=thread_id, by_mail=True)
    return bool(helpers)


# Whom to ask

_asked_at = select(func.max(HelpRequest.at)).where(HelpRequest.member_id == Member.id).scalar_subquery()
_asked_here = select(HelpRequest.id).where(HelpRequest.member_id == Member.id, HelpRequest.thread_id == Thread.id)
_CANDIDATES: AnySelect = (
    select(
        Member.id,
        Member.organisation_id,
        Profile.expertise,
        _asked_at.label("asked_at"),
        runs(Member.id).label("runs"),
    )
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, listed())
    .outerjoin(Profile, Profile.member_id == Member.id)
    .where(
        Thread.id == bindparam("thread_id"),
        # Not who may see it: whom a question without a name is kept from, and who asked it, would be missing among
        # those who know, and so be given away. They are asked like the others; inbox and mail look once more.
        may_read(Member.id),
        Member.id != Thread.author_id,
        ~_asked_here.exists(),
        or_(Profile.member_id.is_(None), Profile.takes_questions),
    )
)
_QUESTION: AnySelect = (
    select(
        *(Thread.title, Thread.area_id, Area.title.label("area"), Post.html),
        Member.organisation_id.label("house"),
    )
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == Thread.author_id)
    .join(Post, (Post.thread_id == Thread.id) & (Post.number == 1))
    .where(Thread.id == bindparam("thread_id"))
)
_other = aliased(Thread, name="other")
_HAVE_HELPED: AnySelect = (
    select(Post.author_id)
    .join(_other, _other.id == Post.thread_id)
    .where(
        _other.area_id == bindparam("area_id"),
        or_(_other.recommended_count > 0, _other.helpful_count > 0),  # so that few threads' posts are read
        or_(Post.recommended, Post.helpful),
        Post.deleted_at.is_(None),
    )
    .distinct()
)


def _helpers(thread_id: int) -> Iterator[int]:
    """Whom to ask, the best first: who knows about it; else who has helped in the area; else who runs it.

    Among them those of other houses come first, and of these whom nobody has asked for longest. The author of a
    question without a name is of no house, so the choice says nothing of the asker's.
    """
    question = read(_QUESTION, {"thread_id": thread_id}).one()
    people = read(_CANDIDATES, {"thread_id": thread_id}).all()
    tags = db.session.scalars(select(ThreadTag.name).where(ThreadTag.thread_id == thread_id))
    helped = set(read(_HAVE_HELPED, {"area_id": question.area_id}).scalars())
    said = " ".join((question.title, *tags, question.area, extract(plain(question.html), _WORDS_READ)))
    groups = (
        [known.person for known in fitting(people, said)],
        [person for person in people if person.id in helped],
        [person for person in people if person.runs],
    )

    def turn(person: AnyRow) -> tuple[bool, datetime]:
        return question.house is not None and person.organisation_id == question.house, person.asked_at or LONG_AGO

    yield from dict.fromkeys(person.id for group in groups for person in sorted(group, key=turn))


# Who was asked, and what they say


def request_of(viewer: Viewer, thread_id: int) -> HelpRequest | None:
    """That the viewer was asked about this thread."""
    mine = (HelpRequest.thread_id == thread_id) & (HelpRequest.member_id == viewer.id)
    return db.session.scalar(select(HelpRequest).where(mine))


def answer(actor: Viewer, thread_id: int, answer: Answer) -> None:
    """Say whether one can answer; who cannot has another member asked."""
    request = request_of(actor, thread_id)
    if request is None:
        raise Missing
    if request.answer != answer:
        request.answer = answer
        outbox.record("help.answered", request.id, actor.id)


# For the agenda of the next meeting

_asked = select(func.count()).where(HelpRequest.thread_id == Thread.id).scalar_subquery()
_cannot = select(func.count()).where(HelpRequest.thread_id == Thread.id, HelpRequest.answer == "no").scalar_subquery()
_author = aliased(Member, name="author")
_WAITING_LONG: AnySelect = (
    select(
        *(Thread.id, Thread.slug, Thread.title, Thread.created_at, Area.title.label("area_title")),
        *(_author.name.label("author_name"), _asked.label("asked"), _cannot.label("cannot")),
    )
    .join(Area, Area.id == Thread.area_id)
    .join(_author, _author.id == Thread.author_id)
    .where(*_WAITS, Thread.created_at <= bindparam("since", type_=Thread.created_at.type), may_see(), runs(VIEWER))
    .order_by(Thread.id.desc())
    .limit(at_most(QUESTIONS_A_PAGE + 1))
)
_WAITING_LONGER = _WAITING_LONG.where(Thread.id < bindparam("before"))


def waiting_long(viewer: Viewer, zone: str, before: int = 0) -> Sequence[AnyRow]:
    """Questions without an answer for seven working days, in the areas the viewer runs, the newest first."""
    bound = {"viewer_id": viewer.id, "since": working_days_ago(clock.now(), AGENDA_AFTER, zone)}
    if before:
        return read(_WAITING_LONGER, {**bound, "before": before}).all()
    return read(_WAITING_LONG, bound).all()
