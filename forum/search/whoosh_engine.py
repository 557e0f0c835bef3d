"""Search on local disk.

Whoosh keeps postings, segments and commits; matching and scoring are done here, a block of postings at a
time, because Whoosh's own matchers go posting by posting.

    index/current          names the generation in use and the version of its making; swapped atomically
    index/g-0007/          a Whoosh index; never mapped into memory: a truncated map kills the process
    index/g-0007/sums.json checksums, because Whoosh notices some damage late and some never
    index/write.lock       one writer, rebuild included; the kernel frees it when a process dies
"""

import errno
import heapq
import json
import logging
import math
import os
import re
import shutil
import struct
import threading
import time
import weakref
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from itertools import chain, compress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from whoosh import columns, fields, formats, index, reading, writing
from whoosh.codec.whoosh3 import W3Codec
from whoosh.filedb.filestore import FileStorage
from whoosh.util.filelock import FileLock, try_for

from forum.search import german
from forum.search.engine import (
    KINDS,
    Document,
    Filters,
    Found,
    Hit,
    IndexBusy,
    IndexDamaged,
    Progress,
    Query,
    Status,
    Tally,
)

VERSION = f"1 german {german.VERSION}"

SEGMENTS_TO_MERGE = 8
MOST_DOCUMENTS_MERGED = 4_000
MEGABYTES_OF_POSTINGS = 128  # held in memory while writing; more go to temporary files
SECONDS_TO_WAIT_FOR_WRITING = 10.0
DOCUMENTS_PER_PROGRESS = 500

# BM25F. Lengths are measured against a fixed usual length, so a score does not change as the forum grows.
SATURATION = 1.2
LENGTH_MATTERS = 0.75
USUAL_BODY, USUAL_TITLE = 110, 6
WEIGHT_OF_TITLE = 3.0
WEIGHT_OF_TITLE_IN_REPLIES = 0.5  # a reply answers to its thread's title, but must not flood the page with it
WEIGHT_OF_RECOMMENDED = 1.15

RECOMMENDED, HELPFUL, ANSWERED, OPENS_THREAD = 1, 2, 4, 8

_NOT_DAMAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}

log = logging.getLogger(__name__)


Read = TypeVar("Read")
Mask = bytes | bytearray  # one byte for each document of a segment, 1 where it is meant


