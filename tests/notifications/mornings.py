"""Mornings on which digests go: begun by the real code, and read by each member as they are sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import time_machine
from flask import Flask
from sqlalchemy import select, update

from forum.db import db, transaction
from forum.members.models import Member
from forum.notifications import digests
from forum.notifications.contents import Contents
from forum.notifications.models import Digest, MailChoice, OutgoingMail
from forum.notifications.queries import readers

BERLIN = ZoneInfo("Europe/Berlin")


def deliver() -> dict[int, Contents]:
    """Write the digests that wait as they would be sent, and put down what became of each: member → contents."""
    waiting = db.session.scalars(select(OutgoingMail).where(OutgoingMail.state == "waiting").order_by(OutgoingMail.id))
    sent = {}
    for mail in [mail for mail in waiting if mail.kind == "digest"]:
        digest, reader = db.session.get_one(Digest, mail.subject_id), readers([mail.member_id]).get(mail.member_id)
        said = digests.contents(reader, digest) if reader and not reader.stopped else None
        with transaction():
            told = said is not None and not said.empty
            db.session.execute(
                update(OutgoingMail).where(OutgoingMail.id == mail.id).values(state="sent" if told else "dropped")
            )
            if said and told:
                digests.mark_skipped(mail.subject_id, said)
                assert mail.member_id not in sent, "two digests at once"
                sent[mail.member_id] = said
    return sent


class Days:
    """Days that pass for the cast, on which everybody gets a daily digest at seven unless they chose otherwise."""

    def __init__(self, app: Flask, work: Callable[[], int], clock: time_machine.Traveller) -> None:
        self.app, self.work, self.clock = app, work, clock
        with app.app_context():
            digests.begin_due()
            with transaction():
                db.session.execute(update(MailChoice).values(rhythm="daily", digest_at=self.seven()))

    def seven(self) -> datetime:
        """The next seven o'clock."""
        here = datetime.now(UTC).astimezone(BERLIN)
        today = here.replace(hour=7, minute=0, second=0, microsecond=0)
        return (today if today > here else today + timedelta(days=1)).astimezone(UTC)

    def chosen(self, key: str, **values: object) -> None:
        """What somebody chose."""
        with self.app.app_context(), transaction():
            mine = select(Member.id).where(Member.uid == key).scalar_subquery()
            db.session.execute(update(MailChoice).where(MailChoice.member_id == mine).values(**values))

    def pass_by(self, days: int = 1) -> None:
        """It is seven again, so many days later; what is to be done is done."""
        self.work()
        self.clock.move_to(self.seven() + timedelta(days=days - 1, minutes=1))

    def morning(self, days: int = 1) -> dict[str, Contents]:
        """The digests of the next morning, by whom they reach."""
        self.pass_by(days)
        return self.sent()

    def sent(self) -> dict[str, Contents]:
        """The digests that go now."""
        with self.app.app_context():
            digests.begin_due()
            names = {member.id: member.uid for member in db.session.scalars(select(Member))}
            return {names[member_id]: said for member_id, said in deliver().items()}
