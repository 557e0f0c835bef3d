"""Whatever happens to the index while the forum runs: pages answer, the check tells, the worker heals it (R9)."""

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import text

from forum import cli, outbox, worker
from forum.cli import doors
from forum.config import Settings
from forum.search import handlers
from forum.search.engine import Asked, Engine, Filters, IndexBusy, Sight
from forum.search.postgres_engine import PostgresEngine
from forum.search.whoosh_engine import WhooshEngine
from tests.cast import Person

REBUILT = "Die Suche wird gerade neu aufgebaut"
FOUND = "<mark>handschriftlich"


class OnDisk:
    """What may happen to Whoosh's files."""

    def __init__(self, engine: WhooshEngine) -> None:
        self.folder = engine._generations.folder

    def another(self) -> Engine:
        """The same index with nothing open, as another process has it."""
        return WhooshEngine(self.folder)

    @property
    def generation(self) -> Path:
        return self.folder / str(json.loads((self.folder / "current").read_text())["generation"])

    @property
    def parts(self) -> list[Path]:
        """The files that hold the index itself."""
        return [path for path in sorted(self.generation.glob("*MAIN_*")) if path.is_file() and path.stat().st_size]

    def deleted(self, _luck: random.Random) -> None:
        shutil.rmtree(self.folder)

    def generation_deleted(self, _luck: random.Random) -> None:
        shutil.rmtree(self.generation)

    def emptied(self, _luck: random.Random) -> None:
        for path in self.parts:
            path.write_bytes(b"")

    def pointer_emptied(self, _luck: random.Random) -> None:
        (self.folder / "current").write_text("")

    def of_another_version(self, _luck: random.Random) -> None:
        self._points(version="of tomorrow")

    def half_swapped(self, _luck: random.Random) -> None:
        """A rebuild by somebody else that died between naming the new index and writing it."""
        self._points(generation="g-0999")
        (self.folder / "g-0999").mkdir()

    def _points(self, **said: str) -> None:
        current = self.folder / "current"
        current.write_text(json.dumps({**json.loads(current.read_text()), **said}))

    def truncated(self, luck: random.Random) -> None:
        path = luck.choice(self.parts)
        os.truncate(path, luck.randrange(path.stat().st_size))

    def bit_flipped(self, luck: random.Random) -> None:
        path = luck.choice(self.parts)
        content = bytearray(path.read_bytes())
        content[luck.randrange(len(content))] ^= 1 << luck.randrange(8)
        path.write_bytes(content)

    def part_deleted(self, luck: random.Random) -> None:
        luck.choice(self.parts).unlink()


class InTables:
    """What may happen to PostgreSQL's tables."""

    def __init__(self, engine: PostgresEngine) -> None:
        self.database = engine._database

    def another(self) -> Engine:
        """The same index with nothing in memory, as another process has it."""
        return PostgresEngine(self.database)

    def _run(self, statement: str, **values: int) -> None:
        with self.database.begin() as connection:
            connection.execute(text(statement), values)

    def deleted(self, _luck: random.Random) -> None:
        self._run("TRUNCATE search_state, search_segment, search_block")

    def generation_deleted(self, _luck: random.Random) -> None:
        self._run("UPDATE search_state SET stamp = 'other'")
        self._run("DELETE FROM search_segment")

    def emptied(self, _luck: random.Random) -> None:
        self._run("UPDATE search_block SET packed = ''")

    def pointer_emptied(self, _luck: random.Random) -> None:
        self._run("UPDATE search_state SET generation = ''")

    def of_another_version(self, _luck: random.Random) -> None:
        self._run("UPDATE search_state SET version = 'of tomorrow'")

    def half_swapped(self, _luck: random.Random) -> None:
        """A swap that somebody made by hand, and badly."""
        self._run("UPDATE search_state SET generation = 'unwritten'")

    def truncated(self, luck: random.Random) -> None:
        cut = "UPDATE search_block SET packed = substr(packed, 1, :left) WHERE (segment_id, number) = (:segment, :at)"
        self._run(cut, left=luck.randrange(9), **self._block(luck))

    def bit_flipped(self, luck: random.Random) -> None:
        flip = """UPDATE search_block SET packed = set_bit(packed, :bit, 1 - get_bit(packed, :bit))
            WHERE (segment_id, number) = (:segment, :at)"""
        self._run(flip, bit=luck.randrange(400), **self._block(luck))

    def part_deleted(self, luck: random.Random) -> None:
        self._run("DELETE FROM search_block WHERE (segment_id, number) = (:segment, :at)", **self._block(luck))

    def _block(self, luck: random.Random) -> dict[str, int]:
        with self.database.connect() as connection:
            blocks = connection.execute(text("SELECT segment_id, number FROM search_block ORDER BY 1, 2")).all()
        segment, number = luck.choice(blocks)
        return {"segment": segment, "at": number}


