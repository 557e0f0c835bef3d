"""Stored files: outside the web root, named by their content, written whole or not at all."""

import hashlib
import os
import tempfile
import time
import unicodedata
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from forum import failpoints

LONGEST_NAME = 150
# A file lies here before the row that names it is there; what is younger is left alone.
_SECONDS_UNNAMED = 3600


def store(folder: Path, content: bytes) -> str:
    """Keep `content` and return its SHA-256, by which it is found again; twice is once."""
    digest = hashlib.sha256(content).hexdigest()
    target = location(folder, digest)
    try:
        os.utime(target)
    except FileNotFoundError:
        write(target, content)
    return digest


def write(target: Path, content: bytes) -> None:
    """Write a file aside, see it on the disk, and put it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        failpoints.reach("files.written")
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise
    failpoints.reach("files.placed")


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
