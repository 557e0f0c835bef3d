"""The network's own exchange format: NDJSON, one object a line (docs/ndjson.md).

A file is read twice: here it is checked as a whole and refused by line number, before anything is written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forum.areas.models import ACCESSES
from forum.members.models import ROLES
from forum.practices.models import MARK_KINDS
from forum.threads.models import KINDS

ORDER = ("network", "organisation", "person", "area", "thread", "post", "mark")
# Keys of each type: those that must be there, and those that may be left out, with what they then are.
KEYS: dict[str, tuple[dict[str, type | tuple[type, ...]], dict[str, Any]]] = {
    "network": ({"name": str, "language": str}, {}),
    "organisation": ({"id": str, "name": str}, {"city": "", "domains": []}),
    "person": ({"id": str, "name": str}, {"email": None, "organisation": None, "role": "member"}),
    "area": ({"slug": str, "title": str}, {"description": "", "access": "open", "members": []}),
    "thread": (
        {"id": str, "area": str, "kind": str, "title": str},
        {"tags": [], "pinned": False, "locked": False},
    ),
    "post": (
        {"id": str, "thread": str, "author": str, "created_at": str, "body": str},
        {"reply_to": None, "message_id": None, "edited_at": None},
    ),
    "mark": (
        {"post": str, "by": str, "kind": str, "created_at": str},
        {"for": None, "reason": None},
    ),
}
_CHOICES = {
    ("person", "role"): ROLES,
    ("area", "access"): ACCESSES,
    ("thread", "kind"): KINDS,
    ("mark", "kind"): MARK_KINDS,
}
_TIMES = frozenset({"created_at", "edited_at"})
# What a key refers to: organisations, people, areas, threads and posts that an earlier line has named.
_REFERENCES = {
    ("person", "organisation"): "organisation",
    ("thread", "area"): "area",
    ("post", "thread"): "thread",
    ("post", "author"): "person",
    ("post", "reply_to"): "post",
    ("mark", "post"): "post",
    ("mark", "by"): "person",
}


class WrongLine(Exception):
    """The file cannot be taken; nothing of it was written. The message names the line."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")


@dataclass
class Outline:
    """What the check has learnt: how many lines of each type, and who opens each thread when."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
    named: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in ORDER})
    openings: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """How many objects the file holds."""
        return sum(self.counts.values())


def objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with their line numbers, empty lines left out."""
    with file.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                yield number, _object(number, raw)


def _object(number: int, raw: bytes) -> dict[str, Any]:
    try:
        thing = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise WrongLine(number, "is not UTF-8") from None
    except ValueError as error:
        raise WrongLine(number, f"is not JSON: {error}") from None
    if not isinstance(thing, dict):
        raise WrongLine(number, "is not an object")
    return thing


def check(file: Path) -> Outline:
    """Read the whole file and raise WrongLine at the first thing that cannot be taken."""
    outline, stage = Outline(), 0
    for number, thing in objects(file):
        kind = thing.get("type")
        if kind not in ORDER:
            raise WrongLine(number, f"unknown type {kind!r}; known are {', '.join(ORDER)}")
        if ORDER.index(kind) < stage:
            raise WrongLine(number, f"{kind} comes too late; the order is {', '.join(ORDER)}")
        stage = ORDER.index(kind)
        _check_keys(number, kind, thing)
        _check_references(number, kind, thing, outline)
        outline.counts[kind] += 1
    _check_threads(outline)
    return outline


def _check_keys(number: int, kind: str, thing: dict[str, Any]) -> None:
    needed, optional = KEYS[kind]
    for key in thing.keys() - needed.keys() - optional.keys() - {"type"}:
        raise WrongLine(number, f"unknown key {key!r} in {kind}; known are {', '.join((*needed, *optional))}")
    for key, expected in needed.items():
        if not isinstance(thing.get(key), expected) or not thing[key]:
            raise WrongLine(number, f"{kind} needs {key!r} as text")
    for key, otherwise in optional.items():
        value = thing.setdefault(key, otherwise)
        if not isinstance(value, type(otherwise) if otherwise is not None else (str, type(None))):
            raise WrongLine(number, f"{key!r} has the wrong kind of value: {value!r}")
        if isinstance(value, list) and not all(isinstance(part, str) for part in value):
            raise WrongLine(number, f"{key!r} must hold texts only")
    for (of, key), choices in _CHOICES.items():
        if of == kind and thing[key] not in choices:
            raise WrongLine(number, f"{key!r} must be one of {', '.join(choices)}, not {thing[key]!r}")
    for key in _TIMES & thing.keys():
        if thing[key] is not None:
            read_time(number, thing[key])
    if any("\x00" in value for value in thing.values() if isinstance(value, str)):
        raise WrongLine(number, "holds a NUL character")


def _check_references(number: int, kind: str, thing: dict[str, Any], outline: Outline) -> None:
    for (of, key), meant in _REFERENCES.items():
        if of == kind and thing[key] is not None and thing[key] not in outline.named[meant]:
            raise WrongLine(number, f"{key!r} names a {meant} that no earlier line holds: {thing[key]!r}")
    for person in thing["members"] if kind == "area" else ():
        if person not in outline.named["person"]:
            raise WrongLine(number, f"'members' names a person that no earlier line holds: {person!r}")
    if kind == "mark" and thing["kind"] == "recommended" and not (thing["for"] and thing["reason"]):
        raise WrongLine(number, "a recommendation needs 'for' and 'reason'")
    name = thing.get("slug") if kind == "area" else thing.get("id")
    if name is not None:
        if name in outline.named[kind]:
            raise WrongLine(number, f"a second {kind} {name!r}")
        outline.named[kind].add(name)
    if kind == "post":
        outline.openings.setdefault(thing["thread"], (thing["author"], read_time(number, thing["created_at"])))


def _check_threads(outline: Outline) -> None:
    if empty := outline.named["thread"] - outline.openings.keys():
        raise WrongLine(0, f"thread without a post: {min(empty)!r}")


def read_time(number: int, text: str) -> datetime:
    """An RFC 3339 time; one without zone is refused, because nobody can say when that was."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None or not 1970 <= moment.year <= 9998:
        raise WrongLine(number, f"is no RFC 3339 time with zone: {text!r}")
    return moment.astimezone(UTC)


def write_time(moment: datetime) -> str:
    """The same the other way round, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
