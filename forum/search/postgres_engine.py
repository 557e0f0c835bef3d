"""Search in PostgreSQL, shared by several web hosts and workers.

What is kept and how it is ranked is the same as in Whoosh's files (`postings.py`, `matching.py`):

    search_state    one row: the generation in use, a stamp that changes with each commit, and what it was made with
    search_segment  a batch of posts: their rows, which of them stand, and with which term each of its blocks begins
    search_block    the postings of neighbouring terms, some kilobytes together, or a long list alone

Every change is one transaction, so a reader sees all of it or nothing. Segments never change; one that a reader
knows may be merged into another or belong to an old generation by now: then it looks again.
"""

import secrets
import struct
import threading
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import psycopg
from sqlalchemy import Engine as Database
from sqlalchemy import ForeignKey
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import Base
from forum.search.engine import Document, IndexBusy, IndexDamaged, Overtaken, Progress, Status
from forum.search.german import German
from forum.search.postings import ROW, Item, Mask, Old, Rows, as_one, batch_of, batches, worth_merging
from forum.search.segmented import Read, SegmentedEngine, version
from forum.search.segments import Segment, View

DOCUMENTS_A_SEGMENT = 20_000
SECONDS_TO_WAIT_FOR_WRITING = 10
# As much as PostgreSQL keeps in the row itself: what is longer is put aside and costs a second look.
BLOCK_BYTES = 1_900
BYTES_KEPT = 64 * 1024 * 1024
TIMES_TO_LOOK_AGAIN = 5

_WRITE_LOCK, _REBUILD_LOCK = 4_730_004, 4_730_005
_HEAD = struct.Struct("<II")
_SEAL = struct.Struct("<I")

Cursor = psycopg.Cursor[Any]
Place = tuple[int, int]


class SearchState(Base):
    """Which generation is searched: one row, or none before the first rebuild."""

    __tablename__ = "search_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[str]
    stamp: Mapped[str]
    version: Mapped[str]
    segments: Mapped[int]
    words: Mapped[bytes]


class SearchSegment(Base):
    """An immutable batch of posts, but for which of them stand."""

    __tablename__ = "search_segment"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[str]
    rows: Mapped[bytes]
    standing: Mapped[bytes]
    firsts: Mapped[bytes]


