"""Lines that facilitators add to everybody's next digest."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from forum import clock, outbox
from forum.db import AnyRow, db
from forum.errors import Missing, require
from forum.members.models import Member, Viewer
from forum.notifications.models import LONGEST_LINE, DigestLine
from forum.notifications.news import waits
from forum.practices.actions import checked

# Nobody is told of an older one.
TOLD_FOR = timedelta(days=40)

outbox.nobody_hears("digest.line_added", "digest.line_removed")


def lines(viewer: Viewer) -> Sequence[AnyRow]:
    """The lines that still go out with digests, newest first, with who added them."""
    require(viewer.is_facilitator)
    statement = (
        select(DigestLine.id, DigestLine.text, DigestLine.at, Member.name.label("by_name"))
        .join(Member, Member.id == DigestLine.member_id)
        .where(DigestLine.removed_at.is_(None), DigestLine.at > clock.now() - TOLD_FOR)
        .order_by(DigestLine.id.desc())
    )
    return db.session.execute(statement).all()


def add_line(actor: Viewer, text: str) -> DigestLine:
    """Add a line: each member reads it once, in the next digest that goes anyway."""
    require(actor.is_facilitator)
    text = checked(text, "text", "body_empty", "body_long", LONGEST_LINE)
    line = DigestLine(text=text, member_id=actor.id, at=clock.now())
    db.session.add(line)
    db.session.flush()
    outbox.record("digest.line_added", line.id, actor.id)
    return line


def remove_line(actor: Viewer, line_id: int) -> None:
    """Take a line back from the digests that have not gone yet; twice is once."""
    require(actor.is_facilitator)
    line = db.session.get(DigestLine, line_id)
    if line is None:
        raise Missing
    if line.removed_at is None:
        line.removed_at = clock.now()
        outbox.record("digest.line_removed", line.id, actor.id)


def newest_line() -> int:
    """The number of the newest line."""
    return db.session.scalar(select(func.max(DigestLine.id))) or 0


def lines_up_to(now: datetime) -> int:
    """The number up to which all lines have waited: some time to take one back, and for two that come at once."""
    first = db.session.scalar(select(func.min(DigestLine.id)).where(waits(DigestLine.at, now)))
    return newest_line() if first is None else first - 1


def lines_between(after: int, up_to: int, at: datetime) -> Sequence[str]:
    """What the lines after this number up to that one say; at this moment, some may be too old."""
    between = (DigestLine.id > after) & (DigestLine.id <= up_to) & (DigestLine.at > at - TOLD_FOR)
    statement = select(DigestLine.text).where(between, DigestLine.removed_at.is_(None)).order_by(DigestLine.id)
    return db.session.scalars(statement).all()
