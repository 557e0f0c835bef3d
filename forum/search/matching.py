"""Which posts answer a question, and in which order: the same for every engine, over whatever keeps its segments.

All documents of a view have one number each, through all segments. Scores are kept in arrays over these
numbers, and only the places that a term touches are computed.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache, partial, reduce
from itertools import chain, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forum.search import german
from forum.search.engine import (
    KINDS,
    Asked,
    Clause,
    Facets,
    Filters,
    Found,
    Hit,
    Nearness,
    Reach,
    State,
    Tally,
    Way,
)
from forum.search.postings import (
    ANSWERED,
    AUTHOR,
    BODY,
    BODY_PARTS,
    FILES,
    HELPFUL,
    NONE,
    OPENS_THREAD,
    RECOMMENDED,
    ROW,
    TITLE,
    TITLE_PARTS,
    WORDS,
    Postings,
    Rows,
    Written,
    unpack,
    unpack_words,
)
from forum.search.spelling import Words

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]

# BM25F (Robertson & Zaragoza 2009), tuned by bench/ranking.py; docs/ranking.md says what else was tried.
SATURATION = 2.0
RARITY_COUNTS = 1.3
WEIGHT_OF_TITLE = 5.0
WEIGHT_OF_TITLE_IN_REPLIES = 0.8  # a reply answers to its thread's title, but must not flood the page with it
WEIGHT_OF_FILES = 0.3
LENGTH_OF_TITLE_MATTERS, LENGTH_OF_BODY_MATTERS = 0.4, 0.6
WEIGHT_OF_LIGHT_WORDS = 0.3
WEIGHT_OF_NEIGHBOURS = 0.1
WEIGHT_OF_RECOMMENDED = 1.1
# How many of the best are looked at a second time, for words that stand side by side.
MOST_LOOKED_AT_TWICE = 2000
_FIELDS: dict[Reach, tuple[str, ...]] = {
    "words": (TITLE, BODY, FILES),
    "parts": (TITLE_PARTS, BODY_PARTS),
    "either": (TITLE, BODY, FILES, TITLE_PARTS, BODY_PARTS),
}
# Words and meaning together, likewise.
WEIGHT_OF_WORDS = 0.0025
WEIGHT_OF_RARE_WORDS = 0.02
RARE_IN, RARE_SHARE = 20, 0.005
LEAST_NEARNESS = 0.84
CHATTER_IS_FARTHER = 0.02
MOST_BY_MEANING = 50
UNKNOWN = -1.0
ABOVE_ALL = 1000.0

MOST_SPELLINGS = 20
MOST_WORDS_COMPARED = 500_000
MOST_SIMILAR = 10
WEIGHT_OF_SIMILAR = 0.5
_NO_NUMBERS = np.empty(0, np.int64)


class Segment:
    """One immutable batch of posts, opened for reading; deletions are not its business but the view's."""

    def __init__(self, name: Hashable, rows: Rows, read: Callable[[bytes], bytes | None]) -> None:
        self.name, self.rows, self._read = name, rows, read
        # Unpacking is much of the cost of a search, and a segment never changes.
        self.postings = lru_cache(maxsize=128)(self._unpack)

    @property
    def size(self) -> int:
        return len(self.rows)

    def _unpack(self, field: str, term: str) -> Postings:
        packed = self._read(field.encode() + term.encode())
        return unpack(packed) if packed else NONE

    def has(self, field: str, term: str) -> bool:
        """Whether any of its posts has the term."""
        return self._read(field.encode() + term.encode()) is not None

    @cached_property
    def words(self) -> Words:
        """Its terms, ready to be compared."""
        return Words((term, written.word) for term, written in self.written().items())

    def written(self) -> dict[str, Written]:
        """Its terms and how they are written."""
        return unpack_words(self._read(WORDS) or b"")


