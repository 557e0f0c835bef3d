"""Letters of what is told in the inbox and by mail: what each kind says, a function a kind."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import aliased

from forum.db import AnyRow, AnySelect, read
from forum.i18n import gettext as _
from forum.mail.kinds import Said
from forum.mail.letter import House
from forum.mail.plain_text import inert
from forum.members.models import Member
from forum.notifications.models import LONGEST_SHARED, Notification, NotificationKind, Share
from forum.threads.models import Post

_first = aliased(Post, name="first")
_ROWS: AnySelect = (
    select(
        *(Notification.id, Notification.kind, Notification.subject_id, Notification.thread_id, Notification.at),
        *(Member.name.label("by"), func.coalesce(Post.id, _first.id).label("post_id"), Share.line),
    )
    .outerjoin(Member, Member.id == Notification.by_id)
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(_first, and_(_first.thread_id == Notification.thread_id, _first.number == 1))
    .outerjoin(Share, and_(Notification.kind == "shared", Share.id == Notification.subject_id))
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


# These come to one who asked without a name: a mail that lies about says neither that nor where.
SECRET: frozenset[NotificationKind] = frozenset({"published", "returned", "opened"})
LETTERS: dict[NotificationKind, Callable[[House, AnyRow], Said]] = {"shared": _shared, "flagged": _flagged}
