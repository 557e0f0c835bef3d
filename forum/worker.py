"""The worker: works off jobs as they come due, and looks after the index in between."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from flask import Flask

from forum import outbox
from forum.config import Settings
from forum.db import db, transaction
from forum.search import handlers as search
from forum.search import missed
from forum.search.vectors import vectors

DAY = 86_400.0
SECONDS_WITHOUT_MEANING = 5.0

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to look after every so many seconds, whenever no job is due."""

    act: Callable[[], object]
    every: float
    next: float = 0.0


def work(app: Flask, settings: Settings, stop: threading.Event) -> None:
    """Work until told to stop; a failure is logged and never ends the worker."""
    with app.app_context():
        search.engine().german.parts("Mietschulden")  # its words are read before a job is taken, not within its lease
    log.info("the worker is at work")
    chores = [
        Chore(search.heal, every=20),
        Chore(search.mend_drift, every=3600),
        Chore(search.learn_words, every=DAY),
        Chore(_forget_old_searches, every=DAY),
    ]
    meaning = threading.Thread(target=_give_meaning, args=(app, stop), name="meaning", daemon=True)
    meaning.start()
    while not stop.is_set():
        with app.app_context():
            idle = not _step(settings, chores)
        if idle:
            stop.wait(settings.worker_pause_seconds)
    meaning.join()


def _give_meaning(app: Flask, stop: threading.Event) -> None:
    """Make vectors of posts, beside all else and after it: one may take a second."""
    with suppress(OSError, AttributeError):  # where a thread cannot give way, it takes its turn
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
    while not stop.is_set():
        made = 0
        with app.app_context():
            try:
                made = vectors().make_some()
            except Exception:
                log.exception("vectors could not be made")
            finally:
                db.session.remove()
        if not made:
            stop.wait(SECONDS_WITHOUT_MEANING)


def _forget_old_searches() -> None:
    with transaction():
        missed.forget_old()


def work_off(settings: Settings) -> int:
    """Do all jobs that are due now; return how many there were. For commands and tests."""
    done = 0
    while count := outbox.run_due(settings.job_lease_seconds, settings.job_attempts):
        done += count
    return done


def _step(settings: Settings, chores: list[Chore]) -> bool:
    """One batch of jobs, or the chores that are due; whether there were jobs."""
    try:
        if outbox.run_due(settings.job_lease_seconds, settings.job_attempts):
            return True
        _look_after(chores)
    except Exception:
        # Out of disk, database away: the jobs are still there, so try again instead of dying.
        log.exception("the worker stumbled and goes on")
    finally:
        db.session.remove()
    return False


def _look_after(chores: list[Chore]) -> None:
    for chore in chores:
        if chore.next <= time.monotonic():
            chore.next = time.monotonic() + chore.every
            chore.act()
