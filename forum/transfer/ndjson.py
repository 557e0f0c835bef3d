"""A whole network in and out of one file. Twice is once, and a killed import goes on where it stopped."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from forum.areas.actions import create_area, name_member
from forum.areas.models import Area, AreaMember
from forum.db import db
from forum.members import queries as members
from forum.members.actions import add_member, add_organisation, create_network
from forum.members.models import Member, Organisation
from forum.practices.actions import add_mark, refresh_marks
from forum.practices.models import Mark
from forum.threads.actions import new_thread
from forum.threads.models import Post, Thread
from forum.transfer.archive import BATCH, Numbers, OldPost, batches, present, refresh, write_posts
from forum.transfer.format import KEYS, Outline, check, objects, read_time, write_time

Line = tuple[int, dict[str, Any]]


@dataclass
class NdjsonImport:
    """One run over a file: `steps` yields what to do, each in one transaction, each returning how many lines it did.

    `shift` moves all times, so that the demonstration is never old.
    """

    file: Path
    shift: timedelta = timedelta()
    outline: Outline = field(init=False)
    added: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outline = check(self.file)
        self._numbers = Numbers()

    def steps(self) -> Iterator[Callable[[], int]]:
        """All batches in the order of the file, then the counting of what lists show."""
        for kind, lines in self._runs():
            yield lambda kind=kind, lines=lines: self._write(kind, lines)  # type: ignore[misc]  # bound on purpose
        for names in batches(sorted(self.outline.named["thread"]), BATCH):
            yield lambda names=names: self._refresh(names)  # type: ignore[misc]  # bound on purpose

    def _runs(self) -> Iterator[tuple[str, list[Line]]]:
        """Lines of one type, in batches."""
        run: list[Line] = []
        for line in objects(self.file):
            if run and (len(run) == BATCH or run[0][1]["type"] != line[1]["type"]):
                yield run[0][1]["type"], run
                run = []
            run.append(line)
        if run:
            yield run[0][1]["type"], run

    def _write(self, kind: str, lines: list[Line]) -> int:
        for _number, thing in lines:
            for key, otherwise in KEYS[kind][1].items():
                thing.setdefault(key, otherwise)
        count = getattr(self, f"_write_{kind}")(lines)
        self.added[kind] = self.added.get(kind, 0) + count
        return len(lines)

    def _write_network(self, lines: list[Line]) -> int:
        if members.network() is not None:
            return 0
        create_network(lines[0][1]["name"], lines[0][1]["language"])
        return 1

    def _write_organisation(self, lines: list[Line]) -> int:
        here = _ids(Organisation, [thing["id"] for _, thing in lines])
        fresh = [
            thing for _, thing in lines if thing["id"] not in here and not members.organisation_by_name(thing["name"])
        ]
        for thing in fresh:
            add_organisation(thing["name"], thing["city"], thing["domains"], thing["id"])
        return len(fresh)

    def _write_person(self, lines: list[Line]) -> int:
        here = _ids(Member, [thing["id"] for _, thing in lines])
        fresh = [thing for _, thing in lines if thing["id"] not in here]
        houses = {row.uid: row for row in db.session.scalars(select(Organisation))}
        for thing in fresh:
            house = houses.get(thing["organisation"])
            add_member(thing["name"], thing["email"], thing["role"], house, uid=thing["id"])
        return len(fresh)

    def _write_area(self, lines: list[Line]) -> int:
        added = 0
        for _number, thing in lines:
            area = db.session.scalar(select(Area).where(Area.slug == thing["slug"]))
            if area is None:
                area = create_area(None, thing["slug"], thing["title"], thing["description"], thing["access"])
                added += 1
                for member_id in _ids(Member, thing["members"]).values():
                    name_member(None, area, member_id)
        return added

    def _write_thread(self, lines: list[Line]) -> int:
        here = _ids(Thread, [thing["id"] for _, thing in lines])
        fresh = [thing for _, thing in lines if thing["id"] not in here]
        areas = {area.slug: area.id for area in db.session.scalars(select(Area))}
        authors = _ids(Member, [self.outline.openings[thing["id"]][0] for thing in fresh])
        for thing in fresh:
            author, at = self.outline.openings[thing["id"]]
            thread = new_thread(
                areas[thing["area"]], thing["kind"], thing["title"], authors[author], at + self.shift, thing["tags"],
                thing["id"], pinned=thing["pinned"], locked=thing["locked"],
            )  # fmt: skip
            thread.visible = False  # until its posts are here and counted
        return len(fresh)

    def _write_post(self, lines: list[Line]) -> int:
        here = present([thing["id"] for _, thing in lines])
        fresh = [(number, thing) for number, thing in lines if thing["id"] not in here]
        threads = _ids(Thread, [thing["thread"] for _, thing in fresh])
        authors = _ids(Member, [thing["author"] for _, thing in fresh])
        write_posts([self._old_post(number, thing, threads, authors) for number, thing in fresh], self._numbers)
        return len(fresh)

    def _old_post(
        self, number: int, thing: dict[str, Any], threads: dict[str, int], authors: dict[str, int]
    ) -> OldPost:
        edited = thing["edited_at"] and read_time(number, thing["edited_at"]) + self.shift
        return OldPost(
            thing["id"], threads[thing["thread"]], authors[thing["author"]], thing["body"],
            read_time(number, thing["created_at"]) + self.shift, thing["reply_to"], thing["message_id"], edited,
        )  # fmt: skip

    def _write_mark(self, lines: list[Line]) -> int:
        posts = _rows(Post, [thing["post"] for _, thing in lines])
        people = _rows(Member, [thing["by"] for _, thing in lines])
        asked = select(Thread.id, Thread.author_id).where(Thread.id.in_({post.thread_id for post in posts.values()}))
        askers: dict[int, int] = dict(db.session.execute(asked).all())
        standing = select(Mark.post_id, Mark.member_id, Mark.kind).where(
            Mark.post_id.in_([post.id for post in posts.values()]), Mark.withdrawn_at.is_(None)
        )
        here: set[tuple[Any, ...]] = set(db.session.execute(standing))
        added = 0
        for number, thing in lines:
            post, by = posts[thing["post"]], people[thing["by"]]
            if (post.id, by.id, thing["kind"]) in here:
                continue
            decides = by.id == askers[post.thread_id] or by.role != "member"
            at = read_time(number, thing["created_at"]) + self.shift
            add_mark(by.id, by.organisation_id, post, thing["kind"], decides, thing["for"], thing["reason"], at)
            here.add((post.id, by.id, thing["kind"]))
            added += 1
        refresh_marks(*{post.id for post in posts.values()})
        return added

    def _refresh(self, names: list[str]) -> int:
        refresh(list(_ids(Thread, names).values()))
        return 0


def _ids(model: Any, uids: list[str]) -> dict[str, int]:
    """uid → number of the row, of those that are there."""
    return dict(db.session.execute(select(model.uid, model.id).where(model.uid.in_(set(uids)))).all())


def _rows(model: Any, uids: list[str]) -> dict[str, Any]:
    return {row.uid: row for row in db.session.scalars(select(model).where(model.uid.in_(set(uids))))}


def export(out: Path) -> Iterator[int]:
    """Write the whole network to a file, beside and then in place; yields after each line's type how many lines it has.

    Deleted posts, earlier versions, marks that were taken back, passwords and files are not in the format.
    """
    aside = out.with_name(f".{out.name}.part")
    with aside.open("w", encoding="utf-8") as file:
        for count, thing in enumerate(_things(), 1):
            file.write(json.dumps(thing, ensure_ascii=False, separators=(", ", ": ")) + "\n")
            if count % BATCH == 0:
                yield count
        yield count
    aside.replace(out)


def size() -> int:
    """About how many lines an export has, for its bar."""
    counted = [db.session.query(model).count() for model in (Organisation, Member, Area, Thread, Post, Mark)]
    return 1 + sum(counted)


def _things() -> Iterator[dict[str, Any]]:
    network = members.network()
    if network is not None:
        yield {"type": "network", "name": network.name, "language": network.language}
    houses = {house.id: house for house in db.session.scalars(select(Organisation).order_by(Organisation.id))}
    for house in houses.values():
        yield {
            "type": "organisation",
            "id": house.uid,
            "name": house.name,
            "city": house.city,
            "domains": house.domains,
        }
    people = dict(db.session.execute(select(Member.id, Member.uid).order_by(Member.id)).all())
    for person in db.session.scalars(select(Member).order_by(Member.id)):
        house_uid = houses[person.organisation_id].uid if person.organisation_id else None
        yield {
            "type": "person", "id": person.uid, "name": person.name, "email": person.email,
            "organisation": house_uid, "role": person.role,
        }  # fmt: skip
    yield from _areas(people)
    yield from _threads()
    yield from _posts(people)
    yield from _marks(people)


def _areas(people: dict[int, str]) -> Iterator[dict[str, Any]]:
    for area in db.session.scalars(select(Area).order_by(Area.position, Area.id)):
        named = select(AreaMember.member_id).where(AreaMember.area_id == area.id).order_by(AreaMember.member_id)
        yield {
            "type": "area", "slug": area.slug, "title": area.title, "description": area.description,
            "access": area.access, "members": [people[member_id] for member_id in db.session.scalars(named)],
        }  # fmt: skip


def _threads() -> Iterator[dict[str, Any]]:
    statement = (
        select(Thread, Area.slug).join(Area, Area.id == Thread.area_id).where(Thread.visible).order_by(Thread.id)
    )
    for thread, slug in db.session.execute(statement.execution_options(yield_per=BATCH)):
        yield {
            "type": "thread", "id": thread.uid, "area": slug, "kind": thread.kind, "title": thread.title,
            "tags": thread.tags, "pinned": thread.pinned, "locked": thread.locked,
        }  # fmt: skip


def _posts(people: dict[int, str]) -> Iterator[dict[str, Any]]:
    """By thread and number, so that every reply comes after what it replies to."""
    last = (0, 0)
    while rows := _posts_after(*last):
        answered = select(Post.id, Post.uid).where(
            Post.id.in_([post.reply_to_id for post, _ in rows if post.reply_to_id]), Post.deleted_at.is_(None)
        )
        names: dict[int, str] = dict(db.session.execute(answered).all())
        for post, thread_uid in rows:
            yield {
                "type": "post", "id": post.uid, "thread": thread_uid, "author": people[post.author_id],
                "created_at": write_time(post.created_at), "body": post.body,
                "reply_to": names.get(post.reply_to_id) if post.reply_to_id else None, "message_id": post.message_id,
                "edited_at": post.edited_at and write_time(post.edited_at),
            }  # fmt: skip
        last = (rows[-1][0].thread_id, rows[-1][0].number)
        db.session.expunge_all()


def _posts_after(thread_id: int, number: int) -> Any:
    further = (Post.thread_id > thread_id) | ((Post.thread_id == thread_id) & (Post.number > number))
    return db.session.execute(
        select(Post, Thread.uid)
        .join(Thread, Thread.id == Post.thread_id)
        .where(Post.deleted_at.is_(None), further)
        .order_by(Post.thread_id, Post.number)
        .limit(BATCH)
    ).all()


def _marks(people: dict[int, str]) -> Iterator[dict[str, Any]]:
    statement = (
        select(Mark, Post.uid)
        .join(Post, Post.id == Mark.post_id)
        .where(Mark.withdrawn_at.is_(None), Post.deleted_at.is_(None))
        .order_by(Mark.id)
        .execution_options(yield_per=BATCH)
    )
    for mark, post_uid in db.session.execute(statement):
        yield {
            "type": "mark", "post": post_uid, "by": people[mark.member_id], "kind": mark.kind, "for": mark.for_what,
            "reason": mark.reason, "created_at": write_time(mark.created_at),
        }  # fmt: skip


def newest(file: Path) -> Any:
    """When the last post of a file was written, to move a demonstration into the present."""
    return max(read_time(number, thing["created_at"]) for number, thing in objects(file) if thing["type"] == "post")
