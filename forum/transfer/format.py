"""The network's own exchange format: NDJSON, one object a line (docs/ndjson.md).

A file is read twice: here it is checked as a whole and refused by line number, before anything is written.
What only the database can tell (a taken short name, a name that is no name) is checked by the actions
themselves, in the first transaction of the import.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forum.areas.models import ACCESSES
from forum.errors import Invalid, Problem
from forum.i18n import languages, sentence, speaking
from forum.members.models import ROLES
from forum.practices.actions import checked
from forum.practices.models import LONGEST_FOR, LONGEST_REASON, MARK_KINDS
from forum.practices.rules import is_answer
from forum.text import tidy
from forum.threads.actions import LONGEST_TAG, MOST_TAGS, checked_body, checked_title
from forum.threads.models import KINDS

Thing = dict[str, Any]
Line = tuple[int, Thing]

LONGEST_LINE = 4 * 1024 * 1024
_LONGEST_ID = 250
ORDER = ("network", "organisation", "person", "area", "thread", "post", "mark")
# Keys of each type: those that must be there, and those that may be left out, with what they then are.
KEYS: dict[str, tuple[tuple[str, ...], Thing]] = {
    "network": (("name", "language"), {}),
    "organisation": (("id", "name"), {"city": "", "domains": []}),
    "person": (("id", "name"), {"email": None, "organisation": None, "role": "member"}),
    "area": (("slug", "title"), {"description": "", "access": "open", "members": []}),
    "thread": (("id", "area", "kind", "title"), {"tags": [], "pinned": False, "locked": False}),
    "post": (
        ("id", "thread", "author", "created_at", "body"),
        {"reply_to": None, "message_id": None, "edited_at": None},
    ),
    "mark": (("post", "by", "kind", "created_at"), {"for": None, "reason": None}),
}
_CHOICES = {
    ("person", "role"): ROLES,
    ("area", "access"): ACCESSES,
    ("thread", "kind"): KINDS,
    ("mark", "kind"): MARK_KINDS,
}
# What a key refers to: organisations, people, areas, threads and posts that an earlier line has named.
_REFERENCES = {
    ("person", "organisation"): "organisation",
    ("area", "members"): "person",
    ("thread", "area"): "area",
    ("post", "thread"): "thread",
    ("post", "author"): "person",
    ("post", "reply_to"): "post",
    ("mark", "post"): "post",
    ("mark", "by"): "person",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class WrongLine(Exception):
    """The file cannot be taken; nothing of it was written. The message names the line."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")
        self.line = line


@contextmanager
def at_line(number: int) -> Iterator[None]:
    """What an action refuses here is wrong with this line."""
    try:
        yield
    except Problem as problem:
        with speaking("en"):
            raise WrongLine(number, sentence(problem)) from None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a post stands: its line, its thread, its author, and whether it opens the thread."""

    line: int
    thread: str
    author: str
    opens: bool


@dataclass
class Outline:
    """What the check has learnt of the file, and the import goes by."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
    lines_of: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in ORDER})
    kinds: dict[str, str] = field(default_factory=dict)
    posts: dict[str, Place] = field(default_factory=dict)
    openings: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    message_ids: dict[str, str] = field(default_factory=dict)
    emails: set[str] = field(default_factory=set)
    marks: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def lines(self) -> int:
        """How many objects the file holds."""
        return sum(self.counts.values())


def objects(file: Path) -> Iterator[Line]:
    """The objects of a file with their line numbers, empty lines left out."""
    with file.open("rb") as lines:
        number = 0
        while raw := lines.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE:
                raise WrongLine(number, f"is longer than {LONGEST_LINE} bytes")
            if raw.strip():
                yield number, _with_defaults(_object(number, raw))


