"""What an index on disk has to survive: others who write, kills, and damage."""

import json
import multiprocessing
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forum.search import whoosh_engine
from forum.search.engine import Found, IndexBusy, IndexDamaged
from forum.search.whoosh_engine import WhooshEngine
from tests.search.posts import RENT, assert_well, post, search, the_forum, try_to_write


@pytest.fixture
def shelf(tmp_path: Path) -> WhooshEngine:
    engine = WhooshEngine(tmp_path / "index")
    engine.rebuild(the_forum())
    return engine


def current(shelf: WhooshEngine) -> Path:
    return whoosh_engine.Generations(folder_of(shelf)).in_use()


def folder_of(shelf: WhooshEngine) -> Path:
    return shelf._generations.folder


def test_another_process_sees_what_the_worker_wrote(shelf: WhooshEngine) -> None:
    web = WhooshEngine(folder_of(shelf))
    assert search(web, "Geruch").total == 0
    shelf.put([post(9, "Geruch")])
    assert search(web, "Geruch").total == 1
    shelf.rebuild(the_forum())
    assert search(web, "Geruch").total == 0
    assert_well(web)


def test_a_forked_process_opens_its_own_files(shelf: WhooshEngine) -> None:
    assert_well(shelf)
    child = multiprocessing.get_context("fork").Process(target=lambda: os._exit(search(shelf, "Räumung").total))
    child.start()
    child.join()
    assert child.exitcode == 3
    assert_well(shelf)


def test_old_generations_are_swept_and_so_are_leftovers_of_a_crash(shelf: WhooshEngine) -> None:
    leftover = folder_of(shelf) / "g-0099"
    leftover.mkdir()
    (leftover / "half").write_text("half")
    shelf.rebuild(the_forum())
    assert [path.name for path in folder_of(shelf).glob("g-*")] == [current(shelf).name]
    assert_well(shelf)


def test_an_index_that_never_was_needs_a_rebuild(tmp_path: Path) -> None:
    shelf = WhooshEngine(tmp_path / "index")
    assert search(shelf, "Räumung") == Found(degraded=True)
    assert (shelf.status().healthy, shelf.status().problem) == (False, "missing")
    for write in (lambda: shelf.put(the_forum()), lambda: shelf.remove([1])):
        with pytest.raises(IndexDamaged):
            write()
    with pytest.raises(IndexDamaged):
        shelf.count_by_area()
    shelf.rebuild(the_forum())
    assert_well(shelf)


def test_an_index_of_another_version_needs_a_rebuild(shelf: WhooshEngine) -> None:
    name = current(shelf).name
    (folder_of(shelf) / "current").write_text(json.dumps({"generation": name, "version": "of tomorrow"}))
    assert search(shelf, "Räumung").degraded
    assert shelf.status().problem == "other_version"
    with pytest.raises(IndexDamaged, match="other_version"):
        shelf.put(the_forum())
    shelf.rebuild(the_forum())
    assert_well(shelf)


@pytest.mark.parametrize("written", ["", "{", "[]", "null", "{}", '{"generation": "g-7777", "version": "?"}'])
def test_a_broken_current_file_is_damage(shelf: WhooshEngine, written: str) -> None:
    (folder_of(shelf) / "current").write_text(written)
    assert search(shelf, "Räumung").degraded
    assert not shelf.status().healthy
    shelf.rebuild(the_forum())
    assert_well(shelf)


def test_damaged_words_of_the_network_are_noticed_and_searched_without(shelf: WhooshEngine) -> None:
    (current(shelf) / "words.txt").write_bytes(b"\xff\xfe")
    asker = WhooshEngine(folder_of(shelf))
    assert search(asker, "Räumung").total == 3
    assert not asker.status().healthy
    shelf.rebuild(the_forum())
    assert_well(shelf)


def test_the_folder_goes_while_members_are_searching(shelf: WhooshEngine) -> None:
    assert_well(shelf)
    shutil.rmtree(folder_of(shelf))
    assert search(shelf, "Räumung").degraded
    assert shelf.status().problem == "missing"
    with pytest.raises(IndexDamaged):
        shelf.put(the_forum())
    shelf.rebuild(the_forum())
    assert_well(shelf)


def test_lock_files_of_a_dead_worker_do_not_matter(shelf: WhooshEngine) -> None:
    (folder_of(shelf) / "write.lock").write_text("4711")
    (current(shelf) / "MAIN_WRITELOCK").write_text("4711")
    shelf.put([post(9, "Geruch")])
    assert search(shelf, "Geruch").total == 1


def test_two_do_not_write_at_once(shelf: WhooshEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoosh_engine, "SECONDS_TO_WAIT_FOR_WRITING", 0.0)
    with WhooshEngine(folder_of(shelf))._alone():
        with pytest.raises(IndexBusy):
            shelf.put([post(9, "Geruch")])
        with pytest.raises(IndexBusy):
            shelf.rebuild([])
        assert search(shelf, "Räumung").total == 3
    shelf.put([post(9, "Geruch")])


def test_a_worker_killed_in_a_commit_leaves_the_index_as_it_was(
    shelf: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(whoosh_engine.writing.SegmentWriter, "_commit_toc", killed)
        with pytest.raises(KeyboardInterrupt):
            shelf.put([post(3, "Geruch")])
    assert_well(shelf)
    shelf.put([post(9, "Geruch")])
    assert search(shelf, "Geruch").total == 1


def test_a_full_disk_is_not_damage(shelf: WhooshEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(whoosh_engine.writing.SegmentWriter, "_commit_toc", full)
        with pytest.raises(OSError, match="No space"):
            shelf.put([post(3, "Geruch")])
    assert_well(shelf)


def flip(path: Path, luck: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[luck.randrange(len(content))] ^= 1 << luck.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, luck: random.Random) -> None:
    os.truncate(path, luck.randrange(path.stat().st_size))


def delete(path: Path, _: random.Random) -> None:
    path.unlink()


def damage(shelf: WhooshEngine, how: Callable[[Path, random.Random], None], luck: random.Random) -> None:
    files = [path for path in sorted(current(shelf).glob("*MAIN_*")) if path.stat().st_size]
    how(luck.choice(files), luck)


@pytest.mark.parametrize("how", [flip, truncate, delete])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_damage_is_answered_noticed_and_repaired(
    shelf: WhooshEngine, how: Callable[[Path, random.Random], None], is_open: bool
) -> None:
    for seed in range(40):
        luck = random.Random(seed)
        shelf.put([post(3, "Mietschulden über drei Monate.", "Räumung droht", area_id=RENT)])
        shelf.remove([luck.randrange(1, 6)])
        asker = WhooshEngine(folder_of(shelf))
        if is_open:
            search(asker, "Räumung")
        damage(shelf, how, luck)
        for text in ("Räumung", '"drei Monate"', "Räumung Xylophon -Geduld autor:Jonas", "-Müll"):
            assert isinstance(search(asker, text), Found)
        assert not asker.status().healthy
        try_to_write(asker)
        asker.rebuild(the_forum())
        assert_well(asker)
        assert_well(shelf)
