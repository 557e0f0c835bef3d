"""Which posts have which term: made for a batch of posts at once, packed into few bytes, joined when batches merge.

An engine keeps *segments*: a table of rows, one for each post, and for each field and term one packed list of
postings. Whoosh keeps them in its files, PostgreSQL in tables; the bytes are the same.
"""

import heapq
import struct
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forum.search.engine import KINDS, Document, Progress
from forum.search.german import German, clean

# Packed otherwise, it is another index.
FORMAT = 5

Numbers = NDArray[np.uint32]
Rows = NDArray[np.void]
Mask = NDArray[np.bool_]
Item = tuple[bytes, bytes]

# What is kept of every post for filters, facets, sorting and lengths.
ROW = np.dtype(
    [
        ("key", "<u8"),
        ("created", "<i8"),
        ("area", "<u4"),
        ("organisation", "<u4"),  # 0: none
        ("hidden_from", "<u4"),  # the organisation whose members do not see it, 0: none
        ("body_length", "<u4"),
        ("title_length", "<u2"),
        ("year", "<u2"),
        ("kind", "u1"),
        ("flags", "u1"),
    ]
)
RECOMMENDED, HELPFUL, ANSWERED, OPENS_THREAD, ENDED, SOLVED = 1, 2, 4, 8, 16, 32

SEGMENTS_TO_MERGE = 8
MOST_DOCUMENTS_MERGED = 4_000
DOCUMENTS_PER_PROGRESS = 500

# A field is one letter before the term.
FIELDS = TITLE, BODY, TITLE_PARTS, BODY_PARTS, FILES, AUTHOR = tuple("tbpqfa")
WORDS = b"w"  # the one entry that lists the words of a segment as they are written

_HEAD = struct.Struct("<IBBB")
_WIDTHS = (np.uint8, np.uint16, np.uint32)
_ONCE, _NOWHERE = 3, 3  # instead of a width: every count is one, no positions are kept


class Postings(NamedTuple):
    """Documents ascending, how often each has the term, and all the places one after the other, if kept."""

    documents: Numbers
    counts: NDArray[Any]
    positions: NDArray[Any] | None

    def starts(self, step: int) -> NDArray[np.int64]:
        """Where a phrase begins that has this term at this step: document and position in one number."""
        if self.positions is None:
            return np.empty(0, np.int64)
        documents = np.repeat(self.documents.astype(np.int64), self.counts)
        return (documents << 32) + self.positions.astype(np.int64) - step

    def within(self, mask: Mask) -> "Postings":
        """Only those documents that a mask names."""
        stays = mask[self.documents]
        positions = self.positions if self.positions is None else self.positions[np.repeat(stays, self.counts)]
        return Postings(self.documents[stays], self.counts[stays], positions)


NONE = Postings(np.empty(0, np.uint32), np.empty(0, np.uint8), None)


def pack(postings: Postings) -> bytes:
    """Differences instead of numbers, each list in the narrowest type that holds it."""
    documents, counts, positions = postings
    steps = np.diff(documents, prepend=np.uint32(0))
    once = bool(counts.max(initial=1) == 1)
    widths = [_width(steps), _ONCE if once else _width(counts), _NOWHERE if positions is None else _width(positions)]
    lists = [steps, None if once else counts, positions]
    packed = [
        some.astype(_WIDTHS[width]).tobytes() for some, width in zip(lists, widths, strict=True) if some is not None
    ]
    return b"".join([_HEAD.pack(len(documents), *widths), *packed])


def unpack(packed: bytes) -> Postings:
    """What was packed. Raises ValueError, IndexError or struct.error for damaged bytes."""
    size, step_width, count_width, place_width = _HEAD.unpack_from(packed)
    at = _HEAD.size
    steps = np.frombuffer(packed, _WIDTHS[step_width], size, at)
    at += steps.nbytes
    counts: NDArray[Any] = np.ones(size, np.uint8)
    if count_width != _ONCE:
        counts = np.frombuffer(packed, _WIDTHS[count_width], size, at)
        at += counts.nbytes
    documents = np.cumsum(steps, dtype=np.uint32)
    if place_width == _NOWHERE:
        return Postings(documents, counts, None)
    return Postings(documents, counts, np.frombuffer(packed, _WIDTHS[place_width], int(counts.sum()), at))


