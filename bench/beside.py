"""How long searches wait while the index is written and merged: bench/beside.py [--seconds N].

One process, as `forum run` is: one thread writes 20 posts a second in small batches, so that segments
are merged again and again; the other searches. Prints the searches' milliseconds with and without, and how long a
post takes until it is found.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from prepare import shared_bench

from forum.search.engine import Document, Filters, Sight
from forum.search.query import parse
from forum.search.understanding import understand
from forum.search.whoosh_engine import WhooshEngine
from forum.serving import SECONDS_OF_A_TURN

POSTS, POSTS_A_SECOND = 40_000, 20
QUESTIONS = ("Mieter", "Mietschulden Ratenzahlung", "Zahlungspflicht")
EVERYWHERE = Filters(Sight(frozenset(range(1, 11))))


def main() -> None:
    """Fill an index, then search without and with writing."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=float, default=60.0)
    seconds = asked.parse_args().seconds
    sys.setswitchinterval(SECONDS_OF_A_TURN)
    with tempfile.TemporaryDirectory() as folder:
        engine = WhooshEngine(Path(folder) / "index")
        some = documents()
        engine.rebuild(islice(some, POSTS - 5_000))
        print(f"searches alone: {in_words(searches(engine, min(seconds, 10), threading.Event()))}")
        done, lags = threading.Event(), list[float]()
        writer = threading.Thread(target=write, args=(engine, some, seconds, lags, done))
        writer.start()
        print(f"while {POSTS_A_SECOND} posts a second are written: {in_words(searches(engine, seconds * 2, done))}")
        writer.join()
        print(f"from the batch to being found: {in_words(lags)}; segments: {engine.status().segments}")


def documents() -> Iterator[Document]:
    """Invented posts, one after the other."""
    made = subprocess.Popen([sys.executable, shared_bench() / "gen.py"], stdout=subprocess.PIPE, text=True)
    for line in made.stdout or ():
        row = json.loads(line)
        if row["t"] == "post":
            yield Document(
                key=row["id"], thread_id=row["thread"], area_id=row["area"], kind="question", title="Frage aus Bremen",
                body=row["md"], author="Frieda Harms", number=2, created_at=datetime.fromtimestamp(row["created"], UTC),
            )  # fmt: skip


def write(
    engine: WhooshEngine, some: Iterator[Document], seconds: float, lags: list[float], done: threading.Event
) -> None:
    """A batch each half second, and how long it took until the last one of it was found."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        engine.put(islice(some, POSTS_A_SECOND // 2))
        lags.append(1000 * (time.monotonic() - begun))
        time.sleep(max(0.0, 0.5 - (time.monotonic() - begun)))
    done.set()


def searches(engine: WhooshEngine, seconds: float, done: threading.Event) -> list[float]:
    """Milliseconds of each search."""
    until, taken = time.monotonic() + seconds, []
    while time.monotonic() < until and not done.is_set():
        for question in QUESTIONS:
            begun = time.monotonic()
            engine.find(understand(parse(question), engine.german), EVERYWHERE)
            taken.append(1000 * (time.monotonic() - begun))
        time.sleep(0.02)
    return taken


def in_words(taken: list[float]) -> str:
    """Median, 99th percentile and longest."""
    ordered = sorted(taken)
    late = ordered[int(len(ordered) * 0.99)]
    return f"median {statistics.median(ordered):.1f} ms, p99 {late:.1f} ms, longest {ordered[-1]:.1f} ms"


if __name__ == "__main__":
    main()