class Text(fields.FieldType):  # type: ignore[misc]  # whoosh has no types
    """Terms and positions from our German analysis, without Whoosh's slower token chain."""

    def __init__(self) -> None:
        super().__init__(format=formats.Positions(), analyzer=None)

    def index(self, value: str, **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        positions: dict[str, list[int]] = defaultdict(list)
        for token in german.tokens(german.clean(value)):
            for term in token.terms:
                positions[term].append(token.position)
        for term, places in positions.items():
            yield term.encode(), len(places), float(len(places)), array("I", places).tobytes()


class Codec(W3Codec):  # type: ignore[misc]  # whoosh has no types
    """Whoosh would look for a length column once per posting, on disk; our lengths are in the rows."""

    length_stats = False

    def __init__(self) -> None:
        super().__init__(compression=1)


class Row(NamedTuple):
    """What is kept of every document for filters, sorting and length; one fixed record in one column."""

    key: int
    area_id: int
    kind: int
    flags: int
    created: int
    title_length: int
    body_length: int


ROW = struct.Struct("<QIBBqHI")
SCHEMA = fields.Schema(title=Text(), body=Text(), author=Text(), row=fields.COLUMN(columns.FixedBytesColumn(ROW.size)))


def _row(document: Document) -> Row:
    flags = (
        RECOMMENDED * document.recommended
        | HELPFUL * document.helpful
        | ANSWERED * document.answered
        | OPENS_THREAD * document.opens_thread
    )
    return Row(
        key=document.key,
        area_id=document.area_id,
        kind=KINDS.index(document.kind),
        flags=flags,
        created=int(document.created_at.timestamp()),
        title_length=min(len(document.title.split()), 0xFFFF),
        body_length=len(document.body.split()),
    )


def _fields(document: Document) -> dict[str, Any]:
    row = ROW.pack(*_row(document))
    return {"title": document.title, "body": document.body, "author": document.author, "row": row}


class Files(FileStorage):  # type: ignore[misc]  # whoosh has no types
    """A folder that closes what Whoosh leaves open when it fails half-way through damaged bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), supports_mmap=False)
        self._opened: list[Any] = []
        # Not `close`, which Whoosh itself calls within a commit. Also done when an engine is just let go.
        self.close_all = weakref.finalize(self, _close_files, self._opened)

    def open_file(self, name: str, **options: Any) -> Any:
        return self._remembered(super().open_file(name, **options))

    def create_file(self, name: str, **options: Any) -> Any:
        return self._remembered(super().create_file(name, **options))

    def _remembered(self, file: Any) -> Any:
        self._opened.append(file)
        return file

    def __enter__(self) -> "Files":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()


class Stamp(NamedTuple):
    """What a view was made from. Files opened before a fork share their position, hence the process.

    An index that was deleted and built anew takes the names and numbers of the old one, hence the time.
    """

    process: int
    generation: str
    taken_into_use: int
    commit: int


def _close_files(files: list[Any]) -> None:
    for file in files:
        file.raw_file().close()


class Postings(NamedTuple):
    """The documents that have a term, ascending, and how often."""

    documents: Sequence[int]
    counts: Sequence[float]


class Segment:
    """One immutable segment, opened for reading; deletions are not its business but the view's."""

    def __init__(self, folder: Path, segment: Any) -> None:
        self.name: str = segment.segment_id()
        self.size: int = segment.doc_count_all()
        self._records = _records(folder, segment)
        self._files = Files(folder)
        try:
            self._terms = segment.codec().terms_reader(self._files, segment)
        except BaseException:
            self.close()
            raise
        self.keys = array("Q", (row.key for row in self.rows()))
        self.created = array("q", (row.created for row in self.rows()))
        self.recommended = [number for number, row in enumerate(self.rows()) if row.flags & RECOMMENDED]
        self.title_weights = array("f", map(_title_weight, self.rows()))
        self.body_weights = array("f", (1 / _length_norm(row.body_length, USUAL_BODY) for row in self.rows()))
        # Decoding is most of the cost of a search, and a segment never changes.
        self.postings = lru_cache(maxsize=64)(self._read_postings)
        self.mask = lru_cache(maxsize=64)(self._make_mask)

    def close(self) -> None:
        self._files.close_all()

    def rows(self) -> Iterator[Row]:
        return map(Row._make, ROW.iter_unpack(self._records))

    def _make_mask(self, wanted: "Wanted") -> bytes:
        return bytes(map(wanted.has, self.rows()))

    def _read_postings(self, field_name: str, term: str) -> Postings:
        documents, counts = array("I"), array("f")
        for block in self._blocks(field_name, term):
            block._read_weights()
            documents.extend(block._ids)
            counts.extend(block._weights)
        return Postings(documents, counts)

    def positions(self, field_name: str, term: str, mask: Mask) -> dict[int, set[int]]:
        found = {}
        for block in self._blocks(field_name, term):
            block._read_values()
            for document, value in zip(block._ids, block._values, strict=True):
                if mask[document]:
                    found[document] = set(array("I", value))
        return found

    def _blocks(self, field_name: str, term: str) -> Iterator[Any]:
        """Whoosh's matcher, moved block by block."""
        try:
            matcher = self._terms.matcher(field_name, term.encode(), SCHEMA[field_name].format)
        except reading.TermNotFound:
            return
        while matcher.is_active():
            matcher._read_ids()
            yield matcher
            matcher._next_block()


def _records(folder: Path, segment: Any) -> bytes:
    """The column of rows, read at once: Whoosh would seek for every document."""
    size = segment.doc_count_all()
    if not size:
        return b""
    records: bytes = (folder / segment.codec().column_filename(segment, "row")).read_bytes()
    if len(records) != size * ROW.size:
        raise IndexDamaged("damaged")
    return records


def _title_weight(row: Row) -> float:
    weight = WEIGHT_OF_TITLE if row.flags & OPENS_THREAD else WEIGHT_OF_TITLE_IN_REPLIES
    return weight / _length_norm(row.title_length, USUAL_TITLE)


def _length_norm(length: int, usual: int) -> float:
    return 1 - LENGTH_MATTERS + LENGTH_MATTERS * length / usual


@dataclass(frozen=True)
class View:
    """The index at one moment: its segments, and for each a mask of the documents that are not deleted."""

    stamp: Stamp
    segments: list[Segment]
    alive: list[bytes]

    @property
    def size(self) -> int:
        return sum(map(sum, self.alive))

    def rows(self) -> Iterator[Row]:
        for segment, alive in zip(self.segments, self.alive, strict=True):
            yield from compress(segment.rows(), alive)

    def numbers_of(self, keys: set[int]) -> Iterator[int]:
        """Whoosh numbers the documents through all segments."""
        every_key = chain.from_iterable(segment.keys for segment in self.segments)
        for number, (key, lives) in enumerate(zip(every_key, chain.from_iterable(self.alive), strict=True)):
            if lives and key in keys:
                yield number

    def masks(self, wanted: "Wanted") -> list[bytes]:
        """Which documents may be found at all."""
        pairs = zip(self.segments, self.alive, strict=True)
        return [_both(segment.mask(wanted), alive) for segment, alive in pairs]


def _both(one: Mask, other: Mask) -> bytes:
    """All bytes are 0 or 1, and a long number is quicker than a loop."""
    return (int.from_bytes(one) & int.from_bytes(other)).to_bytes(len(one))


class Wanted(NamedTuple):
    """Everything of a query that a row can answer."""

    area_ids: frozenset[int]
    kinds: frozenset[int]
    state: str | None
    since: float
    until: float

    def has(self, row: Row) -> bool:
        return (
            row.area_id in self.area_ids
            and row.kind in self.kinds
            and self.since <= row.created < self.until
            and self._state_fits(row)
        )

    def _state_fits(self, row: Row) -> bool:
        if self.state is None:
            return True
        if self.state == "unanswered":
            return KINDS[row.kind] == "question" and row.flags & (OPENS_THREAD | ANSWERED) == OPENS_THREAD
        return bool(row.flags & (RECOMMENDED if self.state == "recommended" else HELPFUL))


def _wanted(query: Query, filters: Filters) -> Wanted:
    asked = {kind for kind in (query.kind, filters.kind) if kind}
    return Wanted(
        area_ids=filters.area_ids,
        kinds=frozenset(number for number, kind in enumerate(KINDS) if asked <= {kind}),
        state=filters.state,
        since=_midnight(query.after) if query.after else -math.inf,
        until=_midnight(query.before) if query.before else math.inf,
    )


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


Scores = dict[int, float]


@dataclass(frozen=True)
class Clause:
    """One thing asked for: a word that may be met in several ways, or a phrase."""

    label: str
    ways: tuple[german.Way, ...]
    phrase: bool = False

    @property
    def terms(self) -> set[str]:
        return {term for way in self.ways for term in way}


def _word(word: str) -> Clause:
    return Clause(word, german.ways(word))


def _phrase(phrase: str) -> Clause:
    return Clause(phrase, german.sequence(phrase), phrase=True)


class Search:
    """One query on one view. `masks` shrink to what may still be found as clauses are answered."""

    def __init__(self, view: View, query: Query, filters: Filters) -> None:
        self._view, self._query, self._filters = view, query, filters
        self._clauses = [*map(_word, query.words), *map(_phrase, query.phrases)]
        self._wanted = _wanted(query, filters)
        self._labels = tuple(clause.label for clause in self._clauses)
        self._excluded = [_phrase(text) if " " in text else _word(text) for text in query.excluded]
        self._rarity = cache(self._measure_rarity)

    def found(self) -> Found:
        masks = [*map(self._restricted, self._view.segments, self._view.masks(self._wanted))]
        if not self._clauses:
            return self._answer([dict.fromkeys(_numbers(mask), 0.0) for mask in masks])
        found = [*map(self._with_all, self._view.segments, masks)]
        if any(found) or len(self._clauses) == 1:
            return self._answer(found)
        return self._answer([*map(self._with_some, self._view.segments, masks)], loosened=True)

    def _restricted(self, segment: Segment, mask: Mask) -> Mask:
        for term in german.sequence(self._query.author or ""):
            named = {number for name in term for number in segment.postings("author", name).documents}
            mask = _both(mask, _mask(segment.size, named))
        for clause in self._excluded:
            unwanted = self._scores(segment, clause, mask)
            mask = bytes(wanted and number not in unwanted for number, wanted in enumerate(mask))
        return mask

    def _with_all(self, segment: Segment, mask: Mask) -> Scores:
        rarest, *others = sorted(self._clauses, key=self._clause_rarity, reverse=True)
        found = self._scores(segment, rarest, mask)
        for clause in others:
            scores = self._scores(segment, clause, _mask(segment.size, found))
            found = {number: found[number] + score for number, score in scores.items()}
        return found

    def _with_some(self, segment: Segment, mask: Mask) -> Scores:
        found: Scores = defaultdict(float)
        for clause in self._clauses:
            for number, score in self._scores(segment, clause, mask).items():
                found[number] += score
        return found

    def _clause_rarity(self, clause: Clause) -> float:
        return max(map(self._rarity, clause.terms), default=0.0)

    def _scores(self, segment: Segment, clause: Clause, mask: Mask) -> Scores:
        if clause.phrase and clause.ways:
            return self._phrase_scores(segment, clause.ways, mask)
        best: Scores = {}
        for way in clause.ways:
            scores = self._way_scores(segment, way, mask)
            best = best | {number: score for number, score in scores.items() if score > best.get(number, 0.0)}
        return best

    def _way_scores(self, segment: Segment, way: german.Way, mask: Mask) -> Scores:
        found = self._term_scores(segment, way[0], mask)
        for term in way[1:]:
            scores = self._term_scores(segment, term, _mask(segment.size, found))
            found = {number: found[number] + score for number, score in scores.items()}
        return found

    def _term_scores(self, segment: Segment, term: str, mask: Mask) -> Scores:
        weights = segment.body_weights
        bodies = zip(*segment.postings("body", term), strict=True)
        found = {number: count * weights[number] for number, count in bodies if mask[number]}
        for number, count in zip(*segment.postings("title", term), strict=True):
            if mask[number]:
                found[number] = found.get(number, 0.0) + count * segment.title_weights[number]
        best = self._rarity(term) * (SATURATION + 1)
        return {number: best * weight / (weight + SATURATION) for number, weight in found.items()}

    def _measure_rarity(self, term: str) -> float:
        size = sum(segment.size for segment in self._view.segments)
        having = sum(
            max(len(segment.postings(name, term).documents) for name in ("title", "body"))
            for segment in self._view.segments
        )
        return math.log(1 + (size - having + 0.5) / (having + 0.5))

    def _phrase_scores(self, segment: Segment, places: tuple[german.Way, ...], mask: Mask) -> Scores:
        found: Scores = {}
        for terms in places:
            scores = self._scores(segment, Clause("", tuple((term,) for term in terms)), mask)
            found = {number: score + found.get(number, 0.0) for number, score in scores.items()}
            mask = _mask(segment.size, found)
        standing = {number for name in ("title", "body") for number in _standing(segment, name, places, mask)}
        return {number: score for number, score in found.items() if number in standing}

    def _answer(self, found: list[Scores], loosened: bool = False) -> Found:
        for segment, scores in zip(self._view.segments, found, strict=True):
            for number in segment.recommended:
                if number in scores:
                    scores[number] *= WEIGHT_OF_RECOMMENDED
        last = max(self._filters.page, 1) * self._filters.per_page
        page = heapq.nlargest(last, self._ranked(found, last))[last - self._filters.per_page :]
        matched = self._matched_by(found) if loosened else lambda _place, _number: self._labels
        hits = (
            Hit(self._view.segments[place].keys[number], found[place][number], matched(place, number))
            for _, place, number in page
        )
        return Found(total=sum(map(len, found)), hits=tuple(hits), loosened=loosened)

    def _ranked(self, found: list[Scores], limit: int) -> Iterator[tuple[float, int, int]]:
        """(rank, segment, document) of each segment's best."""
        by_date = self._filters.sort == "date" or not self._clauses
        for place, (segment, scores) in enumerate(zip(self._view.segments, found, strict=True)):
            numbers = [*reversed(scores)]  # newest first, so that few are pushed out of the heap again
            ranks = map((segment.created if by_date else scores).__getitem__, numbers)
            for rank, number in heapq.nlargest(limit, zip(ranks, numbers, strict=True)):
                yield rank, place, number

    def _matched_by(self, found: list[Scores]) -> Callable[[int, int], tuple[str, ...]]:
        @cache
        def having(place: int, clause: Clause) -> Scores:
            segment = self._view.segments[place]
            return self._scores(segment, clause, _mask(segment.size, found[place]))

        def labels(place: int, number: int) -> tuple[str, ...]:
            return tuple(clause.label for clause in self._clauses if number in having(place, clause))

        return labels


def _standing(segment: Segment, name: str, places: tuple[german.Way, ...], mask: Mask) -> Iterable[int]:
    """The documents in which the places of a phrase are taken one after the other."""
    starts = _starts(segment, name, places[0], 0, mask)
    for step, terms in enumerate(places[1:], 1):
        here = _starts(segment, name, terms, step, _mask(segment.size, starts))
        starts = {number: both for number, at in here.items() if (both := at & starts[number])}
    return starts


def _starts(segment: Segment, name: str, terms: german.Way, step: int, mask: Mask) -> dict[int, set[int]]:
    """Where a phrase would begin that has one of the terms at this step."""
    starts: dict[int, set[int]] = defaultdict(set)
    for term in terms:
        for number, positions in segment.positions(name, term, mask).items():
            starts[number] |= {position - step for position in positions}
    return starts


def _mask(size: int, numbers: Iterable[int]) -> bytearray:
    mask = bytearray(size)
    for number in numbers:
        mask[number] = 1
    return mask


def _numbers(mask: Mask) -> Iterator[int]:
    return (number for number, wanted in enumerate(mask) if wanted)


class Generations:
    """The folders g-0001, g-0002 … and the small file that names the one in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current = folder / "current"

    def in_use(self) -> Path:
        try:
            said = json.loads(self._current.read_text())
            name, version = said["generation"], said["version"]
        except FileNotFoundError:
            raise IndexDamaged("missing") from None
        except (ValueError, KeyError, TypeError):
            raise IndexDamaged("damaged") from None
        if version != VERSION:
            raise IndexDamaged("other_version")
        return self.folder / str(name)

    def taken_into_use(self) -> int:
        """When the generation in use was swapped in."""
        return self._current.stat().st_mtime_ns

    def new(self) -> Path:
        numbers = [int(path.name[2:]) for path in self._all()]
        folder = self.folder / f"g-{max(numbers, default=0) + 1:04}"
        folder.mkdir()
        return folder

    def use(self, generation: Path) -> None:
        _write(self._current, json.dumps({"generation": generation.name, "version": VERSION}))

    def sweep(self) -> None:
        """Whoever still reads an old generation keeps its files open; a half-written one has no reader."""
        kept = self._named()
        for path in self._all():
            if path.name != kept:
                shutil.rmtree(path, ignore_errors=True)

    def _named(self) -> str | None:
        """Also of another version: a process of the other version may still be searching it."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self._current.read_text())["generation"])
        return None

    def _all(self) -> list[Path]:
        return [path for path in self.folder.glob("g-*") if re.fullmatch(r"g-\d+", path.name)]


def _write(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


class WhooshEngine:
    """The default engine. One view per process is kept open and renewed when the index has changed."""

    def __init__(self, folder: Path) -> None:
        self._generations = Generations(folder)
        self._view: View | None = None
        # Segments share open files with a position each; searching is Python work anyway, so one at a time.
        self._reading = threading.RLock()

    def find(self, query: Query, filters: Filters) -> Found:
        if not filters.area_ids or not query.asks_something:
            return Found()
        try:
            with self._reading:
                return Search(self._current_view(), query, filters).found()
        except IndexDamaged as damage:
            log.warning("Search index: %s", damage.problem)
        except Exception:  # damaged bytes raise whatever they like
            log.exception("Search index cannot be read")
        self._forget_view()
        return Found(degraded=True)

    def status(self) -> Status:
        """Reads every byte that counts, so it is for checks, not for every page."""
        try:
            with _as_damage(), self._reading:
                return _again_if_files_vanish(self._look_over)
        except IndexDamaged as damage:
            self._forget_view()
            return Status(healthy=False, problem=damage.problem)

    def count_by_area(self) -> dict[int, Tally]:
        keys: dict[int, list[int]] = defaultdict(list)
        with _as_damage(), self._reading:
            for row in self._current_view().rows():
                keys[row.area_id].append(row.key)
        return {area_id: Tally(len(found), sum(found)) for area_id, found in keys.items()}

    def put(self, documents: Iterable[Document]) -> None:
        latest = {document.key: document for document in documents}
        self._change(set(latest), [_fields(document) for document in latest.values()])

    def remove(self, keys: Iterable[int]) -> None:
        self._change(set(keys), [])

    def rebuild(self, documents: Iterable[Document], progress: Progress | None = None) -> None:
        self._generations.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._generations.sweep()
            generation = self._generations.new()
            try:
                _fill(generation, documents, progress)
                self._generations.use(generation)
            finally:
                self._generations.sweep()

    def _change(self, gone: set[int], added: list[dict[str, Any]]) -> None:
        if not gone:
            return
        with self._alone(), _as_damage():
            with _writer(self._generations.in_use()) as writer:
                for number in self._numbers_of(gone):
                    writer.delete_document(number)
                for document in added:
                    writer.add_document(**document)
            _sum_up(self._generations.in_use())

    def _numbers_of(self, keys: set[int]) -> list[int]:
        """Looked up in the open view, once per batch: Whoosh's update_document is quadratic."""
        with self._reading:
            return list(self._current_view().numbers_of(keys))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            lock = FileLock(str(self._generations.folder / "write.lock"))
            acquired = try_for(lock.acquire, timeout=SECONDS_TO_WAIT_FOR_WRITING)
        except FileNotFoundError:
            raise IndexDamaged("missing") from None
        if not acquired:
            raise IndexBusy
        try:
            yield
        finally:
            lock.release()

    def _current_view(self) -> View:
        return _again_if_files_vanish(self._renewed_view)

    def _renewed_view(self) -> View:
        folder = self._generations.in_use()
        stamp = Stamp(os.getpid(), folder.name, self._generations.taken_into_use(), _latest_commit(folder))
        if self._view is None or self._view.stamp != stamp:
            self._view = _opened(folder, stamp, self._view)
        return self._view

    def _forget_view(self) -> None:
        with self._reading:
            for segment in self._view.segments if self._view else []:
                segment.close()
            self._view = None

    def _look_over(self) -> Status:
        folder = self._generations.in_use()
        if not _sums_fit(folder):
            raise IndexDamaged("damaged")
        view = self._renewed_view()
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        return Status(documents=view.size, segments=len(view.segments), bytes=size)


def _latest_commit(folder: Path) -> int:
    return int(index.TOC._latest_generation(FileStorage(str(folder)), "MAIN"))


def _read_toc(folder: Path) -> Any:
    with Files(folder) as files:
        return index.TOC.read(files, "MAIN", schema=SCHEMA)


def _opened(folder: Path, stamp: Stamp, before: View | None) -> View:
    """A commit leaves most segments as they were, so they stay open."""
    toc = _read_toc(folder)
    open_before = {segment.name: segment for segment in before.segments} if before else {}
    reusable = open_before if before and before.stamp.process == stamp.process else {}
    opened: dict[str, Segment] = {}
    try:
        for segment in toc.segments:
            name = segment.segment_id()
            opened[name] = reusable.get(name) or Segment(folder, segment)
    except BaseException:
        _close(opened, but=open_before)
        raise
    _close(open_before, but=opened)
    return View(stamp._replace(commit=toc.generation), list(opened.values()), [*map(_alive, toc.segments)])


def _close(segments: dict[str, Segment], but: dict[str, Segment]) -> None:
    for name, segment in segments.items():
        if but.get(name) is not segment:
            segment.close()


def _alive(segment: Any) -> bytes:
    mask = bytearray(b"\x01" * segment.doc_count_all())
    for number in segment.deleted_docs():
        mask[number] = 0
    return bytes(mask)


def _again_if_files_vanish(read: Callable[[], Read]) -> Read:
    """A commit or a swap may clear away a file between our learning of it and opening it."""
    for pause in (0.01, 0.02, 0.04):
        try:
            return read()
        except (FileNotFoundError, index.EmptyIndexError):
            time.sleep(pause)
    return read()


@contextmanager
def _writer(folder: Path) -> Iterator[Any]:
    with Files(folder) as files:
        whole = index.FileIndex(files, SCHEMA)
        # Our own lock is held; a compound file would be mapped into memory.
        writer = writing.SegmentWriter(whole, _lk=False, codec=Codec(), limitmb=MEGABYTES_OF_POSTINGS, compound=False)
        try:
            yield writer
            writer.commit(mergetype=_merge_small)
        except BaseException:
            with suppress(Exception):
                writer.cancel()
            raise


def _merge_small(writer: Any, segments: list[Any]) -> list[Any]:
    """Segments of about the same size become one when there are enough of them.

    So a document is copied once for each size it grows through, and no commit copies for more than seconds.
    """
    by_size: dict[int, list[Any]] = defaultdict(list)
    for segment in segments:
        by_size[segment.doc_count().bit_length() // 3].append(segment)
    merged = next((some for _, some in sorted(by_size.items()) if _worth_merging(some)), [])
    for segment in merged:
        reader = reading.SegmentReader(writer.storage, writer.schema, segment)
        writer.add_reader(reader)
        reader.close()
    return [segment for segment in segments if segment not in merged]


def _worth_merging(segments: list[Any]) -> bool:
    documents = sum(segment.doc_count() for segment in segments)
    return len(segments) >= SEGMENTS_TO_MERGE and documents <= MOST_DOCUMENTS_MERGED


def _fill(folder: Path, documents: Iterable[Document], progress: Progress | None) -> None:
    with Files(folder) as files:
        index.TOC.create(files, SCHEMA, "MAIN")
    with _writer(folder) as writer:
        for count, document in enumerate(documents, 1):
            writer.add_document(**_fields(document))
            if progress and count % DOCUMENTS_PER_PROGRESS == 0:
                progress(count)
    _sum_up(folder)


def _sum_up(folder: Path) -> None:
    known = _sums(folder)
    files = [path for path in folder.glob("*MAIN_*") if path.is_file()]
    sums = {path.name: known.get(path.name) or _sum(path) for path in files}
    _write(folder / "sums.json", json.dumps(sums))


def _sums(folder: Path) -> dict[str, int]:
    with suppress(FileNotFoundError):
        return dict(json.loads((folder / "sums.json").read_text()))
    return {}


def _sums_fit(folder: Path) -> bool:
    """Whether the files of the latest commit are as they were written."""
    sums = _sums(folder)
    toc = _read_toc(folder)
    beginnings = (f"_MAIN_{toc.generation}.toc", *(f"{segment.segment_id()}." for segment in toc.segments))
    return all(_sum(folder / name) == sums[name] for name in sums if name.startswith(beginnings))


def _sum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


@contextmanager
def _as_damage() -> Iterator[None]:
    """What damaged bytes make Whoosh raise has no common name; a full or forbidden disk is not damage."""
    try:
        yield
    except (IndexDamaged, IndexBusy):
        raise
    except OSError as error:
        if error.errno in _NOT_DAMAGE:
            raise
        raise IndexDamaged("damaged") from error
    except Exception as error:
        raise IndexDamaged("damaged") from error