def _width(numbers: NDArray[Any]) -> int:
    top = int(numbers.max(initial=0))
    return 0 if top < 1 << 8 else 1 if top < 1 << 16 else 2


class Batch:
    """Posts on their way into a segment."""

    def __init__(self, german: German) -> None:
        self._german = german
        self._rows: list[tuple[int, ...]] = []
        self._kept = {field: _Field(keeps_places=field in (TITLE, BODY)) for field in FIELDS}
        self._written: dict[str, Counter[str]] = defaultdict(Counter)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Rows:
        return np.array(self._rows, ROW)

    def add(self, document: Document) -> None:
        number = len(self._rows)
        title = self._add_text(document.title, TITLE, TITLE_PARTS, number) if document.title else 0
        body = self._add_text(document.body, BODY, BODY_PARTS, number)
        if document.files:
            self._add_text(document.files, FILES, FILES, number)
        for token in self._german.tokens(clean(document.author)):
            for term in token.terms:
                self._kept[AUTHOR].add(term, number, 0)
        self._rows.append(_row(document, title, body))

    def _add_text(self, text: str, words: str, parts: str, number: int) -> int:
        kept_words, kept_parts = self._kept[words], self._kept[parts]
        length = 0
        text = clean(text)
        here: set[str] = set()
        for token in self._german.tokens(text):
            here = here if token.position == length - 1 else set()
            length = token.position + 1
            for term in token.terms:
                if term not in here:  # Mieter-innen is one Mieter, not a whole and a part
                    kept_words.add(term, number, token.position)
                    self._note(term, text[token.start : token.end])
            here.update(token.terms)
            for part in token.parts:
                kept_parts.add(part, number, 0)
        return length

    def _note(self, term: str, written: str) -> None:
        if written.isalpha() and term.isalpha():  # a single letter may stand for a sentence: ﷺ
            self._written[term][written] += 1

    def items(self) -> Iterator[Item]:
        """All postings packed, in the order of their keys, and last the words as they are written."""
        for field in sorted(self._kept):
            for term, postings in self._kept[field].postings():
                yield field.encode() + term.encode(), pack(postings)
        yield WORDS, pack_words(self._written)


def batch_of(german: German, documents: Iterable[Document]) -> Batch:
    """A batch with all of these posts."""
    batch = Batch(german)
    for document in documents:
        batch.add(document)
    return batch


def batches(german: German, documents: Iterable[Document], size: int, progress: Progress | None) -> Iterator[Batch]:
    """All of these posts, so many to a batch; it is told now and then how many have been read."""
    batch = Batch(german)
    for count, document in enumerate(documents, 1):
        batch.add(document)
        if progress and count % DOCUMENTS_PER_PROGRESS == 0:
            progress(count)
        if len(batch) == size:
            yield batch
            batch = Batch(german)
    if len(batch):
        yield batch


class _Field:
    """Term, document and place of every token, side by side: sorted once, at the end."""

    def __init__(self, keeps_places: bool) -> None:
        self._numbers: dict[str, int] = {}
        self._terms, self._documents, self._places = array("I"), array("I"), array("I")
        self._keeps_places = keeps_places

    def add(self, term: str, document: int, place: int) -> None:
        self._terms.append(self._numbers.setdefault(term, len(self._numbers)))
        self._documents.append(document)
        self._places.append(place)

    def postings(self) -> Iterator[tuple[str, Postings]]:
        terms = sorted(self._numbers, key=str.encode)
        if not terms:
            return
        rank = np.empty(len(terms), np.uint32)
        rank[[self._numbers[term] for term in terms]] = np.arange(len(terms), dtype=np.uint32)
        ranks = rank[np.frombuffer(self._terms, np.uint32)]
        order = np.argsort(ranks, kind="stable")
        documents = np.frombuffer(self._documents, np.uint32)[order]
        places = np.frombuffer(self._places, np.uint32)[order]
        ends = np.cumsum(np.bincount(ranks, minlength=len(terms)))
        for term, start, end in zip(terms, [0, *ends], ends, strict=False):
            first, counts = _counted(documents[start:end])
            yield term, Postings(first, counts, places[start:end] if self._keeps_places else None)


def _counted(documents: Numbers) -> tuple[Numbers, NDArray[Any]]:
    """The different numbers of an ascending list and how often each is there."""
    begins = np.flatnonzero(np.diff(documents, prepend=np.uint32(0xFFFFFFFF)))
    return documents[begins], np.diff(begins, append=len(documents))


