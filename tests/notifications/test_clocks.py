"""R11: two years of digests hour by hour, and random histories: each post once, and nothing that may not be read.

FORUM_SEED replays the histories.
"""

import os
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import delete, event, insert, select, update

from forum import clock
from forum.areas.models import Area, AreaMember
from forum.db import db, transaction
from forum.members.models import Member, Viewer
from forum.notifications import actions, digests
from forum.notifications.contents import Contents
from forum.notifications.models import AreaWatch, Digest, MailChoice, News, OutgoingMail, ThreadWatch
from forum.notifications.news import note_news
from forum.notifications.schedule import APART, AT_MOST
from forum.outbox import Event
from forum.threads.models import Post, Thread
from tests.notifications.mornings import deliver

SEED = int(os.environ.get("FORUM_SEED", "7"))
PARTS, HISTORIES = 4, 500  # in a database of our own; on a server some of them
READERS = ("jonas", "aylin")
LEVELS = ("digest", "digest", "notify", "mentioned", "off")
ZONES = ("", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland")


class World:
    """A network on a clock that can be set, with what each reader is still to be told by the rule."""

    def __init__(self, chance: random.Random, now: datetime, readers: Iterable[str] = READERS) -> None:
        self.chance, self.now = chance, now
        self.people = {member.uid: member.id for member in db.session.scalars(select(Member))}
        self.areas = list(db.session.scalars(select(Area.id).order_by(Area.id)))
        self.closed = db.session.scalars(select(Area.id).where(Area.access == "closed")).one()
        self.threads: list[int] = []
        self.posts: list[int] = []
        self.unheard: list[Event] = []
        self.pending: dict[int, set[int]] = {self.people[key]: set() for key in readers}
        # Up to which news each reader was told, or passed by.
        self.reached = dict.fromkeys(self.pending, 0)
        self.told: dict[int, list[int]] = {member_id: [] for member_id in self.pending}
        self.sent_at: dict[int, list[datetime]] = {member_id: [] for member_id in self.pending}

    def begins(self) -> None:
        """All readers have a daily digest from here on, and are told the content of the closed area too."""
        with transaction():
            others = Member.id.not_in(list(self.pending))
            db.session.execute(update(Member).where(others, Member.state == "active").values(state="suspended"))
            for member_id in self.pending:
                db.session.add(AreaWatch(member_id=member_id, area_id=self.closed, notice=False))
                db.session.add(MailChoice(member_id=member_id, digest_at=self.now, rhythm="daily"))

    def starts_thread(self) -> None:
        number = len(self.threads) + 1
        author = self.people["frieda"]
        words = {"uid": f"t{number}", "kind": "question", "title": "Frage", "slug": "frage"}
        facts = {"author_id": author, "last_author_id": author, "created_at": self.now, "last_post_at": self.now}
        values = {"id": number, "area_id": self.chance.choice(self.areas), **words, **facts}
        db.session.execute(insert(Thread).values(values))
        self.threads.append(number)

    def posts_in(self, thread_id: int, author_id: int) -> None:
        number = len(self.posts) + 1
        words = {"uid": f"p{number}", "body": "Antwort", "html": "<p>Antwort</p>", "created_at": self.now}
        place = {"thread_id": thread_id, "number": number, "author_id": author_id}
        db.session.execute(insert(Post).values(id=number, **place, **words))
        self.posts.append(number)
        for member_id in self.pending.keys() - {author_id}:
            self.pending[member_id].add(number)
        self.happens("post.created", number)

    def happens(self, name: str, post_id: int) -> None:
        """An event of which the worker has not heard yet."""
        happened = Event(name=name, subject_id=post_id, ids={}, at=self.now)
        db.session.add(happened)
        db.session.flush()
        db.session.expunge(happened)
        self.unheard.append(happened)

    def hears(self) -> None:
        """The worker hears of what has happened."""
        if self.unheard:
            note_news(self.unheard)
            self.unheard = []

    def works(self, mail_server: bool = True) -> None:
        """The worker hears of everything, begins the digests that are due, and sends them where it can."""
        self.hears()
        digests.begin_due(self.now)
        waiting = set(db.session.scalars(select(OutgoingMail.member_id).where(OutgoingMail.state == "waiting")))
        for choice in db.session.scalars(select(MailChoice).where(MailChoice.member_id.not_in(waiting))).all():
            if choice.told_number > self.reached[choice.member_id] and not self.unsent(choice):
                assert self.deal_with(choice.member_id, choice.told_number) == [], "passed by what is to be told"
        if mail_server:
            self.sends()

    def unsent(self, choice: MailChoice) -> bool:
        """Whether the reader's last digest ends here and never went out."""
        last = self.last_digest(choice.member_id)
        if last is None or last.up_to_number != choice.told_number:
            return False
        mine = (OutgoingMail.kind == "digest") & (OutgoingMail.subject_id == last.id)
        return db.session.scalar(select(OutgoingMail.state).where(mine)) in ("dead", "dropped")

    def last_digest(self, member_id: int) -> Digest | None:
        last = select(Digest).where(Digest.member_id == member_id).order_by(Digest.id.desc()).limit(1)
        return db.session.scalar(last)

    def sends(self) -> None:
        for member_id, said in deliver().items():
            window = self.last_digest(member_id)
            assert window is not None
            assert window.after_number == self.reached[member_id]
            expected = self.deal_with(member_id, window.up_to_number)
            assert told_in(said) == expected
            self.told[member_id] += expected
            self.sent_at[member_id].append(self.now)

    def deal_with(self, member_id: int, up_to: int) -> list[int]:
        """Which posts are to be told now; those that are deleted stay pending, all others are done with."""
        here = (News.number > self.reached[member_id]) & (News.number <= up_to)
        came_by = self.pending[member_id].intersection(db.session.scalars(select(News.post_id).where(here)))
        standing = db.session.scalars(select(Post).where(Post.id.in_(came_by), Post.deleted_at.is_(None))).all()
        told = sorted(post.id for post in standing if self.is_for(member_id, post.thread_id))
        self.pending[member_id] -= {post.id for post in standing}
        self.reached[member_id] = up_to
        return told

    def is_for(self, member_id: int, thread_id: int) -> bool:
        """Whether the reader may read a thread now and wants it in the digest: said once more, in other words."""
        area_id = db.session.get_one(Thread, thread_id).area_id
        if area_id == self.closed and db.session.get(AreaMember, (area_id, member_id)) is None:
            return False
        watches = [db.session.get(ThreadWatch, (member_id, thread_id)), db.session.get(AreaWatch, (member_id, area_id))]
        levels = [watch.level for watch in watches if watch and watch.level]
        return [*levels, db.session.get_one(MailChoice, member_id).level][0] == "digest"

    def starts_anew(self, member_id: int) -> None:
        """A digest that was off goes on with what comes from here on."""
        choice = db.session.get_one(MailChoice, member_id)
        if not self.unsent(choice):
            here = (News.number > self.reached[member_id]) & (News.number <= choice.told_number)
            self.pending[member_id].difference_update(db.session.scalars(select(News.post_id).where(here)))
            self.reached[member_id] = choice.told_number


def told_in(said: Contents) -> list[int]:
    """The posts that a digest shows or lists, all of them with content."""
    assert not said.quiet
    assert not said.beyond
    return sorted(post_id for thread in (*said.threads, *said.more) for post_id in thread.post_ids)


@pytest.fixture(autouse=True)
def fast(app: Flask) -> Iterator[None]:
    """A database that need not survive a power cut, and is at hand."""
    with app.app_context():
        if on_sqlite():
            db.engine.dispose()
            event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        yield


def on_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def clear() -> None:
    """Nothing has happened yet."""
    with transaction():
        for table in (OutgoingMail, Digest, News, Event, ThreadWatch, AreaWatch, MailChoice, Post, Thread):
            db.session.execute(delete(table))
        db.session.execute(delete(AreaMember))
        db.session.execute(update(Member).values(bounced_at=None))


class History:
    """Some random weeks of a world."""

    def __init__(self, world: World, eligible: bool) -> None:
        self.world, self.chance, self.eligible = world, world.chance, eligible

    def happens(self) -> None:
        with transaction():
            self.world.starts_thread()
        for _ in range(self.chance.randint(6, 14)):
            self.step()

    def step(self) -> None:
        common = [self.post, self.post, self.delete, self.restore, self.pause, self.pause, self.work, self.work]
        rare = [self.mail_server_away, self.given_up, self.tried_again, self.clock_jumps, self.bounced, self.rhythm]
        other = (
            [] if self.eligible else [self.moved, self.named, self.area_level, self.thread_level, self.level, self.off]
        )
        act = self.chance.choice([*common, *common, *rare, *other])
        if act in (self.work, self.mail_server_away, self.given_up, self.rhythm, self.off):
            act()
        else:
            with transaction():
                act()

    def reader(self) -> int:
        return self.chance.choice(list(self.world.pending))

    def post(self) -> None:
        if self.chance.random() < 0.3:
            self.world.starts_thread()
        authors = [*self.world.pending, self.world.people["frieda"]]
        for _ in range(self.chance.randint(1, 3)):
            self.world.posts_in(self.chance.choice(self.world.threads), self.chance.choice(authors))

    def delete(self) -> None:
        standing = db.session.scalars(select(Post.id).where(Post.deleted_at.is_(None)).order_by(Post.id)).all()
        if standing:
            which = Post.id == self.chance.choice(standing[-4:])
            db.session.execute(update(Post).where(which).values(deleted_at=self.world.now))

    def restore(self) -> None:
        gone = db.session.scalars(select(Post.id).where(Post.deleted_at.is_not(None)).order_by(Post.id)).all()
        if gone:
            post_id = self.chance.choice(gone)
            db.session.execute(update(Post).where(Post.id == post_id).values(deleted_at=None))
            self.world.happens("post.restored", post_id)

    def pause(self) -> None:
        self.world.now += self.chance.choice(
            [timedelta(minutes=3), timedelta(hours=7), timedelta(days=1), timedelta(days=9)]
        )

    def clock_jumps(self) -> None:
        self.world.now += self.chance.choice(
            [timedelta(hours=1), timedelta(hours=-1), timedelta(days=-1), timedelta(days=40), timedelta(days=-40)]
        )

    def work(self) -> None:
        self.world.works()

    def mail_server_away(self) -> None:
        self.world.works(mail_server=False)

    def given_up(self) -> None:
        self.world.works(mail_server=False)
        with transaction():
            db.session.execute(update(OutgoingMail).where(OutgoingMail.state == "waiting").values(state="dead"))

    def tried_again(self) -> None:
        db.session.execute(update(OutgoingMail).where(OutgoingMail.state == "dead").values(state="waiting"))

    def bounced(self) -> None:
        since = self.chance.choice([None, self.world.now])
        db.session.execute(update(Member).where(Member.id == self.reader()).values(bounced_at=since))

    def rhythm(self) -> None:
        self.choose(self.reader(), self.chance.choice(["daily", "weekly", "monthly"]))

    def off(self) -> None:
        self.choose(self.reader(), "off")

    def choose(self, member_id: int, rhythm: str) -> None:
        with transaction():
            choice = db.session.get_one(MailChoice, member_id)
            was_off = choice.rhythm == "off"
            actor = Viewer(member_id, "", "member", "de")
            hour = self.chance.randrange(24)
            actions.choose(actor, choice.level, rhythm, self.chance.randrange(7), hour, self.chance.choice(ZONES))
        if was_off:
            self.world.starts_anew(member_id)

    def moved(self) -> None:
        area_id = self.chance.choice(self.world.areas)
        which = Thread.id == self.chance.choice(self.world.threads)
        db.session.execute(update(Thread).where(which).values(area_id=area_id))

    def named(self) -> None:
        member_id = self.reader()
        mine = db.session.get(AreaMember, (self.world.closed, member_id))
        if mine:
            db.session.delete(mine)
        else:
            db.session.add(AreaMember(area_id=self.world.closed, member_id=member_id))

    def area_level(self) -> None:
        area_id = self.chance.choice(self.world.areas)
        notice = False if area_id == self.world.closed else None
        watch = AreaWatch(member_id=self.reader(), area_id=area_id, level=self.chance.choice(LEVELS), notice=notice)
        db.session.merge(watch)

    def thread_level(self) -> None:
        thread_id = self.chance.choice(self.world.threads)
        db.session.merge(ThreadWatch(member_id=self.reader(), thread_id=thread_id, level=self.chance.choice(LEVELS)))

    def level(self) -> None:
        mine = MailChoice.member_id == self.reader()
        db.session.execute(update(MailChoice).where(mine).values(level=self.chance.choice(LEVELS)))

    def ends(self) -> None:
        """Everything is repaired, and enough time passes for every rhythm, even after a clock that was far ahead."""
        with transaction():
            db.session.execute(update(Member).values(bounced_at=None))
        for _ in range(3):
            self.world.now += timedelta(days=41)
            self.world.works()


@pytest.mark.parametrize("part", range(PARTS))
def test_each_post_is_in_one_digest_of_each_reader_whatever_happens(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: world.now)
    told, histories = 0, HISTORIES if on_sqlite() else HISTORIES // 20
    for number in range(part * HISTORIES, part * HISTORIES + histories):
        chance = random.Random(f"{SEED}-{number}")
        clear()
        world = World(chance, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(2 * 365 * 24)))
        world.begins()
        history = History(world, eligible=number % 3 == 0)
        if history.eligible:  # all readers may read all of it, and want it in the digest
            with transaction():
                db.session.add_all(AreaMember(area_id=world.closed, member_id=reader) for reader in world.pending)
        try:
            history.happens()
            history.ends()
            check_nothing_lost(world, history.eligible)
        except AssertionError as error:
            raise AssertionError(f"history {number}, FORUM_SEED={SEED}: {error}") from error
        told += sum(map(len, world.told.values()))
    assert told > histories