class SearchBlock(Base):
    """The postings of some terms of a segment."""

    __tablename__ = "search_block"

    segment_id: Mapped[int] = mapped_column(ForeignKey("search_segment.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    packed: Mapped[bytes]


_STATE = "SELECT generation, stamp, version FROM search_state"
# One statement, so that all of it is from one moment; what is known already is not sent again.
_SEGMENTS = """
    SELECT generation, stamp, version, segments, segment.id, standing,
           CASE WHEN segment.id <> ALL(%(known)s) THEN rows END, CASE WHEN segment.id <> ALL(%(known)s) THEN firsts END
    FROM search_state LEFT JOIN search_segment AS segment USING (generation) ORDER BY segment.id"""
_BLOCKS = """
    SELECT segment_id, number, packed FROM search_block
    JOIN unnest(%(segments)s::int[], %(numbers)s::int[]) AS wanted (segment_id, number) USING (segment_id, number)"""
_ALL_BLOCKS = "SELECT packed FROM search_block WHERE segment_id = %s ORDER BY number"
_LEARNED = "SELECT words FROM search_state WHERE generation = %s"
_NEW_SEGMENT = """
    INSERT INTO search_segment (generation, rows, standing, firsts) VALUES (%s, %b, %b, %b) RETURNING id"""
_STANDING = "UPDATE search_segment SET standing = %b WHERE id = %s"
_COMMIT = """
    UPDATE search_state SET stamp = %s, segments =
        (SELECT count(*) FROM search_segment WHERE search_segment.generation = search_state.generation)"""
_SWAP = """
    INSERT INTO search_state (id, generation, stamp, version, segments, words)
    SELECT 1, %(generation)s::text, %(stamp)s, %(version)s, count(*), %(words)b
    FROM search_segment WHERE generation = %(generation)s::text
    ON CONFLICT (id) DO UPDATE SET (generation, stamp, version, segments, words) =
        (excluded.generation, excluded.stamp, excluded.version, excluded.segments, excluded.words)"""
_SWEEP = "DELETE FROM search_segment WHERE generation NOT IN (SELECT generation FROM search_state)"
_SIZE = """
    SELECT sum(pg_total_relation_size(name::regclass))::bigint
    FROM unnest(ARRAY['search_state', 'search_segment', 'search_block']) AS name"""


class Stamp(NamedTuple):
    """What a view was made from: both are drawn at random, so that no other index has the same."""

    generation: str
    commit: str


class Vanished(Exception):
    """Blocks that are not there: merged away since the view was made, or lost."""


def _sealed(packed: bytes) -> bytes:
    return _SEAL.pack(zlib.crc32(packed)) + packed


def _unsealed(sealed: bytes) -> bytes:
    packed = sealed[_SEAL.size :]
    if len(sealed) < _SEAL.size or _SEAL.unpack_from(sealed)[0] != zlib.crc32(packed):
        raise IndexDamaged("damaged")
    return packed


def _blocks(items: Iterable[Item]) -> Iterator[tuple[bytes, bytes]]:
    """Terms and their postings in blocks, each with its first term; what is long stands alone."""
    keys: list[bytes] = []
    lists: list[bytes] = []
    size = 0
    for key, packed in items:
        more = len(key) + len(packed) + 5
        if keys and size + more > BLOCK_BYTES:
            yield keys[0], _block(keys, lists)
            keys, lists, size = [], [], 0
        keys.append(key)
        lists.append(packed)
        size += more
    if keys:
        yield keys[0], _block(keys, lists)


def _block(keys: list[bytes], lists: list[bytes]) -> bytes:
    names = b"\n".join(keys)
    return b"".join([_HEAD.pack(len(keys), len(names)), array("I", map(len, lists)).tobytes(), names, *lists])


def _items(block: bytes) -> Iterator[Item]:
    """The terms of a block with their postings, in order."""
    keys, ends = _contents(block)
    return ((key, block[start:end]) for key, start, end in zip(keys, ends, ends[1:], strict=False))


def _contents(block: bytes) -> tuple[list[bytes], list[int]]:
    """The terms of a block, and where their postings begin and the last ones end."""
    count, size = _HEAD.unpack_from(block)
    names = _HEAD.size + 4 * count
    lengths = np.frombuffer(block, np.uint32, count, _HEAD.size)
    ends = names + size + np.cumsum([0, *lengths])
    return block[names : names + size].split(b"\n"), ends.tolist()


class Blocks:
    """The blocks in the database, and in memory those that were read last, for all threads of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Place, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, places: set[Place]) -> dict[Place, bytes]:
        """All of them, by one statement if any has to be fetched."""
        known = self._known(places)
        if missing := places - known.keys():
            fetched = self._fetched(missing)
            self._keep(fetched)
            known |= fetched
        return known

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _known(self, places: set[Place]) -> dict[Place, bytes]:
        with self._lock:
            known = {place: self._kept[place] for place in places if place in self._kept}
            for place in known:
                self._kept.move_to_end(place)
        return known

    def _keep(self, blocks: Mapping[Place, bytes]) -> None:
        """Keep new ones, and let go for them what has not been asked for longest."""
        with self._lock:
            for place, block in blocks.items():
                self._bytes += len(block) - len(self._kept.pop(place, b""))
                self._kept[place] = block
            while self._bytes > BYTES_KEPT and len(self._kept) > len(blocks):
                self._bytes -= len(self._kept.popitem(last=False)[1])

    def _fetched(self, places: set[Place]) -> dict[Place, bytes]:
        segments, numbers = zip(*places, strict=True)
        with _connected(self._database) as cursor:
            cursor.execute(_BLOCKS, {"segments": list(segments), "numbers": list(numbers)})
            blocks = {(segment, number): _unsealed(packed) for segment, number, packed in cursor}
        if len(blocks) < len(places):
            raise Vanished
        return blocks


class StoredSegment(Segment):
    """A segment in the tables; it knows with which term each of its blocks begins."""

    def __init__(self, number: int, rows: Rows, firsts: list[bytes], blocks: Blocks) -> None:
        super().__init__(number, rows, self._packed)
        self.number, self.firsts, self._blocks = number, firsts, blocks

    def place(self, key: bytes) -> Place:
        """The block in which a term is, if the segment has it."""
        return self.number, max(bisect_right(self.firsts, key) - 1, 0)

    def _packed(self, key: bytes) -> bytes | None:
        place = self.place(key)
        block = self._blocks.read({place})[place]
        keys, ends = _contents(block)
        if key not in keys:
            return None
        at = keys.index(key)
        return block[ends[at] : ends[at + 1]]

    def items(self, cursor: Cursor) -> Iterator[Item]:
        """Everything in it, in order."""
        cursor.execute(_ALL_BLOCKS, (self.number,))
        packed = [_unsealed(sealed) for (sealed,) in cursor]
        if len(packed) != len(self.firsts):
            raise Vanished
        return chain.from_iterable(map(_items, packed))


@dataclass(frozen=True)
class StoredView(View):
    """A view that fetches beforehand: all that a question needs by one statement."""

    stamp: Stamp
    segments: Sequence[StoredSegment]
    blocks: Blocks

    def fetch(self, terms: Iterable[tuple[str, str]]) -> None:
        keys = {(field + term).encode() for field, term in terms}
        self.blocks.read({segment.place(key) for segment in self.segments for key in keys})


class PostgresEngine(SegmentedEngine[StoredView]):
    """The engine where the database is PostgreSQL. Each process keeps a view, and renews it after a commit."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._blocks = Blocks(database)
        self._renewing = threading.Lock()

    def rebuild(
        self, documents: Iterable[Document], progress: Progress | None = None, overtaken: Overtaken | None = None
    ) -> None:
        """Segment by segment, each in a short transaction; nobody sees them before the swap."""
        with self._alone(_REBUILD_LOCK) as cursor:
            before = _stamp_if_any(cursor)
            german = German(self._learned())
            generation = secrets.token_hex(8)
            cursor.execute(_SWEEP)
            try:
                for batch in batches(german, documents, DOCUMENTS_A_SEGMENT, progress):
                    _write_segment(cursor, generation, batch.rows, batch.items())
                learned = _sealed(german.lexicon.dumps().encode())
                said = {"generation": generation, "stamp": secrets.token_hex(8), "version": version()}
                with _holding(cursor, _WRITE_LOCK):
                    if overtaken and _stamp_if_any(cursor) != before:
                        overtaken()
                    cursor.execute(_SWAP, {**said, "words": learned})
            finally:
                with suppress(psycopg.OperationalError):  # whoever builds next sweeps
                    cursor.execute(_SWEEP)
            # Of a table that was just filled the planner still believes that it is small.
            cursor.execute("ANALYZE search_segment, search_block")

    # Reading

    def _asked(self, ask: Callable[[StoredView], Read]) -> Read:
        """Ask anew as often as a commit has taken segments away meanwhile; blocks that no commit took are lost."""
        asked: StoredView | None = None
        for _ in range(TIMES_TO_LOOK_AGAIN):
            with _connected(self._database) as cursor:
                view = self._renewed_view(cursor)
            if asked is not None and view.stamp == asked.stamp:
                break
            asked = view
            with suppress(Vanished):
                return ask(view)
        raise IndexDamaged("damaged")

    def _renewed_view(self, cursor: Cursor) -> StoredView:
        view, stamp = self._view, _stamp(cursor)
        if view is None or view.stamp != stamp:
            with self._renewing:
                self._view = view = self._opened(cursor, self._view)
        return view

    def _opened(self, cursor: Cursor, before: StoredView | None) -> StoredView:
        """A commit leaves most segments as they were: those are kept."""
        known = {segment.number: segment for segment in before.segments} if before else {}
        found = cursor.execute(_SEGMENTS, {"known": [*known]}).fetchall()
        stamp = _stamp_in(found[0] if found else None)
        segments, standing = [], []
        for *_, count, number, bits, rows, firsts in found:
            if count != len(found) - (number is None):
                raise IndexDamaged("damaged")
            if number is not None:
                segment = known.get(number) or StoredSegment(number, _rows(rows), _firsts(firsts), self._blocks)
                segments.append(segment)
                standing.append(_mask(bits, segment.size))
        return StoredView(stamp, segments, standing, self._blocks)

    def _generation(self) -> str:
        with _connected(self._database) as cursor:
            return _stamp(cursor).generation

    def _words_of(self, generation: str) -> str:
        with _connected(self._database) as cursor:
            (words,) = cursor.execute(_LEARNED, (generation,)).fetchone() or (b"",)
        return _unsealed(words).decode()

    def _is_no_damage(self, error: Exception) -> bool:
        """A database that does not answer, or has no room, is none; pages of its own that are damaged are."""
        return isinstance(error, psycopg.Error | SQLAlchemyError) and not isinstance(error, psycopg.InternalError)

    def _forget(self) -> None:
        with self._renewing:
            self._view = self._german = None
        self._blocks.forget()

    def _looked_over(self) -> Status:
        fresh = PostgresEngine(self._database)  # what is in memory may be whole while what is kept is not
        return fresh._asked(fresh._look_over)

    def _look_over(self, view: StoredView) -> Status:
        self._german_of(view.stamp.generation)
        with _connected(self._database) as cursor:
            for segment in view.segments:
                segment.items(cursor)
            (size,) = cursor.execute(_SIZE).fetchone() or (0,)
        return Status(documents=view.size, segments=len(view.segments), bytes=size)

    # Writing

    def _change(self, gone: set[int], added: list[Document]) -> None:
        with self._alone() as cursor, self._as_damage(), cursor.connection.transaction():
            view = self._renewed_view(cursor)
            alive = view.alive.copy()
            alive[view.numbers_of(gone)] = False
            standing = [alive[start:end] for start, end in pairwise(view.offsets)]
            for segment, before, after in zip(view.segments, view.standing, standing, strict=True):
                if (before != after).any():
                    cursor.execute(_STANDING, (_bits(after), segment.number))
            merging = worth_merging([int(mask.sum()) for mask in standing])
            olds = [
                Old(view.segments[place].rows, view.segments[place].items(cursor), standing[place]) for place in merging
            ]
            rows, items = as_one(olds, batch_of(self._german_of(view.stamp.generation), added))
            if len(rows):
                _write_segment(cursor, view.stamp.generation, rows, items)
            merged = [view.segments[place].number for place in merging]
            cursor.execute("DELETE FROM search_segment WHERE id = ANY(%s)", (merged,))
            cursor.execute(_COMMIT, (secrets.token_hex(8),))

    @contextmanager
    def _alone(self, key: int = _WRITE_LOCK) -> Iterator[Cursor]:
        """A connection that holds the lock: whoever loses it can no longer write either."""
        with _connected(self._database) as cursor, _holding(cursor, key):
            yield cursor


@contextmanager
def _holding(cursor: Cursor, key: int) -> Iterator[None]:
    try:
        with cursor.connection.transaction():
            cursor.execute(f"SET LOCAL lock_timeout = '{SECONDS_TO_WAIT_FOR_WRITING * 1000:.0f}ms'")
            cursor.execute("SELECT pg_advisory_lock(%s)", (key,))
    except psycopg.errors.LockNotAvailable:
        raise IndexBusy from None
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):  # a lost connection has let go of it
            cursor.execute("SELECT pg_advisory_unlock(%s)", (key,))


@contextmanager
def _connected(database: Database) -> Iterator[Cursor]:
    """A connection on which each statement is a transaction of its own; bytes come as bytes, not as text."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor(binary=True) as cursor:
            yield cursor


def _stamp(cursor: Cursor) -> Stamp:
    return _stamp_in(cursor.execute(_STATE).fetchone())


def _stamp_if_any(cursor: Cursor) -> Stamp | None:
    """None of an index that cannot be written."""
    with suppress(IndexDamaged):
        return _stamp(cursor)
    return None


def _stamp_in(row: Sequence[Any] | None) -> Stamp:
    if row is None:
        raise IndexDamaged("missing")
    generation, commit, made_with, *_ = row
    if made_with != version():
        raise IndexDamaged("other_version")
    return Stamp(generation, commit)


def _rows(sealed: bytes) -> Rows:
    return np.frombuffer(_unsealed(sealed), ROW)


def _firsts(sealed: bytes) -> list[bytes]:
    return _unsealed(sealed).split(b"\n")


def _mask(sealed: bytes, size: int) -> Mask:
    return np.unpackbits(np.frombuffer(_unsealed(sealed), np.uint8), count=size).astype(bool)


def _bits(standing: Mask) -> bytes:
    return _sealed(np.packbits(standing).tobytes())


def _write_segment(cursor: Cursor, generation: str, rows: Rows, items: Iterable[Item]) -> None:
    blocks = list(_blocks(items))
    firsts = b"\n".join(first for first, _ in blocks)
    standing = np.ones(len(rows), bool)
    with cursor.connection.transaction():
        cursor.execute(_NEW_SEGMENT, (generation, _sealed(rows.tobytes()), _bits(standing), _sealed(firsts)))
        (number,) = cursor.fetchone() or (None,)
        with cursor.copy("COPY search_block (segment_id, number, packed) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "int4", "bytea"])
            for place, (_, packed) in enumerate(blocks):
                copy.write_row((number, place, _sealed(packed)))
