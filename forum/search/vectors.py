"""What posts and titles mean: made by the worker, kept in the database, compared with a question.

There is one row for each post, and it says what it was made of: the model, the version of the post, its thread's
title. So a rebuild of the index computes nothing, an edit one row, another model all of them. An empty row is
a deleted post's. Each write of a row counts `change` on; a process that compares loads only what is above its own.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import numpy as np
from flask import Flask, current_app
from numpy.typing import NDArray
from sqlalchemy import ForeignKey, Integer, and_, bindparam, delete, func, insert, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import AnyRow, Base, db, on_postgres, read, transaction
from forum.search.engine import Nearness
from forum.search.meaning import DIMENSIONS, Meaning, Model
from forum.text import plain
from forum.threads.models import Post, Thread

log = logging.getLogger(__name__)

MOST_COMPARED = 200_000
MOST_CANDIDATES = 2000
WEIGHT_OF_NEARER = 0.75
_AT_ONCE = 2000
_NEWEST = 500
_STRETCH = 5000
_LOOKING_SECONDS = 0.05
_BITE = 16
# As many vectors as stay in a core's cache while they are turned from bytes into numbers.
_PIECE = 1024
_WRITE_LOCK = 4_730_003

Keys = NDArray[np.int64]
Scores = NDArray[np.float32]


class Vector(Base):
    """What a post means, and, if it opens a thread, what the title means: a signed byte for each dimension."""

    __tablename__ = "vector"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), primary_key=True)
    change: Mapped[int] = mapped_column(unique=True)
    model: Mapped[str]
    version: Mapped[int]
    title_digest: Mapped[str | None]
    text: Mapped[bytes | None]
    title: Mapped[bytes | None]


class Vectors:
    """The vectors of a network; one for each process, shared by its threads. Without a model it knows nothing."""

    def __init__(self, app: Flask, model: Model | None) -> None:
        self._app = app
        self._model = model
        self._texts, self._titles = _Shelf(), _Shelf()
        self._change = 0
        self._complete = self._too_many = False
        self._loading = threading.Lock()
        self._below = 0

    def compare(self, question: str) -> Nearness | None:
        """All posts, compared with a question. None: without model, while loading, above MOST_COMPARED posts."""
        return self._compared(self._model.question(question)) if self._model and self._knows_any() else None

    def among(self, question: str, candidates: Sequence[int]) -> Nearness | None:
        """A question compared with these posts only, read from the database."""
        if not self._model or not candidates:
            return None
        texts, titles = _Shelf(), _Shelf()
        rows = read(_CANDIDATES, {"post_ids": candidates[:MOST_CANDIDATES]}).all()
        _put(texts, titles, rows, self._model.name)
        return _nearness(texts, titles, self._model.question(question)) if len(texts.keys) else None

    def near(self, question: str, candidates: Callable[[], Sequence[int]]) -> Nearness | None:
        """All posts compared, or where there are too many of them the best by words."""
        near = self.compare(question)
        return self.among(question, candidates()) if near is None and self._too_many else near

    def similar(self, words: str) -> Nearness | None:
        """All posts, compared with what somebody is about to write: a title, the beginning of a post."""
        return self._compared(self._model.passage(words)) if self._model and self._knows_any() else None

    def similar_to(self, post_id: int) -> Nearness | None:
        """All posts, compared with one of them: nothing has to be computed for that."""
        if not self._model or not self._knows_any():
            return None
        stored = self._texts.vector(post_id)
        return None if stored is None else self._compared(stored)

    def wait(self) -> None:
        """Load all there is, for commands: a page goes on without what is still being loaded."""
        while self._model and not self._too_many and not self._is_loaded():
            time.sleep(0.05)

    def make_some(self, seconds: float = 0.4, threads: int = 1) -> int:
        """Make vectors that are missing or outdated, the newest first, for about so long; return how many posts'.

        No transaction is open while the model computes. Two workers at once do no harm: the later one wins. Commands
        that wait for it take more threads; beside pages one is enough.
        """
        model = self._model
        if model is None:
            return 0
        until = time.monotonic() + seconds
        made: list[dict[str, Any]] = []
        sources = list(_sources(self._due(model.name)))
        with ThreadPoolExecutor(threads) as pool:
            while sources and time.monotonic() < until:
                made += pool.map(_made, sources[:threads], repeat(model))
                del sources[:threads]
        _keep(made)
        return len(made)

    def still_missing(self) -> int:
        """How many posts have no vector yet, or an outdated one. Counts all posts: for checks."""
        if self._model is None:
            return 0
        count = select(func.count()).select_from(_JOINED).where(_OUTDATED)
        return db.session.scalar(count, {"model": self._model.name}) or 0

    def _due(self, model: str) -> list[int]:
        """Look at the newest posts, then on through all others in a circle, a little further each time."""
        newest = db.session.scalar(select(func.max(Post.id))) or 0
        due = _due_between(model, newest - _NEWEST, newest)
        until = time.monotonic() + _LOOKING_SECONDS
        while not due and time.monotonic() < until:
            top = self._below if self._below > 0 else newest
            due = _due_between(model, top - _STRETCH, top)
            if not due:
                self._below = top - _STRETCH
                if self._below <= 0:
                    break
        return due

    def _is_loaded(self) -> bool:
        """Load what is new; whether it ever was complete. Much is loaded aside: no search waits for it."""
        if self._loading.acquire(blocking=False):
            more = False
            try:
                more = self._load()
            finally:
                if not more:
                    self._loading.release()
            if more:  # the lock goes over to the thread
                threading.Thread(target=self._load_rest, name="vectors", daemon=True).start()
        return self._complete

    def _load_rest(self) -> None:
        try:
            with self._app.app_context():
                while self._load():
                    db.session.rollback()
        except Exception:
            log.exception("vectors could not be loaded")
        finally:
            self._loading.release()

    def _load(self) -> bool:
        """Load a step of what was written since the last one; whether there is more."""
        if self._too_many or self._model is None:
            return False
        rows = read(_NEW, {"after": self._change, "most": _AT_ONCE}).all()
        if rows:
            _put(self._texts, self._titles, rows, self._model.name)
            self._change = rows[-1].change
        if len(self._texts.keys) > MOST_COMPARED:
            self._texts, self._titles = _Shelf(), _Shelf()
            self._too_many, self._complete = True, False
            return False
        more = len(rows) == _AT_ONCE
        self._complete |= not more
        return more

    def _knows_any(self) -> bool:
        return self._is_loaded() and len(self._texts.keys) > 0

    def _compared(self, vector: Meaning) -> Nearness:
        return _nearness(self._texts, self._titles, vector)


def vectors() -> Vectors:
    """The vectors of this network."""
    found: Vectors = current_app.extensions["forum.vectors"]
    return found


class _Shelf:
    """Vectors under the numbers of their posts. One thread writes, others may read meanwhile what was there before."""

    def __init__(self) -> None:
        self.keys: Keys = np.empty(0, np.int64)
        # Replaced whole by each write: ascending keys, where their vectors lie, the vectors, what makes them length 1.
        self._shown = self.keys, np.empty(0, np.intp), np.empty((0, DIMENSIONS), np.int8), np.empty(0, np.float32)
        self._used = 0

    def put(self, keys: Keys, codes: NDArray[np.int8]) -> None:
        """Add vectors, or replace those with the same key."""
        old_keys, slots, stored, factors = self._shown
        place = np.searchsorted(old_keys, keys)
        known = place < len(old_keys)
        known[known] = old_keys[place[known]] == keys[known]
        where = np.empty(len(keys), np.intp)
        where[known] = slots[place[known]]
        added = len(keys) - int(known.sum())
        where[~known] = np.arange(self._used, self._used + added)
        self._used += added
        if self._used > len(stored):
            stored, factors = (_grown(array, self._used) for array in (stored, factors))
        stored[where] = codes
        lengths = np.linalg.norm(codes.astype(np.float32), axis=1)
        factors[where] = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        self._show(np.concatenate((old_keys, keys[~known])), np.concatenate((slots, where[~known])), stored, factors)

    def remove(self, keys: Keys) -> None:
        """Forget vectors; unknown keys are fine."""
        old_keys, slots, stored, factors = self._shown
        stay = ~np.isin(old_keys, keys)
        self._show(old_keys[stay], slots[stay], stored, factors)

    def _show(self, keys: Keys, slots: Any, stored: Any, factors: Any) -> None:
        order = np.argsort(keys, kind="stable")
        self._shown = keys[order], slots[order], stored, factors
        self.keys = self._shown[0]

    def vector(self, key: int) -> Meaning | None:
        """The stored vector of a post."""
        keys, slots, stored, factors = self._shown
        place = int(np.searchsorted(keys, key))
        if place == len(keys) or keys[place] != key:
            return None
        slot = slots[place]
        vector: Meaning = stored[slot].astype(np.float32) * factors[slot]
        return vector

    def compared(self, vector: Meaning) -> tuple[Keys, Scores]:
        """The cosine of each stored vector with this one: exactly, all of them."""
        keys, slots, stored, factors = self._shown
        used = int(slots.max()) + 1 if len(slots) else 0
        scores = np.empty(used, np.float32)
        numbers = np.empty((min(_PIECE, used), DIMENSIONS), np.float32)
        for start in range(0, used, _PIECE):
            end = min(start + _PIECE, used)
            piece = numbers[: end - start]
            np.copyto(piece, stored[start:end])
            np.dot(piece, vector, out=scores[start:end])
        scores *= factors[:used]
        return keys, scores[slots]


def _grown(array: NDArray[Any], least: int) -> NDArray[Any]:
    """A copy with room for a quarter more than has to be in it."""
    larger = np.zeros((least + least // 4 + 16, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def _put(texts: _Shelf, titles: _Shelf, rows: Sequence[AnyRow], model: str) -> None:
    """Lay rows on the shelves; those that are empty or another model's are taken off."""
    for shelf, part in ((texts, "text"), (titles, "title")):
        codes = {row.post_id: getattr(row, part) if row.model == model else None for row in rows}
        full = {key: code for key, code in codes.items() if code is not None}
        if gone := codes.keys() - full.keys():
            shelf.remove(_keys(gone))
        if full:
            shelf.put(_keys(full), np.frombuffer(b"".join(full.values()), np.int8).reshape(-1, DIMENSIONS))


