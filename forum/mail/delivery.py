"""How mails leave: none is lost, none held up by another, and whatever goes wrong is written beside the mail.

A worker opens the connection first, claims some due mails, has them written as things stand now, and hands them over
one by one, for a few seconds: what does not go by then is written anew, because a post may be gone or a right lost.
That a mail was taken is recorded at once, so a kill doubles one mail at most, under the same Message-ID.
A mail that the server does not take waits, longer each time, and in the end stays visible as *dead*. A server that
is away is no mail's fault: nothing is claimed, and the next try comes later each time.

Without a mail server each mail becomes a file in the folder `outbox`.
"""

import logging
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, bindparam, func, or_, select, update

from forum import clock, failpoints, files, outbox
from forum.config import Settings
from forum.db import changed, db, lock, transaction
from forum.errors import N_
from forum.i18n import gettext
from forum.mail import bounces
from forum.mail.compose import NOT_WANTED, Dropped, Ready, compose, test_mail
from forum.mail.smtp import LONGEST_ANSWER, MAIL_SECONDS, Away, Line, Lost, Refused, told
from forum.members.models import Member
from forum.notifications.models import Digest, MailKind, OutgoingMail
from forum.notifications.outgoing import KEPT
from forum.notifications.recipients import wanted
from forum.outbox import BY_ITSELF, CRASHES_TO_DEATH, growing, lease_out
from forum.threads.models import Post

BATCH = 50
MAILS_A_CONNECTION = 500
FRESH_SECONDS = 5  # after it was written no mail is begun any more
AT_ONCE: tuple[MailKind, ...] = ("link", "sign_in")  # somebody waits for these, so no other goes before them
FIRST_PAUSE = timedelta(minutes=5)
FIRST_PAUSE_FOR_ALL, LONGEST_PAUSE_FOR_ALL = timedelta(seconds=15), timedelta(minutes=15)
TEST_SECONDS = 10.0
UNWRITTEN = N_("The mail could not be written.")
POISONOUS = N_("The mail took its worker down three times.")
NO_ROOM = N_("The mail cannot be kept in the instance folder.")

log = logging.getLogger(__name__)

Written = Ready | Dropped | Exception
HandOver = Callable[[OutgoingMail, Ready], object]


@dataclass
class Pause:
    """How long this process leaves a server alone that was away."""

    failures: int = 0
    until: datetime | None = None

    def over(self) -> bool:
        """Whether it is time to try again."""
        return self.until is None or self.until <= clock.now()

    def lengthen(self) -> None:
        """The server was away once more."""
        self.failures += 1
        self.until = clock.now() + growing(FIRST_PAUSE_FOR_ALL, self.failures, 2, LONGEST_PAUSE_FOR_ALL)

    def end(self) -> None:
        """The server is there."""
        self.failures, self.until = 0, None


@dataclass(frozen=True)
class Batch:
    """The mails that this worker may send, as long as it holds them by this lease."""

    lease: str
    mails: Sequence[OutgoingMail]


def deliver_some(settings: Settings, stop: threading.Event | None = None) -> int:
    """Send what is due over one connection; how many mails were dealt with (0: nothing to do, or no server)."""
    pause: Pause = current_app.extensions.setdefault("forum.mail_pause", Pause())
    if not pause.over() or not _anything_due():
        return 0
    done = 0
    try:
        with _way(settings) as hand_over:
            while done < MAILS_A_CONNECTION and (batch := _claim(settings)):
                for _ in _delivered(batch, hand_over, settings, stop):
                    done += 1
                if stop is not None and stop.is_set():
                    break
    except Away as away:
        # A server that took some mails and then wanted a rest is there: the next connection may come at once.
        if not done:
            log.warning("no mail goes out: %s", str(away).replace("\n", " "))
            pause.lengthen()
            _note(str(away), settings)
            return 0
    pause.end()
    return done


@contextmanager
def _way(settings: Settings) -> Iterator[HandOver]:
    """Where mails go: over a connection, or into a folder."""
    if settings.mail_server:
        with Line(settings, _longest(settings).total_seconds()) as line:
            yield lambda _mail, ready: line.deliver(ready.envelope, ready.to, ready.data)
    else:
        yield lambda mail, ready: _keep(settings.instance / "outbox" / f"{mail.id}-{mail.kind}.eml", ready.data)


def _keep(file: Path, data: bytes) -> None:
    try:
        files.write(file, data)
    except OSError as error:
        raise Away(f"{NO_ROOM}\n{error}") from error


