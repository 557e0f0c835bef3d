"""Marking: recommending an answer for something with a reason, saying what helped, thanking."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from forum import clock, outbox
from forum.db import db
from forum.errors import Invalid, Refused, require
from forum.members.models import Viewer
from forum.practices.models import LONGEST_FOR, LONGEST_REASON, Mark
from forum.practices.queries import mark_by, standing_marks
from forum.practices.rules import GIVEN, can_mark, can_say_helpful, decides, is_answer, recommends
from forum.text import tidy
from forum.threads.actions import refresh_facts
from forum.threads.models import Post
from forum.threads.queries import Opened
from forum.threads.rules import can_moderate

outbox.nobody_hears("post.thanked", "post.unthanked")


def recommend(actor: Viewer, opened: Opened, post: Post, for_what: str, reason: str) -> Mark:
    """Mark a post as recommended practice for something, with a reason.

    By the asker or a facilitator it is recommended at once; by others when a second member, of another
    organisation, agrees.
    """
    _require_markable(actor, opened, post)
    if mark_by(actor.id, post.id, "recommended"):
        raise Refused("already_recommended")
    for_what = checked(for_what, "for_what", "for_empty", "for_long", LONGEST_FOR)
    reason = checked(reason, "reason", "reason_empty", "reason_long", LONGEST_REASON)
    mark = add_mark(actor.id, actor.organisation_id, post, "recommended", decides(actor, opened), for_what, reason)
    refresh_marks(post.id)
    outbox.record("post.recommended", post.id, actor.id, thread_id=post.thread_id, mark_id=mark.id)
    return mark


def withdraw(actor: Viewer, opened: Opened, post: Post, reason: str) -> None:
    """Take a recommendation back, with a reason: facilitators all of a post's, others their own."""
    opened.acts(actor)
    reason = checked(reason, "reason", "reason_empty", "reason_long", LONGEST_REASON)
    standing = standing_marks(post.id, "recommended")
    mine = [mark for mark in standing if mark.member_id == actor.id]
    taken = list(standing) if can_moderate(actor, opened) else mine
    if not taken:
        raise Refused("not_recommended" if not standing else "not_allowed")
    for mark in taken:
        mark.withdrawn_at, mark.withdrawn_by_id, mark.withdrawn_reason = clock.now(), actor.id, reason
    refresh_marks(post.id)
    outbox.record("recommendation.withdrawn", post.id, actor.id, thread_id=post.thread_id)


def say_helpful(actor: Viewer, opened: Opened, post: Post, helped: bool) -> None:
    """The asker says that an answer helped, or no longer; twice is once."""
    _require_markable(actor, opened, post)
    require(can_say_helpful(actor, opened), "not_the_asker")
    if _set(actor, post, "helpful", helped):
        refresh_marks(post.id)
        outbox.record("post.helped", post.id, actor.id, thread_id=post.thread_id)


def thank(actor: Viewer, opened: Opened, post: Post, thankful: bool) -> None:
    """Thank for a post, or take it back; twice is once."""
    opened.acts(actor)
    require(post.author_id != actor.id, "own_post")
    require(post.deleted_at is None, "post_deleted")
    if _set(actor, post, "thanks", thankful):
        refresh_marks(post.id)
        outbox.record("post.thanked" if thankful else "post.unthanked", post.id, actor.id)


def add_mark(
    member_id: int,
    organisation_id: int | None,
    post: Post,
    kind: str,
    deciding: bool,
    for_what: str | None = None,
    reason: str | None = None,
    at: datetime | None = None,
) -> Mark:
    """Write a mark down; what follows from it is refreshed by `refresh_marks`."""
    mark = Mark(
        post_id=post.id,
        thread_id=post.thread_id,
        member_id=member_id,
        organisation_id=organisation_id,
        kind=kind,
        for_what=for_what,
        reason=reason,
        decides=deciding,
        created_at=at or clock.now(),
    )
    db.session.add(mark)
    db.session.flush()
    return mark


def refresh_marks(*post_ids: int) -> None:
    """Keep on posts, and on their threads, what their standing marks amount to."""
    db.session.flush()
    db.session.execute(update(Post).where(Post.id.in_(post_ids)).values(amounts()))
    for post in list(db.session.identity_map.values()):
        if isinstance(post, Post):
            db.session.expire(post)
    refresh_facts(*db.session.scalars(select(Post.thread_id).where(Post.id.in_(post_ids)).distinct()))


def follow_posts(*thread_ids: int) -> None:
    """Have marks stand in the thread of their post, after posts came into these threads."""
    theirs = select(Post.thread_id).where(Post.id == Mark.post_id).scalar_subquery()
    here = select(Post.id).where(Post.thread_id.in_(thread_ids))
    db.session.execute(update(Mark).where(Mark.post_id.in_(here)).values(thread_id=theirs))


def amounts() -> dict[str, Any]:
    """What a post's marks amount to, as expressions."""
    standing = (Mark.post_id == Post.id) & Mark.withdrawn_at.is_(None)
    return {
        "recommended": recommends(GIVEN.post_id == Post.id),
        "helpful": select(Mark.id).where(standing, Mark.kind == "helpful").correlate(Post).exists(),
        "thanks_count": select(func.count()).where(standing, Mark.kind == "thanks").correlate(Post).scalar_subquery(),
    }


def _set(actor: Viewer, post: Post, kind: str, wanted: bool) -> bool:
    """Give or take back the actor's mark; whether anything changed."""
    mark = mark_by(actor.id, post.id, kind)
    if (mark is not None) == wanted:
        return False
    if mark is not None:
        mark.withdrawn_at, mark.withdrawn_by_id = clock.now(), actor.id
    else:
        add_mark(actor.id, actor.organisation_id, post, kind, False)
    return True


def _require_markable(actor: Viewer, opened: Opened, post: Post) -> None:
    opened.acts(actor)
    require(post.author_id != actor.id, "own_post")
    require(post.deleted_at is None, "post_deleted")
    require(is_answer(opened.thread.kind, post.number), "not_an_answer")
    require(can_mark(actor, opened, post))


def checked(value: str, field: str, empty: str, long: str, most: int) -> str:
    """A short text as it is kept; raises Invalid for the field when it is empty or too long."""
    value = " ".join(tidy(value).split())
    if not value:
        raise Invalid(empty, field)
    if len(value) > most:
        raise Invalid(long, field, most=most)
    return value
