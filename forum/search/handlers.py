"""How the index hears of changes: it puts what stands and removes what does not, as it is *now*."""

import logging
from collections.abc import Iterator, Sequence

from flask import current_app

from forum.outbox import Event, anything_for, on, still_working
from forum.search.compounds import Lexicon
from forum.search.documents import (
    all_documents,
    documents_of,
    posts_between,
    posts_of_threads,
    standing_by_area,
)
from forum.search.engine import Document, Engine, Filters, IndexBusy, IndexDamaged, Sight
from forum.search.query import parse
from forum.search.understanding import understand

log = logging.getLogger(__name__)

# A lease is lengthened after so many documents of a rebuild, which is a few seconds' work.
_BREATH = 2000
FEWEST_NEW_WORDS = 20


def engine() -> Engine:
    """The search engine of this network."""
    found: Engine = current_app.extensions["forum.search"]
    return found


def warm_up() -> None:
    """Have the words read and the index opened before a job is taken: its lease should not pay for them."""
    nowhere = Filters(Sight(frozenset({0})))
    engine().find(understand(parse("Mietschulden"), engine().german), nowhere)


@on("thread.started", "thread.retitled", "thread.moved", "thread.merged", "thread.split", "thread.outcome_told",
    "post.created", "post.edited", "post.deleted", "post.restored", "post.recommended", "recommendation.withdrawn",
    "post.helped", "post.file_read", "post.redacted", "posts.imported",
    batch=200, alone=True)  # fmt: skip
def index_posts(events: Sequence[Event]) -> None:
    """Bring the index up to what the database says of the posts that changed."""
    if any(event.name == "post.redacted" for event in events):
        # What is only replaced stays on the disk until parts are joined; and twice, because an index that is built
        # anew learns the words that compounds are made of from the one before.
        rebuild()
        rebuild()
        return
    ids = _concerned(events)
    documents = documents_of(ids)
    try:
        engine().put(documents)
        if gone := ids - {document.key for document in documents}:
            engine().remove(gone)
    except IndexDamaged as damage:
        log.warning("search index is %s: building it anew", damage.problem)
        rebuild()


def _concerned(events: Sequence[Event]) -> set[int]:
    ids, whole, openings = set(), set(), set()
    for event in events:
        if event.name == "posts.imported":
            ids |= posts_between(event.subject_id, event.ids["last_id"])
        elif event.name.startswith("thread."):
            whole.add(event.subject_id)
            openings.add(event.ids.get("from_thread_id", 0))
        else:
            ids.add(event.subject_id)
            # Whether a question is answered is told with its opening post.
            openings.add(event.ids["thread_id"])
    return ids | posts_of_threads(whole, openings)


def rebuild() -> int:
    """Build the index anew beside the old one and swap; return how many posts it holds."""
    engine().rebuild(_breathing(all_documents()))
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
