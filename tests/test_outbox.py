"""Nothing gets lost: an event and its jobs are written with the change, and every job is done or stays visible."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from forum import cli, clock, outbox
from forum.areas.models import Area
from forum.cli import doors
from forum.db import db, transaction
from forum.outbox import Event, Job

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(seconds=61)


class Killed(BaseException):
    """What `kill -9` looks like from within: nothing is tidied up."""


@pytest.fixture(autouse=True)
def own_handlers(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - first the network is made
    """Each test hears with handlers of its own."""
    monkeypatch.setattr(outbox, "HANDLERS", {})
    monkeypatch.setattr(outbox, "HEARS", {})


@contextmanager
def it_is(when: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(when, tick=False) as journey:
        yield journey


def tell(app: Flask, *subjects: int, name: str = "bell.rang") -> None:
    with app.app_context(), transaction():
        for subject in subjects:
            outbox.record(name, subject, None)
            db.session.flush()


def jobs(app: Flask) -> list[Job]:
    with app.app_context():
        found = list(db.session.scalars(select(Job).order_by(Job.id)))
        db.session.expunge_all()
        return found


def count(app: Flask, model: type[Any]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def step(app: Flask, lease_seconds: int = 60, most_failures: int = 10) -> int:
    """One step of a worker, as in a process of its own."""
    with app.app_context():
        return outbox.run_due(lease_seconds, most_failures)


def steps(app: Flask, **how: int) -> int:
    done = 0
    while number := step(app, **how):
        done += number
    return done


def crash(app: Flask, **how: int) -> None:
    with pytest.raises(Killed):
        step(app, **how)


# Telling within doing


def test_what_is_rolled_back_is_not_told(app: Flask) -> None:
    outbox.on("bell.rang")(lambda _events: None)
    before = count(app, Event)
    with app.app_context():
        with pytest.raises(ZeroDivisionError):
            rename_and_stumble()
        assert db.session.scalar(select(func.count()).where(Area.title == "Umbenannt")) == 0
    assert (count(app, Event), count(app, Job)) == (before, 0)


def rename_and_stumble() -> None:
    with transaction():
        area = db.session.scalars(select(Area)).first()
        assert area is not None
        area.title = "Umbenannt"
        outbox.record("bell.rang", area.id, None)
        db.session.flush()
        _ = 1 / 0


def test_nobody_hears_before_the_change_is_there(app: Flask) -> None:
    outbox.on("bell.rang")(lambda _events: None)
    seen: list[tuple[int, int]] = []
    with app.app_context():
        with transaction():
            outbox.record("bell.rang", 1, None)
            db.session.flush()
            elsewhere(lambda: seen.append((step(app), count(app, Job))))
        assert seen == [(0, 0)]
    assert step(app) == 1


def elsewhere(act: Callable[[], object]) -> None:
    """Do it on another connection, as another process would."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_every_handler_gets_a_job_and_an_event_without_handlers_stays(app: Flask) -> None:
    outbox.on("bell.rang")(lambda _events: None)
    outbox.on("bell.rang")(another)
    outbox.nobody_hears("bell.cleaned")
    before = count(app, Event)
    tell(app, 1)
    tell(app, 2, name="bell.cleaned")
    assert (count(app, Event), count(app, Job)) == (before + 2, 2)
    assert steps(app) == 2
    assert (count(app, Event), count(app, Job)) == (before + 2, 0)


def another(_events: Sequence[Event]) -> None:
    """A handler with a name."""


def test_an_event_that_was_never_declared_is_a_bug(app: Flask) -> None:
    with app.app_context(), pytest.raises(KeyError), transaction():
        outbox.record("bell.melted", 1, None)


# Claim, act, finish


def test_a_job_is_claimed_done_and_gone(app: Flask) -> None:
    heard: list[tuple[str, int, int | None, dict[str, int]]] = []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        heard.extend((event.name, event.subject_id, event.actor_id, event.ids) for event in events)
        assert [job.lease is not None for job in jobs(app)] == [True]

    with app.app_context(), transaction():
        outbox.record("bell.rang", 7, 3, tower_id=5)
    assert step(app) == 1
    assert heard == [("bell.rang", 7, 3, {"tower_id": 5})]
    assert jobs(app) == []
    assert step(app) == 0


def test_jobs_of_one_handler_are_done_together_up_to_its_batch(app: Flask) -> None:
    heard: list[list[int]] = []
    outbox.on("bell.rang", batch=3)(lambda events: heard.append([event.subject_id for event in events]))
    tell(app, 1, 2, 3, 4)
    assert (step(app), step(app), step(app)) == (3, 1, 0)
    assert heard == [[1, 2, 3], [4]]


