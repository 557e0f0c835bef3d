"""Telling is written down in the transaction of doing: one event, and one job for each handler of it.

An event holds ids, never text, and stays: it is the audit trail and the source of digests. A job is
worked off in three short steps: *claim* (lease it, commit), *act* (no write transaction is open, so a slow
mail server never holds up a member's post), *finish* (commit). After a crash the lease runs out and
the job runs again; so handlers read the present state and are safe to repeat. A job that fails or crashes
waits, longer each time, and in the end stays visible as *dead* until a person retries it. Nothing is dropped.

Claims on PostgreSQL queue up behind one advisory lock: they take a millisecond, and then several
workers never take the same job, nor two jobs of a handler that must be alone.
"""

import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, delete, func, or_, select, text, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from forum import clock, failpoints
from forum.db import Base, UTCDateTime, changed, db, on_postgres, transaction

log = logging.getLogger(__name__)

CRASHES_TO_DEATH = 3  # a job that takes its worker down three times is poison: others must go on
POISON = "took its worker down three times"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=4)
_CLAIM_LOCK = 4_730_001
BY_ITSELF = "by itself "  # how a lease of one job, or one mail, begins


class Event(Base):
    """One fact: what happened to which thing, by whom, when."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    actor_id: Mapped[int | None]
    subject_id: Mapped[int]
    ids: Mapped[dict[str, int]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "name", "at"),)


class Job(Base):
    """What one handler still has to do about one event. A finished job is gone."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    handler: Mapped[str]
    run_at: Mapped[datetime] = mapped_column(UTCDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    died_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    event: Mapped[Event] = relationship()

    __table_args__ = (Index(None, "died_at", "run_at", "id"),)


@dataclass(frozen=True)
class Handler:
    """Who hears of events: takes up to `batch` of them at once; `alone` means one worker at a time.

    One that takes long is done `beside` the others, so that they need not wait.
    """

    name: str
    act: Callable[[Sequence[Event]], None]
    batch: int
    alone: bool
    beside: bool


HANDLERS: dict[str, Handler] = {}
HEARS: dict[str, list[str]] = {}


def on(
    *names: str, batch: int = 1, alone: bool = False, beside: bool = False
) -> Callable[[Callable[[Sequence[Event]], None]], Any]:
    """Have a function hear of these events, after their transaction, in the worker."""

    def register(act: Callable[[Sequence[Event]], None]) -> Callable[[Sequence[Event]], None]:
        handler = Handler(f"{act.__module__.removeprefix('forum.')}.{act.__name__}", act, batch, alone, beside)
        HANDLERS[handler.name] = handler
        for name in names:
            HEARS.setdefault(name, []).append(handler.name)
        return act

    return register


def nobody_hears(*names: str) -> None:
    """Say that these events are kept as audit trail only, so that a missing handler is no oversight."""
    for name in names:
        HEARS.setdefault(name, [])


def record(name: str, subject_id: int, actor_id: int | None, **ids: int) -> Event:
    """Write down what happened, and who has to hear of it, in the transaction of the change."""
    event = Event(name=name, actor_id=actor_id, subject_id=subject_id, ids=ids, at=clock.now())
    db.session.add(event)
    db.session.add_all(
        Job(event=event, handler=handler, run_at=event.at, failures=0, crashes=0) for handler in HEARS[name]
    )
    failpoints.reach("outbox.recorded")
    return event


@dataclass
class Lease:
    """The jobs that this worker may work on, and until when."""

    key: str
    handler: Handler
    seconds: int


_lease: ContextVar[Lease | None] = ContextVar("lease", default=None)


def run_due(lease_seconds: int = 60, most_failures: int = 10, beside: bool | None = None) -> int:
    """Work off one batch of what is due, of what goes beside or of the rest; return how many jobs that were."""
    names = [handler.name for handler in HANDLERS.values() if beside in (None, handler.beside)]
    lease = _claim(lease_seconds, names)
    if lease is None:
        return 0
    with _held(lease):
        jobs = _leased_jobs(lease)
        events = [job.event for job in jobs]
        numbers = [job.id for job in jobs]
        db.session.expunge_all()
        db.session.rollback()
        try:
            lease.handler.act(events)
            failpoints.reach("outbox.acted")
        except Exception as error:
            db.session.rollback()
            log.exception("%s failed for events %s", lease.handler.name, [event.id for event in events])
            _put_back(lease, numbers, error, most_failures)
        else:
            _finish(lease, numbers)
    return len(numbers)


def still_working() -> None:
    """Lengthen the lease of the present jobs; long handlers call it now and then, outside a transaction."""
    lease = _lease.get()
    if lease is not None:
        with transaction():
            until = clock.now() + timedelta(seconds=lease.seconds)
            db.session.execute(update(Job).where(Job.lease == lease.key).values(leased_until=until))
            failpoints.reach("outbox.lengthening")


@contextmanager
def _held(lease: Lease) -> Iterator[None]:
    token = _lease.set(lease)
    try:
        yield
    finally:
        _lease.reset(token)


def _claim(lease_seconds: int, names: Collection[str]) -> Lease | None:
    """Lease the oldest due job of these handlers and, for those that take several, those of its kind that follow."""
    now = clock.now()
    if not _anything_due(now, names):
        return None
    with transaction():
        if on_postgres():
            db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIM_LOCK})
        _bury_poison(now)
        first = db.session.scalar(_due(now, names).limit(1))
        if first is None:
            return None
        handler = HANDLERS[first.handler]
        jobs = _together(first, handler, now)
        key = lease_out(jobs, now + timedelta(seconds=lease_seconds))
        for job in jobs:
            # Should its worker go down, others come first: kills from outside must not meet the same job each time.
            job.run_at = now + growing(FIRST_PAUSE, job.crashes + 1)
        failpoints.reach("outbox.claiming")
    failpoints.reach("outbox.claimed")
    return Lease(key, handler, lease_seconds)