def _row(document: Document, title_length: int, body_length: int) -> tuple[int, ...]:
    flags = (
        RECOMMENDED * document.recommended
        | HELPFUL * document.helpful
        | ANSWERED * document.answered
        | ENDED * bool(document.outcome)
        | SOLVED * (document.outcome == "solved")
        | OPENS_THREAD * document.opens_thread
    )
    return (
        document.key, int(document.created_at.timestamp()), document.area_id, document.organisation_id or 0,
        document.hidden_from_id or 0, body_length, min(title_length, 0xFFFF), document.created_at.year,
        KINDS.index(document.kind), flags,
    )  # fmt: skip


class Written(NamedTuple):
    """How a term is written: in its commonest form, and in how many places."""

    word: str
    places: int


def pack_words(forms: Mapping[str, Mapping[str, int]]) -> bytes:
    """For each term, its commonest form and how many places it has in all forms."""
    lines = []
    for term, counts in sorted(forms.items()):
        commonest = max(counts, key=lambda form: (counts[form], form))
        lines.append(f"{term} {commonest} {sum(counts.values())}")
    return "\n".join(lines).encode()


def unpack_words(packed: bytes) -> dict[str, Written]:
    """Term → how it is written."""
    lines = (line.split(" ") for line in packed.decode().split("\n") if line)
    return {term: Written(word, int(places)) for term, word, places in lines}


class Source(NamedTuple):
    """A segment that is merged: its items in order, and the new number of each of its documents (-1: gone)."""

    items: Iterable[Item]
    numbers: NDArray[np.int64]


def worth_merging(sizes: Sequence[int]) -> list[int]:
    """Which segments, by how many documents stand in each, should become one: enough of about the same size.

    So a document is copied once for each size it grows through, and no commit copies for more than seconds.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, size in enumerate(sizes):
        by_size[size.bit_length() // 3].append(place)
    for _, places in sorted(by_size.items()):
        if len(places) >= SEGMENTS_TO_MERGE and sum(sizes[place] for place in places) <= MOST_DOCUMENTS_MERGED:
            return places
    return []


class Old(NamedTuple):
    """A segment that goes into a new one: its rows and items, and which of its documents still stand."""

    rows: Rows
    items: Iterable[Item]
    standing: Mask


def as_one(olds: Sequence[Old], batch: Batch) -> tuple[Rows, Iterable[Item]]:
    """Rows and items of a segment: what stands of older ones, and after it a batch."""
    if not olds:
        return batch.rows, batch.items()
    rows: list[Rows] = []
    sources: list[Source] = []
    size = 0
    for old in (*olds, Old(batch.rows, batch.items(), np.ones(len(batch), bool))):
        sources.append(Source(old.items, np.where(old.standing, size + np.cumsum(old.standing) - 1, -1)))
        rows.append(old.rows[old.standing])
        size += len(rows[-1])
    return np.concatenate(rows), merged(sources)


def merged(sources: Sequence[Source]) -> Iterator[Item]:
    """The items of several segments as those of one, without what is gone."""
    marked = [_marked(source, place) for place, source in enumerate(sources)]
    for key, group in groupby(heapq.merge(*marked, key=lambda item: item[0]), key=lambda item: item[0]):
        packed = [(sources[place].numbers, value) for _, place, value in group]
        if key == WORDS:
            yield key, _merged_words([value for _, value in packed])
        elif joined := _joined(packed):
            yield key, joined


def _marked(source: Source, place: int) -> Iterator[tuple[bytes, int, bytes]]:
    return ((key, place, value) for key, value in source.items)


def _merged_words(packed: list[bytes]) -> bytes:
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for some in packed:
        for term, written in unpack_words(some).items():
            forms[term][written.word] += written.places
    return pack_words(forms)


def _joined(packed: list[tuple[NDArray[np.int64], bytes]]) -> bytes | None:
    parts = [kept for numbers, value in packed if len((kept := _kept(unpack(value), numbers)).documents)]
    if not parts:
        return None
    positions = [part.positions for part in parts if part.positions is not None]
    return pack(
        Postings(
            np.concatenate([part.documents for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate(positions) if positions else None,
        )
    )


def _kept(postings: Postings, numbers: NDArray[np.int64]) -> Postings:
    kept = postings.within(numbers >= 0)
    return kept._replace(documents=numbers[kept.documents].astype(np.uint32))