@dataclass(frozen=True)
class View:
    """The index at one moment: its segments, and for each a mask of the documents that are not deleted."""

    stamp: Hashable
    segments: Sequence[Segment]
    standing: Sequence[Mask]

    @cached_property
    def alive(self) -> Mask:
        """The masks of all segments as one."""
        return np.concatenate([*self.standing, np.empty(0, bool)])

    @cached_property
    def rows(self) -> Rows:
        """The rows of all segments, one after the other."""
        return np.concatenate([segment.rows for segment in self.segments]) if self.segments else np.empty(0, ROW)

    @cached_property
    def offsets(self) -> list[int]:
        """The number of each segment's first document."""
        return [0, *np.cumsum([segment.size for segment in self.segments]).tolist()]

    @property
    def size(self) -> int:
        return int(self.alive.sum())

    def numbers_of(self, keys: Iterable[int]) -> NDArray[np.intp]:
        """The documents that stand under these keys."""
        wanted = np.fromiter(keys, np.uint64)
        return np.flatnonzero(np.isin(self.column("key"), wanted) & self.alive)

    def column(self, name: str) -> NDArray[Any]:
        """One value of each row, side by side: strided reads are slow."""
        columns: dict[str, NDArray[Any]] = self._columns
        if name not in columns:
            columns[name] = np.ascontiguousarray(self.rows[name])
        return columns[name]

    @cached_property
    def by_key(self) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
        """The documents that stand, in the order of their keys, and these keys."""
        numbers = np.flatnonzero(self.alive)
        order = numbers[np.argsort(self.column("key")[numbers], kind="stable")]
        return order, self.column("key")[order]

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {}

    @cached_property
    def weights(self) -> dict[str, Floats]:
        """For each field, what one occurrence counts in each document."""
        opens = (self.column("flags") & OPENS_THREAD).astype(bool)
        title = np.where(opens, WEIGHT_OF_TITLE, WEIGHT_OF_TITLE_IN_REPLIES).astype(np.float32)
        title /= _norm(self.column("title_length"), LENGTH_OF_TITLE_MATTERS)
        body = np.float32(1) / _norm(self.column("body_length"), LENGTH_OF_BODY_MATTERS)
        return {
            TITLE: title,
            TITLE_PARTS: title,
            BODY: body,
            BODY_PARTS: body,
            FILES: body * np.float32(WEIGHT_OF_FILES),
        }

    def fetch(self, terms: Iterable[tuple[str, str]]) -> None:
        """Hear which fields and terms will be asked for, where it is quicker to read them together."""

    def postings(self, field: str, term: str) -> Iterator[tuple[int, Postings]]:
        """Where the term is, segment by segment, with the number of the segment's first document."""
        for offset, segment in zip(self.offsets, self.segments, strict=False):
            found = segment.postings(field, term)
            if len(found.documents):
                yield offset, found

    def tallies(self) -> dict[int, Tally]:
        """How many documents each area has, and the sum of their keys."""
        areas, keys = self.column("area")[self.alive], self.column("key")[self.alive]
        return {
            int(area): Tally(int((areas == area).sum()), int(keys[areas == area].sum())) for area in np.unique(areas)
        }

    def words(self) -> dict[str, int]:
        """All words as they are mostly written, and in how many places."""
        counts: Counter[str] = Counter()
        for segment in self.segments:
            counts.update(dict(segment.written().values()))
        return counts

    @cached_property
    def similar(self) -> Callable[[str], list[tuple[str, float]]]:
        """Terms that share many pieces with one, with their likeness; in a very large index, of its first segments."""
        return lru_cache(maxsize=1000)(self._similar)

    def _similar(self, term: str) -> list[tuple[str, float]]:
        found: dict[str, float] = {}
        compared = 0
        for segment in sorted(self.segments, key=lambda segment: -segment.size):
            if compared > MOST_WORDS_COMPARED:
                break
            found.update({alike.term: alike.likeness for alike in segment.words.similar(term)})
            compared += len(segment.words)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_SIMILAR]


def spelt_like(view: View, word: str, area_ids: frozenset[int], most: int) -> list[tuple[str, int]]:
    """Words of these areas that may have been meant, best first, each with the number of posts that have it."""
    alike = {found.term: found for segment in view.segments for found in segment.words.misspelt(german.term(word))}
    seen = view.alive & np.isin(view.column("area"), np.fromiter(area_ids, np.uint32))
    counts: dict[str, int] = {}
    candidates = sorted(alike, key=lambda term: (-alike[term].likeness, term))[:MOST_SPELLINGS]
    view.fetch(product((TITLE, BODY), candidates))
    for term in candidates:
        having = np.zeros(len(seen), bool)
        for field in (TITLE, BODY):
            for offset, postings in view.postings(field, term):
                having[postings.documents.astype(np.int64) + offset] = True
        counts[term] = int((having & seen).sum())
    known = [term for term in counts if counts[term]]
    nearest = max((alike[term].likeness for term in known), default=0)
    best = sorted((term for term in known if alike[term].likeness == nearest), key=lambda term: (-counts[term], term))
    return [(alike[term].written, counts[term]) for term in best[:most]]


