"""What does not get through and which addresses are paused, for those who run the network.

They see to whom a mail is and of which kind, never what it is about. Of mails about a protected thread they do not see
to whom either: who hears of a reply may be who asked.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, func, or_, select

from forum import outbox
from forum.db import AnyRow, db
from forum.errors import require
from forum.mail.delivery import retry_dead
from forum.mail.models import Bounce
from forum.members.models import Member, Viewer
from forum.notifications.models import Notification, OutgoingMail
from forum.threads.models import Post, Thread

MOST_SHOWN = 100

outbox.nobody_hears("mail.retried")


def tried_again(viewer: Viewer) -> Sequence[AnyRow]:
    """Mails that did not get through so far and are tried again, the next one first."""
    return _mails(viewer, (OutgoingMail.state == "waiting") & OutgoingMail.answer.is_not(None), OutgoingMail.due_at)


def given_up(viewer: Viewer) -> Sequence[AnyRow]:
    """Mails that wait for a person, the latest first."""
    return _mails(viewer, OutgoingMail.state == "dead", OutgoingMail.done_at.desc())


def _mails(viewer: Viewer, which: ColumnElement[bool], order: SQLColumnExpression[Any]) -> Sequence[AnyRow]:
    require(viewer.is_administrator)
    statement = (
        select(
            *(OutgoingMail.id, OutgoingMail.kind, OutgoingMail.attempts, OutgoingMail.due_at, OutgoingMail.done_at),
            case((Thread.protected, None), else_=Member.name).label("member_name"),
            # A mail server's answer says the address.
            case((Thread.protected, None), else_=OutgoingMail.answer).label("answer"),
        )
        .join(Member, Member.id == OutgoingMail.member_id)
        .outerjoin(Notification, (OutgoingMail.kind == "notification") & (Notification.id == OutgoingMail.subject_id))
        .outerjoin(
            Post,
            or_(
                Post.id == Notification.post_id,
                (OutgoingMail.kind == "post") & (Post.id == OutgoingMail.subject_id),
            ),
        )
        .outerjoin(Thread, Thread.id == func.coalesce(Post.thread_id, Notification.thread_id))
        .where(which)
        .order_by(order, OutgoingMail.id)
        .limit(MOST_SHOWN)
    )
    return db.session.execute(statement).all()


def paused(viewer: Viewer) -> Sequence[AnyRow]:
    """Members to whose address nothing is sent, with what was said when a mail came back last."""
    require(viewer.is_administrator)
    last = select(func.max(Bounce.id)).where(Bounce.member_id == Member.id).correlate(Member).scalar_subquery()
    statement = (
        select(Member.id, Member.name, Member.email, Member.bounced_at, Bounce.diagnosis)
        .outerjoin(Bounce, Bounce.id == last)
        .where(Member.bounced_at.is_not(None))
        .order_by(Member.bounced_at.desc(), Member.id)
        .limit(MOST_SHOWN)
    )
    return db.session.execute(statement).all()


def retry(actor: Viewer, mail_id: int) -> None:
    """Give a mail that was given up another chance; twice is once."""
    require(actor.is_administrator)
    if retry_dead(OutgoingMail.id == mail_id):
        outbox.record("mail.retried", mail_id, actor.id)
    else:
        mail = db.session.get(OutgoingMail, mail_id)
        require(mail is None or mail.state != "dead", "address_paused")