def index_of(app: Flask) -> OnDisk | InTables:
    """The index of the network, to be harmed."""
    engine = app.extensions["forum.search"]
    return InTables(engine) if isinstance(engine, PostgresEngine) else OnDisk(engine)


def harm(app: Flask, damage: str, seed: int = 1) -> None:
    """Something happens to the index."""
    getattr(index_of(app), damage)(random.Random(seed))


PLAIN = ["deleted", "generation_deleted", "pointer_emptied", "of_another_version", "half_swapped"]
BY_CHANCE = [(damage, seed) for damage in ("truncated", "bit_flipped", "emptied", "part_deleted") for seed in range(5)]


@pytest.fixture
def thread(frieda: Person, jonas: Person, work: Callable[[], int]) -> int:
    """A question with an answer that is found."""
    thread = frieda.asks("Mieter öffnet nicht mehr", "Zwei Briefe blieben ohne Antwort.")
    jonas.replies(thread, "Eine handschriftliche Karte an der Tür.")
    work()
    return thread


@pytest.fixture
def command(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `forum …` on the test's network, as another process would: with an engine that has nothing open."""

    def command(*words: str) -> Result:
        used = app.extensions["forum.search"]
        app.extensions["forum.search"] = index_of(app).another()
        try:
            return CliRunner().invoke(cli.forum, words)
        finally:
            app.extensions["forum.search"] = used

    monkeypatch.setattr(doors, "create_app", lambda: app)
    return command


def a_worker_comes_by(app: Flask, settings: Settings) -> None:
    """The worker as it runs, until all is well; its first round must do."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(app, settings, stop))
    thread.start()
    until = time.monotonic() + 30
    while not index_of(app).another().status().healthy and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def is_found(somebody: Person) -> bool:
    somebody.reads("/search?q=handschriftliche+Karte")
    assert somebody.page is not None
    assert somebody.page.status_code == 200
    return FOUND in somebody.page.text


@pytest.mark.parametrize("damage", PLAIN)
def test_an_index_that_cannot_be_used_is_said_to_be_and_healed(
    app: Flask, settings: Settings, aylin: Person, thread: int, damage: str, command: Callable[..., Any]
) -> None:
    assert is_found(aylin)
    assert command("check").exit_code == 0
    harm(app, damage)
    assert not is_found(aylin)
    assert aylin.page is not None
    assert REBUILT in unescape(aylin.page.text)
    aylin.reads(f"/threads/{thread}")  # everything else goes on
    assert aylin.sees("handschriftliche Karte")
    told = command("check")
    assert told.exit_code == 1
    assert "WRONG: the search index is" in told.output
    a_worker_comes_by(app, settings)
    assert is_found(aylin)
    assert REBUILT not in unescape(aylin.page.text)
    assert command("check").exit_code == 0


@pytest.mark.parametrize(("damage", "seed"), BY_CHANCE)
def test_damaged_bytes_never_break_a_page_and_are_healed(
    app: Flask, settings: Settings, aylin: Person, thread: int, damage: str, seed: int, command: Callable[..., Any]
) -> None:
    """A running process may still know the old bytes; whoever reads anew must not fail either."""
    assert thread
    harm(app, damage, seed)
    for words in ("handschriftliche+Karte", "Brief*", '"Zwei+Briefe"', "autor:Jonas", "-Karte"):
        assert aylin.reads(f"/search?q={words}").status_code == 200
    assert command("check").exit_code == 1
    assert command("search", "handschriftliche Karte").exit_code == 0
    a_worker_comes_by(app, settings)
    assert is_found(aylin)
    assert command("check").exit_code == 0


def test_what_is_written_while_the_index_is_broken_is_found_later(
    app: Flask, settings: Settings, frieda: Person, thread: int
) -> None:
    harm(app, "deleted")
    frieda.replies(thread, "Inzwischen steht ein Gerüst am Haus.")
    a_worker_comes_by(app, settings)
    frieda.reads("/search?q=Gerüst")
    assert frieda.sees("<mark>Gerüst")


def test_a_new_index_is_not_mistaken_for_a_deleted_one(app: Flask, tmp_path: Path, thread: int) -> None:
    """Both are g-0001 with two commits; who still has the old one open must notice."""
    assert thread
    with app.app_context():
        first, second, *_ = handlers.all_documents()
    reader, writer = WhooshEngine(tmp_path / "two"), WhooshEngine(tmp_path / "two")
    for document in (first, second):
        shutil.rmtree(tmp_path / "two", ignore_errors=True)
        writer.rebuild([])
        writer.put([document])
        reader.find(Asked(), Filters(Sight(frozenset({document.area_id}))))
        assert reader.count_by_area() == {document.area_id: (1, document.key)}
    for engine in (reader, writer):
        engine._forget()


def test_before_the_first_job_the_words_are_read_and_the_index_is_open(app: Flask) -> None:
    app.extensions["forum.search"] = fresh = index_of(app).another()
    with app.app_context():
        handlers.warm_up()
    assert fresh._view is not None
    assert fresh._german is not None
    fresh._forget()


def test_a_job_that_meets_a_broken_index_builds_it_anew(
    app: Flask, frieda: Person, thread: int, work: Callable[[], int]
) -> None:
    harm(app, "pointer_emptied")
    frieda.replies(thread, "Inzwischen steht ein Gerüst am Haus.")
    work()
    with app.app_context():
        assert outbox.backlog().waiting == 0
    assert is_found(frieda)


def test_an_index_that_silently_misses_posts_is_mended(
    app: Flask, aylin: Person, thread: int, command: Callable[..., Any]
) -> None:
    assert thread
    with app.app_context():
        handlers.engine().remove([document.key for document in handlers.all_documents()][:1])
        assert handlers.engine().status().healthy
    told = command("check")
    assert told.exit_code == 1
    assert "index and database hold different posts" in told.output
    with app.app_context():
        assert not handlers.heal()  # every byte is as it was written
        assert handlers.mend_drift()
        assert not handlers.mend_drift()
    aylin.reads("/search?q=Briefe")
    assert aylin.sees("<mark>Briefe")
    assert command("check").exit_code == 0


def test_an_index_with_another_post_in_place_of_the_right_one_is_mended(
    app: Flask, aylin: Person, thread: int, command: Callable[..., Any]
) -> None:
    """As many posts as there should be, but not the same."""
    assert thread
    with app.app_context():
        first, *_ = handlers.all_documents()
        handlers.engine().remove([first.key])
        handlers.engine().put([handlers.Document(**{**vars_of(first), "key": 4711})])
    assert command("check").exit_code == 1
    with app.app_context():
        assert handlers.mend_drift()
    assert is_found(aylin)
    assert command("check").exit_code == 0


def vars_of(document: handlers.Document) -> dict[str, Any]:
    return {name: getattr(document, name) for name in document.__slots__}


def test_the_index_is_not_built_anew_while_a_change_is_only_waiting(app: Flask, jonas: Person, thread: int) -> None:
    """Between a post and its job the index is behind, which is no drift."""
    jonas.replies(thread, "Noch eine Karte.")
    with app.app_context():
        assert not handlers.mend_drift()
        while outbox.run_due():
            pass
        assert not handlers.mend_drift()


def test_while_somebody_else_rebuilds_the_worker_waits_for_another_round(
    app: Flask, thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert thread

    def busy(*_: object) -> None:
        raise IndexBusy

    harm(app, "deleted")
    with app.app_context():
        with monkeypatch.context() as patch:
            patch.setattr(type(app.extensions["forum.search"]), "rebuild", busy)
            assert not handlers.heal()
        assert handlers.heal()
        assert not handlers.heal()


def test_the_worker_survives_a_chore_that_fails(
    app: Flask, settings: Settings, aylin: Person, thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room on the disk, for instance: it goes on, and heals when there is room again."""
    assert thread
    harm(app, "deleted")
    failures = []

    def full(*_: object) -> None:
        failures.append(1)
        raise OSError(28, "No space left on device")

    chores = [worker.Chore(handlers.heal, every=0)]
    with monkeypatch.context() as patch:
        patch.setattr(type(app.extensions["forum.search"]), "rebuild", full)
        for _ in range(3):
            with app.app_context():
                assert not worker._step(settings, chores)
    assert len(failures) == 3
    with app.app_context():
        worker._step(settings, chores)
    assert is_found(aylin)