def _object(number: int, raw: bytes) -> Thing:
    def each_key_once(pairs: list[tuple[str, Any]]) -> Thing:
        if len(dict(pairs)) < len(pairs):
            raise WrongLine(number, "holds a key twice")
        return dict(pairs)

    try:
        thing = json.loads(raw.decode("utf-8"), object_pairs_hook=each_key_once)
    except UnicodeDecodeError:
        raise WrongLine(number, "is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise WrongLine(number, f"is not JSON: {error}") from None
    if not isinstance(thing, dict):
        raise WrongLine(number, "is not an object")
    return thing


def _with_defaults(thing: Thing) -> Thing:
    kind = thing.get("type")
    return KEYS[kind][1] | thing if isinstance(kind, str) and kind in KEYS else thing


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
        _check_choices(number, kind, thing)
        _check_references(number, kind, thing, outline)
        if kind in _SENSE:
            _SENSE[kind](number, thing, outline)
        _take_name(number, kind, thing, outline)
    _check_threads(outline)
    return outline


def _check_keys(number: int, kind: str, thing: Thing) -> None:
    needed, optional = KEYS[kind]
    for key in thing.keys() - {*needed, *optional, "type"}:
        raise WrongLine(number, f"unknown key {key!r} in {kind}; known are {', '.join((*needed, *optional))}")
    for key in needed:
        if not isinstance(thing.get(key), str) or not thing[key]:
            raise WrongLine(number, f"{kind} needs {key!r} as text")
    for key, otherwise in optional.items():
        if not isinstance(thing[key], (str, type(None)) if otherwise is None else type(otherwise)):
            raise WrongLine(number, f"{key!r} has the wrong kind of value: {_short(thing[key])}")
    for key, value in thing.items():
        _check_texts(number, key, value)
    for key in ("created_at", "edited_at"):
        if thing.get(key) is not None:
            _check_time(number, key, thing[key])


def _check_texts(number: int, key: str, value: Any) -> None:
    if isinstance(value, list) and not all(isinstance(part, str) for part in value):
        raise WrongLine(number, f"{key!r} must hold texts only")
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and _UNSTORABLE.search(text):
            raise WrongLine(number, f"{key!r} holds a character that cannot be stored (NUL or half a character)")


def _short(value: object) -> str:
    return repr(value)[:80]


def _check_choices(number: int, kind: str, thing: Thing) -> None:
    if kind == "thread" and thing["kind"] == "case":
        raise WrongLine(number, "threads of kind 'case' are not supported yet; please leave them out")
    for (of, key), choices in _CHOICES.items():
        if of == kind and thing[key] not in choices:
            raise WrongLine(number, f"{key!r} must be one of {', '.join(choices)}, not {_short(thing[key])}")


def _check_references(number: int, kind: str, thing: Thing, outline: Outline) -> None:
    for (of, key), meant in _REFERENCES.items():
        if of != kind or thing[key] is None:
            continue
        for name in thing[key] if isinstance(thing[key], list) else [thing[key]]:
            if name not in outline.lines_of[meant]:
                raise WrongLine(number, f"{key!r} names no {meant} of an earlier line: {_short(name)}")


def _take_name(number: int, kind: str, thing: Thing, outline: Outline) -> None:
    """Remember the line by its name; those without one are counted only."""
    name = thing["slug"] if kind == "area" else thing.get("id", "")
    if name:
        _once(number, f"{kind} {name[:80]!r}", name in outline.lines_of[kind])
        if len(name) > _LONGEST_ID:
            raise WrongLine(number, f"'id' is longer than {_LONGEST_ID} characters")
        outline.lines_of[kind][name] = number
    outline.counts[kind] += 1


def _once(number: int, what: str, came_before: bool) -> None:
    if came_before:
        raise WrongLine(number, f"a second {what}")


def _check_network(number: int, thing: Thing, outline: Outline) -> None:
    _once(number, "network", outline.counts["network"] > 0)
    if thing["language"] not in languages():
        raise WrongLine(number, f"'language' must be one of {', '.join(languages())}")


def _check_person(number: int, thing: Thing, outline: Outline) -> None:
    email = (thing["email"] or "").strip().lower()
    _once(number, f"person with the address {email!r}", email in outline.emails)
    outline.emails |= {email} - {""}


def _check_thread(number: int, thing: Thing, outline: Outline) -> None:
    with at_line(number):
        checked_title(thing["title"])
    if len(thing["tags"]) > MOST_TAGS:
        raise WrongLine(number, f"has more than {MOST_TAGS} tags")
    for tag in thing["tags"]:
        if not 0 < len(tidy(tag).strip()) <= LONGEST_TAG:
            raise WrongLine(number, f"a tag has 1 to {LONGEST_TAG} characters, not {_short(tag)}")
    outline.kinds[thing["id"]] = thing["kind"]


def _check_post(number: int, thing: Thing, outline: Outline) -> None:
    thread, message_id = thing["thread"], thing["message_id"]
    with at_line(number):
        body_of(thing)
    if thing["reply_to"] is not None and outline.posts[thing["reply_to"]].thread != thread:
        raise WrongLine(number, f"'reply_to' names a post of another thread: {_short(thing['reply_to'])}")
    if message_id is not None:
        _once(number, f"post with the message_id {_short(message_id)}", message_id in outline.message_ids)
        if not 0 < len(message_id) <= _LONGEST_ID:
            raise WrongLine(number, f"'message_id' has 1 to {_LONGEST_ID} characters")
        outline.message_ids[message_id] = thing["id"]
    opens = thread not in outline.openings
    outline.openings.setdefault(thread, (thing["author"], read_time(thing["created_at"])))
    outline.posts[thing["id"]] = Place(number, thread, thing["author"], opens)


def _check_mark(number: int, thing: Thing, outline: Outline) -> None:
    kind, post = thing["kind"], outline.posts[thing["post"]]
    key = (thing["post"], thing["by"], kind)
    _once(number, f"mark {kind!r} of this person on this post", key in outline.marks)
    outline.marks.add(key)
    with at_line(number):
        if kind == "recommended":
            checked(thing["for"] or "", "for", "for_empty", "for_long", LONGEST_FOR)
            checked(thing["reason"] or "", "reason", "reason_empty", "reason_long", LONGEST_REASON)
        elif thing["for"] or thing["reason"]:
            raise WrongLine(number, f"only a recommendation has 'for' and 'reason', a mark {kind!r} has none")
        if post.author == thing["by"]:
            raise Invalid("own_post")
        if kind != "thanks" and not is_answer(outline.kinds[post.thread], 1 if post.opens else 2):
            raise Invalid("not_an_answer")
        if kind == "helpful" and thing["by"] != outline.openings[post.thread][0]:
            raise Invalid("not_the_asker")


_SENSE = {
    "network": _check_network,
    "person": _check_person,
    "thread": _check_thread,
    "post": _check_post,
    "mark": _check_mark,
}


def _check_threads(outline: Outline) -> None:
    for thread, line in outline.lines_of["thread"].items():
        if thread not in outline.openings:
            raise WrongLine(line, f"the thread {thread[:80]!r} has no post")


def body_of(thing: Thing) -> str:
    """The text of a post as it is kept."""
    body: str = thing["body"]
    # A form with U+FFFD was read wrongly and can be sent again; here a letter that was lost long ago is no
    # reason to lose the post.
    checked_body(body.replace("\ufffd", "?"))
    return tidy(body)


def _check_time(number: int, key: str, text: str) -> None:
    """One without zone is refused, because nobody can say when that was."""
    try:
        if not _RFC3339.fullmatch(text) or not 1970 <= read_time(text).year <= 9998:
            raise ValueError
    except (ValueError, OverflowError):
        raise WrongLine(number, f"{key!r} is no RFC 3339 time with zone: {_short(text)}") from None


def read_time(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def write_time(moment: datetime) -> str:
    """The same the other way round, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
