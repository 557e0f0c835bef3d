"""Stored files: outside the web root, named by their content, written whole or not at all."""

import hashlib
import os
import tempfile
from pathlib import Path

from forum import failpoints


def store(folder: Path, content: bytes) -> str:
    """Keep `content` and return its SHA-256, by which it is found again; twice is once."""
    digest = hashlib.sha256(content).hexdigest()
    target = location(folder, digest)
    if not target.exists():
        write(target, content)
    return digest


def write(target: Path, content: bytes) -> None:
    """Write a file aside, see it on the disk, and put it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    failpoints.reach("files.written")
    os.replace(name, target)
    failpoints.reach("files.placed")


def location(folder: Path, digest: str) -> Path:
    """Where the file with this SHA-256 lies."""
    return folder / digest[:2] / digest
