"""Measures searching by meaning: how long a question takes, how many posts a second, what a byte a dimension costs.

    python bench/meaning.py [--posts 200000] [--collection FOLDER]

The network is invented: its vectors are random, since comparing costs the same whatever they say. With --collection (a
folder with docs.jsonl, queries.jsonl, qrels.txt) the ranking by cosine alone is judged, in numbers and in bytes.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from forum import config, create_app, migrations
from forum.areas.actions import create_area
from forum.db import db, transaction
from forum.members.actions import add_member, add_organisation, create_network
from forum.search import meaning, vectors
from forum.search.evaluation import ndcg, read_judgements
from forum.threads.models import Post, Thread

POSTS_A_THREAD = 5
QUESTIONS = ("Mietschulden", "Der Vater trinkt und die Kinder sind allein",
             "Was tun, wenn eine Mieterin die Tür nicht mehr öffnet und sich die Nachbarn beschweren?")  # fmt: skip
SENTENCE = "Die Mieterin hortet Zeitungen, und der Vermieter droht mit der Kündigung. "


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--posts", type=int, default=200_000)
    asked.add_argument("--collection", type=Path)
    wanted = asked.parse_args()
    model = meaning.model()
    if model is None:
        raise SystemExit("the extra is missing: make meaning")
    print(f"in memory with the model: {memory()} MiB")
    model_speed(model)
    if wanted.collection:
        quality(model, wanted.collection)
    with tempfile.TemporaryDirectory() as scratch:
        comparing(model, Path(scratch), wanted.posts)


def model_speed(model: meaning.Model) -> None:
    """Questions and posts, made one after the other."""
    for question in QUESTIONS:
        told(f"a question of {len(question)} characters", lambda question=question: model._question(question), 15)
    for length in (100, 400, meaning.LONGEST_TEXT):
        told(f"a post of {length} characters", lambda length=length: model.passage((SENTENCE * 40)[:length]), 5)


def comparing(model: meaning.Model, folder: Path, posts: int) -> None:
    """A network of so many posts: loading its vectors, comparing, looking for what is missing."""
    app = create_app(config.load(instance=folder))
    with app.app_context():
        migrations.upgrade()
        fill(model.name, posts)
        before = memory()
        near = vectors.Vectors(app, model)
        began = time.perf_counter()
        while near._load():
            pass
        print(f"{posts:,} posts loaded in {time.perf_counter() - began:.1f} s, {memory() - before} MiB more")
        asked = QUESTIONS[1]
        model.question(asked)
        told("a known question compared with all", lambda: near.compare(asked), 25)
        candidates = np.random.default_rng(7).choice(posts, min(posts, vectors.MOST_CANDIDATES), replace=False) + 1
        told(f"… with {len(candidates)} candidates", lambda: near.among(asked, candidates.tolist()), 15)
        told("looking for what is missing, at rest", near.make_some, 15)
        told("counting what is missing", near.still_missing, 3)
        db.session.remove()
        db.engine.dispose()


def fill(model: str, posts: int) -> None:
    """Invented threads whose posts all have vectors."""
    luck, now, step = np.random.default_rng(7), datetime.now(UTC), 10_000
    with transaction():
        create_network("Messung", "de")
        author = add_member("Frieda Moor", "frieda@example.org", "member", add_organisation("Weserufer", "Bremen")).id
        area = create_area(None, "alles", "Alles").id
    for first in range(1, posts + 1, step):
        numbers = range(first, min(first + step, posts + 1))
        with transaction():
            threads = [
                number // POSTS_A_THREAD + 1 for number in numbers if number % POSTS_A_THREAD == 0 or number == 1
            ]
            db.session.execute(insert(Thread), [thread(one, area, author, now) for one in threads])
            db.session.execute(insert(Post), [post(number, author, now) for number in numbers])
            db.session.execute(insert(vectors.Vector), [vector(number, model, luck) for number in numbers])


def thread(number: int, area: int, author: int, now: datetime) -> dict[str, Any]:
    """A thread as a row."""
    said = {"uid": f"t{number}", "kind": "question", "title": f"Frage {number}", "slug": "frage"}
    at = {"area_id": area, "author_id": author, "created_at": now, "last_post_at": now, "last_author_id": author}
    return {"id": number, **said, **at}


def post(number: int, author: int, now: datetime) -> dict[str, Any]:
    """A post as a row, with a text of usual length."""
    return {"id": number, "uid": f"p{number}", "thread_id": number // POSTS_A_THREAD + 1,
            "number": number % POSTS_A_THREAD + 1, "author_id": author, "created_at": now, "version": 1,
            "body": SENTENCE * 5, "html": f"<p>{SENTENCE * 5}</p>"}  # fmt: skip


def vector(number: int, model: str, luck: np.random.Generator) -> dict[str, Any]:
    """A vector as a row; a title has one too."""
    opens = number % POSTS_A_THREAD == 0
    code = luck.integers(-127, 128, meaning.DIMENSIONS, dtype=np.int8).tobytes()
    digest = vectors._digest(f"Frage {number // POSTS_A_THREAD + 1}") if opens else None
    return {"post_id": number, "change": number, "model": model, "version": 1, "title_digest": digest,
            "text": code, "title": code if opens else None}  # fmt: skip


def quality(model: meaning.Model, folder: Path) -> None:
    """nDCG@10 by cosine alone, with numbers and with bytes."""
    documents, questions = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("docs.jsonl", "queries.jsonl")
    )
    judged = read_judgements(folder / "qrels.txt")
    asked = np.stack([model.question(one["text"]) for one in questions])
    for part in ("title", "text"):
        made = np.stack([model.passage(one[part]) for one in documents])
        bytes_ = np.stack([np.frombuffer(vectors._code(one), np.int8) for one in made]).astype(np.float32)
        bytes_ /= np.maximum(np.linalg.norm(bytes_, axis=1, keepdims=True), 1)
        said = [f"{judgement(asked @ table.T, documents, questions, judged):.4f}" for table in (made, bytes_)]
        print(f"{folder.name}, {part}: nDCG@10 {said[0]} in numbers, {said[1]} in bytes")


def judgement(
    scores: np.ndarray, documents: list[Any], questions: list[Any], judged: dict[str, dict[str, int]]
) -> float:
    """The mean over all questions that have a known answer."""
    return statistics.mean(
        ndcg([documents[place]["id"] for place in np.argsort(-row, kind="stable")[:10]], judged[one["id"]], 10)
        for row, one in zip(scores, questions, strict=True)
        if one["id"] in judged
    )


def told(what: str, act: Callable[[], object], times: int) -> None:
    """Print how long something takes, and its processor time."""
    act()
    took, busy = [], time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    busy = (time.process_time() - busy) / times * 1000
    said = f"{statistics.median(took):.1f} ms (least {min(took):.1f}, most {max(took):.1f}, processor {busy:.1f})"
    print(f"{what}: {said}", flush=True)


def memory() -> int:
    """The most that was ever resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