def _keys(numbers: Collection[int]) -> Keys:
    return np.fromiter(numbers, np.int64, len(numbers))


def _nearness(texts: _Shelf, titles: _Shelf, vector: Meaning) -> Nearness:
    """The nearer one of title and text counts most, the other a little: see docs/ranking.md."""
    keys, text = texts.compared(vector)
    titled, scores = titles.compared(vector)
    # A title that was laid on its shelf a moment ago may be ahead of its text.
    there = np.isin(titled, keys, assume_unique=True)
    title = text.copy()
    title[np.searchsorted(keys, titled[there])] = scores[there]
    best = WEIGHT_OF_NEARER * np.maximum(text, title) + (1 - WEIGHT_OF_NEARER) * np.minimum(text, title)
    return Nearness(keys, best.astype(np.float32))


_ROWS = select(Vector.post_id, Vector.change, Vector.model, Vector.text, Vector.title)
_NEW = _ROWS.where(Vector.change > bindparam("after")).order_by(Vector.change).limit(bindparam("most", type_=Integer))
# Numbers that stand in the statement: to bind thousands takes longer than to read them.
_CANDIDATES = _ROWS.where(Vector.post_id.in_(bindparam("post_ids", expanding=True, literal_execute=True)))
_JOINED = Post.__table__.outerjoin(Vector.__table__, Vector.post_id == Post.id)
_STANDS = Post.deleted_at.is_(None)
_OUTDATED = and_(
    _STANDS, or_(Vector.text.is_(None), Vector.model != bindparam("model"), Vector.version != Post.version)
)
_DUE = or_(_OUTDATED, and_(~_STANDS, Vector.text.is_not(None)))
# Whether a title is still the one of the vector is told by its digest, which the database cannot make.
_LOOK = (
    select(Post.id, _DUE.label("due"), Thread.title, Vector.title_digest)
    .select_from(_JOINED.join(Thread.__table__, Thread.id == Post.thread_id))
    .where(Post.id > bindparam("low"), Post.id <= bindparam("high"), or_(_DUE, and_(_STANDS, Post.number == 1)))
    .order_by(Post.id.desc())
)
_SOURCES = (
    select(Post.id, Post.version, Post.number, Post.html, _STANDS.label("stands"), Thread.title)
    .join(Thread, Thread.id == Post.thread_id)
    .order_by(Post.id.desc())
)


