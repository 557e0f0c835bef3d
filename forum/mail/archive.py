"""Old mail archives: an mbox file becomes mails, and the heads of mails become threads.

Pure functions on a stream and on light-weight heads, so a file of a gigabyte needs the memory of one mail.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from forum.mail.dates import parse_date
from forum.mail.parsing import ParsedMail
from forum.mail.parts import MAIL_BYTES

SUBJECT_WINDOW = timedelta(days=60)
_LINE_BYTES = 64 * 1024
ReadingTime = tuple[datetime, int, str]  # moment, depth, Message-ID
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RawMail:
    """One mail of an archive as it stands there."""

    number: int  # from 1, in the order of the file
    raw: bytes = field(repr=False)
    end_position: int  # bytes of the file read when this mail was complete; divided by its size, the progress
    envelope_date: datetime | None  # from the "From " line, UTC


def read_mbox(path: Path) -> Iterator[RawMail]:
    """The mails of an mbox file (RFC 4155; mboxo and mboxrd quoting), one at a time.

    What stands before the first "From " line counts as a mail too, so a single saved mail can be read.
    A mail beyond the limit of `parse` is cut behind it; `parse` then refuses it as too large.
    """
    with path.open("rb") as file:
        number = 0
        for envelope, raw, end in _mails(_lines(file)):
            if raw.strip():
                number += 1
                yield RawMail(number, raw, end, envelope)


def read_again(path: Path, start: int, end: int) -> bytes:
    """A mail that `read_mbox` gave before: from the end position of the one before it to its own."""
    with path.open("rb") as file:
        file.seek(start)
        part = BytesIO(file.read(end - start))
    return next(raw for _envelope, raw, _end in _mails(_lines(part)) if raw.strip())


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file in bounded pieces, each with whether it begins a line."""
    begins = True
    while piece := file.readline(_LINE_BYTES):
        yield piece, begins
        begins = piece.endswith(b"\n")


def _mails(lines: Iterable[tuple[bytes, bool]]) -> Iterator[tuple[datetime | None, bytes, int]]:
    """Envelope date, bytes and end position of each mail."""
    mail = bytearray()
    envelope: datetime | None = None
    position, after_blank = 0, True
    for piece, begins in lines:
        if begins and after_blank and is_separator(piece, is_first=position == 0):
            yield envelope, _without_last_blank(mail), position
            mail, envelope = bytearray(), _envelope_date(piece)
            after_blank = False
        else:
            after_blank = begins and not piece.strip(b"\r\n")
            if len(mail) <= MAIL_BYTES:
                mail += piece[1:] if begins and re.match(rb">+From ", piece) else piece
        position += len(piece)
    yield envelope, _without_last_blank(mail), position


def is_separator(line: bytes, is_first: bool = False) -> bool:
    """Whether a line is a "From " line: it ends in a date. At the start of a file it need not.

    "From Monday on we meet at ten" after a blank line is a sentence, and programs do not always quote it.
    """
    if not line.startswith(b"From ") or len(line) > 1000:
        return False
    return is_first or bool(_ENVELOPE_DATE.search(line))


_ENVELOPE_DATE = re.compile(
    rb"\b(?:"
    rb"[A-Z][a-z]{2} {1,2}[A-Z][a-z]{2} {1,2}\d{1,2} \d{1,2}:\d\d(?::\d\d)?"
    rb"(?: [A-Z+-][\w+-]{0,8}){0,2} (?:19|20)\d\d"
    rb"|\d{1,2} [A-Z][a-z]{2} (?:19|20)?\d\d \d{1,2}:\d\d(?::\d\d)?"
    rb"|(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d"
    rb")[^\r\n]{0,40}[\r\n]*\Z"
)


def _envelope_date(line: bytes) -> datetime | None:
    found = _ENVELOPE_DATE.search(line)
    return parse_date(found[0].decode("ascii", "replace").strip()) if found else None


