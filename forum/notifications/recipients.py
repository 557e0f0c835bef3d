"""Who hears of what, by mail and in the inbox: asked when something happens, and again when a mail is sent.

The inbox disturbs nobody, so it asks less: the general level is for mails alone. Only what a member muted, a thread or
an area, stays silent there too, but for mentions: who is called by name hears of it.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, bindparam, case, false, func, or_, select
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.areas.rules import runs
from forum.db import AnyRow, AnySelect, read
from forum.members.models import Member
from forum.moderation.models import Flag, ModerationEntry
from forum.moderation.rules import judges
from forum.notifications.models import MailChoice, Notification, NotificationKind, ThreadWatch
from forum.notifications.queries import reachable
from forum.notifications.rules import asks_for_mail, level_of, muted, takes_mail, tells_content, with_choices
from forum.practices.models import Mark
from forum.practices.rules import GIVEN, recommends
from forum.threads.models import Mention, Post, Thread
from forum.threads.opening import NameOpening
from forum.threads.protection import behind
from forum.threads.rules import may_see

Why = Literal["mentioned", "answered", "notify"]


def _is(author_id: SQLColumnExpression[int] | SQLColumnExpression[int | None]) -> ColumnElement[bool]:
    """Whether the Member is who writes as this author, under the own name or as the asker of a protected thread.

    For what is the member's alone, as the inbox. A mail lies about in offices: none says that it comes to the asker.
    """
    return Member.id == behind(author_id)


_answered = aliased(Post, name="answered")
_MENTIONED = Mention.member_id.is_not(None)
_ANSWERED = or_(Member.id == Thread.author_id, Member.id == _answered.author_id)
_ANSWERED_OR_ASKED = or_(_is(Thread.author_id), _is(_answered.author_id))
# The members a mail can be sent to, who may read the area now and want mail.
_CAN_HEAR = and_(reachable(), takes_mail(), may_see(Member.id))
_HAS_INBOX = and_(Member.state == "active", may_see(Member.id))
_WITHOUT_CONTENT = (~tells_content()).label("notice")

_OTHERS: AnySelect = with_choices(
    select(Member.id)
    .select_from(Post)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id != Post.author_id)
    .outerjoin(Mention, and_(Mention.post_id == Post.id, Mention.member_id == Member.id))
    .outerjoin(_answered, _answered.id == Post.reply_to_id),
    Member.id,
).where(Post.id == bindparam("post_id"), ~Thread.held)
_OF_POST = _OTHERS.where(_CAN_HEAR, asks_for_mail(and_(Thread.protected, Post.number == 1), or_(_MENTIONED, _ANSWERED)))
_OF_POST_MENTIONED = _OF_POST.where(_MENTIONED)
_WANTED = _OF_POST.add_columns(
    case((_MENTIONED, "mentioned"), (_ANSWERED, "answered"), else_="notify").label("why"), _WITHOUT_CONTENT
).where(Post.deleted_at.is_(None), Member.id.in_(bindparam("member_ids", expanding=True)))

# Who follows a thread has seen its first post.
_FOLLOWED = and_(ThreadWatch.level.in_(("notify", "digest")), Post.number > 1)
_ENTRIES = _OTHERS.add_columns(
    case((_MENTIONED, "mention"), (_ANSWERED_OR_ASKED, "answer"), else_="followed").label("kind"),
).where(_HAS_INBOX, ~_is(Post.author_id), or_(_MENTIONED, and_(~muted(), or_(_ANSWERED_OR_ASKED, _FOLLOWED))))

# A recommendation counts from the one on by which the post is recommended.
_COUNTS = or_(Mark.kind != "recommended", recommends(GIVEN.post_id == Mark.post_id, GIVEN.id <= Mark.id))
_STANDING_MARKS: AnySelect = with_choices(
    select(
        *(Mark.id, Mark.post_id, Mark.thread_id, Mark.member_id.label("by_id"), Mark.created_at.label("at")),
        *(Member.id.label("member_id"), _WITHOUT_CONTENT),
    )
    .select_from(Mark)
    .join(Post, Post.id == Mark.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, and_(_is(Post.author_id), Member.id != Mark.member_id)),
    Member.id,
).where(
    Mark.id.in_(bindparam("ids", expanding=True)),
    Mark.withdrawn_at.is_(None),
    _COUNTS,
    Post.deleted_at.is_(None),
)
_MARKS = _STANDING_MARKS.where(_CAN_HEAR, Member.id == Post.author_id, level_of() != "off")
_MARK_ENTRIES = _STANDING_MARKS.where(_HAS_INBOX, ~muted())


def _post_of(post_id: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """What an entry about an act leads to; of a deletion none, so that it is about the thread: the post is gone."""
    return case((ModerationEntry.act != "delete", post_id)).label("post_id")


_AUTHOR = func.coalesce(Post.author_id, Thread.author_id)
# What an act on a question without a name is told as.
_TOLD_AS = case((ModerationEntry.act == "publish", "published"), (ModerationEntry.act == "return", "returned"))
_split_off = aliased(Post, name="split_off")
# Of a split all hear who wrote what is in the new thread.
_WROTE = (
    select(_split_off.id)
    .where(ModerationEntry.act == "split", _split_off.thread_id == ModerationEntry.thread_id)
    .where(_is(_split_off.author_id), _split_off.created_at < ModerationEntry.at)
    .exists()
)


def _decisions(concerned: ColumnElement[bool]) -> AnySelect:
    decisions: AnySelect = (
        select(
            *(ModerationEntry.id, func.coalesce(_TOLD_AS, "decision").label("kind"), ModerationEntry.thread_id),
            *(_post_of(ModerationEntry.post_id), ModerationEntry.actor_id.label("by_id"), ModerationEntry.at),
            *(Member.id.label("member_id"), _WITHOUT_CONTENT),
        )
        .select_from(ModerationEntry)
        .join(Thread, Thread.id == ModerationEntry.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .outerjoin(Post, Post.id == ModerationEntry.post_id)
        .join(Member, and_(concerned, Member.id != ModerationEntry.actor_id))
    )
    return with_choices(decisions, Member.id).where(ModerationEntry.id.in_(bindparam("ids", expanding=True)))


_DECISIONS = _decisions(Member.id == _AUTHOR).where(_CAN_HEAR)
_DECISION_ENTRIES = _decisions(or_(_is(_AUTHOR), _WROTE)).where(_HAS_INBOX)
_FLAG_ENTRIES: AnySelect = (
    select(Flag.id, Flag.post_id, Post.thread_id, Flag.member_id.label("by_id"), Flag.at, Member.id.label("member_id"))
    .join(Post, Post.id == Flag.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id != Flag.member_id)  # the asker, if it is one of them, is told like the others
    .where(Flag.id.in_(bindparam("ids", expanding=True)), Flag.entry_id.is_(None), judges(Member.id), _HAS_INBOX)
)
_HELD_ENTRIES: AnySelect = (
    select(Member.id)
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, runs(Member.id))
    .where(Thread.id == bindparam("thread_id"), Thread.held, _HAS_INBOX)
    .order_by(Member.id)
)
_ASKERS: AnySelect = (
    select(Thread.id.label("thread_id"), Member.id.label("member_id"))
    .join(Member, _is(Thread.author_id))
    .where(Thread.id.in_(bindparam("ids", expanding=True)), Thread.protected)
    .order_by(Thread.id)
)
# An administrator who is the asker is told like the others.
_OPENING_ENTRIES: AnySelect = (
    select(
        *(NameOpening.id, NameOpening.thread_id, NameOpening.asked_at.label("at")),
        *(NameOpening.asked_by_id.label("by_id"), Member.id.label("member_id")),
    )
    .join(Thread, Thread.id == NameOpening.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, and_(Member.role == "administrator", Member.id != NameOpening.asked_by_id))
    .where(NameOpening.id.in_(bindparam("ids", expanding=True)), NameOpening.agreed_at.is_(None), _HAS_INBOX)
    .order_by(Member.id)
)
_OPENED_ENTRIES: AnySelect = (
    select(NameOpening.id, NameOpening.thread_id, NameOpening.agreed_at.label("at"), Member.id.label("member_id"))
    .join(Thread, Thread.id == NameOpening.thread_id)
    .join(Member, _is(Thread.author_id))
    .where(NameOpening.id.in_(bindparam("ids", expanding=True)))
)
_ANSWER_ENTRIES: AnySelect = (
    select(
        *(Flag.id, Flag.entry_id.label("subject_id"), ModerationEntry.actor_id.label("by_id"), ModerationEntry.at),
        *(_post_of(Flag.post_id), Post.thread_id, Member.id.label("member_id")),
    )
    .join(ModerationEntry, ModerationEntry.id == Flag.entry_id)
    .join(Post, Post.id == Flag.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, and_(_is(Flag.member_id), Member.id != ModerationEntry.actor_id))
    .where(Flag.entry_id.in_(bindparam("ids", expanding=True)), _HAS_INBOX)
)

# What is not about a thread, everybody may read in a mail to whom it was sent.
_STANDS = or_(
    and_(Notification.thread_id.is_(None), Notification.post_id.is_(None)),
    and_(
        may_see(Member.id),
        or_(Notification.post_id.is_(None), Post.deleted_at.is_(None)),
        or_(Notification.kind != "flagged", runs(Member.id)),
    ),
)
_NOTIFIED: AnySelect = with_choices(
    select(Notification.id, func.coalesce(~tells_content(), MailChoice.notice, false()).label("notice"))
    .join(Member, Member.id == Notification.member_id)
    .outerjoin(Post, Post.id == Notification.post_id)
    .outerjoin(Thread, Thread.id == func.coalesce(Post.thread_id, Notification.thread_id))
    .outerjoin(Area, Area.id == Thread.area_id),
    Member.id,
).where(Notification.id.in_(bindparam("ids", expanding=True)), reachable(), takes_mail(), _STANDS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Why a member gets a mail about a post; `notice`: it says nothing of what was written, nor by whom."""

    why: Why
    notice: bool


