"""Who hears of what by mail: asked when a mail is queued, and again when it is sent."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.db import AnySelect, read
from forum.members.models import Member
from forum.moderation.models import ModerationEntry
from forum.notifications.queries import reachable
from forum.notifications.rules import asks_for_mail, level_of, takes_mail, tells_content, with_choices
from forum.practices.models import Mark
from forum.practices.rules import GIVEN, recommends
from forum.threads.models import Mention, Post, Thread
from forum.threads.rules import may_see

Why = Literal["mentioned", "answered", "notify"]

_answered = aliased(Post, name="answered")
_MENTIONED = Mention.member_id.is_not(None)
_ANSWERED = or_(Thread.author_id == Member.id, _answered.author_id == Member.id)
# The members a mail can be sent to, who may read the area now and want mail.
_CAN_HEAR = and_(reachable(), takes_mail(), may_see(Member.id))
_WITHOUT_CONTENT = (~tells_content()).label("notice")

_OF_POST: AnySelect = with_choices(
    select(Member.id)
    .select_from(Post)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id != Post.author_id)
    .outerjoin(Mention, and_(Mention.post_id == Post.id, Mention.member_id == Member.id))
    .outerjoin(_answered, _answered.id == Post.reply_to_id),
    Member.id,
).where(Post.id == bindparam("post_id"), _CAN_HEAR, asks_for_mail(or_(_MENTIONED, _ANSWERED)))
_OF_POST_MENTIONED = _OF_POST.where(_MENTIONED)
_WANTED = _OF_POST.add_columns(
    case((_MENTIONED, "mentioned"), (_ANSWERED, "answered"), else_="notify").label("why"), _WITHOUT_CONTENT
).where(Post.deleted_at.is_(None), Member.id.in_(bindparam("member_ids", expanding=True)))

# A recommendation counts from the one on by which the post is recommended.
_COUNTS = or_(Mark.kind != "recommended", recommends(GIVEN.post_id == Mark.post_id, GIVEN.id <= Mark.id))
_MARKS: AnySelect = with_choices(
    select(Mark.id, _WITHOUT_CONTENT)
    .select_from(Mark)
    .join(Post, Post.id == Mark.post_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, and_(Member.id == Post.author_id, Member.id != Mark.member_id)),
    Member.id,
).where(
    Mark.id.in_(bindparam("ids", expanding=True)),
    Mark.withdrawn_at.is_(None),
    _COUNTS,
    Post.deleted_at.is_(None),
    _CAN_HEAR,
    level_of() != "off",
)

_AUTHOR = func.coalesce(Post.author_id, Thread.author_id)
_DECISIONS: AnySelect = with_choices(
    select(ModerationEntry.id, _WITHOUT_CONTENT)
    .select_from(ModerationEntry)
    .join(Thread, Thread.id == ModerationEntry.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .outerjoin(Post, Post.id == ModerationEntry.post_id)
    .join(Member, and_(Member.id == _AUTHOR, Member.id != ModerationEntry.actor_id)),
    Member.id,
).where(ModerationEntry.id.in_(bindparam("ids", expanding=True)), _CAN_HEAR)


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
