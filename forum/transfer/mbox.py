"""A mailing list's archive becomes threads: with its own dates, quotes and files, and people without accounts.

The file is read twice: once for the heads, from which the threads are built, then mail by mail in the order
of the threads. What is here already is left alone, so a second run, or one after a kill, ends the same.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from forum import clock, files
from forum.db import db
from forum.errors import Invalid
from forum.i18n import gettext
from forum.mail.archive import MailHead, RawMail, Thread, arrange, head, read_again, read_mbox
from forum.mail.parsing import ParsedMail, Unreadable, parse
from forum.members.actions import LONGEST_NAME, add_member
from forum.members.models import Member
from forum.text import MAX_SOURCE, tidy
from forum.threads.actions import attach, new_thread
from forum.threads.models import LONGEST_TITLE, Post
from forum.transfer.archive import Numbers, OldPost, batches, refresh, write_posts

_MAILS_AT_ONCE, _THREADS_AT_ONCE = 200, 20
_NOT_IN_NAMES = re.compile(r"https?://\S*|www\.\S*|@\S*|\.(?:com|de|net|org|info|eu)\b|[\x00-\x1f\x7f]", re.IGNORECASE)


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
            yield f"  mail {number}: its Message-ID came before; skipped"
        for number, reason in self.broken:
            yield f"  mail {number}: {reason}; skipped"


class MboxImport:
    """One run over a file: `steps` yields what to do, each in one transaction, each returning how far it got."""

    def __init__(self, file: Path, area_id: int, folder: Path) -> None:
        self.file, self.area_id, self.folder = file, area_id, folder
        self.report = Report()
        self.size = 2 * file.stat().st_size
        self._heads: list[MailHead] = []
        self._places: dict[int, tuple[int, int, datetime | None]] = {}
        self._end = 0
        self._numbers = Numbers()
        self._written = 0

    def steps(self) -> Iterator[Callable[[], int]]:
        """Read the heads, then write the threads."""
        for raws in batches(read_mbox(self.file), _MAILS_AT_ONCE):
            yield lambda raws=raws: self._scan(raws)  # type: ignore[misc]  # bound on purpose
        arranged = arrange(self._heads)
        self.report.duplicates = sorted(double.number for double in arranged.duplicates)
        for threads in batches(arranged.threads, _THREADS_AT_ONCE):
            yield lambda threads=threads: self._write(threads)  # type: ignore[misc]  # bound on purpose

    def _scan(self, raws: Sequence[RawMail]) -> int:
        for raw in raws:
            self.report.mails += 1
            self._places[raw.number] = self._end, raw.end_position, raw.envelope_date
            self._end = raw.end_position
            try:
                self._heads.append(head(raw.number, parse(raw.raw, raw.envelope_date)))
            except Unreadable as broken:
                self.report.broken.append((raw.number, broken.sentence))
        return raws[-1].end_position

    def _write(self, threads: Sequence[Thread]) -> int:
        touched = [self._write_thread(thread) for thread in threads]
        refresh([thread_id for thread_id in touched if thread_id is not None])
        return self.size // 2 + self._written

    def _write_thread(self, thread: Thread) -> int | None:
        """Add what is missing of a thread; None if nothing was."""
        here = _here([post.head.message_id for post in thread.posts])
        self.report.here_already += len(here)
        missing = [self._mail(post.head.number) for post in thread.posts if post.head.message_id not in here]
        if not missing:
            return next(iter(here.values()), None)
        thread_id = self._thread_id(thread, here, missing[0])
        parents = {post.head.number: post.parent for post in thread.posts}
        ids = {post.head.number: post.head.message_id for post in thread.posts}
        numbers = {post.head.message_id: post.head.number for post in thread.posts}
        at, posts = clock.now(), []
        for mail in missing:
            at = mail.sent_at or at
            parent = parents[numbers[mail.message_id]]
            posts.append(self._post(mail, thread_id, at, ids[parent] if parent is not None else None))
        written = write_posts(posts, self._numbers)
        for mail in missing:
            self._store_files(written[mail.message_id], mail)
        self.report.added += len(written)
        return thread_id

    def _mail(self, number: int) -> ParsedMail:
        start, end, envelope_date = self._places[number]
        self._written += end - start
        return parse(read_again(self.file, start, end), envelope_date)

    def _thread_id(self, thread: Thread, here: dict[str, int], first: ParsedMail) -> int:
        """The thread that holds a part of this one already, or that its root replies to; else a new one."""
        root = thread.root
        known = here or _here([*root.references, *([root.in_reply_to] if root.in_reply_to else [])])
        if known:
            return next(iter(known.values()))
        title = " ".join(tidy(first.base_subject or first.subject).split())[:LONGEST_TITLE] or gettext("(no subject)")
        at = first.sent_at or clock.now()
        self.report.threads += 1
        return new_thread(self.area_id, "question", title, _author(first), at, [], f"mail:{root.message_id}").id

    def _post(self, mail: ParsedMail, thread_id: int, at: datetime, reply_to: str | None) -> OldPost:
        body = tidy(mail.body)
        if len(body) > MAX_SOURCE:
            body = body[: MAX_SOURCE - 200] + "\n\n" + gettext("*(shortened; the whole text is in the attached file)*")
        text = body if body.strip() else gettext("*(no text)*")
        return OldPost(mail.message_id, thread_id, _author(mail), text, at, reply_to, mail.message_id)

    def _store_files(self, post_id: int, mail: ParsedMail) -> None:
        found = [(one.name, one.media_type, one.content) for one in mail.attachments]
        if len(mail.body) > MAX_SOURCE:
            found.append((gettext("whole-text.txt"), "text/plain", mail.body.encode(errors="replace")))
        kept = {(files.store(self.folder, content), name): (kind, len(content)) for name, kind, content in found}
        for (digest, name), (kind, size) in kept.items():
            attach(post_id, name, kind, size, digest)


def _here(message_ids: Sequence[str]) -> dict[str, int]:
    """Which of these mails are posts already: Message-ID → thread."""
    found = db.session.execute(select(Post.message_id, Post.thread_id).where(Post.message_id.in_(message_ids)))
    return {message_id: thread_id for message_id, thread_id in found if message_id is not None}


def _author(mail: ParsedMail) -> int:
    """The member with this address, or a person without account who stands for it; the address is not kept."""
    address = mail.from_address or mail.from_name.lower()
    uid = "mail:" + hashlib.sha256(address.encode(errors="replace")).hexdigest()[:24]
    known = select(Member.id).where((Member.uid == uid) | (Member.email == (mail.from_address or None)))
    return db.session.scalar(known.limit(1)) or _new_person(mail, uid)


def _new_person(mail: ParsedMail, uid: str) -> int:
    shown = mail.from_name or mail.from_address.partition("@")[0]
    for name in (shown, _NOT_IN_NAMES.sub(" ", shown), gettext("Unknown person")):
        try:
            return add_member(" ".join(tidy(name).split())[:LONGEST_NAME], None, uid=uid).id
        except Invalid:
            continue
    raise AssertionError("the last name is always valid")