def post_recipients(post_id: int, only_mentioned: bool = False) -> set[int]:
    """Who should hear of a post by mail; one statement, however many there are.

    A deleted post has recipients too: it may be restored before their mails are due.
    """
    return set(read(_OF_POST_MENTIONED if only_mentioned else _OF_POST, {"post_id": post_id}).scalars())


def wanted(post_id: int, member_ids: Collection[int]) -> dict[int, Wanted]:
    """Which of these members should get this post's mail as things stand now; one statement."""
    rows = read(_WANTED, {"post_id": post_id, "member_ids": list(member_ids)})
    return {row.id: Wanted(row.why, bool(row.notice)) for row in rows}


def wanted_marks(mark_ids: Collection[int]) -> dict[int, bool]:
    """Which of these marks the authors of the posts should hear of now: mark → whether without content."""
    return {row.id: bool(row.notice) for row in read(_MARKS, {"ids": list(mark_ids)})}


def wanted_decisions(entry_ids: Collection[int]) -> dict[int, bool]:
    """Which acts of facilitators authors should hear of now, whatever their level: act → whether without content."""
    return {row.id: bool(row.notice) for row in read(_DECISIONS, {"ids": list(entry_ids)})}


def wanted_notifications(ids: Collection[int]) -> dict[int, bool]:
    """Which of these entries their members should hear of by mail now: entry → whether without content."""
    return {row.id: bool(row.notice) for row in read(_NOTIFIED, {"ids": list(ids)})}


