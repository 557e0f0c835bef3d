"""Search on local disk.

Whoosh keeps rows, terms, segments, deletions and commits. What a term's posting list says is packed by us
(`postings.py`), one list for each segment, because Whoosh's own postings are written and read one at a time.

    index/current          names the generation in use and the version of its making; swapped atomically
    index/g-0007/          a Whoosh index; never mapped into memory: a truncated map kills the process
    index/g-0007/words.txt the words of the network that its compounds are split by
    index/g-0007/sums.json checksums, because Whoosh notices some damage late and some never
    index/write.lock       one writer, and one who swaps; the kernel frees it when a process dies
    index/rebuild.lock     one who builds the index anew
"""

import errno
import json
import os
import re
import shutil
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from whoosh import columns, fields, index, writing
from whoosh.codec.whoosh3 import W3Codec, W3FieldWriter
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.filetables import HashReader
from whoosh.util.filelock import FileLock, try_for

from forum import failpoints
from forum.search.engine import Document, IndexBusy, IndexDamaged, Overtaken, Progress, Status
from forum.search.german import German
from forum.search.postings import ROW, Batch, Item, Mask, Old, Rows, as_one, batch_of, batches, worth_merging
from forum.search.segmented import Read, SegmentedEngine, version
from forum.search.segments import Segment, View

DOCUMENTS_A_SEGMENT = 5_000
SECONDS_TO_WAIT_FOR_WRITING = 10.0

_NOT_DAMAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}

SCHEMA = fields.Schema(row=fields.COLUMN(columns.FixedBytesColumn(ROW.itemsize)))


class TermWriter(W3FieldWriter):  # type: ignore[misc]  # whoosh has no types
    """Writes each term with its packed postings into Whoosh's table of terms."""

    def add_postings(self, _schema: object, _lengths: object, items: Iterable[Item]) -> None:
        for key, packed in items:
            self._tindex.add(key, packed)


class Codec(W3Codec):  # type: ignore[misc]  # whoosh has no types
    """Whoosh's files with our postings; lengths are in the rows."""

    length_stats = False

    def field_writer(self, storage: Any, segment: Any) -> TermWriter:
        return TermWriter(self, storage, segment)


class Given:
    """Stands where Whoosh collects postings: ours come sorted."""

    def __init__(self) -> None:
        self.items: Iterable[Item] = ()

    def iter_postings(self) -> Iterable[Item]:
        return self.items

    def add(self, _item: object) -> None: ...

    def cleanup(self) -> None: ...


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


class StoredSegment(Segment):
    """A segment in Whoosh's files."""

    def __init__(self, folder: Path, segment: Any) -> None:
        self._files = Files(folder)
        try:
            self._table = HashReader.open(self._files, segment.make_filename(W3Codec.TERMS_EXT))
            super().__init__(segment.segment_id(), _rows(folder, segment), self._table.get)
        except BaseException:
            self.close()
            raise

    def items(self) -> Iterator[Item]:
        """Everything in it, in order."""
        yield from self._table.items()

    def close(self) -> None:
        self._files.close_all()


@dataclass(frozen=True)
class StoredView(View):
    """A view of one process."""

    stamp: Stamp
    segments: Sequence[StoredSegment]


def _rows(folder: Path, segment: Any) -> Rows:
    """The column of rows, read at once: Whoosh would seek for every document."""
    size = segment.doc_count_all()
    if not size:
        return np.empty(0, ROW)
    packed: bytes = (folder / segment.codec().column_filename(segment, "row")).read_bytes()
    if len(packed) != size * ROW.itemsize:
        raise IndexDamaged("damaged")
    return np.frombuffer(packed, ROW)


