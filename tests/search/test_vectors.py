"""Vectors are made by the worker, once; they follow every change, and find what is near."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from forum.db import db, transaction
from forum.search import handlers, meaning, vectors
from forum.search.vectors import Nearness, Vector, Vectors
from forum.threads.models import Post
from tests.cast import Person, post_id

QUESTION = "Der Vater trinkt und die Kinder sind allein"
FAMILY = "Begleitung von Familien mit Suchtproblemen"
RENT = "Mietschulden früh ansprechen"


class Counting:
    """The model, counting the texts it computes."""

    def __init__(self, name: str = "") -> None:
        found = meaning.model()
        if found is None:
            pytest.skip("the extra [meaning] is not installed")
        self.name = name or found.name
        self.question = found.question
        self._passage = found.passage
        self.computed = 0

    def passage(self, text: str) -> meaning.Meaning:
        self.computed += 1
        return self._passage(text)


@dataclass
class Process:
    """One of the processes of a network, with the vectors it has loaded."""

    app: Flask
    model: Any
    vectors: Vectors

    def makes_all(self) -> int:
        """Be the worker until nothing is left to do; return how many posts that were."""
        made = 0
        with self.app.app_context():
            while some := self.vectors.make_some():
                made += some
            assert self.vectors.still_missing() == 0
        return made

    def missing(self) -> int:
        with self.app.app_context():
            return self.vectors.still_missing()

    def asks(self, question: str) -> Nearness | None:
        with self.app.app_context():
            return self.vectors.compare(question)

    def knows(self) -> list[int]:
        """The posts that are compared."""
        found = self.asks(QUESTION)
        return [] if found is None else list(found.keys)


def process(app: Flask, name: str = "") -> Process:
    model: Any = Counting(name)
    return Process(app, model, Vectors(app, model))


@pytest.fixture
def worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Process:
    """The process that makes vectors; it looks at all posts each time, however slow the machine is."""
    monkeypatch.setattr(vectors, "_LOOKING_SECONDS", 60)
    return process(app)


@pytest.fixture
def family(app: Flask, frieda: Person) -> int:
    """The post that opens a thread on families with addiction."""
    return post_id(app, frieda.asks(FAMILY, "Wer hat Erfahrung mit alkoholkranken Eltern?"), 1)


@pytest.fixture
def rent(app: Flask, jonas: Person) -> int:
    """The post that opens a thread on rent arrears."""
    return post_id(app, jonas.asks(RENT, "Wir rufen nach der ersten offenen Miete an."), 1)


def nearest(found: Nearness | None) -> int:
    assert found is not None
    return int(found.keys[np.argmax(found.scores)])


def test_an_everyday_question_finds_the_professional_answer(worker: Process, family: int, rent: int) -> None:
    assert worker.missing() == 2
    assert worker.asks(QUESTION) is None
    assert worker.makes_all() == 2
    assert worker.knows() == [family, rent]
    assert nearest(worker.asks(QUESTION)) == family
    assert nearest(worker.asks("Jemand kann seine Wohnung nicht mehr bezahlen")) == rent


def test_what_is_there_is_not_computed_again(worker: Process, family: int, rent: int) -> None:
    worker.makes_all()
    assert worker.model.computed == 4
    with worker.app.app_context():
        handlers.rebuild()
    later = process(worker.app)
    assert later.makes_all() == 0
    assert later.knows() == [family, rent]
    assert later.model.computed == 0


@pytest.mark.usefixtures("rent")
def test_an_edit_makes_a_new_vector(worker: Process, frieda: Person, family: int) -> None:
    worker.makes_all()
    frieda.reads(f"/posts/{family}/edit")
    frieda.sends(f"/posts/{family}/edit", title=FAMILY, body="Die Heizung fällt jeden Winter aus.", version="1")
    assert worker.missing() == 1
    assert worker.makes_all() == 1
    found = worker.asks("Was tun, wenn es in der Wohnung kalt bleibt?")
    assert found is not None
    assert found.keys[np.argmax(found.scores)] == family


@pytest.mark.usefixtures("rent")
def test_another_title_makes_a_new_vector(worker: Process, frieda: Person, family: int) -> None:
    worker.makes_all()
    before = worker.asks("Hunde im Treppenhaus")
    frieda.reads(f"/posts/{family}/edit")
    frieda.sends(f"/posts/{family}/edit", title="Wem gehören die Hunde im Treppenhaus?",
                 body="Wer hat Erfahrung mit alkoholkranken Eltern?", version="1")  # fmt: skip
    assert worker.makes_all() == 1
    after = worker.asks("Hunde im Treppenhaus")
    assert before is not None
    assert after is not None
    assert list((after.scores > before.scores)[after.keys == family]) == [True]
    assert list((after.scores == before.scores)[after.keys != family]) == [True]
    assert nearest(after) == family


def test_a_deleted_post_is_forgotten_and_a_restored_one_comes_back(
    worker: Process, frieda: Person, family: int, rent: int
) -> None:
    worker.makes_all()
    other = process(worker.app)
    assert other.knows() == [family, rent]
    frieda.reads(f"/posts/{family}/delete")
    frieda.sends(f"/posts/{family}/delete")
    assert worker.makes_all() == 1
    assert worker.knows() == other.knows() == [rent]
    with worker.app.app_context():
        row = db.session.get_one(Vector, family)
        assert (row.text, row.title, row.title_digest) == (None, None, None)
    frieda.reads(f"/posts/{family}/restore")
    frieda.sends(f"/posts/{family}/restore")
    assert worker.makes_all() == 1
    assert nearest(other.asks(QUESTION)) == family


@pytest.mark.usefixtures("rent")
def test_another_model_makes_all_anew(worker: Process, family: int) -> None:
    worker.makes_all()
    newer = process(worker.app, "another-model")
    assert newer.missing() == 2
    assert newer.asks(QUESTION) is None
    assert newer.makes_all() == 2
    assert nearest(newer.asks(QUESTION)) == family
    assert worker.knows() == []


def test_a_process_loads_only_what_is_new(
    worker: Process, statements: list[str], aylin: Person, family: int, rent: int
) -> None:
    worker.makes_all()
    assert worker.knows() == [family, rent]
    statements.clear()
    assert worker.knows() == [family, rent]
    assert len([statement for statement in statements if "FROM vector" in statement]) == 1
    reply = aylin.replies(1, "Wir fragen zuerst die Schule.")
    worker.makes_all()
    assert worker.knows() == [family, rent, reply]


@pytest.mark.usefixtures("rent")
def test_a_process_that_starts_loads_much_aside(worker: Process, monkeypatch: pytest.MonkeyPatch, family: int) -> None:
    worker.makes_all()
    monkeypatch.setattr(vectors, "_AT_ONCE", 1)
    go_on = threading.Event()
    later = process(worker.app)
    load_rest = later.vectors._load_rest
    monkeypatch.setattr(later.vectors, "_load_rest", lambda: go_on.wait() and load_rest())
    assert later.asks(QUESTION) is None
    assert later.asks(QUESTION) is None
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "vectors":
            thread.join()
    assert nearest(later.asks(QUESTION)) == family


def test_above_the_limit_only_candidates_are_compared(
    worker: Process, monkeypatch: pytest.MonkeyPatch, family: int, rent: int
) -> None:
    worker.makes_all()
    monkeypatch.setattr(vectors, "MOST_COMPARED", 1)
    assert worker.asks(QUESTION) is None
    assert worker.asks(QUESTION) is None
    with worker.app.app_context():
        found = worker.vectors.among(QUESTION, [rent, family, 4711])
        assert worker.vectors.among(QUESTION, [4711]) is None
        assert worker.vectors.among(QUESTION, []) is None
    assert nearest(found) == family


@pytest.mark.usefixtures("family")
def test_candidates_get_the_same_scores(worker: Process, rent: int) -> None:
    worker.makes_all()
    found = worker.asks(QUESTION)
    with worker.app.app_context():
        few = worker.vectors.among(QUESTION, [rent])
    assert found is not None
    assert few is not None
    assert few.scores == pytest.approx(found.scores[found.keys == rent])


def test_similar_posts_are_found_for_a_title_and_for_a_post(
    app: Flask, worker: Process, aylin: Person, family: int, rent: int
) -> None:
    addicted = post_id(app, aylin.asks("Alkohol in der Familie", "Wie sprecht ihr das an?"), 1)
    worker.makes_all()
    computed = worker.model.computed
    with app.app_context():
        assert nearest(worker.vectors.similar("Wenn Eltern trinken")) in (family, addicted)
        found = worker.vectors.similar_to(addicted)
        assert worker.vectors.similar_to(4711) is None
    assert worker.model.computed == computed + 1
    assert found is not None
    assert [int(key) for key in found.keys[np.argsort(-found.scores)]] == [addicted, family, rent]


def test_two_workers_at_once_do_no_harm(worker: Process, monkeypatch: pytest.MonkeyPatch, family: int) -> None:
    other = process(worker.app)
    passage = other.model.passage

    def slowly(text: str) -> meaning.Meaning:
        worker.makes_all()
        return passage(text)

    monkeypatch.setattr(other.model, "passage", slowly)
    assert other.makes_all() == 1
    assert worker.knows() == other.knows() == [family]


@pytest.mark.usefixtures("family")
def test_nobody_waits_for_the_model(worker: Process, monkeypatch: pytest.MonkeyPatch, jonas: Person) -> None:
    passage = worker.model.passage

    def while_jonas_writes(text: str) -> meaning.Meaning:
        jonas.replies(1, "Ich schreibe, während gerechnet wird.")
        monkeypatch.setattr(worker.model, "passage", passage)
        return passage(text)

    monkeypatch.setattr(worker.model, "passage", while_jonas_writes)
    assert worker.makes_all() == 2
    assert len(worker.knows()) == 2


def test_old_posts_get_their_turn(app: Flask, worker: Process, monkeypatch: pytest.MonkeyPatch, family: int) -> None:
    monkeypatch.setattr(vectors, "_NEWEST", 1)
    monkeypatch.setattr(vectors, "_STRETCH", 2)
    monkeypatch.setattr(vectors, "_LOOKING_SECONDS", 60)
    with app.app_context(), transaction():
        first = db.session.get_one(Post, family)
        common = {"thread_id": first.thread_id, "author_id": first.author_id, "created_at": first.created_at}
        text = {"body": "Hallo", "html": "<p>Hallo</p>", "recommended": False, "helpful": False, "thanks_count": 0}
        db.session.execute(insert(Post), [
            {"uid": f"old-{number}", "number": number, "version": 1, **common, **text} for number in range(2, 12)
        ])  # fmt: skip
    assert worker.makes_all() == 11
    with app.app_context(), transaction():
        db.session.execute(update(Vector).where(Vector.post_id == family).values(version=0))
    assert worker.makes_all() == 1


@pytest.mark.usefixtures("family")
def test_changes_are_numbered_without_gaps_to_fall_into(app: Flask, worker: Process, rent: int) -> None:
    worker.makes_all()
    with app.app_context():
        before = db.session.scalars(select(Vector.change)).all()
        with transaction():
            db.session.execute(update(Vector).where(Vector.post_id == rent).values(version=0))
    worker.makes_all()
    with app.app_context():
        assert db.session.scalar(select(func.max(Vector.change))) == max(before) + 1
        assert db.session.scalar(select(func.count()).select_from(Vector)) == 2


def test_a_post_without_words_means_what_its_title_says(worker: Process, frieda: Person, family: int) -> None:
    rule = frieda.replies(1, "---")
    worker.makes_all()
    found = worker.asks(FAMILY)
    assert found is not None
    assert set(found.keys[found.scores > 0.9]) == {family, rule}


def test_without_the_extra_all_is_quiet(app: Flask, family: int) -> None:
    bare = Vectors(app, None)
    with app.app_context():
        assert (bare.make_some(), bare.still_missing()) == (0, 0)
        assert bare.compare(QUESTION) is bare.similar(QUESTION) is bare.similar_to(family) is None
        assert bare.among(QUESTION, [family]) is None


def test_bytes_are_nearly_as_good_as_numbers() -> None:
    luck = np.random.default_rng(7)
    made = luck.normal(size=(500, meaning.DIMENSIONS)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    shelf = vectors._Shelf()
    codes = np.frombuffer(b"".join(vectors._code(vector) for vector in made), np.int8).reshape(made.shape)
    order = luck.permutation(500)
    for part in np.array_split(order, 7):
        shelf.put(part, codes[part])
    shelf.put(order[:50], codes[order[:50]])
    shelf.remove(np.arange(100, 200))
    keys, scores = shelf.compared(made[3])
    assert list(keys) == [*range(100), *range(200, 500)]
    assert np.abs(scores - made[keys] @ made[3]).max() < 0.005