def post_entries(post_id: int) -> dict[NotificationKind, set[int]]:
    """Who is told of a post in the inbox, each by the strongest reason; one statement, however many there are."""
    found: dict[NotificationKind, set[int]] = defaultdict(set)
    for row in read(_ENTRIES, {"post_id": post_id}):
        found[row.kind].add(row.id)
    return found


def mark_entries(mark_ids: Collection[int]) -> Sequence[AnyRow]:
    """Those of these marks of which the authors are told in the inbox, with what an entry holds."""
    return read(_MARK_ENTRIES, {"ids": list(mark_ids)}).all()


def decision_entries(entry_ids: Collection[int]) -> Sequence[AnyRow]:
    """The same for what facilitators did."""
    return read(_DECISION_ENTRIES, {"ids": list(entry_ids)}).all()


def flag_entries(flag_ids: Collection[int]) -> Sequence[AnyRow]:
    """Who is told of these flags: all who decide on the post, unless somebody has already."""
    return read(_FLAG_ENTRIES, {"ids": list(flag_ids)}).all()


def opening_entries(opening_ids: Collection[int]) -> Sequence[AnyRow]:
    """The administrators who are told that another asks for a name, and that it takes one of them."""
    return read(_OPENING_ENTRIES, {"ids": list(opening_ids)}).all()


def opened_entries(opening_ids: Collection[int]) -> Sequence[AnyRow]:
    """The askers who are told that their names were opened."""
    return read(_OPENED_ENTRIES, {"ids": list(opening_ids)}).all()


def held_entries(thread_id: int) -> Sequence[int]:
    """Who is told that a question without a name waits: all who run its area and may see it."""
    return read(_HELD_ENTRIES, {"thread_id": thread_id}).scalars().all()


def askers(thread_ids: Collection[int]) -> Sequence[AnyRow]:
    """Who asked these questions without a name."""
    return read(_ASKERS, {"ids": list(thread_ids)}).all()


def answer_entries(entry_ids: Collection[int]) -> Sequence[AnyRow]:
    """Who is told of these acts because they answer a flag of theirs."""
    return read(_ANSWER_ENTRIES, {"ids": list(entry_ids)}).all()