def forget_old_files(settings: Settings) -> None:
    """Remove the mails in the folder that are as old as those that are forgotten: they hold links, and closed areas."""
    oldest = (clock.now() - KEPT).timestamp()
    for file in (settings.instance / "outbox").glob("*"):
        if file.stat().st_mtime < oldest:
            file.unlink()


def _longest(settings: Settings) -> timedelta:
    """The time for one mail; it is a part of the lease."""
    return timedelta(seconds=min(MAIL_SECONDS, 2 * settings.job_lease_seconds))


def _leased_until(settings: Settings) -> datetime:
    """Long enough for the last mail that is begun to take its longest."""
    return clock.now() + timedelta(seconds=settings.job_lease_seconds) + _longest(settings)


# Claiming


def _anything_due() -> bool:
    """Look before connecting, and before locking."""
    due = db.session.scalar(_due(clock.now()).with_only_columns(OutgoingMail.id).limit(1))
    db.session.rollback()
    return due is not None


def _due(now: datetime) -> Any:
    free = or_(OutgoingMail.leased_until.is_(None), OutgoingMail.leased_until <= now)
    return (
        select(OutgoingMail)
        .where(OutgoingMail.state == "waiting", OutgoingMail.due_at <= now, free)
        .order_by(OutgoingMail.due_at, OutgoingMail.id)
    )


def _claim(settings: Settings) -> Batch | None:
    """Lease the oldest due mails. One that was at work in a crash goes by itself, to harm no other."""
    now = clock.now()
    with transaction():
        _bury_poison(now)
        # On PostgreSQL two workers pass each other: neither waits, none takes what the other is about to lease.
        due = _due(now).limit(BATCH).with_for_update(skip_locked=True)
        mails = db.session.scalars(due.where(OutgoingMail.kind.in_(AT_ONCE))).all() or db.session.scalars(due).all()
        if not mails:
            return None
        mails = mails[:1] if mails[0].lease else [mail for mail in mails if not mail.lease]
        met_a_crash = bool(mails[0].lease)
        lease = lease_out(mails, _leased_until(settings))
        if met_a_crash:
            # Should this worker go down too, others come first: kills from outside must not meet the same mail.
            mails[0].due_at = now + growing(outbox.FIRST_PAUSE, mails[0].crashes + 1)
        failpoints.reach("mail.claiming")
    failpoints.reach("mail.claimed")
    mine = select(OutgoingMail).where(_held_by(lease)).order_by(OutgoingMail.due_at, OutgoingMail.id)
    mails = db.session.scalars(mine).all()
    db.session.expunge_all()
    db.session.rollback()
    return Batch(lease, mails)


def _held_by(lease: str) -> ColumnElement[bool]:
    """The state is for the index: most mails are those that went."""
    return (OutgoingMail.state == "waiting") & (OutgoingMail.lease == lease)


def _bury_poison(now: datetime) -> None:
    """Set aside what has just crashed once too often; the crash that is noticed here was not counted yet."""
    db.session.execute(
        update(OutgoingMail)
        .where(OutgoingMail.state == "waiting", OutgoingMail.leased_until <= now)
        .where(OutgoingMail.lease.startswith(BY_ITSELF), OutgoingMail.crashes + 1 >= CRASHES_TO_DEATH)
        .values(state="dead", crashes=OutgoingMail.crashes + 1, answer=POISONOUS, done_at=now, **_FREE)
    )


_FREE: dict[str, Any] = {"lease": None, "leased_until": None}
# Run once for each mail: past the session's bookkeeping it costs a fifth.
_DEALT_WITH = (
    update(OutgoingMail.__table__)  # type: ignore[arg-type]
    .where(OutgoingMail.id == bindparam("mail"))
    .values(state=bindparam("new_state"), answer=bindparam("said"), done_at=bindparam("now"), **_FREE)
)


# Handing over


def _delivered(
    batch: Batch, hand_over: HandOver, settings: Settings, stop: threading.Event | None
) -> Iterator[OutgoingMail]:
    """Deal with the mails of a batch, one after another; what is not begun in time is written anew, later."""
    try:
        written = list(zip(batch.mails, _written(batch.mails), strict=True))
        until = clock.now() + timedelta(seconds=min(FRESH_SECONDS, settings.job_lease_seconds))
        held, dropped = _settled(batch, written, settings)
        yield from dropped
        for mail, ready in written:
            if clock.now() >= until or (stop is not None and stop.is_set()):
                break
            if mail.id in held and not isinstance(ready, Dropped):
                _deal_with(batch, mail, ready, hand_over, settings)
                yield mail
    finally:
        _release(batch)


