"""Posts as mails show them, and where each stands: read for many mails at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import and_, bindparam, literal, select
from sqlalchemy.orm import aliased

from forum.areas.models import Area
from forum.db import AnyRow, AnySelect, read
from forum.mail import kinds
from forum.mail.kinds import Place, Shown
from forum.mail.letter import House, List
from forum.mail.plain_text import inert
from forum.members.models import Member, Organisation
from forum.threads.models import Attachment, Post, Thread

_first = aliased(Post, name="first")
_POSTS: AnySelect = (
    select(
        *(Post.id, Post.uid, Post.message_id, Post.number, Post.created_at, Post.html),
        *(Member.name.label("author"), Organisation.name.label("organisation"), Organisation.city),
        *(Thread.id.label("thread_id"), Thread.slug, Thread.title, Thread.kind, Thread.locked, Thread.area_id),
        *(Area.slug.label("area_slug"), Area.title.label("area_title"), Area.access),
        *(_first.id.label("first_id"), _first.uid.label("first_uid"), _first.message_id.label("first_message_id")),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(_first, and_(_first.thread_id == Post.thread_id, _first.number == 1))
    .where(Post.id.in_(bindparam("ids", expanding=True)))
)
_STANDING = _POSTS.where(Post.deleted_at.is_(None))
_parent = aliased(Post, name="parent")
_answered = (
    select(Post.id.label("post_id"), Post.reply_to_id.label("id"), literal(1).label("step"))
    .where(Post.id.in_(bindparam("ids", expanding=True)), Post.reply_to_id.is_not(None))
    .cte("answered", recursive=True)
)
_answered = _answered.union_all(
    select(_answered.c.post_id, _parent.reply_to_id, _answered.c.step + 1)
    .join(_parent, _parent.id == _answered.c.id)
    .where(_parent.reply_to_id.is_not(None), _answered.c.step < kinds.MOST_REFERENCES)
)
_own = aliased(Post, name="own")
# The posts of its thread that each answers, directly and at last: the farthest first.
_ANSWERED: AnySelect = (
    select(
        *(_answered.c.post_id, Post.id, Post.uid, Post.message_id, Post.number, Post.deleted_at),
        Member.name.label("author"),
    )
    .join(_own, _own.id == _answered.c.post_id)
    .join(Post, and_(Post.id == _answered.c.id, Post.thread_id == _own.thread_id))
    .join(Member, Member.id == Post.author_id)
    .order_by(_answered.c.post_id, _answered.c.step.desc())
)
_FILES: AnySelect = (
    select(Attachment.id, Attachment.post_id, Attachment.name)
    .where(Attachment.post_id.in_(bindparam("ids", expanding=True)))
    .order_by(Attachment.id)
)


def posts(home: House, post_ids: Iterable[int], gone: bool = True) -> dict[int, tuple[Shown, Place]]:
    """These posts, also those that are deleted unless asked otherwise, and where each stands: three statements."""
    ids = {"ids": list(set(post_ids))}
    answered, files = defaultdict(list), defaultdict(list)
    for row in read(_ANSWERED, ids):
        answered[row.post_id].append(row)
    for row in read(_FILES, ids):
        files[row.post_id].append((inert(row.name), f"{home.url}/files/{row.id}/{quote(row.name)}"))
    return {
        row.id: (_shown(home, row, answered[row.id], files[row.id]), _place(home, row, answered[row.id]))
        for row in read(_POSTS if gone else _STANDING, ids)
    }


def _shown(home: House, row: AnyRow, answered: Sequence[AnyRow], files: Sequence[tuple[str, str]]) -> Shown:
    # That a reply answers the opening post goes without saying.
    direct = answered[-1] if answered and answered[-1].number > 1 and answered[-1].deleted_at is None else None
    return Shown(
        row.id,
        row.uid,
        row.message_id,
        inert(row.author),
        organisation(row),
        row.created_at,
        row.html,
        f"{home.url}/posts/{row.id}",
        inert(direct.author) if direct else "",
        files,
    )


def _place(home: House, row: AnyRow, answered: Sequence[AnyRow]) -> Place:
    opening = home.addresses.message_id(_Name(row.first_uid, row.first_message_id))
    others = [post for post in answered if post.number > 1]
    return Place(
        row.area_id,
        List(row.area_slug, row.area_title, row.access),
        row.thread_id,
        row.title,
        row.kind,
        row.locked,
        [opening, *map(home.addresses.message_id, others)] if row.number > 1 else [],
        [row.first_id, *(post.id for post in others)] if row.number > 1 else [],
    )


class _Name(NamedTuple):
    uid: str
    message_id: str | None


def organisation(row: AnyRow) -> str:
    """A house and its city."""
    return inert(", ".join(filter(None, (row.organisation, row.city))))