def test_while_a_handler_acts_others_can_write(app: Flask) -> None:
    """A slow mail server must not hold up a member's post."""
    written: list[bool] = []

    def write() -> None:
        tell(app, 2, name="bell.cleaned")  # would fail after the busy timeout
        written.append(True)

    @outbox.on("bell.rang")
    def hear(_events: Sequence[Event]) -> None:
        db.session.scalars(select(Event)).all()
        elsewhere(write)

    outbox.nobody_hears("bell.cleaned")
    tell(app, 1)
    assert step(app) == 1
    assert written == [True]
    assert jobs(app) == []


def test_a_job_whose_handler_is_unknown_waits_for_the_version_that_knows_it(app: Flask) -> None:
    outbox.on("bell.rang")(another)
    tell(app, 1)
    known = outbox.HANDLERS.copy()
    outbox.HANDLERS.clear()
    assert step(app) == 0
    outbox.HANDLERS.update(known)
    assert step(app) == 1


# Failing


def test_a_failing_job_waits_longer_each_time_and_then_for_a_person(app: Flask) -> None:
    @outbox.on("bell.rang")
    def hear(_events: Sequence[Event]) -> None:
        raise OSError("the bell has no clapper")

    waits = []
    with it_is(NOON) as journey:
        tell(app, 1)
        for _ in range(4):
            assert step(app, most_failures=5) == 1
            (job,) = jobs(app)
            assert (job.lease, job.leased_until, job.died_at) == (None, None, None)
            waits.append((job.run_at - clock.now()).total_seconds())
            assert step(app, most_failures=5) == 0
            journey.move_to(job.run_at - timedelta(seconds=1))
            assert step(app, most_failures=5) == 0
            journey.move_to(job.run_at)
        assert step(app, most_failures=5) == 1
        (job,) = jobs(app)
        assert job.died_at == clock.now()
        assert job.error == "OSError: the bell has no clapper"
        journey.shift(timedelta(days=30))
        assert step(app, most_failures=5) == 0
    for wait, usual in zip(waits, (5, 15, 45, 135), strict=True):
        assert 0.8 * usual <= wait <= 1.2 * usual
    assert waits == sorted(waits)


def test_no_pause_is_longer_than_a_night(app: Flask) -> None:
    outbox.on("bell.rang")(broken)
    with it_is(NOON) as journey:
        tell(app, 1)
        for _ in range(30):
            step(app, most_failures=100)
            (job,) = jobs(app)
            assert job.run_at - clock.now() <= timedelta(hours=5)
            journey.move_to(job.run_at)


def broken(_events: Sequence[Event]) -> None:
    raise RuntimeError("broken")


@pytest.fixture
def command(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `forum …` on the test's network."""
    monkeypatch.setattr(doors, "create_app", lambda: app)
    return lambda *words: CliRunner().invoke(cli.forum, words)


def test_a_dead_job_is_seen_by_the_check_and_revived_by_a_command(app: Flask, command: Callable[..., Any]) -> None:
    mended: list[int] = []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        if not mended:
            raise OSError("the bell has no clapper")
        mended.extend(event.subject_id for event in events)

    assert command("check").exit_code == 0
    tell(app, 7, 8)
    assert steps(app, most_failures=1) == 2
    told = command("check")
    assert told.exit_code == 1
    assert "2 jobs were given up" in told.output
    assert "the bell has no clapper" in told.output
    mended.append(0)
    assert "2 jobs will be tried again" in command("jobs", "retry").output
    assert command("jobs", "work-off").output == "2 jobs done\n"
    assert mended == [0, 7, 8]
    assert command("check").exit_code == 0


def test_one_failing_event_does_not_keep_the_others_of_its_batch(app: Flask) -> None:
    done: list[int] = []

    @outbox.on("bell.rang", batch=10)
    def hear(events: Sequence[Event]) -> None:
        if any(event.subject_id == 3 for event in events):
            raise ValueError("3 is cracked")
        done.extend(event.subject_id for event in events)

    with it_is(NOON) as journey:
        tell(app, 1, 2, 3, 4, 5)
        assert step(app) == 5
        assert done == []
        journey.shift(timedelta(seconds=7))
        steps(app)
        assert sorted(done) == [1, 2, 4, 5]
        (left,) = jobs(app)
        assert left.failures == 2
        tell(app, 6)  # what comes new is not held up either
        steps(app)
        assert 6 in done


def test_a_failed_handler_leaves_nothing_half_done(app: Flask) -> None:
    @outbox.on("bell.rang")
    def hear(_events: Sequence[Event]) -> None:
        with transaction():
            area = db.session.scalars(select(Area)).first()
            assert area is not None
            area.title = "Umbenannt"
            db.session.flush()
            raise RuntimeError("in the middle")

    tell(app, 1)
    step(app)
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Area.title == "Umbenannt")) == 0
    assert jobs(app)[0].failures == 1


