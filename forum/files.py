"""Stored files: outside the web root, named by their content, written whole or not at all."""

import hashlib
import os
import tempfile
from pathlib import Path


def store(folder: Path, content: bytes) -> str:
    """Keep `content` and return its SHA-256, by which it is found again; twice is once."""
    digest = hashlib.sha256(content).hexdigest()
    target = location(folder, digest)
    if target.exists():
        return digest
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(name, target)
    return digest


def location(folder: Path, digest: str) -> Path:
    """Where the file with this SHA-256 lies."""
    return folder / digest[:2] / digest
