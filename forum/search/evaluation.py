"""How good the search is, by questions whose answers are known.

The measures are those of NIST's trec_eval: documents that nobody judged count as wrong, and every judged
question counts, also one that found nothing or was not asked.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import TypeVar

from sqlalchemy import select

from forum.db import db
from forum.members.models import Viewer
from forum.search.queries import Wish, search
from forum.threads.models import Post, Thread

MOST_THREADS = 100
# Where a few long threads fill page after page, the others are not looked for any longer.
_MOST_PAGES = 50
# Sees what is not closed, like a member who is named for nothing.
ANYBODY = Viewer(0, "", "member", "de")

Read = TypeVar("Read")
# What is relevant to a question: document → grade, 0 and less meaning that it is not.
Grades = Mapping[str, int]


class WrongFile(Exception):
    """A file of questions or judgements cannot be used; the message names the line."""


@dataclass(frozen=True)
class Ranking:
    """What a question found: threads by their import id, best first; and how long the first page took."""

    threads: Sequence[str]
    seconds: float


def read_questions(file: Path) -> dict[str, str]:
    """A line is `id<TAB>question`: id → question."""
    questions: dict[str, str] = {}
    for where, line in _lines(file):
        name, tab, text = line.partition("\t")
        if not tab or not text.strip() or len(name.split()) != 1:
            raise WrongFile(f"{where}: must be an id without spaces, a tab and the question")
        if name.strip() in questions:
            raise WrongFile(f"{where}: the id {name.strip()!r} came before")
        questions[name.strip()] = text
    return _something(file, questions)


def read_judgements(file: Path) -> dict[str, dict[str, int]]:
    """A line is `question 0 document grade`: question → document → grade."""
    judged: dict[str, dict[str, int]] = {}
    for where, line in _lines(file):
        parts = line.split()
        if len(parts) != 4 or not re.fullmatch(r"[+-]?\d{1,9}", parts[3]):
            raise WrongFile(f"{where}: must be question, 0, document and a whole number, with spaces between")
        name, _, document, grade = parts
        if judged.setdefault(name, {}).setdefault(document, int(grade)) != int(grade):
            raise WrongFile(f"{where}: an earlier line gives {document!r} another grade for {name!r}")
    return _something(file, judged)


def _something(file: Path, read: dict[str, Read]) -> dict[str, Read]:
    if not read:
        raise WrongFile(f"{file.name}, line 1: the file is empty")
    return read


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """The lines that hold something, each with where it stands."""
    for number, raw in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        where = f"{file.name}, line {number}"
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            raise WrongFile(f"{where}: is not UTF-8") from None
        if line.strip():
            yield where, line


def rank(viewer: Viewer, text: str) -> Ranking:
    """Turn the pages of a search until there are enough threads; each counts once, where its best post stands."""
    start = time.perf_counter()
    results = search(viewer, Wish(text))
    seconds = time.perf_counter() - start
    threads = dict.fromkeys(_threads_of([hit.post.post_id for hit in results.posts]))
    for page in range(2, min(results.pages, _MOST_PAGES) + 1):
        if len(threads) >= MOST_THREADS:
            break
        further = search(viewer, Wish(text, page=page))
        threads |= dict.fromkeys(_threads_of([hit.post.post_id for hit in further.posts]))
    return Ranking([*threads][:MOST_THREADS], seconds)


def _threads_of(post_ids: Sequence[int]) -> list[str]:
    """By which ids the threads of these posts were imported, in the same order."""
    asked = select(Post.id, Thread.uid).join(Thread, Thread.id == Post.thread_id).where(Post.id.in_(post_ids))
    found: dict[int, str] = dict(db.session.execute(asked).all())
    return [found[post_id] for post_id in post_ids if post_id in found]


def run_lines(rankings: Mapping[str, Ranking]) -> Iterator[str]:
    """A run as trec_eval reads it. It sorts by score, so the score falls from line to line; no id holds a space."""
    for name, ranking in rankings.items():
        for place, thread in enumerate(ranking.threads, 1):
            yield f"{name} Q0 {'_'.join(thread.split())} {place} {MOST_THREADS + 1 - place} fachkreis\n"


def ndcg(found: Sequence[str], grades: Grades, most: int) -> float:
    """What a reader gains who goes down the list and trusts each place less, as a share of the best possible.

    The gain of a document is its grade itself, its discount log2(place + 1).
    """

    def gained(grades_in_order: Iterable[int]) -> float:
        return sum(max(grade, 0) / log2(place + 1) for place, grade in enumerate(grades_in_order, 1))

    best = gained(sorted(grades.values(), reverse=True)[:most])
    return gained(grades.get(one, 0) for one in found[:most]) / best if best else 0.0


def recall(found: Sequence[str], grades: Grades, most: int) -> float:
    """The share of all that is relevant that stands among the first."""
    relevant = _relevant(grades)
    return len(relevant.intersection(found[:most])) / len(relevant) if relevant else 0.0


def reciprocal_rank(found: Sequence[str], grades: Grades) -> float:
    """1 divided by the place of the first that is relevant; 0 if there is none."""
    relevant = _relevant(grades)
    return next((1 / place for place, one in enumerate(found, 1) if one in relevant), 0.0)


def success(found: Sequence[str], grades: Grades, most: int) -> float:
    """1 if anything relevant stands among the first, else 0."""
    return float(not _relevant(grades).isdisjoint(found[:most]))


def _relevant(grades: Grades) -> set[str]:
    return {one for one, grade in grades.items() if grade > 0}


MEASURES: dict[str, Callable[[Sequence[str], Grades], float]] = {
    "nDCG@10": lambda found, grades: ndcg(found, grades, 10),
    "recall@10": lambda found, grades: recall(found, grades, 10),
    "MRR": reciprocal_rank,
    "success@1": lambda found, grades: success(found, grades, 1),
    "success@5": lambda found, grades: success(found, grades, 5),
    "success@10": lambda found, grades: success(found, grades, 10),
}


@dataclass(frozen=True)
class Report:
    """The measures, each the mean of all judged questions, and the milliseconds that a first page took."""

    measures: Mapping[str, float]
    questions: int
    judged: int
    milliseconds: Mapping[str, float]

    def lines(self) -> Iterator[str]:
        """The report for people."""
        for name, value in self.measures.items():
            yield f"{name:<12}{value:.4f}"
        pace = "{median:.0f} ms a page in the middle, {p95:.0f} ms for 95 of 100".format_map(self.milliseconds)
        yield f"{self.questions} questions asked, {self.judged} judged; {pace}"


def report(rankings: Mapping[str, Ranking], judged: Mapping[str, Grades]) -> Report:
    """Judge what was found."""
    found = {name: rankings[name].threads if name in rankings else () for name in judged}
    measures = {
        name: fmean(measure(found[question], grades) for question, grades in judged.items())
        for name, measure in (MEASURES if judged else {}).items()
    }
    times = [ranking.seconds * 1000 for ranking in rankings.values()]
    p95 = quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
    return Report(measures, len(rankings), len(judged), {"median": median(times), "p95": p95})