# Crashing


def test_a_killed_workers_job_runs_again_when_its_lease_is_over(app: Flask) -> None:
    heard: list[int] = []

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        heard.append(events[0].subject_id)
        if len(heard) == 1:
            raise Killed

    with it_is(NOON) as journey:
        tell(app, 7)
        crash(app)
        journey.shift(timedelta(seconds=59))
        assert step(app) == 0
        journey.shift(timedelta(seconds=2))
        assert step(app) == 1
    assert heard == [7, 7]
    assert jobs(app) == []


def test_poison_in_a_batch_is_found_out_and_harms_no_other(app: Flask, command: Callable[..., Any]) -> None:
    tries: Counter[int] = Counter()

    @outbox.on("bell.rang", batch=10)
    def hear(events: Sequence[Event]) -> None:
        tries.update(event.subject_id for event in events)
        if any(event.subject_id == 2 for event in events):
            raise Killed

    with it_is(NOON) as journey:
        tell(app, 1, 2, 3)
        for _ in range(10):
            try:
                steps(app)
            except Killed:
                journey.shift(MINUTE)
        # Once together, which says nothing of any of them, and then each by itself.
        assert tries == {1: 2, 2: 1 + 3, 3: 2}
        (dead,) = jobs(app)
        assert dead.died_at is not None
        assert dead.error == "took its worker down three times"
        told = command("check")
        assert told.exit_code == 1
        assert "took its worker down three times" in told.output
        assert "1 jobs will be tried again" in command("jobs", "retry").output
        crash(app)
        assert tries[2] == 5


def test_a_job_that_takes_three_workers_down_is_set_aside(app: Flask) -> None:
    outbox.on("bell.rang")(poison)
    with it_is(NOON) as journey:
        tell(app, 1)
        for _ in range(3):
            assert jobs(app)[0].died_at is None
            crash(app)
            journey.shift(MINUTE)
        assert step(app) == 0
        (dead,) = jobs(app)
        assert (dead.crashes, dead.died_at) == (3, clock.now())


def test_kills_one_after_the_other_do_not_meet_the_same_job(app: Flask) -> None:
    """With a lease that is soon over, a job waits longer each time its worker was killed, and others go first."""
    done: list[int] = []
    kills = iter([True, True])

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        if events[0].subject_id == 1 and next(kills, False):
            raise Killed
        done.extend(event.subject_id for event in events)

    with it_is(NOON) as journey:
        tell(app, 1)
        crash(app, lease_seconds=1)
        journey.shift(timedelta(seconds=3))
        tell(app, 2)
        assert (steps(app, lease_seconds=1), done) == (1, [2])
        journey.shift(timedelta(seconds=4))
        crash(app, lease_seconds=1)
        journey.shift(timedelta(seconds=11))
        assert steps(app, lease_seconds=1) == 0
        journey.shift(timedelta(seconds=8))
        assert (steps(app, lease_seconds=1), done) == (1, [2, 1])


def test_poison_does_not_keep_other_jobs_waiting(app: Flask) -> None:
    done: list[int] = []
    outbox.on("bell.rang")(poison)
    outbox.on("bell.cleaned", batch=10)(lambda events: done.extend(event.subject_id for event in events))
    with it_is(NOON) as journey:
        tell(app, 1)
        tell(app, 2, name="bell.cleaned")
        crash(app)
        steps(app)  # the next worker, while the poison is still leased
        assert done == [2]
        journey.shift(MINUTE)
        crash(app)
        tell(app, 3, name="bell.cleaned")
        steps(app)
        assert done == [2, 3]


def poison(_events: Sequence[Event]) -> None:
    raise Killed


# Leases


class Hold:
    """A handler that is at work until it is let go, each call for itself."""

    def __init__(self) -> None:
        self.entered = [threading.Event() for _ in range(2)]
        self.let_go = [threading.Event() for _ in range(2)]
        self.calls = 0

    def __call__(self, _events: Sequence[Event]) -> None:
        call, self.calls = self.calls, self.calls + 1
        self.entered[call].set()
        assert self.let_go[call].wait(20)


