"""What an index in PostgreSQL has to survive: others who write, kills, and damage."""

import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import NullPool, create_engine, text

from forum.search import postgres_engine
from forum.search.engine import Document, Engine, Found, IndexBusy, IndexDamaged
from forum.search.postgres_engine import Blocks, PostgresEngine
from forum.search.whoosh_engine import WhooshEngine
from tests.search.posts import EVERYWHERE, RENT, assert_well, post, search, the_forum, try_to_write

pytestmark = pytest.mark.postgres

ROOM_FOR_ALL = 100


@pytest.fixture
def shelf(shared: Database) -> PostgresEngine:
    shelf = PostgresEngine(shared)
    shelf.rebuild(the_forum())
    return shelf


def keys(engine: Engine, asked: str) -> list[int]:
    return sorted(hit.key for hit in search(engine, asked, per_page=ROOM_FOR_ALL).hits)


def run(shared: Database, statement: str, **values: object) -> Any:
    with shared.begin() as connection:
        return connection.execute(text(statement), values)


def count(shared: Database, what: str) -> int:
    return int(run(shared, f"SELECT count(*) FROM {what}").scalar())  # noqa: S608 - no value is in it


def elsewhere(shared: Database) -> PostgresEngine:
    """The index as another process opens it: with connections of its own."""
    return PostgresEngine(create_engine(shared.url, poolclass=NullPool))


def in_a_child(do: Callable[[], object]) -> int | None:
    """What became of a process that did this: 0, or with what it died."""

    def alone() -> None:
        do()
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=alone)
    child.start()
    child.join()
    return child.exitcode


# Several processes


def test_it_finds_the_same_in_the_same_order_as_on_disk(shared: Database, tmp_path: Path) -> None:
    luck = random.Random(5)
    words = [
        "Miete",
        "Mieter",
        "Mietschulden",
        "Schulden",
        "Räumung",
        "Räumungsklage",
        "Lärm",
        "Keller",
        "Termin",
        "Amt",
    ]
    posts = [post(key, " ".join(luck.choices(words, k=luck.randrange(3, 40)))) for key in range(1, 120)]
    engines: list[Engine] = [PostgresEngine(shared), WhooshEngine(tmp_path / "index")]
    for engine in engines:
        engine.rebuild(posts[:60])
        engine.put(posts[50:])
        engine.remove([7, 80])
    for asked in ("Mieter", "Schulden Keller", '"Keller Amt" Lärm', "Räumung -Lärm", "Wie finde ich einen Termin?"):
        one, other = (search(engine, asked) for engine in engines)
        assert one.total > 0
        assert one == other
    assert engines[0].spelt_like("Mietr", EVERYWHERE) == engines[1].spelt_like("Mietr", EVERYWHERE)
    assert engines[0].words() == engines[1].words()


def test_another_host_sees_what_the_worker_wrote(shelf: PostgresEngine, shared: Database) -> None:
    web = PostgresEngine(shared)
    assert keys(web, "Geruch") == []
    shelf.put([post(9, "Geruch")])
    assert keys(web, "Geruch") == [9]
    shelf.rebuild(the_forum())
    assert_well(web)


