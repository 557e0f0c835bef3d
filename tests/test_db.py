"""The ground: what SQLite is told, that writers queue up, and that all is done or nothing."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import StatementError

from forum import outbox
from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.config import Settings
from forum.db import SAFE_SQLITE, db, sqlite_version, transaction, writing
from forum.outbox import Event
from tests.cast import Person

THREADS, EACH = 4, 100


def pragma(name: str) -> object:
    return db.session.scalar(text(f"PRAGMA {name}"))


def test_every_connection_is_told_what_keeps_data_safe(app: Flask, settings: Settings) -> None:
    if not settings.on_sqlite:
        pytest.skip("PostgreSQL needs no telling")
    told: list[tuple[object, ...]] = []

    def look() -> None:
        with app.app_context():
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            told.append(tuple(pragma(name) for name in names))

    lookers = [threading.Thread(target=look) for _ in range(5)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert told == [("wal", 2, 1, 20_000)] * 5


def test_sqlite_is_one_that_does_not_corrupt_a_wal_database(app: Flask, settings: Settings) -> None:
    assert sqlite_version() >= SAFE_SQLITE
    if settings.on_sqlite:
        with app.app_context():
            in_use = db.session.scalar(text("SELECT sqlite_version()"))
        assert in_use == ".".join(map(str, sqlite_version()))


def test_writers_queue_up_and_none_fails(app: Flask) -> None:
    """Four at once, each reading a number and writing the next one: none is lost, none is turned away."""
    failures: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(EACH):
                with app.app_context(), transaction():
                    area = db.session.scalars(select(Area).where(Area.slug == "leitungskreis").with_for_update()).one()
                    area.position += 1
        except BaseException as failure:  # a thread's failure is told by the test
            failures.append(failure)

    with app.app_context():
        before = db.session.scalars(select(Area.position).where(Area.slug == "leitungskreis")).one()
    counters = [threading.Thread(target=count_up) for _ in range(THREADS)]
    for counter in counters:
        counter.start()
    for counter in counters:
        counter.join()
    assert failures == []
    with app.app_context():
        after = db.session.scalars(select(Area.position).where(Area.slug == "leitungskreis")).one()
    assert after - before == THREADS * EACH


def test_a_read_that_came_before_does_not_make_a_write_fail(app: Flask) -> None:
    """What SQLite calls SQLITE_BUSY_SNAPSHOT: a reader that turns into a writer after somebody else wrote."""
    with app.app_context():
        assert area_by_slug("leitungskreis") is not None
        rename(app, "Von anderen umbenannt")
        with transaction():
            area = area_by_slug("leitungskreis")
            assert area is not None
            assert area.title == "Von anderen umbenannt"
            area.title = "Noch einmal"
        assert titles() == ["Noch einmal"]


def rename(app: Flask, title: str) -> None:
    """As another process would."""

    def act() -> None:
        with app.app_context(), transaction():
            area = area_by_slug("leitungskreis")
            assert area is not None
            area.title = title

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def titles() -> list[str]:
    return list(db.session.scalars(select(Area.title).where(Area.slug == "leitungskreis")))


def test_readers_do_not_wait_for_a_writer(app: Flask) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        with app.app_context():
            seen.append(titles())

    with app.app_context(), transaction():
        area = area_by_slug("leitungskreis")
        assert area is not None
        area.title = "Noch nicht da"
        db.session.flush()
        reader = threading.Thread(target=look)
        reader.start()
        reader.join(5)
        assert seen == [["Leitungskreis"]]


def test_only_a_changing_transaction_is_writing(app: Flask) -> None:
    with app.app_context():
        assert not writing()
        with transaction():
            assert writing()
        assert not writing()


def test_what_is_raised_rolls_everything_back(app: Flask) -> None:
    with app.app_context():
        events = db.session.scalar(select(func.count()).select_from(Event))
        with pytest.raises(KeyboardInterrupt):
            rename_and_be_interrupted()
        assert titles() == ["Leitungskreis"]
        assert db.session.scalar(select(func.count()).select_from(Event)) == events
        with transaction():  # and the session goes on
            assert area_by_slug("leitungskreis") is not None


def rename_and_be_interrupted() -> None:
    with transaction():
        area = area_by_slug("leitungskreis")
        assert area is not None
        area.title = "Umbenannt"
        outbox.record("thread.pinned", area.id, None)
        db.session.flush()
        raise KeyboardInterrupt


def test_a_refused_form_changes_nothing(app: Flask, frieda: Person, jonas: Person, work: Callable[[], int]) -> None:
    thread = frieda.asks("Mieter öffnet nicht mehr")
    work()
    before = everything(app)
    assert jonas.sends(f"/threads/{thread}/posts", body=" ", send_key="eins").status_code == 422
    assert jonas.sends(f"/threads/{thread}/moderate", act="lock", reason="Streit").status_code == 403
    assert everything(app) == before


def everything(app: Flask) -> dict[str, int]:
    with app.app_context():
        tables = db.metadata.tables.values()
        kept = ("read_marker", "sign_in")  # where one has read and when one was there
        return {
            table.name: db.session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables
            if table.name not in kept
        }


def test_one_light_transaction_makes_no_other_light(app: Flask, settings: Settings) -> None:
    def waits_for_the_disk() -> bool:
        if settings.on_sqlite:
            return pragma("synchronous") == 2
        return db.session.scalar(text("SHOW synchronous_commit")) == "on"

    with app.app_context():
        with transaction(lightly=True):
            assert not waits_for_the_disk()
        assert waits_for_the_disk()
        with transaction():
            assert waits_for_the_disk()


# Moments


def test_a_time_without_zone_is_a_bug(app: Flask) -> None:
    naive = datetime(2026, 3, 2, 12)
    with app.app_context(), pytest.raises(StatementError, match="without zone"), transaction():
        db.session.execute(insert(Event).values(name="thread.pinned", subject_id=1, ids={}, at=naive))


@pytest.mark.parametrize("hours", [-11, 0, 1, 2, 14])
def test_a_moment_comes_back_as_it_was_in_utc(app: Flask, hours: int) -> None:
    moment = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=hours)))
    with app.app_context():
        with transaction():
            event = Event(name="thread.pinned", subject_id=1, ids={}, at=moment)
            db.session.add(event)
            db.session.flush()
            number = event.id
        found = db.session.scalars(select(Event.at).where(Event.id == number)).one()
        assert found == moment
        assert found.tzinfo is UTC
        assert db.session.scalar(select(func.count()).where(Event.id == number, Event.at == moment)) == 1