def test_a_late_worker_does_not_hurt_the_one_that_took_over(app: Flask) -> None:
    hold = Hold()

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        hold(events)

    before, after = taken_over(app, hold)
    assert (after.lease, after.leased_until) == (before.lease, before.leased_until)
    assert after.lease is not None


def taken_over(app: Flask, hold: Hold) -> tuple[Job, Job]:
    """A job that a second worker took over, before and after the first one comes to its end."""
    workers = [threading.Thread(target=step, args=(app,)) for _ in range(2)]
    with it_is(NOON) as journey:
        tell(app, 1)
        for worker, entered in zip(workers, hold.entered, strict=True):
            journey.shift(MINUTE)
            worker.start()
            assert entered.wait(20)
        found = []
        for worker, let_go in zip(workers, hold.let_go, strict=True):
            found += jobs(app)
            let_go.set()
            worker.join()
    assert jobs(app) == []
    before, after = found
    return before, after


def test_a_late_workers_failure_does_not_touch_the_others_lease(app: Flask) -> None:
    hold = Hold()

    @outbox.on("bell.rang")
    def hear(events: Sequence[Event]) -> None:
        late = hold.calls == 0
        hold(events)
        if late:
            raise OSError("too late anyway")

    _, after = taken_over(app, hold)
    assert (after.failures, after.error) == (0, None)


def test_still_working_lengthens_the_lease(app: Flask) -> None:
    until: list[datetime | None] = []
    with it_is(NOON) as journey:

        @outbox.on("bell.rang")
        def hear(_events: Sequence[Event]) -> None:
            for _ in range(3):
                journey.shift(timedelta(seconds=40))
                outbox.still_working()
                until.append(jobs(app)[0].leased_until)
                assert step(app) == 0  # nobody else may take it

        tell(app, 1)
        assert step(app) == 1
        assert until == [NOON + timedelta(seconds=60 + 40 * n) for n in (1, 2, 3)]
    assert jobs(app) == []


def test_still_working_is_harmless_without_a_lease(app: Flask) -> None:
    with app.app_context():
        outbox.still_working()


def test_of_several_workers_each_job_has_one_and_alone_means_alone(app: Flask) -> None:
    """Four workers, 1,200 jobs, leases of three seconds, no pause between them."""
    luck = random.Random(4)
    done: Counter[tuple[str, int]] = Counter()
    at_work: Counter[str] = Counter()
    overlaps: list[str] = []
    guard = threading.Lock()

    def worked(name: str, events: Sequence[Event]) -> None:
        with guard:
            at_work[name] += 1
            overlaps.extend([name] if name == "lonely" and at_work[name] > 1 else [])
            done.update((name, event.subject_id) for event in events)
        time.sleep(luck.random() / 500)
        with guard:
            at_work[name] -= 1

    @outbox.on("bell.rang", batch=7, alone=True)
    def lonely(events: Sequence[Event]) -> None:
        worked("lonely", events)

    @outbox.on("bell.rang", batch=3)
    def sociable(events: Sequence[Event]) -> None:
        worked("sociable", events)

    tell(app, *range(600))
    failures: list[BaseException] = []

    def work() -> None:
        idle = 0
        try:
            while idle < 20:
                idle = 0 if step(app, lease_seconds=3) else idle + 1
                time.sleep(0.01 if idle else 0)
        except BaseException as error:  # a thread's failure is told by the test
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert overlaps == []
    assert len(done) == 1200
    assert set(done.values()) == {1}
    assert jobs(app) == []


# Looking at it


def test_the_backlog_counts_what_waits_what_failed_and_what_died(app: Flask) -> None:
    outbox.on("bell.rang")(broken)
    outbox.on("bell.cleaned")(another)
    with it_is(NOON):
        tell(app, 1)
        steps(app, most_failures=1)
        tell(app, 2)
        steps(app)
        tell(app, 3, name="bell.cleaned")
        with app.app_context():
            assert outbox.backlog() == outbox.Backlog(waiting=2, failed=1, dead=1, oldest_due=NOON)


def test_the_check_says_when_nobody_works(app: Flask, command: Callable[..., Any]) -> None:
    outbox.on("bell.rang")(another)
    with it_is(NOON) as journey:
        tell(app, 1)
        journey.shift(timedelta(minutes=4))
        assert command("check").exit_code == 0
        journey.shift(timedelta(minutes=2))
        told = command("check")
        assert told.exit_code == 1
        assert "is a worker running?" in told.output
