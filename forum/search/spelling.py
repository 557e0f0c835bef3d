"""Words that are like another: what somebody may have meant, and what may mean the same.

A word is compared by its pieces of two or three letters, kept as bits of a number; the best few are then looked at
letter by letter.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forum.search.stems import fold

LONGEST = 32
MOST_COMPARED = 40
SHORTEST_TO_CORRECT = 4
LEAST_LIKE = 0.3

Bits = NDArray[np.uint64]


class Alike(NamedTuple):
    """A term of the index, how it is mostly written, and how like it is to the asked one: 1.0 would be the same."""

    term: str
    written: str
    likeness: float


class Words:
    """The terms of one batch of posts, in their order, ready to be compared."""

    def __init__(self, written: Iterable[tuple[str, str]]) -> None:
        kept = [pair for pair in written if SHORTEST_TO_CORRECT <= len(pair[0]) <= LONGEST]
        self._terms, self._written = [term for term, _ in kept], [word for _, word in kept]
        self._lengths = np.fromiter(map(len, self._terms), np.int16, len(kept))
        self._bits = _bits(self._terms)
        self._sizes = np.bitwise_count(self._bits).sum(axis=1).astype(np.float32)

    def __len__(self) -> int:
        return len(self._terms)

    def misspelt(self, term: str) -> list[Alike]:
        """The terms that differ by few letters: one in short words, two from seven letters on, three from eleven."""
        if len(term) < SHORTEST_TO_CORRECT:
            return []
        allowed = 1 if len(term) <= 6 else 2 if len(term) <= 10 else 3
        found = []
        for place in self._nearest(term, np.abs(self._lengths - len(term)) <= allowed):
            steps = distance(term, self._terms[place], allowed)
            if steps is not None:
                found.append(Alike(self._terms[place], self._written[place], 1 - steps / len(term)))
        return found

    def similar(self, term: str) -> list[Alike]:
        """The terms that share most pieces of three letters (Dice's coefficient), best first."""
        pieces = _pieces(term)
        found = []
        for place in self._nearest(term, self._lengths > 0):
            others = _pieces(self._terms[place])
            likeness = 2 * len(pieces & others) / (len(pieces) + len(others))
            if LEAST_LIKE <= likeness < 1:
                found.append(Alike(self._terms[place], self._written[place], likeness))
        return sorted(found, key=lambda alike: -alike.likeness)

    def begun(self, letters: str) -> list[Alike]:
        """The terms that begin so, shortest first; and those of words that do, where less of them is the term."""
        first, behind = bisect_left(self._terms, letters), bisect_left(self._terms, f"{letters}\uffff")
        places = sorted(range(first, behind), key=lambda place: len(self._terms[place]))[:MOST_COMPARED]
        for end in range(SHORTEST_TO_CORRECT, len(letters)):
            place = bisect_left(self._terms, letters[:end], hi=first)
            if self._terms[place : place + 1] == [letters[:end]] and fold(self._written[place]).startswith(letters):
                places.append(place)
        return [Alike(self._terms[place], self._written[place], 1.0) for place in places]

    def _nearest(self, term: str, among: NDArray[np.bool_]) -> list[int]:
        """Those that share most bits, best first."""
        bits = _bits([term[:LONGEST]])[0]
        common = np.bitwise_count(self._bits & bits).sum(axis=1)
        likeness = np.where(among, 2 * common / (self._sizes + np.bitwise_count(bits).sum()), 0)
        best = (
            np.argpartition(-likeness, MOST_COMPARED)[:MOST_COMPARED]
            if len(self) > MOST_COMPARED
            else np.arange(len(self))
        )
        return [int(place) for place in best[np.argsort(-likeness[best], kind="stable")] if likeness[place] > 0]


def _pieces(word: str) -> set[str]:
    framed = f"^{word}$"
    return {framed[start : start + 3] for start in range(len(framed) - 2)}


def _bits(words: list[str]) -> Bits:
    """Two numbers a word: a bit for each two neighbouring letters and one for each three."""
    letters = np.array([f"^{word}$".encode("latin-1", "replace") for word in words] or [b""], f"S{LONGEST + 2}")
    codes = letters.view(np.uint8).reshape(len(letters), LONGEST + 2).astype(np.uint64)[: len(words)]
    first, second, third = codes[:, :-2], codes[:, 1:-1], codes[:, 2:]
    pairs = _or((first * 31 + second * 7) % 64, second > 0)
    threes = _or((first * 131 + second * 31 + third * 7) % 64, third > 0)
    return np.stack([pairs, threes], axis=1)


def _or(places: Bits, there: NDArray[np.bool_]) -> Bits:
    bits: Bits = np.bitwise_or.reduce(np.where(there, np.uint64(1) << places, np.uint64(0)), axis=1)
    return bits


def distance(one: str, other: str, most: int) -> int | None:
    """Letters added, left out, exchanged or swapped with their neighbour (Damerau 1964); None beyond `most`."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return None
        before, last = last, row
    return last[-1] if last[-1] <= most else None