def test_workers_of_several_processes_write_in_turn(shelf: PostgresEngine, shared: Database) -> None:
    def write(first: int) -> None:
        worker = elsewhere(shared)
        for key in range(first, first + 20):
            worker.put([post(key, "Geruch")])
        os._exit(0)

    workers = [multiprocessing.get_context("fork").Process(target=write, args=(first,)) for first in (100, 200)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        assert not search(shelf, "Geruch").degraded
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert keys(shelf, "Geruch") == [*range(100, 120), *range(200, 220)]
    assert shelf.status().healthy


@pytest.mark.parametrize("meanwhile", ["rebuilt", "merged"])
def test_a_search_goes_on_when_its_segments_are_taken_away(
    shelf: PostgresEngine, shared: Database, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    other = PostgresEngine(shared)
    changes = iter([lambda: other.rebuild(the_forum()) if meanwhile == "rebuilt" else merge(other)])
    fetched = Blocks._fetched

    def fetched_after_a_change(blocks: Blocks, places: set[tuple[int, int]]) -> Any:
        next(changes, lambda: None)()
        return fetched(blocks, places)

    monkeypatch.setattr(Blocks, "_fetched", fetched_after_a_change)
    assert keys(shelf, "Räumung") == [3, 4, 5]
    assert next(changes, None) is None


def merge(engine: PostgresEngine) -> None:
    before = engine.status().segments
    for key in range(20, 30):
        engine.put([post(key, "Geruch")])
    assert engine.status().segments < before + 10


def test_a_question_is_one_statement_and_none_when_it_is_asked_again(
    shelf: PostgresEngine, shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put([post(9, "Mietschulden")])
    asked: list[int] = []
    fetched = Blocks._fetched

    def counted(blocks: Blocks, places: set[tuple[int, int]]) -> Any:
        asked.append(len(places))
        return fetched(blocks, places)

    monkeypatch.setattr(Blocks, "_fetched", counted)
    web = PostgresEngine(shared)
    for _ in range(3):
        assert search(web, 'Mietschulden "drei Monate" -Geruch autor:frieda').total == 1
        assert len(asked) == 1
    asked.clear()
    web = PostgresEngine(shared)
    for _ in range(3):
        assert search(web, "Was kann ich gegen Mietschulden tun?").total > 0
        assert len(asked) <= 1 + web.status().segments  # the words of each segment are read once


def test_what_is_kept_in_memory_has_a_bound(shelf: PostgresEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_engine, "BYTES_KEPT", 1)
    monkeypatch.setattr(postgres_engine, "BLOCK_BYTES", 100)
    shelf.rebuild(the_forum())
    for _ in range(2):
        assert_well(shelf)
        assert keys(shelf, "Zeitungen Mieterin") == [1]
    assert len(shelf._blocks._kept) <= ROOM_FOR_ALL


def test_two_do_not_write_at_once(shelf: PostgresEngine, shared: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_engine, "SECONDS_TO_WAIT_FOR_WRITING", 0.001)
    with PostgresEngine(shared)._alone():
        with pytest.raises(IndexBusy):
            shelf.put([post(9, "Geruch")])
        with pytest.raises(IndexBusy):
            shelf.rebuild([])
        assert_well(shelf)
    shelf.put([post(9, "Geruch")])
    assert keys(shelf, "Geruch") == [9]


# Kills


def test_a_worker_killed_before_its_commit_leaves_the_index_as_it_was(
    shelf: PostgresEngine, shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_and_die() -> None:
        monkeypatch.setattr(postgres_engine.secrets, "token_hex", lambda _: os._exit(7))
        elsewhere(shared).put([post(3, "Geruch"), post(9, "Geruch")])

    assert in_a_child(put_and_die) == 7
    assert_well(shelf)
    shelf.put([post(9, "Geruch")])
    assert keys(shelf, "Geruch") == [9]


def test_a_worker_killed_in_a_rebuild_leaves_the_old_index_and_the_next_one_sweeps(
    shelf: PostgresEngine, shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "DOCUMENTS_A_SEGMENT", 2)

    def posts_until_it_dies() -> Iterator[Document]:
        yield from (post(key, "Geruch") for key in range(1, 6))
        os._exit(7)

    assert in_a_child(lambda: elsewhere(shared).rebuild(posts_until_it_dies())) == 7
    assert count(shared, "search_segment") == 3
    assert_well(shelf)
    shelf.rebuild(the_forum())
    assert count(shared, "search_segment") == 3
    assert_well(shelf)


def test_a_connection_that_is_lost_in_a_rebuild_ends_it_without_harm(shelf: PostgresEngine, shared: Database) -> None:
    def posts_until_the_server_goes() -> Iterator[Document]:
        yield post(1, "Geruch")
        run(shared, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        yield post(2, "Geruch")

    with pytest.raises(psycopg.OperationalError):
        shelf.rebuild(posts_until_the_server_goes())
    assert_well(shelf)
    shelf.put([post(9, "Geruch")])
    assert keys(shelf, "Geruch") == [9]


def test_a_database_that_does_not_answer_is_not_damage() -> None:
    away = PostgresEngine(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
    assert search(away, "Räumung") == Found(degraded=True)
    assert away.spelt_like("Raumung", EVERYWHERE) == []
    with pytest.raises(Exception, match="refused"):
        away.put(the_forum())


# Damage


def test_an_index_that_never_was_needs_a_rebuild(shared: Database) -> None:
    shelf = PostgresEngine(shared)
    assert search(shelf, "Räumung") == Found(degraded=True)
    assert (shelf.status().healthy, shelf.status().problem) == (False, "missing")
    for write in (lambda: shelf.put(the_forum()), lambda: shelf.remove([1]), shelf.count_by_area):
        with pytest.raises(IndexDamaged, match="missing"):
            write()
    shelf.rebuild(the_forum())
    assert_well(shelf)


def test_an_index_of_another_version_needs_a_rebuild(shelf: PostgresEngine, shared: Database) -> None:
    run(shared, "UPDATE search_state SET version = 'of tomorrow'")
    assert search(shelf, "Räumung").degraded
    assert shelf.status().problem == "other_version"
    with pytest.raises(IndexDamaged, match="other_version"):
        shelf.put(the_forum())
    shelf.rebuild(the_forum())
    assert_well(shelf)


COLUMNS = [
    ("search_state", "words"), ("search_segment", "rows"), ("search_segment", "standing"), ("search_segment", "firsts"),
    ("search_block", "packed"),
]  # fmt: skip


def flip(shared: Database, luck: random.Random) -> None:
    bit = f"(floor({luck.random()} * length({{0}})) * 8 + {luck.randrange(8)})::bigint"
    change(shared, luck, f"set_bit({{0}}, {bit}, 1 - get_bit({{0}}, {bit}))")


def truncate(shared: Database, luck: random.Random) -> None:
    change(shared, luck, f"substring({{0}} FROM 1 FOR floor({luck.random()} * length({{0}}))::int)")


def change(shared: Database, luck: random.Random, to: str) -> None:
    table, column = luck.choice(COLUMNS)
    statement = f"UPDATE {table} SET {column} = {to.format(column)} WHERE ctid = "  # noqa: S608 - no value is in it
    run(shared, statement + some_row(table, luck))


def delete(shared: Database, luck: random.Random) -> None:
    table = luck.choice(["search_state", "search_segment", "search_block"])
    run(shared, f"DELETE FROM {table} WHERE ctid = " + some_row(table, luck))  # noqa: S608 - no value is in it


def some_row(table: str, luck: random.Random) -> str:
    place = f"floor({luck.random()} * count(*))"
    return f"(SELECT (array_agg(ctid ORDER BY ctid))[1 + {place}] FROM {table})"  # noqa: S608 - no value is in it


@pytest.mark.parametrize("how", [flip, truncate, delete])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_damage_is_answered_noticed_and_repaired(
    shelf: PostgresEngine,
    shared: Database,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[Database, random.Random], None],
    is_open: bool,
) -> None:
    monkeypatch.setattr(postgres_engine, "BLOCK_BYTES", 100)
    for seed in range(15):
        luck = random.Random(seed)
        shelf.put([post(3, "Mietschulden über drei Monate.", "Räumung droht", area_id=RENT)])
        shelf.remove([luck.randrange(1, 5)])
        asker = PostgresEngine(shared)
        if is_open:
            search(asker, "Räumung")
        how(shared, luck)
        for asked in ("Räumung", '"drei Monate"', "Räumung Xylophon -Geduld autor:frieda", "-Müll"):
            assert isinstance(search(asker, asked), Found)
        assert isinstance(asker.spelt_like("Mietschuldn", EVERYWHERE), list)
        assert not asker.status().healthy
        try_to_write(asker)
        asker.rebuild(the_forum())
        assert_well(asker)
        assert_well(shelf)
