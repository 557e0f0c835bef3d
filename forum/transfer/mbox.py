"""A mailing list's archive becomes threads: with its own dates, quotes and files, and people without accounts.

The file is read twice: once for the heads, from which the threads are built, then mail by mail in the order
of the threads. What is here already is left alone, so a second run, or one after a kill, ends the same.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from forum import clock, files
from forum.db import db
from forum.errors import Invalid
from forum.i18n import gettext
from forum.mail.archive import MailHead, Placed, RawMail, Thread, arrange, head, read_again, read_mbox
from forum.mail.parsing import ParsedMail, parse
from forum.mail.parts import Unreadable
from forum.members.actions import LONGEST_NAME, add_member
from forum.members.models import Member
from forum.text import MAX_SOURCE, tidy
from forum.threads import models as table
from forum.threads.actions import new_thread
from forum.threads.filing import attach
from forum.threads.models import LONGEST_TITLE, Post
from forum.transfer.archive import OldPost, Step, Words, batches, ready, refresh, write_posts

_MAILS_AT_ONCE, _THREADS_AT_ONCE = 200, 20
_NO_MAIL = "It has neither sender, subject nor date: this is no mail."
# What a name must not hold, or a mail program would make a link of it.
_NOT_IN_NAMES = re.compile(
    r"https?://\S*|www\.\S*|(?<=\S)@\S*|@|\.(?:com|de|net|org|info|eu)\b|[\x00-\x1f\x7f]", re.IGNORECASE
)
# Fenced code as `to_markdown` writes it, or an "@" that would call a member.
_CODE_OR_AT = re.compile(
    r"(?P<code>^(?P<quote>(?:> )*)(?P<fence>`{3,})\n(?:.*\n)*?(?P=quote)(?P=fence)$)|(?<![\w@.+/&=-])@(?=[A-Za-z0-9])",
    re.MULTILINE,
)


@dataclass
class Report:
    """What became of the mails."""

    mails: int = 0
    added: int = 0
    threads: int = 0
    here_already: int = 0
    duplicates: list[int] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"{self.mails} mails: {self.added} posts added in {self.threads} new threads, "
            f"{self.here_already} were here already, {len(self.duplicates)} double, {len(self.broken)} broken"
        )
        for number in self.duplicates:
            yield f"  mail {number} skipped: its Message-ID came before"
        for number, reason in self.broken:
            yield f"  mail {number} skipped: {reason}"


@dataclass(frozen=True)
class Sender:
    """Who wrote a mail, by its own account."""

    name: str
    address: str


@dataclass(frozen=True)
class StoredFile:
    """A file that lies in the folder and waits for its post."""

    name: str
    media_type: str
    size: int
    digest: str


@dataclass(frozen=True)
class ReadyMail:
    """A mail made ready between two transactions."""

    placed: Placed
    sender: Sender
    subject: str
    at: datetime
    words: Words
    files: tuple[StoredFile, ...]


class MboxImport:
    """One run over a file: `steps` yields what to do, each in one transaction, each returning how far it got."""

    def __init__(self, file: Path, area_id: int, folder: Path) -> None:
        self.file, self.area_id, self.folder = file, area_id, folder
        self.report = Report()
        self.size = 2 * file.stat().st_size
        self._heads: dict[int, MailHead] = {}
        self._places: dict[int, tuple[int, int, datetime | None]] = {}
        self._authors: dict[str, int] = {}
        self._end = 0
        self._written = 0

    def steps(self) -> Iterator[Step]:
        """Read the heads, then write the threads. Only writing happens in the steps themselves."""
        for raws in batches(read_mbox(self.file), _MAILS_AT_ONCE):
            self._scan(raws)
            yield self._so_far
        arranged = arrange(list(self._heads.values()))
        self.report.duplicates = sorted(double.number for double in arranged.duplicates)
        for families in batches(arranged.threads, _THREADS_AT_ONCE):
            yield partial(self._write, families, [self._ready(family) for family in families])

    def _so_far(self) -> int:
        return self._end + self._written

    def _scan(self, raws: Sequence[RawMail]) -> None:
        for raw in raws:
            self.report.mails += 1
            self._places[raw.number] = self._end, raw.end_position, raw.envelope_date
            self._end = raw.end_position
            try:
                mail = parse(raw.raw, raw.envelope_date)
            except Unreadable as broken:
                self.report.broken.append((raw.number, broken.sentence))
                continue
            if mail.from_name or mail.from_address or mail.subject or mail.header("date"):
                self._heads[raw.number] = head(raw.number, mail)
            else:
                self.report.broken.append((raw.number, _NO_MAIL))

    def _ready(self, family: Thread) -> list[ReadyMail]:
        """Those mails of a thread that are not here yet, read, rendered, and their files stored."""
        here = _here([post.head.message_id for post in family.posts])
        self.report.here_already += len(here)
        made, at = [], self._earliest(family)
        for placed in family.posts:
            start, end, envelope_date = self._places[placed.head.number]
            self._written += end - start
            at = self._date(placed.head, at)
            if placed.head.message_id not in here:
                made.append(self._made(placed, parse(read_again(self.file, start, end), envelope_date), at))
        return made

    def _made(self, placed: Placed, mail: ParsedMail, at: datetime) -> ReadyMail:
        body, is_whole = _body(mail)
        found = [(one.name, one.media_type, one.content) for one in mail.attachments]
        if not is_whole:
            found.append((gettext("whole-text.txt"), "text/plain", mail.body.encode(errors="replace")))
        stored = (
            StoredFile(name, kind, len(content), files.store(self.folder, content)) for name, kind, content in found
        )
        return ReadyMail(
            placed,
            Sender(mail.from_name, mail.from_address),
            " ".join(tidy(mail.base_subject or mail.subject).split())[:LONGEST_TITLE],
            at,
            ready([body])[0],
            tuple({(file.digest, file.name): file for file in stored}.values()),
        )

    def _earliest(self, family: Thread) -> datetime:
        """For mails without a date of their own that nothing precedes: the first one known, or the file's."""
        known = [post.head.sent_at for post in family.posts if _is_past(post.head.sent_at)]
        return min((at for at in known if at), default=datetime.fromtimestamp(self.file.stat().st_mtime, UTC))

    def _date(self, mail: MailHead, before: datetime) -> datetime:
        """When a mail was written. A clock that ran ahead must not keep its thread on top for years."""
        envelope_date = self._places[mail.number][2]
        return next((at for at in (mail.sent_at, envelope_date) if at and _is_past(at)), before)

    def _write(self, families: Sequence[Thread], missing: Sequence[Sequence[ReadyMail]]) -> int:
        posts: list[OldPost] = []
        for family, mails in zip(families, missing, strict=True):
            if mails:
                posts += self._posts(family, mails)
        ids = write_posts(posts)
        for mail in (mail for mails in missing for mail in mails):
            for file in mail.files:
                attach(ids[_uid(mail.placed.head)], file.name, file.media_type, file.size, file.digest)
        self.report.added += len(ids)
        if posts:
            refresh({post.thread_id for post in posts})
        return self._so_far()

    def _posts(self, family: Thread, mails: Sequence[ReadyMail]) -> Iterator[OldPost]:
        """The mails as posts, each in the thread of what it answers, or of its family.

        Only threads of the area count: what came over a closed list must not end in an open area because
        it mentions a mail from there.
        """
        answers = {mail.placed.head.message_id: self._answers(mail.placed) for mail in mails}
        places = _here([known for near in answers.values() for known in near], self.area_id)
        kin = [post.head.message_id for post in family.posts]
        of_kin = _here(kin, self.area_id)
        home = next((of_kin[message_id][1] for message_id in kin if message_id in of_kin), None)
        for mail in mails:
            own = mail.placed.head
            answered = next((places[known] for known in answers[own.message_id] if known in places), None)
            if answered is None and home is None:
                home = self._open(mail)
            reply_to, thread_id = answered or (None, home or 0)
            places[own.message_id] = _uid(own), thread_id
            author = self._author(mail.sender)
            yield OldPost(_uid(own), thread_id, author, mail.words, mail.at, reply_to, own.message_id)

    def _answers(self, placed: Placed) -> list[str]:
        """What a mail answers, the closest first: its parent in the file, or mails of earlier imports."""
        own = placed.head
        parent = [self._heads[placed.parent].message_id] if placed.parent else []
        return [*parent, *([own.in_reply_to] if own.in_reply_to else []), *reversed(own.references)]

    def _open(self, mail: ReadyMail) -> int:
        self.report.threads += 1
        title, uid = mail.subject or gettext("(no subject)"), _uid(mail.placed.head)
        return new_thread(self.area_id, "question", title, self._author(mail.sender), mail.at, [], uid).id

    def _author(self, sender: Sender) -> int:
        """The member with this address, or a person without account who stands for it; the address is not kept."""
        key = sender.address or sender.name.lower()
        if key not in self._authors:
            self._authors[key] = _known_author(sender.address, _person_uid(key)) or _new_person(sender, key)
        return self._authors[key]


