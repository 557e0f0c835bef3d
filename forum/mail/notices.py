"""Letters of what is told in the inbox and by mail: what each kind says, a function a kind."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import aliased

from forum.db import AnyRow, AnySelect, read
from forum.i18n import gettext as _
from forum.mail.kinds import Said
from forum.mail.letter import House
from forum.mail.plain_text import inert
from forum.members.actions import LONGEST_MESSAGE
from forum.members.models import ContactMessage, Member
from forum.notifications.models import LONGEST_SHARED, Notification, NotificationKind, Share
from forum.threads.models import Post, Thread
from forum.threads.opening import LASTS

_first = aliased(Post, name="first")
_ROWS: AnySelect = (
    select(
        *(Notification.id, Notification.kind, Notification.subject_id, Notification.thread_id, Notification.at),
        *(Member.name.label("by"), func.coalesce(Post.id, _first.id).label("post_id"), Share.line),
        *(ContactMessage.subject, ContactMessage.body, Thread.protected),
    )
    .outerjoin(Member, Member.id == Notification.by_id)
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(Thread, Thread.id == Notification.thread_id)
    .outerjoin(_first, and_(_first.thread_id == Notification.thread_id, _first.number == 1))
    .outerjoin(Share, and_(Notification.kind == "shared", Share.id == Notification.subject_id))
    .outerjoin(ContactMessage, and_(Notification.kind == "contact", ContactMessage.id == Notification.subject_id))
    .where(Notification.id.in_(bindparam("ids", expanding=True)))
)


def rows(ids: Collection[int]) -> Mapping[int, AnyRow]:
    """What the letters of these entries speak of: entry → row. Of a thread as a whole, the post is its first."""
    return {row.id: row for row in read(_ROWS, {"ids": list(ids)})}


def _shared(home: House, row: AnyRow) -> Said:
    return Said(
        _("%(name)s points you to a post", name=inert(row.by)), f"{home.url}/posts/{row.post_id}",
        words=inert(row.line, LONGEST_SHARED), with_post=True,
    )  # fmt: skip


def _flagged(home: House, row: AnyRow) -> Said:
    if row.subject_id is None:
        return Said(
            _("A question without a name waits"), f"{home.url}/moderation/queue",
            _("It is published when a facilitator has looked at it."), label=_("To the queue"),
        )  # fmt: skip
    return Said(
        _("A post was flagged"), f"{home.url}/moderation/queue",
        _("A member asks the facilitators to look at it."), label=_("To the queue"),
    )  # fmt: skip


def opening(home: House, thread_id: int) -> Said:
    """A name is asked for: it takes a second administrator. Why stands on the page."""
    return Said(
        _("An administrator wants to know who asked a question"), f"{home.url}/admin/protected/{thread_id}",
        _(
            "It takes a second administrator, with a reason. Without one the request ends after %(num)s days.",
            num=LASTS.days,
        ),
        label=_("To the request"),
    )  # fmt: skip


def contact(home: House, message_id: int, by: str, subject: str, body: str) -> Said:
    """A message from a colleague. Neither of the two sees the address of the other: one answers on the page."""
    return Said(
        inert(subject), f"{home.url}/messages/{message_id}",
        _("%(name)s writes to you through the network:", name=inert(by)),
        words="\n".join(inert(line, LONGEST_MESSAGE) for line in body.splitlines() if line.strip()),
        label=_("Read and answer"),
    )  # fmt: skip


def asked(home: House, thread_id: int) -> Said:
    """A question nobody has answered, for whom it may suit."""
    return Said(
        _("Can you help with this question?"), f"{home.url}/threads/{thread_id}/asked",
        _("Nobody has answered it for some days, and you may know about it."), label=_("I will answer, or cannot"),
        with_post=True,
    )  # fmt: skip


def outcome(home: House, thread_id: int) -> Said:
    """What became of one's question?"""
    return Said(
        _("How did it turn out?"), f"{home.url}/threads/{thread_id}/outcome",
        _("You asked this some weeks ago. One click and a sentence help whoever looks for the same later."),
        label=_("Say how it turned out"),
    )  # fmt: skip


# These come to one who asked without a name: a mail that lies about says neither that nor where.
SECRET: frozenset[NotificationKind] = frozenset({"returned", "opened"})


def is_secret(row: AnyRow) -> bool:
    """Whether the mail about this entry would give away who asked."""
    return row.kind in SECRET or bool(row.kind == "outcome" and row.protected)


LETTERS: dict[NotificationKind, Callable[[House, AnyRow], Said]] = {
    "shared": _shared,
    "flagged": _flagged,
    "opening": lambda home, row: opening(home, row.thread_id),
    "contact": lambda home, row: contact(home, row.subject_id, row.by, row.subject, row.body),
    "asked": lambda home, row: asked(home, row.thread_id),
    "outcome": lambda home, row: outcome(home, row.thread_id),
}
