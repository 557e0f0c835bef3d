"""How the index hears of changes: it puts what stands and removes what does not, as it is *now*."""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil

from flask import current_app
from sqlalchemy import select

from forum import outbox
from forum.db import db, transaction
from forum.outbox import Event, anything_for, on, still_working
from forum.search.attachments import forget_texts
from forum.search.compounds import Lexicon
from forum.search.documents import (
    all_documents,
    documents_of,
    posts_between,
    posts_of_threads,
    standing_by_area,
)
from forum.search.engine import Document, Engine, Filters, IndexBusy, IndexDamaged, Progress, Sight
from forum.search.query import parse
from forum.search.understanding import understand

log = logging.getLogger(__name__)

# A lease is lengthened after so many documents of a rebuild, which is a few seconds' work.
_BREATH = 2000
LONGEST_TRANSACTION = timedelta(minutes=5)
FEWEST_NEW_WORDS = 20
CHANGES = (
    *("thread.started", "thread.retitled", "thread.moved", "thread.merged", "thread.split", "thread.outcome_told"),
    *("post.created", "post.edited", "post.deleted", "post.restored", "post.recommended", "recommendation.withdrawn"),
    *("post.helped", "post.file_read", "post.redacted", "posts.imported"),
)


def engine() -> Engine:
    """The search engine of this network."""
    found: Engine = current_app.extensions["forum.search"]
    return found


def warm_up() -> None:
    """Have the words read and the index opened before a job is taken: its lease should not pay for them."""
    nowhere = Filters(Sight(frozenset({0})))
    engine().find(understand(parse("Mietschulden"), engine().german), nowhere)


@on(*CHANGES, "index.overtaken", batch=200, alone=True)
def index_posts(events: Sequence[Event]) -> None:
    """Bring the index up to what the database says of the posts that changed."""
    ids = _concerned(events)
    documents = documents_of(ids)
    try:
        engine().put(documents)
        if gone := ids - {document.key for document in documents}:
            engine().remove(gone)
    except IndexDamaged as damage:
        log.warning("search index is %s: building it anew", damage.problem)
        rebuild()
    if redacted := [event.subject_id for event in events if event.name == "post.redacted"]:
        with transaction():
            forget_texts()
            outbox.record("redaction.indexed", redacted[-1], None)


@on("redaction.indexed", batch=200, alone=True, beside=True)
def leave_no_words(_events: Sequence[Event]) -> None:
    """Take out of the index what is found no more: what was only replaced stays on the disk until parts are joined."""
    rebuild()
    # An index that is built anew learns the words that compounds are made of from the one before.
    rebuild()


def _concerned(events: Sequence[Event]) -> set[int]:
    ids, whole, openings = set(), set(), set()
    for event in events:
        if event.name == "index.overtaken":
            ids |= _concerned(_changes_before(event))
        elif event.name == "posts.imported":
            ids |= posts_between(event.subject_id, event.ids["last_id"])
        elif event.name.startswith("thread."):
            whole.add(event.subject_id)
            openings.add(event.ids.get("from_thread_id", 0))
        else:
            ids.add(event.subject_id)
            # Whether a question is answered is told with its opening post.
            openings.add(event.ids["thread_id"])
            if event.name == "post.redacted":
                whole.add(event.ids["thread_id"])
    return ids | posts_of_threads(whole, openings)


def _changes_before(overtaken: Event) -> Sequence[Event]:
    """What changed while an index was built, and shortly before: not all of that was committed when it was read."""
    since = overtaken.at - timedelta(seconds=overtaken.ids["seconds"]) - LONGEST_TRANSACTION
    return db.session.scalars(select(Event).where(Event.name.in_(CHANGES), Event.at >= since)).all()


def rebuild(progress: Progress | None = None) -> int:
    """Build the index anew beside the old one and swap; return how many posts it holds.

    What changes meanwhile is put into the old one at once, and after the swap into the new one as well.
    """
    began = time.monotonic()

    def overtaken() -> None:
        with transaction():
            outbox.record("index.overtaken", 0, None, seconds=ceil(time.monotonic() - began))

    engine().rebuild(_breathing(all_documents()), progress, overtaken)
    return engine().status().documents


def _breathing(documents: Iterator[Document]) -> Iterator[Document]:
    for number, document in enumerate(documents, 1):
        if number % _BREATH == 0:
            still_working()
        yield document


def heal() -> bool:
    """Rebuild an index that is damaged or missing; whether that was needed."""
    status = engine().status()
    if status.healthy:
        return False
    log.warning("search index is %s: building it anew", status.problem)
    return _rebuild_unless_busy()


def mend_drift() -> bool:
    """Rebuild an index that holds other posts than the database; whether that was needed.

    Only tallies of each area are compared, and only while no change is waiting: those are not drift.
    """
    try:
        if engine().count_by_area() == standing_by_area() or anything_for(index_posts):
            return False
    except IndexDamaged:
        return heal()
    log.warning("search index and database differ: building the index anew")
    return _rebuild_unless_busy()


def learn_words() -> bool:
    """Rebuild an index whose posts have many words by now that compounds may be made of; whether that was needed."""
    try:
        learned = set(Lexicon.shipped().grown(engine().words()).learned)
    except IndexDamaged:
        return heal()
    known = set(engine().german.lexicon.learned)
    if len(learned - known) < max(FEWEST_NEW_WORDS, len(known) // 10):
        return False
    log.info("the search learns words of the network: building the index anew")
    return _rebuild_unless_busy()


def _rebuild_unless_busy() -> bool:
    try:
        rebuild()
    except IndexBusy:
        return False
    return True
