"""Measures the search in PostgreSQL: the forum's own segments, and PostgreSQL's full text search beside them.

    python bench/postgres_search.py DATABASE POSTS [--beside] [--keep]

DATABASE is the address of an empty database (postgresql+psycopg://…). With --beside the same posts are also put into
a table with a tsvector and a GIN index. With --keep an index that is there is measured as it is.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
from prepare import shared_bench
from sqlalchemy import Connection, Engine, create_engine, text

from forum.db import Base
from forum.search.engine import Document, Filters, Sight
from forum.search.postgres_engine import PostgresEngine
from forum.search.query import parse
from forum.search.understanding import understand

QUESTIONS = ("Mieter", "Mietschulden Ratenzahlung", "Zahlungspflicht", '"mit dem Nachbarn"', "Mieterrin")
TIMES = 40
AREAS = Sight(frozenset(range(1, 200)))
TABLES = ("search_state", "search_segment", "search_block")


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("database")
    asked.add_argument("posts", type=int)
    asked.add_argument("--beside", action="store_true")
    asked.add_argument("--keep", action="store_true")
    wanted = asked.parse_args()
    database = create_engine(wanted.database)
    if not wanted.keep:
        build(database, wanted.posts)
    search(database)
    write(database, wanted.posts)
    if wanted.beside:
        beside(database, wanted.posts)


def documents(posts: int) -> Iterator[Document]:
    """The posts of the generator; what opens a thread has its title, replies too."""
    words = [sys.executable, shared_bench() / "gen.py", "--posts", str(posts), "--threads", str(posts // 20)]
    titles: dict[int, str] = {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
        for line in made.stdout or ():
            thing = json.loads(line)
            if thing["t"] == "thread":
                titles[thing["id"]] = thing["title"]
            elif thing["t"] == "post":
                yield Document(
                    key=thing["id"], thread_id=thing["thread"], area_id=thing["area"], kind="question",
                    title=titles[thing["thread"]], body=thing["md"], number=thing["pos"],
                    author=f"Person {thing['author']}", organisation_id=thing["author"] % 30,
                    created_at=datetime.fromtimestamp(thing["created"], UTC),
                )  # fmt: skip


def build(database: Engine, posts: int) -> None:
    """Fill an empty index."""
    Base.metadata.create_all(database, [Base.metadata.tables[name] for name in TABLES])
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE search_block ALTER COLUMN packed SET STORAGE EXTERNAL"))
    engine = PostgresEngine(database)
    letters = 0

    def counted() -> Iterator[Document]:
        nonlocal letters
        for document in documents(posts):
            letters += len(document.body.encode())
            yield document

    seconds = timed(lambda: engine.rebuild(counted()))
    say("built", f"{posts / seconds:.0f} posts/s, {peak()} MiB at most (the generator runs beside it)")
    checked = timed(engine.status)
    status = engine.status()
    say("kept", f"{status.bytes / 2**20:.0f} MiB in {status.segments} segments, text {letters / 2**20:.0f} MiB")
    say("looked over", f"{checked:.1f} s, healthy: {status.healthy}")


def search(database: Engine) -> None:
    """Ask as a page asks: an engine that is new in its process, then one that knows the segments and the words."""
    engine = PostgresEngine(database)
    say("opened", f"{timed(lambda: engine.find(understand(parse('Xylophon'), engine.german), Filters(AREAS))):.2f} s")
    for question in QUESTIONS:
        asked = understand(parse(question), engine.german)
        ask = partial(engine.find, asked, Filters(AREAS))
        first = timed(ask)
        say(question, f"{ask().total} found, first {first * 1000:.0f} ms, {spread([timed(ask) for _ in range(TIMES)])}")
    for when in ("first", "then"):
        say(f"like Mietschuldn, {when}", f"{timed(lambda: engine.spelt_like('Mietschuldn', AREAS)) * 1000:.0f} ms")
    say("memory", f"{peak()} MiB at most")


def write(database: Engine, posts: int) -> None:
    """Put posts anew, one at a time and two hundred."""
    engine = PostgresEngine(database)
    some = [*documents(min(posts, 40_000))]
    luck = random.Random(3)
    one = [timed(lambda: engine.put([changed(luck.choice(some))])) for _ in range(TIMES)]
    many = [timed(lambda: engine.put(map(changed, luck.sample(some, 200)))) for _ in range(TIMES // 4)]
    say("put 1", spread(one))
    say("put 200", spread(many))
    say("find after", spread([after_a_put(engine, some, luck) for _ in range(10)]))


def after_a_put(engine: PostgresEngine, some: list[Document], luck: random.Random) -> float:
    """How long a first search takes after somebody wrote."""
    engine.put([changed(luck.choice(some))])
    asked = understand(parse("Mietschulden Ratenzahlung"), engine.german)
    return timed(lambda: engine.find(asked, Filters(AREAS)))


def changed(document: Document) -> Document:
    return replace(document, body=f"{document.body}\n\nNachtrag: es ist gelungen.")


def beside(database: Engine, posts: int) -> None:
    """PostgreSQL's own German, ranked by ts_rank, with what a page shows: total, areas and the first twenty."""
    with database.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS beside"))
        connection.execute(
            text("CREATE TABLE beside (key int PRIMARY KEY, area int, created timestamptz, body tsvector)")
        )
        seconds = timed(lambda: fill(connection, posts))
        seconds += timed(lambda: connection.execute(text("CREATE INDEX ON beside USING gin (body)")))
    say("beside: built", f"{posts / seconds:.0f} posts/s")
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE beside"))
        size = connection.scalar(text("SELECT pg_total_relation_size('beside')"))
        say("beside: kept", f"{size / 2**20:.0f} MiB")
        for question in QUESTIONS[:4]:
            ask = partial(page, connection, question)
            first = timed(ask)
            times = spread([timed(ask) for _ in range(10)])
            say(f"beside: {question}", f"{ask()} found, first {first * 1000:.0f} ms, {times}")


def fill(connection: Connection, posts: int) -> None:
    german = "setweight(to_tsvector('german', :title), 'A') || to_tsvector('german', :body)"
    insert = text(f"INSERT INTO beside VALUES (:key, :area, :created, {german})")  # noqa: S608 - no value is in it
    values: list[dict[str, object]] = []
    for one in documents(posts):
        values.append(
            {"key": one.key, "area": one.area_id, "created": one.created_at, "title": one.title, "body": one.body}
        )
        if len(values) == 1000:
            connection.execute(insert, values)
            values = []
    if values:
        connection.execute(insert, values)


def page(connection: Connection, question: str) -> int:
    """The best twenty, then how many there are in each area."""
    asked = {"asked": question}
    connection.execute(
        text(
            "SELECT key FROM beside, websearch_to_tsquery('german', :asked) AS asked WHERE body @@ asked"
            " ORDER BY ts_rank(body, asked) DESC, created DESC LIMIT 20"
        ),
        asked,
    ).all()
    counts = connection.execute(
        text("SELECT area, count(*) FROM beside WHERE body @@ websearch_to_tsquery('german', :asked) GROUP BY area"),
        asked,
    ).all()
    return sum(count for _, count in counts)


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def spread(seconds: list[float]) -> str:
    middle, high = np.percentile(seconds, [50, 95]) * 1000
    return f"p50 {middle:.1f} ms, p95 {high:.1f} ms"


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def say(what: str, figures: str) -> None:
    print(f"{what:32}{figures}", flush=True)


if __name__ == "__main__":
    main()