def _settled(
    batch: Batch, written: Sequence[tuple[OutgoingMail, Written]], settings: Settings
) -> tuple[set[int], list[OutgoingMail]]:
    """Hold on to what is still ours, as writing may have taken long, and drop what need not go.

    All are dropped at once: who restores a post looks for the mails that were dropped.
    """
    drops = {mail: dropped.reason for mail, dropped in written if isinstance(dropped, Dropped)}
    with transaction(lightly=True):
        hold = update(OutgoingMail).where(_held_by(batch.lease)).values(leased_until=_leased_until(settings))
        held = set(db.session.scalars(hold.returning(OutgoingMail.id)))
        kept = _wanted_again(mail for mail, reason in drops.items() if reason == NOT_WANTED)
        dropped = [mail for mail in drops if mail.id in held and mail not in kept]
        for mail in dropped:
            _record(mail, "dropped", drops[mail])
        failpoints.reach("mail.holding")
    failpoints.reach("mail.held")
    return held, dropped


def _wanted_again(mails: Iterable[OutgoingMail]) -> set[OutgoingMail]:
    """Those of a post that was restored since they were written: nobody else would have them sent."""
    of_post: dict[int, list[OutgoingMail]] = defaultdict(list)
    for mail in mails:
        if mail.kind == "post":
            of_post[mail.subject_id].append(mail)
    again = set()
    for post_id in sorted(of_post):
        lock(select(Post.id).where(Post.id == post_id))
        asked = wanted(post_id, [mail.member_id for mail in of_post[post_id]])
        again |= {mail for mail in of_post[post_id] if mail.member_id in asked}
    return again


def _written(mails: Sequence[OutgoingMail]) -> list[Written]:
    """What each mail says; where one cannot be written, the others are written without it."""
    try:
        return list(compose(mails))
    except Exception as error:
        if len(mails) == 1:
            log.exception("mail %s could not be written", mails[0].id)
            return [error]
        return [written for mail in mails for written in _written([mail])]
    finally:
        db.session.rollback()
        failpoints.reach("mail.written")


def _deal_with(
    batch: Batch, mail: OutgoingMail, written: Ready | Exception, hand_over: HandOver, settings: Settings
) -> None:
    try:
        if isinstance(written, Exception):
            raise written
        hand_over(mail, written)
    except Lost as lost:
        _put_off(batch, mail, str(lost), settings)
        raise
    except Away:
        raise
    except Refused as refused:
        log.info("mail %s was refused: %s", mail.id, refused.code)
        if refused.for_good:
            _refuse(mail, refused)
        else:
            _put_off(batch, mail, str(refused), settings)
    except Exception as error:
        log.warning("mail %s could not be handed over: %s", mail.id, type(error).__name__)
        _put_off(batch, mail, f"{UNWRITTEN}\n{type(error).__name__}: {error}"[:LONGEST_ANSWER], settings)
    else:
        _sent(mail, written)


def _sent(mail: OutgoingMail, ready: Ready) -> None:
    try:
        _finish(mail, "sent", None, ready.on_sent)
    except Exception:
        # It is out: whatever its writer wanted to note, it must not go out again for that.
        log.exception("mail %s was sent, and what goes with it could not be noted", mail.id)
        _finish(mail, "sent", None)


def _refuse(mail: OutgoingMail, refused: Refused) -> None:
    def note() -> None:
        if refused.bounce:
            report_id = f"mail-{mail.id}-{mail.attempts}"
            bounces.note(mail.member_id, refused.bounce, refused.status, str(refused), report_id)

    _finish(mail, "dead", str(refused), note)


def _finish(mail: OutgoingMail, state: str, answer: str | None, also: Callable[[], object] | None = None) -> None:
    """The mail is dealt with: whoever holds it by now, it must not go again."""
    with transaction(lightly=True):
        _record(mail, state, answer)
        if also is not None:
            also()
        failpoints.reach("mail.finishing")
    failpoints.reach("mail.finished")


def _record(mail: OutgoingMail, state: str, answer: str | None) -> None:
    outcome = {"mail": mail.id, "new_state": state, "said": answer, "now": clock.now()}
    db.session.connection().execute(_DEALT_WITH, outcome)


