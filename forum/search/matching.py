"""Which posts answer a question, and in which order: the same for every engine, over whatever keeps its segments.

Scores are kept in arrays over the numbers of a view's documents, and only the places that a term touches are computed.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import chain, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forum.search.engine import Asked, Clause, Filters, Found, Hit, Nearness, Reach, Way
from forum.search.narrowing import Narrowing
from forum.search.postings import (
    AUTHOR,
    BODY,
    BODY_PARTS,
    FILES,
    HELPFUL,
    OPENS_THREAD,
    RECOMMENDED,
    TITLE,
    TITLE_PARTS,
    Mask,
)
from forum.search.segments import WEIGHT_OF_TITLE, Floats, View

Numbers = NDArray[np.int64]

# BM25F (Robertson & Zaragoza 2009), tuned by bench/ranking.py; docs/ranking.md says what else was tried.
SATURATION = 2.0
RARITY_COUNTS = 1.3
WEIGHT_OF_LIGHT_WORDS = 0.3
WEIGHT_OF_NEIGHBOURS = 0.1
WEIGHT_OF_RECOMMENDED = 1.1
WEIGHT_OF_SIMILAR = 0.5
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

_NO_NUMBERS = np.empty(0, np.int64)


class Scored(NamedTuple):
    """What a clause finds: documents, each once, and their scores.

    `firm` are those that have what was asked, `weight` is what it is worth.
    """

    clause: Clause
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
        self._narrowing = Narrowing(view, asked, filters)

    def found(self) -> Found:
        self._view.fetch(self._terms())
        permitted = self._narrowing.permitted & self._unexcluded()
        scores = np.zeros(len(permitted), np.float32)
        if not self._asked.clauses:
            return self._answer(permitted, permitted, scores)
        clauses = [self._scored(clause) for clause in self._asked.clauses]
        for scored in clauses:
            scores[scored.numbers] += scored.scores
        by_words, loosened = self._matched(permitted, clauses)
        self._add_neighbours(by_words, scores)
        scores[(self._view.column("flags") & RECOMMENDED).astype(bool)] *= np.float32(WEIGHT_OF_RECOMMENDED)
        unmet = tuple(scored.clause.asked for scored in clauses if not permitted[scored.firm].any())
        matched, ranks = by_words, scores.astype(np.float64)
        if self._near is not None and self._filters.sort == "relevance":
            keeps_order = by_words if not (self._asked.sentence or loosened) else np.zeros_like(by_words)
            top = WEIGHT_OF_WORDS * scores + WEIGHT_OF_RARE_WORDS * self._rare_words(clauses)
            matched, ranks = self._fused(self._near, permitted, by_words, top)
            ranks[keeps_order] = ABOVE_ALL + scores[keeps_order]
        return self._answer(matched, by_words, ranks, loosened, unmet)

    def _fused(self, near: Nearness, permitted: Mask, by_words: Mask, top: Floats) -> tuple[Mask, NDArray[np.float64]]:
        """Words and meaning in one order: how near each post is, and on top of it what its words are worth."""
        nearness = self._nearness(near)
        known = permitted & (nearness > UNKNOWN)
        # What the worker has not come to yet is taken for as near as others with the words.
        usual = float(nearness[known & by_words].mean()) if (known & by_words).any() else 0.0
        ranks = np.where(nearness > UNKNOWN, nearness, usual) + top.astype(np.float64)
        return by_words | self._by_meaning(nearness, known & ~by_words, nearness[known]), ranks

    def _rare_words(self, clauses: Sequence[Scored]) -> Floats:
        """How many rare words of the question each document has, at most two."""
        few = max(2, min(RARE_IN, RARE_SHARE * len(self._view.rows)))
        counts = np.zeros(len(self._view.rows), np.float32)
        for scored in clauses:
            if not scored.clause.light and len(scored.firm) <= few:
                counts[scored.firm] += 1
        return np.minimum(counts, 2)

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
        ways = chain.from_iterable((*clause.ways, *self._similar(clause)) for clause in self._asked.clauses)
        for way in (*ways, *self._excluded_ways()):
            yield from product(_FIELDS[way.reach], chain.from_iterable(way.places))
        yield from product((AUTHOR,), chain.from_iterable(self._asked.author))

    def _unexcluded(self) -> Mask:
        left = np.ones(len(self._view.rows), bool)
        for way in self._excluded_ways():
            left[self._together(way)] = False
        for names in self._asked.author:
            left &= self._view.having(names, (AUTHOR,))
        return left

    def _excluded_ways(self) -> Iterator[Way]:
        return chain.from_iterable(clause.ways for clause in self._asked.excluded)

    def _matched(self, permitted: Mask, clauses: Sequence[Scored]) -> tuple[Mask, bool]:
        """Posts with all the words, or where there are none or a sentence was asked, with some; phrases always."""
        needed = [scored for scored in clauses if not scored.clause.light] or clauses
        for scored in clauses:
            if scored.clause.phrase:
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

    def _scored(self, clause: Clause) -> Scored:
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
        return Scored(clause, numbers, scores, has, rarity)

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
        together = self._together(way)
        self._presence[together] += np.float32(way.weight)
        self._amounts[together] += np.float32(way.weight) * self._view.weights[BODY][together]
        return [together]

    def _together(self, way: Way) -> Numbers:
        """Where something is at every place: one after the other among words, anywhere among words and parts."""
        if not way.places:
            return _NO_NUMBERS
        in_order = way.reach == "words" and len(way.places) > 1
        return self._one_after_the_other(way.places) if in_order else self._apart(way)

    def _apart(self, way: Way) -> Numbers:
        fields = _FIELDS[way.reach]
        return np.flatnonzero(np.logical_and.reduce([self._view.having(terms, fields) for terms in way.places]))

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
        having = np.logical_and.reduce([self._view.having(terms, (field,)) for terms in places])
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
