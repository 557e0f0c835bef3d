"""What is done about mails that come back: an address that is gone gets no more, until its member says that it works.

Only a report to the address that stood in the envelope of that very mail counts. It is signed and known to nobody
but the servers on the way, so a stranger cannot have anybody's mails stopped by a made-up report.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update

from forum import clock, outbox
from forum.db import changed, db, lock
from forum.mail.addresses import addresses
from forum.mail.models import Bounce
from forum.mail.reports import Kind, Report, read
from forum.members.models import Member
from forum.outbox import Event

# A full mailbox is emptied one day; one that is full for this many days is not read.
SOFT_DAYS, SOFT_WINDOW = 5, timedelta(days=14)

outbox.nobody_hears("member.address_paused")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a mail turned out to be, whose address it is about, and whether that is paused by it."""

    report: Report | None
    member_id: int | None = None
    paused: bool = False

    def line(self) -> str:
        """For the operator."""
        if self.report is None:
            return "no report of a mail that came back"
        what = f"{self.report.kind or self.report.action} {self.report.status} {self.report.recipient}"
        if self.member_id is None:
            done = "not sent to an address of ours, so nothing is done"
        elif self.report.kind is None:
            done = "nothing to be done"
        else:
            done = "no mails are sent there any more" if self.paused else "noted"
        return f"{' '.join(what.split())}: {done}"


def take(raw: bytes) -> Taken:
    """Read a mail that came back, and note it for the member to whose mail it belongs."""
    report = read(raw)
    opened = (addresses().opened_bounce(address) for address in report.sent_to) if report else ()
    _mail_id, member_id = next(filter(None, opened), (None, None))
    if report is None or report.kind is None or member_id is None:
        return Taken(report, member_id)
    return Taken(report, member_id, note(member_id, report.kind, report.status, report.diagnosis, report.id))


def note(member_id: int, kind: Kind, status: str, diagnosis: str, report_id: str) -> bool:
    """Remember that a mail came back, once for each report; tell whether the address is paused from now on."""
    lock(select(Member.id).where(Member.id == member_id))
    if db.session.scalar(select(Bounce.id).where(Bounce.report == report_id)):
        return False
    now = clock.now()
    db.session.add(Bounce(member_id=member_id, report=report_id, kind=kind, status=status, diagnosis=diagnosis, at=now))
    if kind == "soft" and _soft_days(member_id) < SOFT_DAYS:
        return False
    pause = update(Member).where(Member.id == member_id, Member.bounced_at.is_(None)).values(bounced_at=now)
    if not changed(pause):
        return False
    outbox.record("member.address_paused", member_id, None)
    return True


def _soft_days(member_id: int) -> int:
    """On how many days of late mails came back for now; what was before the member said "it works" is forgiven."""
    said = select(func.max(Event.at)).where(Event.name == "member.address_works", Event.subject_id == member_id)
    since = clock.now() - SOFT_WINDOW
    since = max(since, db.session.scalar(said) or since)
    soft = select(Bounce.at).where(Bounce.member_id == member_id, Bounce.kind == "soft", Bounce.at > since)
    return len({at.date() for at in db.session.scalars(soft)})
