"""Says what an office document is, in a confined process, after all that is packed in it was unpacked once.

A package can claim any size and hold one part in another's place: only what comes out counts.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

MOST_PARTS = 5_000
MOST_UNPACKED = 100 * 1024 * 1024
MOST_TIMES = 100
# A small one may be packed ever so well.
HARMLESS = 2 * 1024 * 1024
DEEPEST = 2
_CHUNK = 64 * 1024
_PARTS = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_OPEN = b"application/vnd.oasis.opendocument."
_TYPES = {_OPEN + b"text": "odt", _OPEN + b"spreadsheet": "ods", _OPEN + b"presentation": "odp"}
_MACROS_OF_ODF = ("basic/", "scripts/")
# What is fetched when the document is opened, and may bring macros; from a drive of the reader's own it may come.
_FETCHED = ("attachedtemplate", "oleobject", "frame")
_OWN_DRIVE = re.compile(r"(?:file:///)?[a-z]:[\\/]", re.IGNORECASE)


class Unfit(Exception):
    """It is not taken; the code is that of a sentence."""


class Weight:
    """How much came out so far, of the package and those that lie in it."""

    def __init__(self, packed: int) -> None:
        self._most = min(MOST_UNPACKED, max(MOST_TIMES * packed, HARMLESS))
        self._parts, self._bytes = 0, 0

    def part(self) -> None:
        """One part more."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unfit("file_swells")

    def add(self, count: int) -> None:
        """So many bytes more."""
        self._bytes += count
        if self._bytes > self._most:
            raise Unfit("file_swells")


def main() -> None:
    """Say the kind, or what is wrong."""
    said = {"problem": "file_damaged"}
    try:
        content = sys.stdin.buffer.read()
        weigh(io.BytesIO(content), Weight(len(content)), 0)
        said = {"kind": kind(io.BytesIO(content))}
    except Unfit as unfit:
        said = {"problem": str(unfit)}
    except MemoryError:
        said = {"problem": "file_swells"}
    except Exception:  # noqa: S110 - broken files raise whatever they like, and that is said already
        pass
    sys.stdout.write(json.dumps(said))


def weigh(file: BinaryIO, weight: Weight, depth: int) -> None:
    """Unpack every part, and every package that is one; none may do anything when it is opened."""
    with zipfile.ZipFile(file) as package:
        for part in package.infolist():
            weight.part()
            inner = io.BytesIO()
            with package.open(part) as packed:
                while chunk := packed.read(_CHUNK):
                    weight.add(len(chunk))
                    if inner.tell() or chunk.startswith(b"PK\x03\x04"):
                        inner.write(chunk)
            if inner.tell():
                if depth == DEEPEST:
                    raise Unfit("file_swells")
                weigh(inner, weight, depth + 1)
            refuse_active(package, part)


def refuse_active(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part that is a macro, or says that there are some, or has something fetched. It was unpacked before."""
    name = part.filename.lower()
    if name.endswith("vbaproject.bin") or name.startswith(_MACROS_OF_ODF):
        raise Unfit("file_macros")
    if name == "[content_types].xml":
        _look_at_elements(package.read(part), _refuse_macros)
    elif name.endswith(".rels"):
        _look_at_elements(package.read(part), _refuse_fetching)


def _look_at_elements(content: bytes, look: Callable[[dict[str, str]], None]) -> None:
    """Read as what opens the document will: the same words can be spelt in other bytes."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _name, said: look(said)
    parser.Parse(content, True)


def _refuse_macros(said: dict[str, str]) -> None:
    if "macro" in said.get("ContentType", "").lower():
        raise Unfit("file_macros")


def _refuse_fetching(said: dict[str, str]) -> None:
    kind = said.get("Type", "").lower().rpartition("/")[2]
    elsewhere = said.get("TargetMode", "").lower() == "external" and not _OWN_DRIVE.match(said.get("Target", ""))
    if elsewhere and kind in _FETCHED:
        raise Unfit("file_fetches")


def kind(file: BinaryIO) -> str:
    """What it is by its parts."""
    with zipfile.ZipFile(file) as package:
        names = set(package.namelist())
        if "[Content_Types].xml" in names:
            for part, found in _PARTS.items():
                if part in names:
                    return found
        if {"mimetype", "content.xml"} <= names and (found := _TYPES.get(package.read("mimetype").strip(), "")):
            return found
    raise Unfit("file_kind")


if __name__ == "__main__":
    main()