def _norm(lengths: NDArray[Any], matters: float) -> Floats:
    usual = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
    return (1 - matters + matters * lengths / usual).astype(np.float32)


class Scored(NamedTuple):
    """Documents, each once, and their scores; `firm` are those that have what was asked, `weight` what it is worth."""

    numbers: Numbers
    scores: Floats
    firm: Numbers
    weight: float


class Search:
    """One question put to one view."""

    def __init__(self, view: View, asked: Asked, filters: Filters, near: Nearness | None) -> None:
        self._view, self._asked, self._filters, self._near = view, asked, filters, near
        size = len(view.rows)
        self._amounts = np.zeros(size, np.float32)
        self._presence = np.zeros(size, np.float32)
        # How many rare words of the question each document has, at most two.
        self._rare_words = np.zeros(size, np.float32)
        self._narrowing = _Narrowing(view, asked, filters)

    def found(self) -> Found:
        self._view.fetch(self._terms())
        permitted = self._narrowing.permitted & self._unexcluded()
        scores = np.zeros(len(permitted), np.float32)
        if not self._asked.clauses:
            return self._answer(permitted, permitted, scores)
        clauses = [self._clause(clause) for clause in self._asked.clauses]
        for clause in clauses:
            scores[clause.numbers] += clause.scores
        by_words, loosened = self._matched(permitted, clauses)
        self._add_neighbours(by_words, scores)
        scores[(self._view.column("flags") & RECOMMENDED).astype(bool)] *= np.float32(WEIGHT_OF_RECOMMENDED)
        pairs = list(zip(self._asked.clauses, clauses, strict=True))
        unmet = tuple(clause.asked for clause, scored in pairs if not permitted[scored.firm].any())
        matched, ranks = by_words, scores.astype(np.float64)
        if self._near is not None and self._filters.sort == "relevance":
            keeps_order = by_words if not (self._asked.sentence or loosened) else np.zeros_like(by_words)
            matched, ranks = self._fused(self._near, permitted, by_words, keeps_order, scores)
        return self._answer(matched, by_words, ranks, loosened, unmet)

    def _fused(
        self, near: Nearness, permitted: Mask, by_words: Mask, keeps_order: Mask, scores: Floats
    ) -> tuple[Mask, NDArray[np.float64]]:
        """Words and meaning in one order. Whoever asks for words gets the posts that have them first, as without it."""
        top = WEIGHT_OF_WORDS * scores + WEIGHT_OF_RARE_WORDS * self._rare_words
        nearness = self._nearness(near)
        known = permitted & (nearness > UNKNOWN)
        # What the worker has not come to yet is taken for as near as others with the words.
        usual = float(nearness[known & by_words].mean()) if (known & by_words).any() else 0.0
        ranks = np.where(nearness > UNKNOWN, nearness, usual) + top.astype(np.float64)
        ranks[keeps_order] = ABOVE_ALL + scores[keeps_order]
        return by_words | self._by_meaning(nearness, known & ~by_words, nearness[known]), ranks

    def _by_meaning(self, nearness: Floats, others: Mask, all_known: Floats) -> Mask:
        """A few posts that have none of the words, if they are near indeed."""
        names_something = any(clause.phrase or any(map(str.isdigit, clause.asked)) for clause in self._asked.clauses)
        added = np.zeros(len(others), bool)
        if names_something or not len(all_known):
            return added
        step, most = (0.05, MOST_BY_MEANING) if self._asked.sentence else (0.02, MOST_BY_MEANING // 5)
        near_enough = max(LEAST_NEARNESS, float(all_known.max()) - step)
        numbers = np.flatnonzero(others & (nearness >= near_enough))
        added[numbers[_best(nearness[numbers], numbers, most)]] = True
        return added

    def _nearness(self, near: Nearness) -> Floats:
        found = np.full(len(self._view.rows), UNKNOWN, np.float32)
        order, keys = self._view.by_key
        places = np.searchsorted(keys, near.keys.astype(np.uint64))
        places[places == len(keys)] = 0
        there = keys[places] == near.keys if len(keys) else np.zeros(len(near.keys), bool)
        found[order[places[there]]] = near.scores[there]
        # Every reply is read together with its title, so what only chats below a fitting one must stand back.
        chatter = (self._view.column("flags") & (OPENS_THREAD | RECOMMENDED | HELPFUL)) == 0
        found[chatter & (found > UNKNOWN)] -= np.float32(CHATTER_IS_FARTHER)
        return found

    def _terms(self) -> Iterator[tuple[str, str]]:
        """All that will be looked up, field by field; neighbours are words of the clauses."""
        for clause in (*self._asked.clauses, *self._asked.excluded):
            for way in (*clause.ways, *self._similar(clause)):
                yield from product(_FIELDS[way.reach], chain.from_iterable(way.places))
        yield from product((AUTHOR,), chain.from_iterable(self._asked.author))

    def _unexcluded(self) -> Mask:
        left = np.ones(len(self._view.rows), bool)
        for clause in self._asked.excluded:
            left[self._clause(clause).firm] = False
        for names in self._asked.author:
            named = np.zeros(len(left), bool)
            for name in names:
                for offset, postings in self._view.postings(AUTHOR, name):
                    named[postings.documents.astype(np.int64) + offset] = True
            left &= named
        return left

    def _matched(self, permitted: Mask, clauses: Sequence[Scored]) -> tuple[Mask, bool]:
        """Posts with all the words, or where there are none or a sentence was asked, with some; phrases always."""
        needed = [scored for clause, scored in zip(self._asked.clauses, clauses, strict=True) if not clause.light]
        needed = needed or list(clauses)
        for clause, scored in zip(self._asked.clauses, clauses, strict=True):
            if clause.phrase:
                permitted = permitted & self._mask(scored.firm)
        having = np.zeros(len(permitted), np.float32)
        for scored in needed:
            having[scored.firm] += scored.weight
        most = sum(scored.weight for scored in needed) * (1 - 1e-5)
        if self._asked.sentence:
            return permitted & (having > 0), False
        matched = permitted & (having >= most)
        if len(needed) == 1 or (matched & self._narrowing.chosen).any():
            return matched & (having > 0), False
        return permitted & (having > 0), True

    def _mask(self, numbers: Numbers) -> Mask:
        mask = np.zeros(len(self._view.rows), bool)
        mask[numbers] = True
        return mask

    # What a clause finds

    def _clause(self, clause: Clause) -> Scored:
        """BM25F: what a document has of the clause, in whatever way and field, is saturated together.

        What is firm keeps its own rarity, so that a rare word is not lost among many that are only like it.
        """
        firm = self._touched(way for way in clause.ways if way.firm)
        rarity, saturated = self._saturated(firm)
        soft = self._touched((*(way for way in clause.ways if not way.firm), *self._similar(clause)))
        numbers = self._each_once([firm, soft])
        rarity_of_all, scores = self._saturated(numbers)
        scores *= np.float32(rarity_of_all)
        scores[np.searchsorted(numbers, firm)] += saturated * np.float32(rarity - rarity_of_all if len(firm) else 0)
        scores *= np.float32(WEIGHT_OF_LIGHT_WORDS if clause.light else 1)
        self._amounts[numbers] = self._presence[numbers] = 0
        has = firm if len(firm) else self._each_once([self._apart(way) for way in clause.ways if way.how == "split"])
        if not clause.light and len(has) <= max(2, min(RARE_IN, RARE_SHARE * len(self._view.rows))):
            self._rare_words[has] = np.minimum(self._rare_words[has] + 1, 2)
        return Scored(numbers, scores, has, rarity)

    def _similar(self, clause: Clause) -> Iterator[Way]:
        """In a sentence, words that are only like the asked one count a little too."""
        terms = [term for way in clause.ways if way.how == "word" for place in way.places for term in place]
        for term in terms if self._asked.sentence and not clause.light else ():
            for other, likeness in self._view.similar(term):
                yield Way(((other,),), "similar", WEIGHT_OF_SIMILAR * likeness**2, firm=False)

    def _touched(self, ways: Iterable[Way]) -> Numbers:
        found = [
            numbers for way in ways for numbers in (self._one_place(way) if len(way.places) == 1 else self._places(way))
        ]
        return self._each_once(found)

    def _saturated(self, numbers: Numbers) -> tuple[float, Floats]:
        """How rare it is what these documents have, and how much of it each has, at most 1."""
        having = float(np.minimum(self._presence[numbers], 1).sum())
        amounts = self._amounts[numbers]
        return self._rarity(having), amounts / (amounts + np.float32(SATURATION))

    def _rarity(self, having: float) -> float:
        return math.pow(math.log(1 + (len(self._view.rows) - having + 0.5) / (having + 0.5)), RARITY_COUNTS)

    def _one_place(self, way: Way) -> list[Numbers]:
        touched = []
        for numbers, counts, weights in self._occurrences(way.places[0], way.reach):
            self._presence[numbers] += counts * np.float32(way.weight)
            self._amounts[numbers] += counts * weights[numbers] * np.float32(way.weight)
            touched.append(numbers)
        return touched

    def _places(self, way: Way) -> list[Numbers]:
        """Something must be at every place: one after the other among words, anywhere among words and parts."""
        if not way.places:
            return []
        together = self._one_after_the_other(way.places) if way.reach == "words" else self._apart(way)
        self._presence[together] += np.float32(way.weight)
        self._amounts[together] += np.float32(way.weight) * self._view.weights[BODY][together]
        return [together]

    def _apart(self, way: Way) -> Numbers:
        return np.flatnonzero(
            np.logical_and.reduce([self._anywhere(terms, _FIELDS[way.reach]) for terms in way.places])
        )

    def _anywhere(self, terms: tuple[str, ...], fields: tuple[str, ...]) -> Mask:
        mask = np.zeros(len(self._view.rows), bool)
        for field in fields:
            for term in terms:
                for offset, postings in self._view.postings(field, term):
                    mask[postings.documents.astype(np.int64) + offset] = True
        return mask

    def _occurrences(self, terms: tuple[str, ...], reach: Reach) -> Iterator[tuple[Numbers, NDArray[Any], Floats]]:
        """Documents, how often each has a term, and what once is worth."""
        for field in _FIELDS[reach]:
            for term in terms:
                for offset, postings in self._view.postings(field, term):
                    yield postings.documents.astype(np.int64) + offset, postings.counts, self._view.weights[field]

    def _each_once(self, touched: Sequence[Numbers]) -> Numbers:
        if len(touched) < 2:
            return touched[0] if touched else _NO_NUMBERS
        if sum(map(len, touched)) < len(self._view.rows) // 16:
            return np.unique(np.concatenate(touched))
        return np.flatnonzero(reduce(np.logical_or, map(self._mask, touched)))

    def _one_after_the_other(self, places: tuple[tuple[str, ...], ...], among: Mask | None = None) -> Numbers:
        """The documents in whose title or body the places of a phrase are taken one after the other."""
        return np.unique(np.concatenate([self._in_order(field, places, among) for field in (TITLE, BODY)]))

    def _in_order(self, field: str, places: tuple[tuple[str, ...], ...], among: Mask | None) -> Numbers:
        """The documents of one field, each as often as it has them there."""
        having = np.logical_and.reduce([self._anywhere(terms, (field,)) for terms in places])
        having = having if among is None else having & among
        starts = [self._starts(field, terms, step, having) for step, terms in enumerate(places)]
        return reduce(partial(np.intersect1d, assume_unique=True), starts) >> 32

    def _starts(self, field: str, terms: tuple[str, ...], step: int, among: Mask) -> NDArray[np.int64]:
        found = [
            postings.within(among[offset:]).starts(step) + (offset << 32)
            for term in terms
            for offset, postings in self._view.postings(field, term)
        ]
        if len(terms) > 1 and found:
            return np.unique(np.concatenate(found))
        return np.concatenate(found) if found else _NO_NUMBERS

    def _add_neighbours(self, matched: Mask, scores: Floats) -> None:
        """Words that stand side by side as they were asked count a little more, in the best posts found so far."""
        if len(self._asked.neighbours) < 2:
            return
        numbers = np.flatnonzero(matched)
        best = numbers[_best(scores[numbers], numbers, MOST_LOOKED_AT_TWICE)]
        among = self._mask(best)
        for pair in set(pairwise(self._asked.neighbours)):
            for field in (TITLE, BODY):
                numbers = self._in_order(field, pair, among)
                np.add.at(self._amounts, numbers, np.float32(WEIGHT_OF_TITLE if field == TITLE else 1))
            having = np.flatnonzero(self._amounts)
            rarity = math.log(1 + (len(best) - len(having) + 0.5) / (len(having) + 0.5))
            amounts = self._amounts[having]
            scores[having] += np.float32(WEIGHT_OF_NEIGHBOURS * rarity) * amounts / (amounts + np.float32(SATURATION))
            self._amounts[having] = 0

    # The answer

    def _answer(
        self, matched: Mask, by_words: Mask, scores: NDArray[Any], loosened: bool = False, unmet: tuple[str, ...] = ()
    ) -> Found:
        chosen = np.flatnonzero(matched & self._narrowing.chosen)
        by_date = self._filters.sort == "date" or not self._asked.clauses
        ranks = self._view.column("created")[chosen] if by_date else scores[chosen]
        first = (max(self._filters.page, 1) - 1) * self._filters.per_page
        page = chosen[_best(ranks, self._view.column("created")[chosen], first + self._filters.per_page)][first:]
        keys = self._view.column("key")
        hits = tuple(Hit(int(keys[number]), float(scores[number]), not by_words[number]) for number in page)
        return Found(len(chosen), hits, self._narrowing.facets(matched), unmet, loosened)


def _best(ranks: NDArray[Any], created: NDArray[Any], limit: int) -> NDArray[np.intp]:
    """Where the highest are, highest first; of equals the newest."""
    numbers = np.arange(len(ranks))
    if len(ranks) > 4 * limit:
        least = np.partition(ranks, len(ranks) - limit)[len(ranks) - limit]
        numbers = np.flatnonzero(ranks >= least)
    order = np.lexsort((-numbers, -created[numbers], -ranks[numbers].astype(np.float64)))
    return numbers[order[:limit]]


class _Narrowing:
    """What may be seen at all, and what the chosen filters leave of it."""

    def __init__(self, view: View, asked: Asked, filters: Filters) -> None:
        self._view, self._filters = view, filters
        self.permitted = self._may_be_seen(asked)
        self._choices = dict(self._made_choices())
        self.chosen = self._all_but(None)

    def _may_be_seen(self, asked: Asked) -> Mask:
        areas = np.fromiter(self._filters.area_ids, np.uint32)
        seen = self._view.alive & np.isin(self._view.column("area"), areas)
        if asked.kind:
            seen &= self._view.column("kind") == KINDS.index(asked.kind)
        if asked.after:
            seen &= self._view.column("created") >= _midnight(asked.after)
        if asked.before:
            seen &= self._view.column("created") < _midnight(asked.before)
        return seen

    def _made_choices(self) -> Iterator[tuple[str, Mask]]:
        filters = self._filters
        if filters.area_id is not None:
            yield "area", self._view.column("area") == filters.area_id
        if filters.kind:
            yield "kind", self._view.column("kind") == KINDS.index(filters.kind)
        if filters.state:
            yield "state", self._in_state(filters.state)
        if filters.organisation_id is not None:
            yield "organisation", self._view.column("organisation") == filters.organisation_id
        if filters.year is not None:
            yield "year", self._view.column("year") == filters.year

    def _all_but(self, name: str | None) -> Mask:
        left = np.ones(len(self._view.rows), bool)
        for choice, mask in self._choices.items():
            if choice != name:
                left &= mask
        return left

    def _in_state(self, state: State) -> Mask:
        flags = self._view.column("flags")
        if state == "unanswered":
            open_question: Mask = self._view.column("kind") == KINDS.index("question")
            open_question &= flags & (OPENS_THREAD | ANSWERED) == OPENS_THREAD
            return open_question
        marked: Mask = (flags & (RECOMMENDED if state == "recommended" else HELPFUL)).astype(bool)
        return marked

    def facets(self, matched: Mask) -> Facets:
        """Each facet is counted as if its own filter were not set."""
        states: tuple[State, ...] = ("recommended", "helpful", "unanswered")
        in_any_state = matched & self._all_but("state")
        return Facets(
            areas=self._counts("area", matched),
            kinds={KINDS[number]: count for number, count in self._counts("kind", matched).items()},
            states={state: count for state in states if (count := int((in_any_state & self._in_state(state)).sum()))},
            organisations=self._counts("organisation", matched),
            years=self._counts("year", matched),
        )

    def _counts(self, name: str, matched: Mask) -> dict[int, int]:
        values = self._view.column(name)[matched & self._all_but(name)]
        if not len(values):
            return {}
        counts = np.bincount(values)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