class Generations:
    """The folders g-0001, g-0002 … and the small file that names the one in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current = folder / "current"

    def in_use(self) -> Path:
        try:
            said = json.loads(self._current.read_text())
            name, made_with = said["generation"], said["version"]
        except FileNotFoundError:
            raise IndexDamaged("missing") from None
        except (ValueError, KeyError, TypeError):
            raise IndexDamaged("damaged") from None
        if made_with != version():
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
        _write(self._current, json.dumps({"generation": generation.name, "version": version()}))

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


class WhooshEngine(SegmentedEngine[StoredView]):
    """The default engine. One view per process is kept open and renewed when the index has changed."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._generations = Generations(folder)
        # Segments share open files with a position each; searching is Python work anyway, so one at a time.
        self._reading = threading.RLock()

    def rebuild(
        self, documents: Iterable[Document], progress: Progress | None = None, overtaken: Overtaken | None = None
    ) -> None:
        self._generations.folder.mkdir(parents=True, exist_ok=True)
        with self._alone("rebuild.lock"):
            before = self._commit()
            german = German(self._learned())
            self._generations.sweep()
            generation = self._generations.new()
            try:
                _fill(generation, german, documents, progress)
                failpoints.reach("index.filled")
                with self._alone():
                    if overtaken and self._commit() != before:
                        overtaken()
                    self._generations.use(generation)
                    failpoints.reach("index.in_use")
            finally:
                self._generations.sweep()

    def _change(self, gone: set[int], added: list[Document]) -> None:
        with self._alone(), self._as_damage():
            folder = self._generations.in_use()
            with self._reading:
                numbers = self._current_view().numbers_of(gone).tolist()
            german = self._german_of(folder.name)
            with _writer(folder) as writer:
                for number in numbers:
                    writer.delete_document(number)
                sizes = [segment.doc_count() for segment in writer.segments]
                old = [writer.segments[place] for place in worth_merging(sizes)]
                _add(writer, batch_of(german, added), old)
            failpoints.reach("index.committed")
            _sum_up(folder)

    @contextmanager
    def _alone(self, name: str = "write.lock") -> Iterator[None]:
        try:
            lock = FileLock(str(self._generations.folder / name))
            acquired = try_for(lock.acquire, timeout=SECONDS_TO_WAIT_FOR_WRITING)
        except FileNotFoundError:
            raise IndexDamaged("missing") from None
        if not acquired:
            raise IndexBusy
        try:
            yield
        finally:
            lock.release()

    def _commit(self) -> tuple[str, int] | None:
        """The last one that was made; none to an index that cannot be written."""
        with suppress(IndexDamaged, OSError):
            folder = self._generations.in_use()
            return folder.name, _latest_commit(folder)
        return None

    def _asked(self, ask: Callable[[StoredView], Read]) -> Read:
        with self._reading:
            return ask(self._current_view())

    def _current_view(self) -> StoredView:
        return _again_if_files_vanish(self._renewed_view)

    def _renewed_view(self) -> StoredView:
        folder = self._generations.in_use()
        stamp = Stamp(os.getpid(), folder.name, self._generations.taken_into_use(), _latest_commit(folder))
        if self._view is None or self._view.stamp != stamp:
            self._view = _opened(folder, stamp, self._view)
        return self._view

    def _forget(self) -> None:
        with self._reading:
            for segment in self._view.segments if self._view else []:
                segment.close()
            self._view = self._german = None

    def _generation(self) -> str:
        return self._generations.in_use().name

    def _words_of(self, generation: str) -> str:
        return (self._generations.folder / generation / "words.txt").read_text()

    def _is_no_damage(self, error: Exception) -> bool:
        """A full or forbidden disk is none."""
        return isinstance(error, OSError) and error.errno in _NOT_DAMAGE

    def _looked_over(self) -> Status:
        with self._reading:
            return _again_if_files_vanish(self._look_over)

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


def _opened(folder: Path, stamp: Stamp, before: StoredView | None) -> StoredView:
    """A commit leaves most segments as they were, so they stay open."""
    toc = _read_toc(folder)
    open_before = {segment.name: segment for segment in before.segments} if before else {}
    reusable = open_before if before and before.stamp.process == stamp.process else {}
    opened: dict[Any, StoredSegment] = {}
    try:
        for segment in toc.segments:
            name = segment.segment_id()
            opened[name] = reusable.get(name) or StoredSegment(folder, segment)
    except BaseException:
        _close_all(opened, but=open_before)
        raise
    _close_all(open_before, but=opened)
    return StoredView(stamp._replace(commit=toc.generation), list(opened.values()), [*map(_standing, toc.segments)])


def _close_all(segments: Mapping[Any, StoredSegment], but: Mapping[Any, StoredSegment]) -> None:
    for name, segment in segments.items():
        if but.get(name) is not segment:
            segment.close()


def _standing(segment: Any) -> Mask:
    mask = np.ones(segment.doc_count_all(), bool)
    mask[list(segment.deleted_docs())] = False
    return mask


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
        writer = writing.SegmentWriter(whole, _lk=False, codec=Codec(), compound=False)
        writer.pool = Given()
        try:
            yield writer
        except BaseException:
            with suppress(Exception):
                writer.cancel()
            raise


def _add(writer: Any, batch: Batch, old: list[Any]) -> None:
    """Write a batch as a segment of its own, together with older ones, and commit."""
    folder = Path(writer.storage.folder)
    opened = [StoredSegment(folder, segment) for segment in old]
    try:
        olds = [Old(stored.rows, stored.items(), _standing(kept)) for stored, kept in zip(opened, old, strict=True)]
        rows, writer.pool.items = as_one(olds, batch)
        for row in rows:
            writer.add_document(row=row.tobytes())
        failpoints.reach("index.committing")
        writer.commit(mergetype=lambda _writer, segments: [segment for segment in segments if segment not in old])
    finally:
        for stored in opened:
            stored.close()


def _fill(folder: Path, german: German, documents: Iterable[Document], progress: Progress | None) -> None:
    _write(folder / "words.txt", german.lexicon.dumps())
    with Files(folder) as files:
        index.TOC.create(files, SCHEMA, "MAIN")
    for batch in batches(german, documents, DOCUMENTS_A_SEGMENT, progress):
        with _writer(folder) as writer:
            _add(writer, batch, [])
    _sum_up(folder)


def _sum_up(folder: Path) -> None:
    known = _sums(folder)
    files = [path for path in folder.glob("*") if path.is_file() and path.name != "sums.json"]
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
    beginnings = ("words.txt", f"_MAIN_{toc.generation}.toc", *(f"{segment.segment_id()}." for segment in toc.segments))
    return all(_sum(folder / name) == sums[name] for name in sums if name.startswith(beginnings))


def _sum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())
