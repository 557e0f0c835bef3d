"""Digests: whose is due, and which news is in it.

`forum.notifications.news` says by which rule each post comes in exactly one digest of each member.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app
from sqlalchemy import and_, bindparam, func, or_, select, update

from forum import clock
from forum.config import Settings
from forum.db import AnyRow, at_most, db, lock, read, transaction
from forum.members.models import Member
from forum.notifications.contents import NOTHING, Contents, find, is_news, say
from forum.notifications.lines import lines_between, lines_up_to, newest_line
from forum.notifications.models import Digest, MailChoice, OutgoingMail
from forum.notifications.news import newest, told_up_to
from forum.notifications.outgoing import Due, due
from forum.notifications.queries import Reader, choice, fresh_choice, next_digest_of, reachable
from forum.notifications.rules import takes_mail
from forum.notifications.schedule import FURTHEST, following

# So many members are begun in one write: whoever writes a post meanwhile waits for it, for milliseconds.
_TOGETHER = 50


def begin_due(now: datetime | None = None) -> int:
    """Begin all digests that are due: a mail to each member for whom there is news; return how many."""
    now, begun = now or clock.now(), 0
    while (some := begin_some(now)) is not None:
        begun += some
    return begun


def begin_some(now: datetime | None = None) -> int | None:
    """Begin the digests of some members; return how many mails there are, or None when nobody's is due any more.

    What is to be told is looked up first, so that each write is short; whoever was begun elsewhere meanwhile is left.
    """
    now = now or clock.now()
    if newcomers := read(_WITHOUT_DIGESTS, {}).scalars().all():
        _let_begin(newcomers, now)
        return 0
    members = _due(now)
    return _write(_steps(members, now), now) if members else None


def start(member: MailChoice, now: datetime) -> None:
    """Have a member's digests begin, or begin anew after a pause: with what comes from here on."""
    member.told_number, member.told_line = newest(), newest_line()
    member.digest_at = next_digest_of(member, now)


def coming(reader: Reader) -> Contents:
    """What the reader's next digest would say if it went now."""
    mine = choice(reader.viewer)
    if mine.digest_at is None:
        return NOTHING
    last = _last_digests([reader.viewer.id]).get(reader.viewer.id)
    after, after_line = _reached(mine, last)
    lines = lines_between(after_line, newest_line(), clock.now())
    return say(reader, after, max(after, newest()), lines)


def contents(reader: Reader, digest: Digest) -> Contents:
    """What a digest says to its reader now that it is sent; nothing, if a later one has told it."""
    later = (Digest.member_id == digest.member_id) & (Digest.id > digest.id)
    if db.session.scalar(select(Digest.id).where(later, Digest.after_number < digest.up_to_number).limit(1)):
        return NOTHING
    lines = lines_between(digest.after_line, digest.up_to_line, digest.at)
    return say(reader, digest.after_number, digest.up_to_number, lines)


def mark_skipped(digest_id: int, contents: Contents) -> None:
    """Keep what was deleted when the digest was sent, in the transaction that says that it was."""
    db.session.execute(update(Digest).where(Digest.id == digest_id).values(skipped=list(contents.skipped)))


_PAUSED = and_(MailChoice.digest_at.is_(None), MailChoice.rhythm != "off", takes_mail())
_WITHOUT_DIGESTS = (
    select(Member.id)
    .outerjoin(MailChoice, MailChoice.member_id == Member.id)
    .where(reachable(), or_(MailChoice.member_id.is_(None), _PAUSED))
    .order_by(Member.id)
    .limit(at_most(_TOGETHER))
)


def _let_begin(member_ids: Sequence[int], now: datetime) -> None:
    """Have digests begin for those who can be mailed and take them, but have none coming."""
    with transaction():
        for member_id in member_ids:
            member = db.session.get(MailChoice, member_id) or fresh_choice(member_id)
            start(member, now)
            db.session.add(member)


_NOW = bindparam("now", type_=MailChoice.digest_at.type)
# So far ahead that the clock must have been put back since.
_TOO_FAR = [
    and_(MailChoice.rhythm == rhythm, MailChoice.digest_at > bindparam(rhythm, type_=MailChoice.digest_at.type))
    for rhythm in FURTHEST
]
_DUE = (
    select(*MailChoice.__table__.columns)
    .join(Member, Member.id == MailChoice.member_id)
    .where(or_(MailChoice.digest_at <= _NOW, *_TOO_FAR), MailChoice.rhythm != "off", takes_mail(), reachable())
    .order_by(MailChoice.digest_at, MailChoice.member_id)
    .limit(at_most(_TOGETHER))
)


