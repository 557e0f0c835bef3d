"""The inbox: what each member is told here, once. What one may not see, and what is gone, is not there, nor counted."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import aliased

from forum import clock
from forum.areas.models import Area
from forum.areas.rules import VIEWER, runs
from forum.db import AnyRow, AnySelect, at_most, changed, db, insert_into, read
from forum.members.models import Member, Viewer
from forum.moderation.models import ModerationEntry
from forum.moderation.queries import WAITING
from forum.notifications.models import Notification, NotificationKind, OutgoingMail, Share
from forum.notifications.outgoing import Due, due, patience
from forum.practices.models import Mark
from forum.threads import actions
from forum.threads.lists import UNREAD_THREADS
from forum.threads.models import Post, Thread
from forum.threads.queries import first_unread_number
from forum.threads.rules import may_see
from forum.threads.unread import of_viewer

ENTRIES_A_PAGE = 30
# So many unread ones are shown, and counted; more is many.
MOST_UNREAD = 100
# How the key of an entry begins that tells of a decision not the author of the post but who had flagged it.
TO_FLAG = "answer:"
FORGOTTEN_AT_ONCE = 5000


def notify(
    kind: NotificationKind,
    member_ids: Iterable[int],
    *,
    key: str,
    at: datetime,
    thread_id: int | None = None,
    post_id: int | None = None,
    by_id: int | None = None,
    subject_id: int | None = None,
    by_mail: bool = False,
) -> None:
    """Tell these members something, each once for a key; by mail too, if the kind has a letter in `mail.notices`.

    `subject_id` is the row of the kind's own table, if it has one.
    """
    about = {"thread_id": thread_id, "post_id": post_id, "by_id": by_id, "subject_id": subject_id}
    rows = [
        {"key": f"{key}:{member_id}", "member_id": member_id, "kind": kind, "at": at, **about}
        for member_id in member_ids
    ]
    if not rows:
        return
    db.session.flush()  # a row just made, to which these refer
    new = insert_into(Notification).on_conflict_do_nothing(index_elements=[Notification.key])
    db.session.connection().execute(new, rows)
    if by_mail:
        told = Notification.key.in_([row["key"] for row in rows])
        made = db.session.execute(select(Notification.id, Notification.member_id).where(told))
        due("notification", [Due(row.id, row.member_id, at + patience()) for row in made])


_by = aliased(Member, name="by")


def _standing(statement: AnySelect) -> AnySelect:
    """Of the viewer's entries those to be seen. Threads may have been joined since: a post says where it stands."""
    return (
        statement.select_from(Notification)
        .outerjoin(Post, Post.id == Notification.post_id)
        .outerjoin(Thread, Thread.id == func.coalesce(Post.thread_id, Notification.thread_id))
        .outerjoin(Area, Area.id == Thread.area_id)
        .outerjoin(Mark, (Notification.kind == "mark") & (Mark.id == Notification.subject_id))
        .where(
            Notification.member_id == VIEWER,
            Mark.withdrawn_at.is_(None),
            or_(
                Notification.thread_id.is_(None) & Notification.post_id.is_(None),
                may_see()
                & or_(Notification.post_id.is_(None), Post.deleted_at.is_(None))
                & or_(Notification.kind != "flagged", runs()),
            ),
        )
    )


_ENTRIES = (
    _standing(
        select(
            *(Notification.id, Notification.kind, Notification.at, Notification.read_at, Notification.subject_id),
            *(Notification.post_id, Notification.by_id, _by.name.label("by_name"), Post.number, Post.html),
            *(Thread.id.label("thread_id"), Thread.slug, Thread.title, Area.title.label("area_title")),
            *(ModerationEntry.act, ModerationEntry.reason, Mark.kind.label("mark"), Mark.for_what),
            *(Share.line, Notification.key.startswith(TO_FLAG).label("to_flag")),
        )
    )
    .outerjoin(_by, _by.id == Notification.by_id)
    .outerjoin(
        ModerationEntry,
        Notification.kind.in_(("decision", "returned")) & (ModerationEntry.id == Notification.subject_id),
    )
    .outerjoin(Share, (Notification.kind == "shared") & (Share.id == Notification.subject_id))
    .order_by(Notification.id.desc())
)
_UNREAD = _ENTRIES.where(Notification.read_at.is_(None)).limit(at_most(MOST_UNREAD))
_READ = _ENTRIES.where(Notification.read_at.is_not(None)).limit(at_most(ENTRIES_A_PAGE + 1))
_READ_BEFORE = _READ.where(Notification.id < bindparam("before"))


