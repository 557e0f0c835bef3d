"""Stored files: outside the web root, named by their content, written whole or not at all."""

import hashlib
import os
import tempfile
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from forum import failpoints

LONGEST_NAME = 150
# A file lies here before the row that names it is there; what is younger is left alone.
_SECONDS_UNNAMED = 3600


def store(folder: Path, content: bytes) -> str:
    """Keep `content` and return its SHA-256, by which it is found again; twice is once."""
    with aside(folder, content) as (digest, put):
        put()
    return digest


@contextmanager
def aside(folder: Path, content: bytes) -> Iterator[tuple[str, Callable[[], None]]]:
    """Have `content` on the disk, under its SHA-256 once it is put into place; of what is not put there nothing stays.

    What takes its time is done then: `put` may be called in a transaction, when it is certain that a row names it.
    """
    digest = hashlib.sha256(content).hexdigest()
    target = location(folder, digest)
    written: AbstractContextManager[Callable[[], None]]
    try:
        os.utime(target)
        written = nullcontext(_nothing)
    except FileNotFoundError:
        written = _written(target, content)
    with written as put:
        yield digest, put


def _nothing() -> None:
    """It is there already, and was just said to be young."""


def write(target: Path, content: bytes) -> None:
    """Write a file aside, see it on the disk, and put it into place."""
    with _written(target, content) as put:
        put()


@contextmanager
def _written(target: Path, content: bytes) -> Iterator[Callable[[], None]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent)

    def put() -> None:
        os.replace(name, target)
        failpoints.reach("files.placed")

    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        failpoints.reach("files.written")
        yield put
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def location(folder: Path, digest: str) -> Path:
    """Where the file with this SHA-256 lies."""
    return folder / digest[:2] / digest


def forget(folder: Path, used: Callable[[Collection[str]], Collection[str]]) -> int:
    """Delete files that nobody uses, and what a crash left half written; return how many."""
    gone = 0
    for shelf in sorted(folder.glob("??")):
        names = [path.name for path in shelf.iterdir()]
        for name in set(names) - set(used(names)):
            with suppress(FileNotFoundError):
                if (shelf / name).stat().st_mtime < time.time() - _SECONDS_UNNAMED:
                    (shelf / name).unlink()
                    gone += 1
    return gone


def safe_name(name: str) -> str:
    """A file name without path, control and direction characters, 150 characters at most; may be empty."""
    base = unicodedata.normalize("NFC", name[:1000]).replace("\\", "/").rpartition("/")[2]
    # Category C: controls, direction marks, halves of characters, private use.
    shown = "".join(character for character in base if unicodedata.category(character)[0] != "C")
    clean = " ".join(shown.split()).strip(". ")
    stem, dot, extension = clean.rpartition(".")
    if len(clean) <= LONGEST_NAME or not dot or len(extension) > 10:
        return clean[:LONGEST_NAME].strip(". ")
    return stem[: LONGEST_NAME - len(extension) - 1].rstrip(". ") + "." + extension