def _is_past(at: datetime | None) -> bool:
    return at is not None and at <= clock.now() + timedelta(days=1)


def _uid(mail: MailHead) -> str:
    """How the post is called in exchanged files, and the thread that it opens."""
    return f"mail:{mail.message_id}"


def _body(mail: ParsedMail) -> tuple[str, bool]:
    """The text as a post, and whether that is all of it."""
    body = tidy(_CODE_OR_AT.sub(lambda found: found[0] if found["code"] else "\\@", mail.body))
    if len(body) > MAX_SOURCE:
        short = gettext("*(shortened; the whole text is in the attached file)*")
        return body[: MAX_SOURCE - 200].rpartition("\n")[0] + "\n\n" + short, False
    return (body if body.strip() else gettext("*(no text)*")), True


def _here(message_ids: Sequence[str], area_id: int | None = None) -> dict[str, tuple[str, int]]:
    """Which of these mails are posts already, in this area or anywhere: Message-ID → uid and thread."""
    found = select(Post.message_id, Post.uid, Post.thread_id).where(Post.message_id.in_(set(message_ids)))
    if area_id is not None:
        found = found.join(table.Thread, table.Thread.id == Post.thread_id).where(table.Thread.area_id == area_id)
    return {message_id: (uid, thread_id) for message_id, uid, thread_id in db.session.execute(found) if message_id}


def _person_uid(key: str) -> str:
    return "mail:" + hashlib.sha256(key.encode(errors="replace")).hexdigest()[:24]


def _known_author(address: str, uid: str) -> int | None:
    of_address = db.session.scalar(select(Member.id).where(Member.email == address)) if address else None
    return of_address or db.session.scalar(select(Member.id).where(Member.uid == uid))


def _new_person(sender: Sender, key: str) -> int:
    local = sender.address.partition("@")[0]
    shown = sender.name or local
    for name in (shown, _NOT_IN_NAMES.sub(" ", shown), _NOT_IN_NAMES.sub(" ", local), gettext("Unknown person")):
        try:
            return add_member(" ".join(tidy(name).split())[:LONGEST_NAME], None, uid=_person_uid(key)).id
        except Invalid:
            continue
    raise AssertionError("the last name is always valid")
