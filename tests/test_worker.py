"""The worker goes on, whatever happens to a job, a chore or the database, and stops when it is told."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import text

from forum import clock, outbox, worker
from forum.config import Settings, load
from forum.db import db, on_postgres, transaction
from forum.notifications import digests
from forum.notifications.outgoing import Due, due
from forum.outbox import Event
from tests.mail.smtp import SILENCE, HostileServer


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """A worker that looks for jobs all the time."""
    return load(instance=settings.instance, database_url=settings.database_url, worker_pause_seconds=0.01)


@pytest.fixture(autouse=True)
def own_handlers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - first the network is made
    """Each test hears with handlers of its own."""
    monkeypatch.setattr(outbox, "HANDLERS", {})
    monkeypatch.setattr(outbox, "HEARS", {})


@contextmanager
def at_work(app: Flask, settings: Settings) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(app, settings, stop))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)


def tell(app: Flask, subject: int) -> None:
    with app.app_context(), transaction():
        outbox.record("bell.rang", subject, None)


def test_what_comes_is_done_while_the_worker_is_at_work(app: Flask, quick: Settings) -> None:
    heard: list[int] = []
    outbox.on("bell.rang")(lambda events: heard.extend(event.subject_id for event in events))
    tell(app, 1)
    with at_work(app, quick):
        until(lambda: heard == [1])
        tell(app, 2)
        until(lambda: heard == [1, 2])


def test_jobs_go_between_the_parts_of_a_long_chore(
    app: Flask, quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    outbox.on("bell.rang")(lambda events: done.extend(event.subject_id for event in events))

    def begin_some() -> int | None:
        part = done.count("part") + 1
        done.append("part")
        if part == 1:
            with transaction():
                outbox.record("bell.rang", 7, None)
        return 50 if part < 3 else None

    monkeypatch.setattr(digests, "begin_some", begin_some)
    with at_work(app, quick):
        until(lambda: len(done) == 4)
    assert done == ["part", 7, "part", "part"]


def test_a_failing_job_does_not_end_the_worker(app: Flask, quick: Settings) -> None:
    heard: list[int] = []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        if events[0].subject_id == 1:
            raise RuntimeError("cracked")
        heard.append(events[0].subject_id)

    tell(app, 1)
    tell(app, 2)
    with at_work(app, quick):
        until(lambda: heard == [2])


def test_a_silent_mail_server_holds_up_no_job(app: Flask, settings: Settings) -> None:
    heard: list[int] = []
    outbox.on("bell.rang")(lambda events: heard.extend(event.subject_id for event in events))
    with HostileServer(greeting=SILENCE) as server:
        how = {"mail_server": "127.0.0.1", "mail_port": server.port, "mail_security": "none"}
        terms = load(instance=settings.instance, database_url=settings.database_url, worker_pause_seconds=0.01, **how)
        with app.app_context(), transaction():
            due("sign_in", [Due(1, 1, clock.now())])
        with at_work(app, terms):
            until(lambda: server.seen["greeting"] == 1)
            tell(app, 1)
            until(lambda: heard == [1])
            server.patience.set()


def test_a_long_job_holds_up_no_other(app: Flask, quick: Settings) -> None:
    heard: list[int] = []
    began, enough = threading.Event(), threading.Event()

    @outbox.on("index.grew", beside=True)
    def take_long(_events: Sequence[Event]) -> None:
        began.set()
        assert enough.wait(20)

    outbox.on("bell.rang")(lambda events: heard.extend(event.subject_id for event in events))
    with app.app_context(), transaction():
        outbox.record("index.grew", 1, None)
    with at_work(app, quick):
        assert began.wait(20)
        tell(app, 1)
        until(lambda: heard == [1])
        enough.set()


def test_the_present_job_is_finished_before_the_worker_stops(app: Flask, quick: Settings) -> None:
    began, heard = threading.Event(), []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        began.set()
        time.sleep(0.3)
        heard.append(events[0].subject_id)

    tell(app, 1)
    with at_work(app, quick):
        assert began.wait(20)
    assert heard == [1]
    with app.app_context():
        assert outbox.backlog().waiting == 0


def test_the_worker_goes_on_when_the_database_was_away(
    app: Flask, quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    outbox.on("bell.rang")(lambda events: heard.extend(event.subject_id for event in events))
    away = threading.Event()
    looked: list[int] = []
    run_due = outbox.run_due

    def run(*how: int, beside: bool) -> int:
        if away.is_set():
            looked.append(1)
            raise OSError("database is away")
        return run_due(*how, beside=beside)

    monkeypatch.setattr(outbox, "run_due", run)
    away.set()
    tell(app, 1)
    with at_work(app, quick):
        until(lambda: len(looked) > 3)
        away.clear()
        until(lambda: heard == [1])


def test_the_worker_goes_on_after_every_connection_was_cut(app: Flask, quick: Settings) -> None:
    """As when PostgreSQL is restarted, in the middle of a job too."""
    with app.app_context():
        if not on_postgres():
            pytest.skip("SQLite has no connections to cut")
    heard: list[int] = []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        if not heard:
            heard.append(0)
            cut(app)
        db.session.execute(text("SELECT 1"))
        heard.append(events[0].subject_id)

    with at_work(app, quick):
        tell(app, 1)
        until(lambda: heard == [0, 1])
        cut(app)
        tell(app, 2)
        until(lambda: heard == [0, 1, 2])


def cut(app: Flask) -> None:
    """From outside, all connections to this database."""
    with app.app_context():
        engine = db.engine
    raw = engine.dialect.connect(**engine.dialect.create_connect_args(engine.url)[1])
    raw.autocommit = True
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    raw.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - both are ours
    raw.close()


def test_chores_are_done_when_no_job_is_due_and_not_too_often(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    outbox.on("bell.rang")(lambda _events: done.append("job"))
    now = [100.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    chores = [
        worker.Chore(lambda: done.append("often"), every=5),
        worker.Chore(lambda: done.append("seldom"), every=60),
    ]
    tell(app, 1)
    with app.app_context():
        for second in range(12):
            now[0] = 100.0 + second
            worker._step(settings, chores)
    assert done == ["job", "often", "seldom", "often", "often"]


def test_a_chore_that_fails_is_tried_again_in_its_time(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []
    now = [100.0]

    def fail() -> None:
        tries.append(now[0])
        raise OSError("no room")

    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    with app.app_context():
        chores = [worker.Chore(fail, every=5)]
        for second in range(11):
            now[0] = 100.0 + second
            assert not worker._step(settings, chores)
    assert tries == [100.0, 105.0, 110.0]