def _without_last_blank(mail: bytearray) -> bytes:
    """The blank line before the next "From " line belongs to the archive, not to the mail."""
    for ending in (b"\r\n\r\n", b"\n\n"):
        if mail.endswith(ending):
            return bytes(mail[: -len(ending) // 2])
    return bytes(mail)


@dataclass(frozen=True, slots=True)
class MailHead:
    """What threads are made from. `number` is unique; it tells mails apart, it does not order them."""

    number: int
    message_id: str
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    base_subject: str = ""
    is_reply: bool = False
    sent_at: datetime | None = None


def head(number: int, mail: ParsedMail) -> MailHead:
    """The head of a parsed mail."""
    return MailHead(
        number=number,
        message_id=mail.message_id,
        in_reply_to=mail.in_reply_to,
        references=mail.references,
        base_subject=mail.base_subject,
        is_reply=mail.is_reply,
        sent_at=mail.sent_at,
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A mail in its thread. `parent` is the number of the mail it answers, if that mail is in the archive."""

    head: MailHead
    parent: int | None


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation. `posts` begins with the root; then by date, but never an answer before its question."""

    posts: tuple[Placed, ...]

    @property
    def root(self) -> MailHead:
        """The mail that begins the thread."""
        return self.posts[0].head


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Threads by the date of their roots, and mails whose Message-ID an earlier mail of the file has."""

    threads: tuple[Thread, ...]
    duplicates: tuple[MailHead, ...]


def arrange(heads: Sequence[MailHead]) -> Arrangement:
    """Build threads: by In-Reply-To, by the last known of References, by subject (a reply within 60 days).

    Mails that refer to the same mail outside the archive form one thread. The order of `heads` is of no
    matter; of mails with one Message-ID the lowest number stays. Every other mail is in exactly one thread.
    """
    known: dict[str, MailHead] = {}
    duplicates = []
    for one in sorted(heads, key=lambda each: each.number):
        if known.setdefault(one.message_id, one) is not one:
            duplicates.append(one)
    mails = sorted(known.values(), key=_by_date)
    family = _Family()
    parents = _parents(mails, known, family)
    for mail in mails:
        for reference in _references(mail):
            if reference not in known:
                family.unite(mail.message_id, reference)
    members = defaultdict(list)
    for mail in mails:
        members[family.of(mail.message_id)].append(mail)
    threads = [_thread(group, parents) for group in members.values()]
    return Arrangement(tuple(sorted(threads, key=lambda thread: _by_date(thread.root))), tuple(duplicates))


def _by_date(mail: MailHead) -> tuple[datetime, str]:
    """Mails without a date come last; the Message-ID makes the order the same every time."""
    return mail.sent_at or _LAST, mail.message_id


def _references(mail: MailHead) -> list[str]:
    """What a mail refers to, the closest first."""
    return [*([mail.in_reply_to] if mail.in_reply_to else []), *reversed(mail.references)]


class _Family:
    """Which mails belong together (union-find with path halving: nearly linear)."""

    def __init__(self) -> None:
        self.elder: dict[str, str] = {}

    def of(self, member: str) -> str:
        """The eldest of the member's family."""
        while (elder := self.elder.get(member, member)) != member:
            self.elder[member] = self.elder.get(elder, elder)
            member = elder
        return member

    def unite(self, younger: str, elder: str) -> None:
        self.elder[self.of(younger)] = self.of(elder)


def _parents(mails: list[MailHead], known: dict[str, MailHead], family: _Family) -> dict[str, MailHead]:
    """The parent of each mail that has one.

    From the newest to the oldest, so that in a circle of answers the oldest is the one that stays without.
    """
    parents: dict[str, MailHead] = {}
    subjects = _Subjects(mails)
    for mail in reversed(mails):
        named = (known[reference] for reference in _references(mail) if reference in known)
        for parent in (*named, *subjects.earlier(mail)):
            # A mail without a parent is the eldest of its family; below one of these it would close a circle.
            if family.of(parent.message_id) != mail.message_id:
                parents[mail.message_id] = parent
                family.unite(mail.message_id, parent.message_id)
                break
    return parents


class _Subjects:
    """Mails with a date by their subject, to find what a reply without References answers."""

    def __init__(self, mails: Iterable[MailHead]) -> None:
        self.mails: dict[str, list[MailHead]] = defaultdict(list)
        self.times: dict[str, list[datetime]] = defaultdict(list)
        for mail in mails:
            if mail.sent_at and mail.base_subject:
                self.mails[_key(mail)].append(mail)
                self.times[_key(mail)].append(mail.sent_at)

    def earlier(self, mail: MailHead) -> list[MailHead]:
        """The closest earlier mail of the same subject, at most 60 days before this reply; or none."""
        if not (mail.is_reply and mail.sent_at and mail.base_subject):
            return []
        position = bisect_left(self.times[_key(mail)], mail.sent_at)
        found = self.mails[_key(mail)][max(0, position - 1) : position]
        return [one for one in found if one.sent_at and mail.sent_at - one.sent_at <= SUBJECT_WINDOW]


def _key(mail: MailHead) -> str:
    return " ".join(mail.base_subject.casefold().split())


def _thread(group: list[MailHead], parents: dict[str, MailHead]) -> Thread:
    """A family in reading order."""
    answers: dict[str, list[MailHead]] = defaultdict(list)
    for mail in group:
        if mail.message_id in parents:
            answers[parents[mail.message_id].message_id].append(mail)
    root, *others = sorted((mail for mail in group if mail.message_id not in parents), key=_by_date)
    times = _reading_times([root, *others], answers)
    rest = sorted((mail for mail in group if mail is not root), key=lambda mail: times[mail.message_id])
    return Thread(tuple(_placed(mail, parents) for mail in (root, *rest)))


def _reading_times(roots: list[MailHead], answers: dict[str, list[MailHead]]) -> dict[str, ReadingTime]:
    """When each mail is read: at its date, but after what it answers, whatever its clock said."""
    times: dict[str, ReadingTime] = {}
    waiting = [(mail, mail.sent_at or _LAST, 0) for mail in reversed(roots)]
    while waiting:
        mail, moment, depth = waiting.pop()
        times[mail.message_id] = (moment, depth, mail.message_id)
        for answer in answers[mail.message_id]:
            waiting.append((answer, max(moment, answer.sent_at or moment), depth + 1))
    return times


def _placed(mail: MailHead, parents: dict[str, MailHead]) -> Placed:
    parent = parents.get(mail.message_id)
    return Placed(mail, parent.number if parent else None)
