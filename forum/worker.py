"""The worker: works off jobs as they come due, and looks after the index in between."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from flask import Flask

from forum import files, outbox
from forum.config import Settings
from forum.db import db, stored_files, transaction
from forum.mail.delivery import deliver_some, forget_old_files
from forum.notifications import digests
from forum.notifications.contact import forget_old_messages
from forum.notifications.helping import ask_for_help
from forum.notifications.inbox import forget_old_entries
from forum.notifications.outcome import ask_for_outcomes
from forum.notifications.outgoing import forget_old_mails
from forum.search import handlers as search
from forum.search import missed
from forum.search.attachments import forget_texts
from forum.search.vectors import vectors
from forum.threads import drafts
from forum.threads.filing import forget_uploads

DAY = 86_400.0
SECONDS_WITHOUT_MEANING = 5.0
SECONDS_TO_LEAVE = 5.0

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to look after every so many seconds, whenever no job is due."""

    act: Callable[[], object]
    every: float
    # Whether it does a part at a time, and says if it did one: then it goes on at once, after jobs that have come.
    in_parts: bool = False
    next: float = 0.0


def work(app: Flask, settings: Settings, stop: threading.Event) -> None:
    """Work until told to stop; a failure is logged and never ends the worker."""
    with app.app_context():
        search.warm_up()
    log.info("the worker is at work")
    in_vain: set[int] = set()
    chores = [
        Chore(_begin_digests, every=60, in_parts=True),
        Chore(partial(ask_for_help, settings, in_vain), every=600),
        Chore(in_vain.clear, every=DAY),
        Chore(partial(ask_for_outcomes, settings), every=3600),
        Chore(search.heal, every=20),
        Chore(search.mend_drift, every=3600),
        Chore(search.learn_words, every=DAY),
        Chore(partial(_forget_old, settings), every=DAY),
        Chore(partial(_forget_entries, settings), every=DAY, in_parts=True),
        Chore(partial(forget_old_files, settings), every=DAY),
        Chore(partial(_forget_uploads, settings), every=DAY),
    ]
    meaning = _beside(app, stop, "meaning", _give_meaning, SECONDS_WITHOUT_MEANING)
    # A mail server that takes its time holds up neither jobs nor chores.
    mail = _beside(app, stop, "mail", partial(deliver_some, settings, stop), settings.worker_pause_seconds)
    long_jobs = _beside(app, stop, "long jobs", partial(_run_due, settings, beside=True), settings.worker_pause_seconds)
    while not stop.is_set():
        with app.app_context():
            idle = not _step(settings, chores)
        if idle:
            stop.wait(settings.worker_pause_seconds)
    meaning.join()
    mail.join(SECONDS_TO_LEAVE)  # what a silent server was handed is sent again after the next start
    long_jobs.join(SECONDS_TO_LEAVE)  # one that is not done by then begins anew


def _beside(app: Flask, stop: threading.Event, name: str, act: Callable[[], int], pause: float) -> threading.Thread:
    """Do something again and again in a thread of its own, with a pause whenever there was nothing to do."""

    def again() -> None:
        while not stop.is_set():
            done = 0
            with app.app_context():
                try:
                    done = act()
                except Exception:
                    log.exception("the %s stumbled and goes on", name)
                finally:
                    db.session.remove()
            if not done:
                stop.wait(pause)

    thread = threading.Thread(target=again, name=name, daemon=True)
    thread.start()
    return thread


def _give_meaning() -> int:
    """Make vectors of some posts, after all else: one may take a second."""
    with suppress(OSError, AttributeError):  # where a thread cannot give way, it takes its turn
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
    return vectors().make_some()


def _begin_digests() -> bool:
    """Begin some of the digests that are due; whether there were any."""
    return digests.begin_some() is not None


def _forget_old(settings: Settings) -> None:
    with transaction():
        forget_old_messages(settings.contact_days)
        missed.forget_old()
        forget_old_mails()
        drafts.forget_old(settings.draft_days, settings.undo_hours)


def _forget_entries(settings: Settings) -> bool:
    """Forget some old entries of inboxes; whether there may be more."""
    with transaction():
        return forget_old_entries(settings.inbox_days)


def _forget_uploads(settings: Settings) -> None:
    """Let go of files that no post wants, and of what they say; first the rows, so that a file is gone at once."""
    with transaction():
        forget_uploads(settings.upload_days)
        forget_texts()
    files.forget(settings.instance / "files", stored_files)


def work_off(settings: Settings) -> int:
    """Do all jobs that are due now, then send what is due; return how many jobs there were. For commands and tests."""
    done = 0
    while count := _run_due(settings):
        done += count
    while deliver_some(settings):
        pass
    return done


def _run_due(settings: Settings, beside: bool | None = None) -> int:
    return outbox.run_due(settings.job_lease_seconds, settings.job_attempts, beside=beside)


def _step(settings: Settings, chores: list[Chore]) -> bool:
    """One batch of jobs, or the chores that are due; whether there may be more to do at once."""
    try:
        return _run_due(settings, beside=False) > 0 or _look_after(chores)
    except Exception:
        # Out of disk, database away: the jobs are still there, so try again instead of dying.
        log.exception("the worker stumbled and goes on")
    finally:
        db.session.remove()
    return False


def _look_after(chores: list[Chore]) -> bool:
    again = False
    for chore in chores:
        if chore.next <= time.monotonic():
            chore.next = time.monotonic() + chore.every
            if chore.act() and chore.in_parts:
                chore.next, again = time.monotonic(), True
    return again