def check_nothing_lost(world: World, eligible: bool) -> None:
    """In the end each reader was told each post once."""
    standing = {post.id: post for post in db.session.scalars(select(Post).where(Post.deleted_at.is_(None)))}
    for member_id, told in world.told.items():
        assert len(told) == len(set(told)), "told twice"
        if db.session.get_one(MailChoice, member_id).rhythm != "off":
            waiting = world.pending[member_id] & standing.keys()
            assert not [number for number in waiting if world.is_for(member_id, standing[number].thread_id)], "lost"
        if eligible:
            assert {post.id for post in standing.values() if post.author_id != member_id} <= set(told), "lost"


def test_two_years_of_digests_hour_by_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leap day, the clocks of four zones, a worker that is away for three days twice, and a clock that jumps."""
    if not on_sqlite():
        pytest.skip("the clock is the same for every database")
    readers = {
        "jonas": ("daily", "Europe/Berlin"),
        "aylin": ("daily", "Australia/Lord_Howe"),
        "bernd": ("weekly", "America/New_York"),
        "robert": ("monthly", None),
    }
    away = {*range(10 * 24, 13 * 24), *range(400 * 24, 403 * 24 + 11)}
    jumps = {200 * 24: timedelta(hours=-1), 300 * 24: timedelta(days=-1), 500 * 24: timedelta(days=40)}
    monkeypatch.setattr(clock, "now", lambda: world.now)
    clear()
    world = World(random.Random(SEED), datetime(2027, 3, 1, 0, 30, tzinfo=UTC), readers)
    world.begins()
    odd = []  # when the worker was away, or the clock jumped
    with transaction():
        db.session.add_all(AreaMember(area_id=world.closed, member_id=reader) for reader in world.pending)
        world.starts_thread()
        for key, (rhythm, zone) in readers.items():
            mine = MailChoice.member_id == world.people[key]
            db.session.execute(update(MailChoice).where(mine).values(zone=zone, rhythm=rhythm, hour=2))
    for hour in range(730 * 24):
        world.now += timedelta(hours=1) + jumps.get(hour, timedelta())
        if hour % 12 == 0:
            with transaction():
                world.posts_in(1, world.people["frieda"])
        if hour in away or hour in jumps:
            odd.append(world.now)
        if hour not in away:
            world.hears()
            if digests.begin_due(world.now):
                world.sends()
    world.now += timedelta(days=40)
    digests.begin_due(world.now)
    world.sends()
    check_nothing_lost(world, eligible=True)
    for key, most in (("jonas", AT_MOST), ("aylin", AT_MOST), ("bernd", timedelta(days=8))):
        sent = world.sent_at[world.people[key]][:-1]
        for before, after in pairwise(sent):
            assert after - before >= APART
            assert after - before <= most or any(before < moment <= after for moment in odd)
    assert len(world.sent_at[world.people["robert"]]) == 26