def lease_out(rows: Sequence[Any], until: datetime) -> str:
    """Let one worker have these jobs, or mails, until then; return the key of the lease.

    What was at work by itself when a worker went down has one crash more. Of several nobody knows which was to blame:
    each gets its own chances.
    """
    key = (BY_ITSELF if len(rows) == 1 else "") + secrets.token_hex(8)
    for row in rows:
        row.crashes += row.lease is not None and row.lease.startswith(BY_ITSELF)
        row.lease, row.leased_until = key, until
    return key


def _together(first: Job, handler: Handler, now: datetime) -> Sequence[Job]:
    """The jobs that are done in one go; one that failed or crashed before goes alone, to harm no other."""
    if first.failures or first.lease is not None:
        return [first]
    untried = _due(now, [first.handler]).where(Job.failures == 0, Job.lease.is_(None))
    return db.session.scalars(untried.limit(handler.batch)).all()


def _anything_due(now: datetime, names: Collection[str]) -> bool:
    """Look before locking: an idle worker must not take the write lock twice a second."""
    due = db.session.scalar(_due(now, names).with_only_columns(Job.id).limit(1))
    db.session.rollback()
    return due is not None


def _due(now: datetime, names: Collection[str]) -> Any:
    busy = select(Job.handler).where(Job.leased_until > now).scalar_subquery()
    alone = [handler.name for handler in HANDLERS.values() if handler.alone]
    return (
        select(Job)
        .where(Job.died_at.is_(None), Job.run_at <= now, _free(now), Job.handler.in_(names))
        .where(or_(Job.handler.not_in(alone), Job.handler.not_in(busy)))
        .order_by(Job.run_at, Job.id)
    )


def _free(now: datetime) -> ColumnElement[bool]:
    """Whether nobody is at work on a Job."""
    return or_(Job.leased_until.is_(None), Job.leased_until <= now)


def _bury_poison(now: datetime) -> None:
    """Set aside what has just crashed once too often; the crash that is noticed here was not counted yet."""
    db.session.execute(
        update(Job)
        .where(Job.died_at.is_(None), Job.crashes + 1 >= CRASHES_TO_DEATH, Job.leased_until <= now)
        .where(Job.lease.startswith(BY_ITSELF))
        .values(died_at=now, lease=None, leased_until=None, crashes=Job.crashes + 1, error=POISON)
    )


def _leased_jobs(lease: Lease) -> Sequence[Job]:
    mine = select(Job).where(Job.lease == lease.key).order_by(Job.id).options(joinedload(Job.event))
    return db.session.scalars(mine).all()


def _finish(lease: Lease, numbers: list[int]) -> None:
    with transaction():
        db.session.execute(delete(Job).where(Job.id.in_(numbers), Job.lease == lease.key))
        failpoints.reach("outbox.finishing")
    failpoints.reach("outbox.finished")


def _put_back(lease: Lease, numbers: list[int], error: Exception, most_failures: int) -> None:
    """Let failed jobs wait, longer each time, until a person has to look."""
    now = clock.now()
    with transaction():
        for job in db.session.scalars(select(Job).where(Job.id.in_(numbers), Job.lease == lease.key)):
            job.failures += 1
            job.error = f"{type(error).__name__}: {error}"[:500]
            job.lease, job.leased_until, job.run_at = None, None, now + growing(FIRST_PAUSE, job.failures)
            job.died_at = now if job.failures >= most_failures else None
        failpoints.reach("outbox.putting_back")
    failpoints.reach("outbox.put_back")


def growing(first: timedelta, failures: int, times: int = 3, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """A pause that is longer each time, with some chance in it so that failures do not march in step."""
    factor: int = times ** min(failures - 1, 12)
    return min(first * factor, longest) * (0.8 + secrets.randbelow(400) / 1000)


@dataclass(frozen=True)
class Backlog:
    """How the worker is doing: jobs that wait, those that failed and wait, those that need a person."""

    waiting: int
    failed: int
    dead: int
    oldest_due: datetime | None


def backlog() -> Backlog:
    """Count the jobs, for `forum check`."""
    alive, now = Job.died_at.is_(None), clock.now()
    row = db.session.execute(
        select(
            func.count().filter(alive),
            func.count().filter(alive, Job.failures > 0),
            func.count().filter(Job.died_at.is_not(None)),
            func.min(Job.run_at).filter(alive, Job.run_at <= now, _free(now)),
        ).select_from(Job)
    ).one()
    return Backlog(*row)


def anything_for(act: Callable[[Sequence[Event]], None]) -> bool:
    """Whether this handler still has something to do, now or later; what was given up does not count."""
    names = [handler.name for handler in HANDLERS.values() if handler.act is act]
    alive = select(Job.id).where(Job.handler.in_(names), Job.died_at.is_(None)).limit(1)
    return db.session.scalar(alive) is not None


def dead_jobs() -> Sequence[Job]:
    """The jobs that wait for a person, oldest first."""
    return db.session.scalars(
        select(Job).where(Job.died_at.is_not(None)).order_by(Job.id).options(joinedload(Job.event))
    ).all()


def forget_jobs() -> None:
    """Drop all waiting jobs, after somebody did their work in another way (a demonstration is indexed at once)."""
    db.session.execute(delete(Job))


def retry_dead() -> int:
    """Give every dead job another chance; return how many there were."""
    revived = update(Job).where(Job.died_at.is_not(None))
    return changed(revived.values(died_at=None, failures=0, crashes=0, run_at=clock.now()))
