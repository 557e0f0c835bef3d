"""The mails that are due: made beside what caused them, kept for a month after they went."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from flask import current_app
from sqlalchemy import delete, or_, select

from forum import clock
from forum.config import Settings
from forum.db import db, insert_into
from forum.notifications.models import MailKind, OutgoingMail

KEPT = timedelta(days=30)


class Due(NamedTuple):
    """About what a mail is, to whom, and when it may go."""

    subject_id: int
    member_id: int
    at: datetime


def patience() -> timedelta:
    """How long a mail waits, so that an edit or a withdrawal reaches everybody."""
    settings: Settings = current_app.extensions["forum.settings"]
    return timedelta(minutes=settings.mail_wait_minutes)


def due(kind: MailKind, mails: Iterable[Due]) -> None:
    """Let these mails go, each once: who has the mail about something gets no other about it.

    A mail that was dropped, because the post was deleted for a while, gets another chance.
    """
    now = clock.now()
    rows = [
        {
            "key": f"{kind}:{mail.subject_id}:{mail.member_id}",
            "member_id": mail.member_id,
            "kind": kind,
            "subject_id": mail.subject_id,
            "made_at": now,
            "due_at": mail.at,
        }
        for mail in mails
    ]
    if not rows:
        return
    new = insert_into(OutgoingMail)
    again = {"state": "waiting", "due_at": new.excluded.due_at, "attempts": 0, "answer": None, "done_at": None}
    anew = new.on_conflict_do_update(
        index_elements=[OutgoingMail.key], set_=again, where=OutgoingMail.state == "dropped"
    )
    db.session.connection().execute(anew, rows)


def dropped(kind: MailKind, subject_id: int) -> list[int]:
    """The members whose mail about this was dropped."""
    about = (OutgoingMail.kind == kind) & (OutgoingMail.subject_id == subject_id)
    return list(db.session.scalars(select(OutgoingMail.member_id).where(about, OutgoingMail.state == "dropped")))


def forget_old_mails() -> None:
    """Forget the mails that went, were dropped or were given up longer ago than they are kept."""
    # A digest that did not go stays: one that was dropped is where the member's next begins, and a dead one may yet go.
    not_sent = OutgoingMail.state.in_(("dropped", "dead")) & (OutgoingMail.kind != "digest")
    done = or_(OutgoingMail.state == "sent", not_sent)
    db.session.execute(delete(OutgoingMail).where(done, OutgoingMail.done_at < clock.now() - KEPT))
