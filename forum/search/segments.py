"""An index opened for reading: its segments, and the view that makes one of them.

All documents of a view have one number each, through all segments.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forum.search import german
from forum.search.engine import Sight, Tally
from forum.search.postings import (
    BODY,
    BODY_PARTS,
    FILES,
    NONE,
    OPENS_THREAD,
    ROW,
    TITLE,
    TITLE_PARTS,
    WORDS,
    Mask,
    Postings,
    Rows,
    Written,
    unpack,
    unpack_words,
)
from forum.search.spelling import Words, distance
from forum.search.stems import fold

Floats = NDArray[np.float32]

# BM25F, as in matching.py: what one occurrence counts.
WEIGHT_OF_TITLE = 5.0
WEIGHT_OF_TITLE_IN_REPLIES = 0.8  # a reply answers to its thread's title, but must not flood the page with it
WEIGHT_OF_FILES = 0.3
LENGTH_OF_TITLE_MATTERS, LENGTH_OF_BODY_MATTERS = 0.4, 0.6

MOST_SPELLINGS = 20
MOST_WORDS_COMPARED = 500_000
MOST_SIMILAR = 10


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

    def seen(self, sight: Sight) -> Mask:
        """The documents that stand and may be seen."""
        seen: Mask = self.alive & np.isin(self.column("area"), np.fromiter(sight.area_ids, np.uint32))
        if sight.organisation_id is not None:
            seen &= self.column("hidden_from") != sight.organisation_id
        return seen

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

    def having(self, terms: Iterable[str], fields: Iterable[str]) -> Mask:
        """The documents that have one of the terms in one of the fields, deleted ones too."""
        mask = np.zeros(len(self.rows), bool)
        for field, term in product(fields, terms):
            for offset, found in self.postings(field, term):
                mask[found.documents.astype(np.int64) + offset] = True
        return mask

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


def spelt_like(view: View, word: str, sight: Sight, most: int) -> list[tuple[str, int]]:
    """Words one may see that may have been meant, best first, each with the number of posts that have it."""
    alike = {found.term: found for segment in view.segments for found in segment.words.misspelt(german.term(word))}
    counts = _counts(view, sorted(alike, key=lambda term: (-alike[term].likeness, term)), sight)
    nearest = max((alike[term].likeness for term in counts), default=0)
    # Stems are short, so that many are equally near: of these the whole words decide, umlauts as plain letters.
    apart = {term: _apart(word, alike[term].written) for term in counts if alike[term].likeness == nearest}
    best = [term for term in apart if apart[term] == min(apart.values())]
    return [(alike[term].written, counts[term]) for term in best[:most]]


def begun(view: View, word: str, sight: Sight, most: int) -> list[str]:
    """Words one may see that begin so, the most used first."""
    letters = fold(word)
    alike = {found.term: found.written for segment in view.segments for found in segment.words.begun(letters)}
    counts = _counts(view, sorted(alike, key=lambda term: (len(term), term)), sight)
    return [alike[term] for term in counts][:most]


def _counts(view: View, terms: Sequence[str], sight: Sight) -> dict[str, int]:
    """How many posts one may see have each of the first terms, the most used first; without those that none has."""
    seen = view.seen(sight)
    view.fetch(product((TITLE, BODY), terms[:MOST_SPELLINGS]))
    counts = {term: int((view.having((term,), (TITLE, BODY)) & seen).sum()) for term in terms[:MOST_SPELLINGS]}
    return {term: counts[term] for term in sorted(counts, key=lambda term: (-counts[term], term)) if counts[term]}


def _apart(one: str, other: str) -> int:
    return distance(fold(one), fold(other), len(one) + len(other)) or 0


def _norm(lengths: NDArray[Any], matters: float) -> Floats:
    usual = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
    return (1 - matters + matters * lengths / usual).astype(np.float32)
