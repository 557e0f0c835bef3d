"""Pointing colleagues to a post: into their inbox and by mail, for those alone who may see it anyway."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import Select, bindparam, func, or_, select

from forum import clock, outbox
from forum.areas.models import Area
from forum.db import AnyRow, AnySelect, db, lock, read
from forum.errors import Invalid, require
from forum.members.models import Member, Viewer
from forum.moderation.redaction import Change, clears
from forum.notifications.inbox import notify
from forum.notifications.models import LONGEST_SHARED, Share
from forum.text import tidy
from forum.threads.models import Post, Thread
from forum.threads.protection import written_by
from forum.threads.queries import Opened
from forum.threads.rules import can_share, may_see

MOST_A_DAY = 20
_DAY = timedelta(days=1)

outbox.nobody_hears("post.shared")

_MAY_SEE: AnySelect = (
    select(Member.id)
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id.in_(bindparam("ids", expanding=True)))
    .where(Thread.id == bindparam("thread_id"), may_see(Member.id))
)


def share(actor: Viewer, opened: Opened, post: Post, to: str, line: str) -> Collection[int]:
    """Point those who are named to a post; return who they are."""
    opened.acts(actor)
    require(can_share(opened))
    require(post.deleted_at is None, "post_deleted")
    line = " ".join(tidy(line).split())
    if len(line) > LONGEST_SHARED:
        raise Invalid("words_long", "line", most=LONGEST_SHARED)
    members = _named(opened.viewer, to)
    # For whom a protected thread is not there is not said: it would tell from which organisation somebody asks. They
    # are told nothing, since the inbox and the mail ask once more.
    if not opened.thread.protected:
        _require_to_see(post, members)
    _require_measure(opened.viewer, len(members))
    row = Share(post_id=post.id, by_id=actor.id, line=line, members=len(members), at=clock.now())
    db.session.add(row)
    db.session.flush()
    notify(
        "shared", members, key=f"share:{row.id}", at=row.at, thread_id=post.thread_id, post_id=post.id, by_id=actor.id,
        subject_id=row.id, by_mail=True,
    )  # fmt: skip
    outbox.record("post.shared", post.id, actor.id, share_id=row.id)
    return members.keys()


@clears
def clear_lines(post_ids: Select[int], change: Change) -> None:
    """Change what members said when they pointed to these posts."""
    for row in db.session.scalars(select(Share).where(Share.post_id.in_(post_ids))):
        row.line = change(row.line)


def _named(viewer: Viewer, to: str) -> dict[int, str]:
    """Whom these words mean: a name, the beginning of one that only one member has, or a mention; id → name."""
    found: dict[int, str] = {}
    for words in filter(None, (" ".join(tidy(part).split()) for part in to.replace(";", ",").split(","))):
        meant = _meant(viewer, words)
        exact = [row for row in meant if row.name.lower() == words.lower()]
        if len(exact or meant) != 1:
            raise Invalid("share_ambiguous" if meant else "member_not_here", "to", value=words)
        (row,) = exact or meant
        found[row.id] = row.name
        if len(found) > MOST_A_DAY:
            break
    if not found:
        raise Invalid("share_nobody", "to")
    return found


def _meant(viewer: Viewer, words: str) -> Sequence[AnyRow]:
    called = or_(
        Member.handle == words.removeprefix("@").lower(),
        func.lower(Member.name) == words.lower(),
        Member.name.startswith(words, autoescape=True),
    )
    active = (Member.state == "active") & (Member.id != viewer.id)
    return db.session.execute(select(Member.id, Member.name).where(active, called).limit(MOST_A_DAY)).all()


def _require_to_see(post: Post, members: dict[int, str]) -> None:
    may = {row.id for row in read(_MAY_SEE, {"ids": list(members), "thread_id": post.thread_id})}
    if shut_out := [name for member_id, name in members.items() if member_id not in may]:
        raise Invalid("share_unseen", "to", value=", ".join(shut_out))


def _require_measure(viewer: Viewer, more: int) -> None:
    lock(select(Member.id).where(Member.id == viewer.id))
    of_late = written_by(viewer, Share.by_id) & (Share.at > clock.now() - _DAY)
    sent = db.session.scalar(select(func.coalesce(func.sum(Share.members), 0)).where(of_late)) or 0
    if sent + more > MOST_A_DAY:
        raise Invalid("share_many", "to", most=MOST_A_DAY)