def _due_between(model: str, low: int, high: int) -> list[int]:
    """The newest of these posts whose vector is missing or outdated, or should be gone."""
    rows = db.session.execute(_LOOK, {"model": model, "low": low, "high": high})
    due = [row.id for row in rows if row.due or row.title_digest != _digest(row.title)]
    db.session.rollback()
    return due[:_BITE]


def _sources(post_ids: Sequence[int]) -> Sequence[AnyRow]:
    rows = db.session.execute(_SOURCES.where(Post.id.in_(post_ids))).all() if post_ids else []
    db.session.rollback()
    return rows


def _made(source: AnyRow, model: Model) -> dict[str, Any]:
    """The row of a post as it stands; empty if it was deleted."""
    titled = source.stands and source.number == 1
    return {
        "post_id": source.id,
        "model": model.name,
        "version": source.version,
        "title_digest": _digest(source.title) if titled else None,
        # With its title a short text says what it is about.
        "text": _code(model.passage(f"{source.title}\n{plain(source.html)}")) if source.stands else None,
        "title": _code(model.passage(source.title)) if titled else None,
    }


def _keep(made: Iterable[dict[str, Any]]) -> None:
    """Write rows in the place of those that were there, each with a number above all others.

    One writer at a time, until its commit: else a number could appear below one that was already loaded.
    """
    rows = list(made)
    if not rows:
        return
    with transaction():
        if on_postgres():
            db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})
        last = db.session.scalar(select(func.max(Vector.change))) or 0
        db.session.execute(delete(Vector).where(Vector.post_id.in_([row["post_id"] for row in rows])))
        db.session.execute(insert(Vector), [row | {"change": last + n} for n, row in enumerate(rows, 1)])


def _code(vector: Meaning) -> bytes:
    """A byte for each dimension, the largest becoming 127: lengths are made equal again when vectors are compared."""
    largest = np.abs(vector).max() or 1
    code: bytes = np.rint(vector / largest * 127).astype(np.int8).tobytes()
    return code


def _digest(title: str) -> str:
    return hashlib.blake2b(title.encode(), digest_size=12).hexdigest()
