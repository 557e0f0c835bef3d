"""A whole network goes out, as one file of the exchange format (docs/ndjson.md)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased, selectinload

from forum.areas.models import Area, AreaMember
from forum.db import db, on_postgres
from forum.i18n import gettext
from forum.members import queries as members
from forum.members.models import Member, Organisation
from forum.practices.models import Mark
from forum.threads.models import Post, Thread
from forum.threads.rules import is_common
from forum.transfer.archive import BATCH
from forum.transfer.format import Thing, write_time

# What is held or hidden stays here: elsewhere nobody would know from whom it has to be kept.
_GOES_OUT = and_(Thread.visible, is_common())


def export(out: Path) -> Iterator[int]:
    """Write the file beside its place and then put it there; yields now and then how many lines it has."""
    _see_one_moment()
    aside, count = out.with_name(f".{out.name}.part"), 0
    with aside.open("w", encoding="utf-8", newline="\n") as file:
        for count, thing in enumerate(_things(), 1):
            file.write(json.dumps(thing, ensure_ascii=False) + "\n")
            if count % BATCH == 0:
                yield count
    aside.replace(out)
    yield count


def _see_one_moment() -> None:
    """A post that comes in meanwhile must not stand in a thread that the file does not have. SQLite sees to that."""
    db.session.rollback()
    if on_postgres():
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def size() -> int:
    """About how many lines an export has, for its bar."""
    models = (Organisation, Member, Area, Thread, Post, Mark)
    return 1 + sum(db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)


def _things() -> Iterator[Thing]:
    network = members.network()
    if network is not None:
        yield {"type": "network", "name": network.name, "language": network.language}
    yield from _organisations()
    yield from _people()
    people = dict(db.session.execute(select(Member.id, Member.uid)).all())
    yield from _areas(people)
    yield from _threads()
    yield from _posts(people)
    yield from _marks(people)


def _organisations() -> Iterator[Thing]:
    for house in db.session.scalars(select(Organisation).order_by(Organisation.id)):
        yield {
            "type": "organisation", "id": house.uid, "name": house.name, "city": house.city, "domains": house.domains,
        }  # fmt: skip


def _people() -> Iterator[Thing]:
    """A suspended member goes out without address: elsewhere nobody knows who must not be let in.

    A name that one asks under goes out as a person without address, and with it no word of who asked.
    """
    statement = (
        select(Member, Organisation.uid)
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .where(or_(Member.state != "protected", Member.id.in_(select(Thread.author_id).where(_GOES_OUT))))
        .order_by(Member.id)
    )
    for person, house in db.session.execute(statement):
        yield {
            "type": "person", "id": person.uid, "name": person.name,
            "email": person.email if person.state == "active" else None, "organisation": house, "role": person.role,
        }  # fmt: skip


def _areas(people: dict[int, str]) -> Iterator[Thing]:
    for area in db.session.scalars(select(Area).order_by(Area.position, Area.id)):
        named = select(AreaMember.member_id).where(AreaMember.area_id == area.id).order_by(AreaMember.member_id)
        yield {
            "type": "area", "slug": area.slug, "title": area.title, "description": area.description,
            "access": area.access, "members": [people[member_id] for member_id in db.session.scalars(named)],
        }  # fmt: skip


def _threads() -> Iterator[Thing]:
    statement = (
        select(Thread, Area.slug)
        .join(Area, Area.id == Thread.area_id)
        .where(_GOES_OUT)
        .order_by(Thread.id)
        .options(selectinload(Thread.tagged))
    )
    for thread, slug in db.session.execute(statement.execution_options(yield_per=BATCH)):
        yield {
            "type": "thread", "id": thread.uid, "area": slug, "kind": thread.kind, "title": thread.title,
            "tags": [tag.name for tag in thread.tagged], "pinned": thread.pinned, "locked": thread.locked,
        }  # fmt: skip


def _posts(people: dict[int, str]) -> Iterator[Thing]:
    """By thread and number, so that every reply comes after what it replies to."""
    last = (0, 0)
    while rows := _posts_after(*last):
        names = _answered([post for post, _ in rows])
        for post, thread_uid in rows:
            yield _deleted_opening(post, thread_uid, people) if post.deleted_at else {
                "type": "post", "id": post.uid, "thread": thread_uid, "author": people[post.author_id],
                "created_at": write_time(post.created_at), "body": post.body,
                "reply_to": names.get(post.id), "message_id": post.message_id,
                "edited_at": post.edited_at and write_time(post.edited_at),
            }  # fmt: skip
        last = (rows[-1][0].thread_id, rows[-1][0].number)
        db.session.expunge_all()


def _posts_after(thread_id: int, number: int) -> Any:
    further = (Post.thread_id > thread_id) | ((Post.thread_id == thread_id) & (Post.number > number))
    return db.session.execute(
        select(Post, Thread.uid)
        .join(Thread, Thread.id == Post.thread_id)
        .where(_GOES_OUT, or_(Post.deleted_at.is_(None), Post.number == 1), further)
        .order_by(Post.thread_id, Post.number)
        .limit(BATCH)
    ).all()


def _answered(posts: list[Post]) -> dict[int, str]:
    """What each of these posts replies to, as far as it stands before it in its thread, and so in the file."""
    parent = aliased(Post)
    found = (
        select(Post.id, parent.uid)
        .join(parent, (parent.id == Post.reply_to_id) & (parent.thread_id == Post.thread_id))
        .where(Post.id.in_([post.id for post in posts]), parent.number < Post.number)
        .where(or_(parent.deleted_at.is_(None), parent.number == 1))
    )
    return dict(db.session.execute(found).all())


def _deleted_opening(post: Post, thread_uid: str, people: dict[int, str]) -> Thing:
    """Who asked decides what the marks on the answers mean, so the place stays, without a word of what it said."""
    return {
        "type": "post", "id": post.uid, "thread": thread_uid, "author": people[post.author_id],
        "created_at": write_time(post.created_at), "body": gettext("*(deleted)*"), "reply_to": None,
        "message_id": None, "edited_at": None,
    }  # fmt: skip


def _marks(people: dict[int, str]) -> Iterator[Thing]:
    statement = (
        select(Mark, Post.uid)
        .join(Post, Post.id == Mark.post_id)
        .join(Thread, Thread.id == Mark.thread_id)
        .where(Mark.withdrawn_at.is_(None), Post.deleted_at.is_(None), _GOES_OUT)
        .order_by(Mark.id)
        .execution_options(yield_per=BATCH)
    )
    for mark, post_uid in db.session.execute(statement):
        yield {
            "type": "mark", "post": post_uid, "by": people[mark.member_id], "kind": mark.kind, "for": mark.for_what,
            "reason": mark.reason, "created_at": write_time(mark.created_at),
        }  # fmt: skip
