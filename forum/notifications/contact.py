"""What members write to each other through the network."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import String, cast, delete, select, union_all, update

from forum import clock
from forum.db import db, transaction
from forum.members.models import ContactMessage
from forum.notifications.inbox import notify
from forum.notifications.models import Notification
from forum.outbox import Event, on


@on("member.written_to", batch=50)
def tell_of_messages(events: Sequence[Event]) -> None:
    """A message: an entry and a mail for whom it is, and a copy, read already, for who wrote it."""
    written = select(ContactMessage).where(ContactMessage.id.in_([event.subject_id for event in events]))
    with transaction():
        for message in db.session.scalars(written):
            _tell(message, message.to_id, by_mail=True)
            _tell(message, message.by_id)
            copy = (Notification.kind == "contact") & (Notification.subject_id == message.id)
            own = copy & (Notification.member_id == message.by_id) & Notification.read_at.is_(None)
            db.session.execute(update(Notification).where(own).values(read_at=message.at))


def _tell(message: ContactMessage, member_id: int, by_mail: bool = False) -> None:
    notify(
        "contact", [member_id], key=f"contact:{message.id}", at=message.at, by_id=message.by_id,
        subject_id=message.id, by_mail=by_mail,
    )  # fmt: skip


def forget_old_messages(days: int) -> None:
    """Forget messages that are older, and that they were told of."""
    old = ContactMessage.at < clock.now() - timedelta(days=days)
    # By the keys under which they were told: to find them by kind is to read all there is in all inboxes.
    number = "contact:" + cast(ContactMessage.id, String) + ":"
    told = (select(number + cast(to, String)).where(old) for to in (ContactMessage.to_id, ContactMessage.by_id))
    db.session.execute(delete(Notification).where(Notification.key.in_(union_all(*told))))
    db.session.execute(delete(ContactMessage).where(old))