def _put_off(batch: Batch, mail: OutgoingMail, said: str, settings: Settings) -> None:
    """Try this mail again later, or give it up; the others go on."""
    now = clock.now()
    attempts = mail.attempts + 1
    with transaction():
        mine = update(OutgoingMail).where(OutgoingMail.id == mail.id, OutgoingMail.lease == batch.lease)
        due_at = now + growing(FIRST_PAUSE, attempts)
        db.session.execute(mine.values(attempts=attempts, answer=said, due_at=due_at, crashes=0, **_FREE))
        _give_up(settings, OutgoingMail.id == mail.id)
        failpoints.reach("mail.putting_off")
    failpoints.reach("mail.put_off")


def _note(said: str, settings: Settings) -> None:
    """Write beside all mails that are due why they wait."""
    with transaction():
        due = (OutgoingMail.state == "waiting") & (OutgoingMail.due_at <= clock.now())
        unsaid = or_(OutgoingMail.answer.is_(None), OutgoingMail.answer != said)
        db.session.execute(update(OutgoingMail).where(due, OutgoingMail.lease.is_(None), unsaid).values(answer=said))
        _give_up(settings, due)
        failpoints.reach("mail.noting")


def _give_up(settings: Settings, which: Any) -> None:
    """What no server has taken for days waits for a person, unless another worker is at it."""
    now = clock.now()
    old = OutgoingMail.made_at <= now - timedelta(days=settings.mail_give_up_days)
    mails = update(OutgoingMail).where(which, old, OutgoingMail.state == "waiting", OutgoingMail.lease.is_(None))
    db.session.execute(mails.values(state="dead", done_at=now))


def _release(batch: Batch) -> None:
    """Let others have what was not begun; nothing was at fault with it."""
    with transaction():
        db.session.execute(update(OutgoingMail).where(_held_by(batch.lease)).values(**_FREE))
        failpoints.reach("mail.releasing")


# A mail to try it out


@dataclass(frozen=True)
class Answer:
    """Whether a mail was taken, and what was said: a sentence of ours where we have one, then the server's words."""

    ok: bool
    said: str


def send_test(settings: Settings, to: str) -> Answer:
    """Send a mail that says only that it came; the answer is there within ten seconds of finding the server's name."""
    mail = test_mail(to)
    db.session.rollback()
    if isinstance(mail, Dropped):
        return Answer(False, gettext(mail.reason))
    try:
        if not settings.mail_server:
            file = settings.instance / "outbox" / f"test-{secrets.token_hex(4)}.eml"
            _keep(file, mail.data)
            return Answer(True, str(file))
        line = Line(settings, TEST_SECONDS)
        with line.watch.at_most(TEST_SECONDS), line:
            return Answer(True, line.deliver(mail.envelope, mail.to, mail.data))
    except (Away, Refused) as trouble:
        return Answer(False, told(str(trouble), "\n"))


# Looking at it


@dataclass(frozen=True)
class Report:
    """How the mails are doing: how many wait, were refused before, were given up; since when the oldest is due."""

    waiting: int
    retried: int
    dead: int
    died_today: int
    oldest_due: datetime | None
    waits: str  # why the last of those that are due waits, if that is known
    given_up: str  # why the last one was given up
    last_digest: datetime | None


def report() -> Report:
    """Count the mails, for `forum check`."""
    now = clock.now()
    waiting, dead = OutgoingMail.state == "waiting", OutgoingMail.state == "dead"
    due = waiting & (OutgoingMail.due_at <= now)
    row = db.session.execute(
        select(
            func.count().filter(waiting),
            func.count().filter(waiting, OutgoingMail.attempts > 0),
            func.count().filter(dead),
            func.count().filter(dead, OutgoingMail.done_at > now - timedelta(days=1)),
            func.min(OutgoingMail.due_at).filter(due),
        ).where(OutgoingMail.state.in_(("waiting", "dead")))
    ).one()
    return Report(*row, _last_answer(due), _last_answer(dead), db.session.scalar(select(func.max(Digest.at))))


def _last_answer(which: ColumnElement[bool]) -> str:
    answers = select(OutgoingMail.answer).where(which, OutgoingMail.answer.is_not(None))
    return db.session.scalar(answers.order_by(OutgoingMail.id.desc()).limit(1)) or ""


def retry_dead(*which: ColumnElement[bool]) -> int:
    """Give mails that were given up another chance, and their days anew; return how many there were.

    Those to a paused address go on waiting for a person: tried now, they would be dropped.
    """
    now = clock.now()
    paused = select(Member.id).where(Member.bounced_at.is_not(None))
    revived = update(OutgoingMail).where(OutgoingMail.state == "dead", OutgoingMail.member_id.not_in(paused), *which)
    anew = {"state": "waiting", "attempts": 0, "crashes": 0, "made_at": now, "due_at": now, "done_at": None}
    return changed(revived.values(**anew))
