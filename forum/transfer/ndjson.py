"""A network, or a part of one, comes in. Twice is once, and a killed import goes on where it stopped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from forum.areas.actions import create_area, name_member
from forum.areas.models import Area
from forum.db import db
from forum.members import queries as members
from forum.members.actions import add_member, add_organisation, create_network
from forum.members.models import Member, Organisation
from forum.practices.actions import checked, refresh_marks
from forum.practices.models import LONGEST_FOR, LONGEST_REASON, Mark
from forum.search.thesaurus import add_starter
from forum.threads.actions import checked_title, new_thread
from forum.threads.models import Post, Thread
from forum.transfer.archive import BATCH, OldPost, Step, batches, present, ready, refresh, write_posts
from forum.transfer.format import (
    Line,
    Outline,
    Thing,
    WrongLine,
    at_line,
    body_of,
    check,
    objects,
    read_time,
)

# They come first, and by the actions that may still refuse them: in one transaction, all or nothing.
_GROUND = ("network", "organisation", "person", "area")


@dataclass
class NdjsonImport:
    """One run over a file. `shift` moves all times, so that the demonstration is never old.

    What is here already stays as it is, found by its id, an organisation also by its name, a person by
    the mail address.
    """

    file: Path
    shift: timedelta = timedelta()
    outline: Outline = field(init=False)
    added: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outline = check(self.file)
        self._houses: dict[str, Organisation] = {}
        self._people: dict[str, int] = {}
        self._taken: set[int] = set()
        self._areas: dict[str, int] = {}
        self._threads: dict[str, int] = {}

    def steps(self) -> Iterator[Step]:
        """What to do, each in one transaction, each returning how many lines it did."""
        runs = self._runs()
        ground: list[tuple[str, list[Line]]] = []
        for kind, lines in runs:
            if kind in _GROUND:
                ground.append((kind, lines))
                continue
            if ground:
                yield partial(self._write_ground, ground)
                ground = []
            if kind == "post":
                yield partial(self._write_posts, self._ready_posts(lines), len(lines))
            else:
                yield partial(self._write_threads if kind == "thread" else self._write_marks, lines)
        if ground:
            yield partial(self._write_ground, ground)
        for thread_ids in batches(self._threads.values(), BATCH):
            yield partial(self._refresh, thread_ids)

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

    def _count(self, kind: str, added: int) -> None:
        self.added[kind] = self.added.get(kind, 0) + added

    def _write_ground(self, runs: list[tuple[str, list[Line]]]) -> int:
        write = {
            "network": self._write_network,
            "organisation": self._write_organisation,
            "person": self._write_person,
            "area": self._write_area,
        }
        for kind, lines in runs:
            for number, thing in lines:
                with at_line(number):
                    self._count(kind, write[kind](number, thing))
        self._refuse_known_mails()
        return sum(len(lines) for _, lines in runs)

    def _write_network(self, _number: int, thing: Thing) -> int:
        if members.network() is not None:
            return 0
        create_network(thing["name"], thing["language"])
        add_starter(None, thing["language"])
        return 1

    def _write_organisation(self, _number: int, thing: Thing) -> int:
        house = _by_uid(Organisation, thing["id"]) or members.organisation_by_name(" ".join(thing["name"].split()))
        self._houses[thing["id"]] = house or add_organisation(
            thing["name"], thing["city"], thing["domains"], thing["id"]
        )
        return int(house is None)

    def _write_person(self, number: int, thing: Thing) -> int:
        known = _by_uid(Member, thing["id"]) or members.member_by_email(thing["email"] or "")
        house = self._houses.get(thing["organisation"])
        person = known or add_member(thing["name"], thing["email"], thing["role"], house, uid=thing["id"])
        if person.id in self._taken:
            raise WrongLine(number, f"an earlier line is this person already: {person.name}")
        self._taken.add(person.id)
        self._people[thing["id"]] = person.id
        return int(known is None)

    def _write_area(self, number: int, thing: Thing) -> int:
        known = db.session.scalar(select(Area).where(Area.slug == thing["slug"]))
        if known is not None and known.access != thing["access"]:
            # Posts from a closed area must not come to stand in an open one of the same name.
            raise WrongLine(number, f"the area {known.slug!r} is here already and is {known.access}")
        area = known or create_area(None, thing["slug"], thing["title"], thing["description"], thing["access"])
        self._areas[thing["slug"]] = area.id
        for person in thing["members"] if known is None else ():
            name_member(None, area, self._people[person])
        return int(known is None)

    def _refuse_known_mails(self) -> None:
        """A mail that is here as another post cannot be a second one."""
        for ids in batches(self.outline.message_ids, BATCH):
            here = db.session.execute(select(Post.message_id, Post.uid).where(Post.message_id.in_(ids)))
            for message_id, uid in here:
                mine = self.outline.message_ids[message_id or ""]
                if uid != mine:
                    said = f"the mail {message_id!r} is here already, as the post {uid!r}"
                    raise WrongLine(self.outline.posts[mine].line, said)

    def _write_threads(self, lines: list[Line]) -> int:
        here = _ids(Thread, [thing["id"] for _, thing in lines])
        fresh = [thing for _, thing in lines if thing["id"] not in here]
        self._threads |= here | {thing["id"]: self._new_thread(thing) for thing in fresh}
        self._count("thread", len(fresh))
        return len(lines)

    def _new_thread(self, thing: Thing) -> int:
        author, at = self.outline.openings[thing["id"]]
        thread = new_thread(
            self._areas[thing["area"]], thing["kind"], checked_title(thing["title"]), self._people[author],
            at + self.shift, thing["tags"], thing["id"], pinned=thing["pinned"], locked=thing["locked"],
        )  # fmt: skip
        thread.visible = False  # until its posts are here and counted
        return thread.id

    def _ready_posts(self, lines: list[Line]) -> list[OldPost]:
        """The posts that are not here yet."""
        here = present([thing["id"] for _, thing in lines])
        fresh = [thing for _, thing in lines if thing["id"] not in here]
        words = ready([body_of(thing) for thing in fresh])
        return [
            OldPost(
                thing["id"], self._threads[thing["thread"]], self._people[thing["author"]], said,
                read_time(thing["created_at"]) + self.shift, thing["reply_to"], thing["message_id"],
                read_time(thing["edited_at"]) + self.shift if thing["edited_at"] else None,
            )
            for thing, said in zip(fresh, words, strict=True)
        ]  # fmt: skip

    def _write_posts(self, posts: list[OldPost], lines: int) -> int:
        self._count("post", len(write_posts(posts)))
        return lines

    def _write_marks(self, lines: list[Line]) -> int:
        asked = select(Post.uid, Post.id, Post.thread_id, Thread.author_id).join(Thread, Thread.id == Post.thread_id)
        found = db.session.execute(asked.where(Post.uid.in_({thing["post"] for _, thing in lines})))
        posts = {uid: (post_id, thread_id, asker_id) for uid, post_id, thread_id, asker_id in found}
        numbers = [post_id for post_id, _, _ in posts.values()]
        # One that was taken back here since stays taken back.
        given = select(Mark.post_id, Mark.member_id, Mark.kind).where(Mark.post_id.in_(numbers))
        here = {(post_id, member_id, kind) for post_id, member_id, kind in db.session.execute(given)}
        markers = {self._people[thing["by"]] for _, thing in lines}
        people = {person.id: person for person in db.session.scalars(select(Member).where(Member.id.in_(markers)))}
        fresh = [
            self._mark(thing, people[self._people[thing["by"]]], *posts[thing["post"]])
            for _, thing in lines
            if (posts[thing["post"]][0], self._people[thing["by"]], thing["kind"]) not in here
        ]
        if fresh:
            db.session.execute(insert(Mark), fresh)
            refresh_marks(*{mark["post_id"] for mark in fresh})
        self._count("mark", len(fresh))
        return len(lines)

    def _mark(self, thing: Thing, by: Member, post_id: int, thread_id: int, asker_id: int) -> dict[str, Any]:
        recommended = thing["kind"] == "recommended"
        return {
            "post_id": post_id,
            "thread_id": thread_id,
            "member_id": by.id,
            "organisation_id": by.organisation_id,
            "kind": thing["kind"],
            "for_what": checked(thing["for"], "for", "for_empty", "for_long", LONGEST_FOR) if recommended else None,
            "reason": checked(thing["reason"], "reason", "reason_empty", "reason_long", LONGEST_REASON)
            if recommended
            else None,
            "decides": recommended and (by.id == asker_id or by.role != "member"),
            "created_at": read_time(thing["created_at"]) + self.shift,
        }

    def _refresh(self, thread_ids: list[int]) -> int:
        refresh(thread_ids)
        return 0


def _ids(model: Any, uids: list[str]) -> dict[str, int]:
    """uid → number of the row, of those that are there."""
    return dict(db.session.execute(select(model.uid, model.id).where(model.uid.in_(set(uids)))).all())


def _by_uid(model: Any, uid: str) -> Any:
    return db.session.scalar(select(model).where(model.uid == uid))


def newest(file: Path) -> datetime:
    """When the last post of a file was written, to move a demonstration into the present."""
    return max(read_time(thing["created_at"]) for _, thing in objects(file) if thing["type"] == "post")