def _due(now: datetime) -> Sequence[AnyRow]:
    """Some of the members whose digest is due."""
    return read(_DUE, {"now": now} | {rhythm: now + most for rhythm, most in FURTHEST.items()}).all()


@dataclass(frozen=True, slots=True)
class _Step:
    """What to write for a member: when the next digest is due, and the window that is done with this."""

    member: AnyRow
    last: AnyRow | None
    digest_at: datetime | None
    window: Digest | None = None
    mailed: bool = False


def _steps(members: Sequence[AnyRow], now: datetime) -> list[_Step]:
    last, up_to, up_to_line = _last_digests([member.member_id for member in members]), told_up_to(now), lines_up_to(now)
    return [_step(member, last.get(member.member_id), up_to, up_to_line, now) for member in members]


def _step(member: AnyRow, last: AnyRow | None, up_to: int, up_to_line: int, now: datetime) -> _Step:
    after, after_line = _reached(member, last)
    later = _Step(member, last, next_digest_of(member, now))
    # One that still waits to be sent is enough: the next covers what has come since.
    if member.digest_at > now or up_to <= after or (last and last.state == "waiting"):
        return later
    window = Digest(
        member_id=member.member_id,
        after_number=after,
        up_to_number=up_to,
        after_line=after_line,
        up_to_line=max(after_line, up_to_line),
        at=now,
        skipped=[],
    )
    if not is_news(member.member_id, after, up_to):
        found = find(member.member_id, after, up_to)
        if not found.told:
            window.up_to_line, window.skipped = after_line, list(found.gone)
            return replace(later, window=window)
    return replace(later, window=window, mailed=True, digest_at=_following(member, now))


def _write(steps: Sequence[_Step], now: datetime) -> int:
    """Write the steps down, each unless another worker did since it was looked up; return how many mails there are."""
    mine = MailChoice.member_id.in_([step.member.member_id for step in steps])
    last_mails = OutgoingMail.id.in_([step.last.mail_id for step in steps if step.last])
    with transaction():
        lock(select(MailChoice.member_id).where(mine).order_by(MailChoice.member_id))
        lock(select(OutgoingMail.id).where(last_mails).order_by(OutgoingMail.id))
        standing = {choice.member_id: choice for choice in db.session.scalars(select(MailChoice).where(mine))}
        last = _last_digests(list(standing))
        mailed = [
            step.window
            for step in steps
            if step.last == last.get(step.member.member_id) and _apply(step, standing[step.member.member_id], now)
        ]
        db.session.flush()
        due("digest", [Due(window.id, window.member_id, clock.now()) for window in mailed if window])
    return len(mailed)


def _apply(step: _Step, member: MailChoice, now: datetime) -> bool:
    """Move a member on; whether a mail goes with it."""
    if (member.digest_at, member.told_number) != (step.member.digest_at, step.member.told_number):
        return False
    member.digest_at = step.digest_at
    if step.window:
        # One that was given up may be tried again: by this it is known that it is done with.
        rewound = step.window.after_number < member.told_number
        member.told_number, member.told_line = step.window.up_to_number, step.window.up_to_line
        if step.mailed or step.window.skipped or rewound:
            db.session.add(step.window)
    if step.mailed:
        member.last_digest_at = now
    return step.mailed


def _following(member: AnyRow, now: datetime) -> datetime | None:
    settings: Settings = current_app.extensions["forum.settings"]
    return following(member.rhythm, member.weekday, member.hour, member.zone or settings.time_zone, now)


def _last_digests(member_ids: Sequence[int]) -> dict[int, AnyRow]:
    """The last digest of each of these members with the state of its mail, if it has one."""
    last = select(func.max(Digest.id)).where(Digest.member_id.in_(member_ids)).group_by(Digest.member_id)
    statement = (
        select(
            *(Digest.id, Digest.member_id, Digest.after_number, Digest.up_to_number, Digest.after_line),
            *(OutgoingMail.id.label("mail_id"), OutgoingMail.state),
        )
        .outerjoin(OutgoingMail, and_(OutgoingMail.kind == "digest", OutgoingMail.subject_id == Digest.id))
        .where(Digest.id.in_(last))
    )
    return {row.member_id: row for row in db.session.execute(statement)}


def _reached(member: MailChoice | AnyRow, last: AnyRow | None) -> tuple[int, int]:
    """Up to which news and which line a member was told; a digest that was not sent told nothing."""
    if last and last.state in ("dropped", "dead") and last.up_to_number == member.told_number:
        return last.after_number, last.after_line
    return member.told_number, member.told_line
