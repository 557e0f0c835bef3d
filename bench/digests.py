"""How long all digests of a big network take: bench/digests.py [--members N] [--posts N] [--contents].

A fresh network in a temporary folder, in which much was written, a fifth of the members keep as many searches as they
may, and every member's digest is due at the same moment.
One worker, in this process, begins the digests, writes them and hands them over to a mail server in a process of its
own on this machine. With --contents alone they are only put together, not written. Prints seconds, statements and
milliseconds for each digest, the longest time for which a member's post had to wait, and this process's memory.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import mail
from sqlalchemy import event, func, insert, select

from forum import clock, config, create_app, migrations
from forum.areas.actions import create_area
from forum.areas.models import AreaMember
from forum.config import Settings
from forum.db import db, transaction
from forum.mail.delivery import deliver_some
from forum.members.actions import add_member, create_network
from forum.members.models import Member
from forum.notifications import digests
from forum.notifications.models import Digest, MailChoice, OutgoingMail
from forum.notifications.news import note_news
from forum.notifications.queries import readers
from forum.outbox import Event
from forum.search import handlers as index
from forum.search.saved import MOST_SAVED, SavedSearch
from forum.text import render
from forum.threads.models import Mention, Post, Thread

AREAS, MINUTES = 10, 5
KEEP_SEARCHES = 5  # each fifth member
SAMPLE = 200


def main() -> None:
    """Make the network, then measure."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--members", type=int, default=5000)
    asked.add_argument("--posts", type=int, default=2000)
    asked.add_argument("--contents", action="store_true")
    wish = asked.parse_args()
    command = [sys.executable, mail.__file__, "--sink"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        measure(network(Path(folder), port, wish.members, wish.posts), wish.contents)
        print(f"the mail server took {server.communicate()[0].strip()}")


def network(folder: Path, port: int, members: int, posts: int) -> Settings:
    """A network in which so many posts are news to so many members."""
    terms = config.load(
        instance=folder, database_url="", mail_server="127.0.0.1", mail_port=port, mail_security="none",
        mail_wait_minutes=0, public_url="https://forum.example.org", meaning=False,
    )  # fmt: skip
    app = create_app(terms)
    with app.app_context():
        migrations.upgrade()
        with transaction():
            create_network("Fachkreis Messung", "de")
            areas = [create_area(None, f"bereich-{n}", f"Themenbereich {n}").id for n in range(AREAS - 1)]
            areas.append(create_area(None, "kreis", "Geschlossener Kreis", access="closed").id)
            add_member("Frieda Moor", "frieda@example.org")
            same = {"role": "member", "state": "active", "joined_at": clock.now(), "caught_up_at": clock.now()}
            rows = [
                {**same, "uid": f"m{n}", "name": f"Mitglied {n}", "handle": f"m{n}", "email": f"m{n}@example.org"}
                for n in range(members - 1)
            ]
            db.session.execute(insert(Member), rows)
            ids = list(db.session.scalars(select(Member.id)))
            db.session.execute(
                insert(AreaMember),
                [{"area_id": areas[-1], "member_id": one, "facilitates": False} for one in ids[:500]],
            )
        digests.begin_due()
        with transaction():
            events = write(areas, ids, posts)
            db.session.execute(insert(SavedSearch), searches(ids[::KEEP_SEARCHES]))
            db.session.execute(db.update(MailChoice).values(digest_at=clock.now()))
        note_news(events)
        index.rebuild()
        db.engine.dispose()
    return terms


def write(areas: list[int], members: list[int], posts: int) -> list[Event]:
    """Threads and posts of all lengths by a tenth of the members, who mention each other."""
    chance, html, now = random.Random(7), render(mail.BODY, {}), clock.now()
    authors = members[: len(members) // 10]
    numbers = [0] * (posts // 5)
    facts = {"kind": "question", "slug": "frage", "created_at": now, "last_post_at": now}
    db.session.execute(
        insert(Thread),
        [
            {**facts, "id": n + 1, "uid": f"t{n}", "title": f"Mieterin öffnet nicht: was hilft im Fall {n}?",
             "area_id": chance.choice(areas), "author_id": authors[n % len(authors)], "last_author_id": authors[0]}
            for n in range(len(numbers))
        ],
    )  # fmt: skip
    rows = []
    for n in range(posts):
        thread = n if n < len(numbers) else min(int(chance.expovariate(10 / len(numbers))), len(numbers) - 1)
        numbers[thread] += 1
        author = authors[thread % len(authors)] if numbers[thread] == 1 else chance.choice(authors)
        rows.append(
            {"id": n + 1, "uid": f"p{n}", "thread_id": thread + 1, "number": numbers[thread], "author_id": author,
             "created_at": now, "body": mail.BODY, "html": html}
        )  # fmt: skip
    db.session.execute(insert(Post), rows)
    mentions = {(chance.randrange(posts) + 1, chance.choice(members)) for _ in range(posts // 10)}
    db.session.execute(insert(Mention), [{"post_id": post, "member_id": member} for post, member in mentions])
    happened = [Event(name="post.created", subject_id=row["id"], ids={}, at=now) for row in rows]
    db.session.add_all(happened)
    db.session.flush()
    db.session.expunge_all()
    return happened


def searches(members: list[int]) -> list[dict[str, object]]:
    """As many searches as may be kept for each of these members: every other one finds something new."""
    yesterday = clock.now() - timedelta(days=1)
    words = ("Mieterin öffnet", "Ratten im Keller")
    return [
        {"member_id": one, "name": f"Suche {n}", "query": urlencode({"q": f"{words[n % 2]} {n}"}),
         "saved_at": yesterday, "looked_at": yesterday}
        for one in members for n in range(MOST_SAVED)
    ]  # fmt: skip


def measure(terms: Settings, contents_alone: bool) -> None:
    """Begin all digests and send them, as a worker does."""
    app = create_app(terms)
    with app.app_context():
        sent, waits = [0], list[float]()
        event.listen(db.engine, "before_cursor_execute", lambda *_: sent.__setitem__(0, sent[0] + 1))
        before = memory_and_time()
        with longest_write(waits):
            begun = digests.begin_due(clock.now() + timedelta(seconds=1))
        seconds = time.perf_counter() - before
        print(
            f"{begun} digests begun in {seconds:.1f} s, {sent[0] / begun:.1f} statements each, {mail.memory():.0f} MB"
        )
        print(f"the longest write took {max(waits) * 1000:.0f} ms")
        put_together(sent)
        if contents_alone:
            return
        began, busy, done = time.perf_counter(), time.process_time(), 0
        while some := deliver_some(terms):
            done += some
        rest, effort = time.perf_counter() - began, 1000 * (time.process_time() - busy) / done
        went = db.session.scalar(select(func.count()).where(OutgoingMail.state == "sent"))
        print(f"{went} digests written and sent in {rest:.1f} s, {effort:.1f} ms of CPU each, {mail.memory():.0f} MB")
        print(f"in all {seconds + rest:.0f} s (less than {MINUTES * 60} are wanted)")


def memory_and_time() -> float:
    """Say what is occupied at the beginning, and when that is."""
    print(f"memory {mail.memory():.0f} MB")
    return time.perf_counter()


@contextmanager
def longest_write(seconds: list[float]):  # type: ignore[no-untyped-def]
    """Note how long each write transaction holds others up."""
    began = [0.0]
    begins = event.listen(db.engine, "begin", lambda _: began.__setitem__(0, time.perf_counter()))
    event.listen(db.engine, "commit", lambda _: seconds.append(time.perf_counter() - began[0]))
    yield begins


def put_together(sent: list[int]) -> None:
    """What each of some digests costs before it is written."""
    chosen = random.Random(7).sample(list(db.session.scalars(select(Digest))), SAMPLE)
    people = readers(digest.member_id for digest in chosen)
    times, sent[0] = [], 0
    for digest in chosen:
        began = time.process_time()
        said = digests.contents(people[digest.member_id], digest)
        times.append(1000 * (time.process_time() - began))
    middle, ninth = statistics.median(times), statistics.quantiles(times, n=10)[-1]
    each = sent[0] / SAMPLE
    print(f"contents: {middle:.1f} ms of CPU in the middle, 90 % below {ninth:.1f}, {each:.1f} statements each")
    print(f"the last one: {said.total} new posts, {len(said.threads)} threads in full, {len(said.more)} listed")


if __name__ == "__main__":
    main()