def unread(viewer: Viewer) -> Sequence[AnyRow]:
    """What the viewer has not read yet, the newest first."""
    return read(_UNREAD, {"viewer_id": viewer.id}).all()


def inbox(viewer: Viewer, before: int = 0) -> Sequence[AnyRow]:
    """What the viewer has read, before an entry if one is given; one more than a page holds."""
    if before:
        return read(_READ_BEFORE, {"viewer_id": viewer.id, "before": before}).all()
    return read(_READ, {"viewer_id": viewer.id}).all()


_mine_unread = _standing(select(Notification.id)).where(Notification.read_at.is_(None)).limit(at_most(MOST_UNREAD))
_COUNTS: AnySelect = select(
    UNREAD_THREADS.scalar_subquery().label("threads"),
    select(func.count()).select_from(_mine_unread.subquery()).scalar_subquery().label("entries"),
    WAITING.label("waiting"),
)


class Counts(NamedTuple):
    """How much is unread, threads and entries of the inbox, a hundred is many; and what waits for a facilitator."""

    threads: int
    entries: int
    waiting: int


NOTHING_NEW = Counts(0, 0, 0)


def counts(viewer: Viewer) -> Counts:
    """How much the viewer has not read, or is to decide; one statement, for every page."""
    return Counts._make(read(_COUNTS, of_viewer(viewer)).one())


def mark_read(viewer_id: int, up_to: int, only: int | None = None) -> None:
    """Note as read what has come up to an entry, so that what came since stays new; or one entry alone."""
    which = Notification.id <= up_to if only is None else Notification.id == only
    _mark(viewer_id, which)


def mark_thread_read(viewer: Viewer, thread: AnyRow, number: int) -> None:
    """Note as read a thread, which the door has found readable, up to this number, and what is told of it so far."""
    # What counts as read stays so: an old page must not put the marker before it.
    actions.mark_read(viewer.id, thread.id, max(number, first_unread_number(thread) - 1))
    posts = select(Post.id).where(Post.thread_id == thread.id, Post.number <= number)
    of_thread = (Notification.thread_id == thread.id) & Notification.post_id.is_(None)
    _mark(viewer.id, or_(of_thread, Notification.post_id.in_(posts)))


def _mark(viewer_id: int, which: ColumnElement[bool]) -> None:
    mine = (Notification.member_id == viewer_id) & Notification.read_at.is_(None)
    db.session.execute(update(Notification).where(mine, which).values(read_at=clock.now()))


def forget_old_entries(days: int) -> bool:
    """Forget some of the entries that were read so long ago, or came twice as long ago; whether there may be more.

    An entry stays as long as a mail about it, and one of a message as long as that. A share goes with its last entry.
    """
    since, long_since = clock.now() - timedelta(days=days), clock.now() - 2 * timedelta(days=days)
    mail = select(OutgoingMail.id).where(
        OutgoingMail.kind == "notification", OutgoingMail.subject_id == Notification.id
    )
    old = (
        select(Notification.id)
        .where(Notification.at < since, Notification.kind != "contact", ~mail.exists())
        .where(or_(Notification.read_at < since, and_(Notification.read_at.is_(None), Notification.at < long_since)))
        .order_by(Notification.at)
        .limit(FORGOTTEN_AT_ONCE)
    )
    if changed(delete(Notification).where(Notification.id.in_(old))) == FORGOTTEN_AT_ONCE:
        return True
    told = select(Notification.subject_id).where(Notification.at < since, Notification.kind == "shared")
    db.session.execute(delete(Share).where(Share.at < since, Share.id.not_in(told)))
    return False
