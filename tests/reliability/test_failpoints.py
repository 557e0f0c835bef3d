"""The process dies at every named step between a click and a mail; after a new start nothing is lost (R2)."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum import clock, create_app, failpoints, migrations, outbox
from forum.checks import examine
from forum.config import Settings, load
from forum.db import db, transaction
from forum.members.models import Member
from forum.notifications.models import MailChoice, OutgoingMail
from forum.outbox import Event
from forum.search import handlers
from forum.threads.models import Thread
from forum.worker import work_off
from tests.cast import person
from tests.mail.smtp import HostileServer
from tests.reliability.site import Site

FORUM = Path(__file__).parents[2] / "forum"
_STEP = re.compile(r'failpoints\.reach\("([^"]+)"\)')
STEPS = [step for file in sorted(FORUM.rglob("*.py")) for step in _STEP.findall(file.read_text())]
DIED = 137
QUESTION = {"kind": "question", "title": "Wer kennt das?", "body": "Mieterin öffnet nicht.", "send_key": "einmal"}


def test_every_step_has_a_name_of_its_own() -> None:
    assert len(STEPS) == len(set(STEPS)) >= 25


def test_an_operator_can_name_a_step(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_CRASH_AT", "outbox.claimed")
    site = Site(settings.instance, settings.database_url)
    with alive(settings) as app, app.app_context(), transaction():
        outbox.record("thread.started", 1, None)
    assert site.run("jobs", "work-off").returncode == DIED


@contextmanager
def alive(settings: Settings) -> Iterator[Flask]:
    """A process of the network, as far as what it holds open goes."""
    app = create_app(settings)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def dies(step: str, act: Callable[[], object]) -> None:
    """Do something in a process of its own, which is to die at this step."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == DIED, f"{step} was not reached"


def asking(terms: Settings, step: str, then: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """Frieda asks, and a worker does what is to be done; once she is signed in, the step is deadly."""

    def act() -> None:
        app = create_app(terms)
        frieda = person(app, "frieda")
        frieda.reads("/areas/vermuellung/new")
        failpoints._CRASH_AT = step
        frieda.sends("/areas/vermuellung/new", **QUESTION)
        with app.app_context():
            work_off(terms)
            then()

    return act


@pytest.fixture
def terms(settings: Settings, server: HostileServer) -> Settings:
    """Jonas wants a mail for each post, at once, and there is a mail server."""
    with alive(settings) as app, app.app_context(), transaction():
        db.session.add(MailChoice(member_id=jonas(), level="notify"))
    return settings_with(settings, mail_server="127.0.0.1", mail_port=server.port)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def settings_with(settings: Settings, **more: Any) -> Settings:
    how = {"mail_security": "none", "mail_wait_minutes": 0, "meaning": False, **more}
    return load(instance=settings.instance, database_url=settings.database_url, **how)


def is_whole(terms: Settings, server: HostileServer) -> None:
    """After a new start, and Frieda's second click: one question, one mail to Jonas, and all that belongs to it."""
    with alive(terms) as app:
        frieda = person(app, "frieda")
        assert frieda.sends("/areas/vermuellung/new", follow=False, **QUESTION).status_code == 303
        for hours in (1, 2, 3):
            with time_machine.travel(clock.now() + timedelta(hours=hours)), app.app_context():
                work_off(terms)
        with app.app_context():
            assert db.session.scalars(select(Thread.title)).all() == [QUESTION["title"]]
            mails = db.session.execute(select(OutgoingMail.member_id, OutgoingMail.state)).all()
            assert mails == [(jonas(), "sent")]
            assert examine(terms).problems == []
    if terms.mail_server:
        assert 1 <= len(server.taken) <= 2
        assert len({message_from_bytes(mail)["Message-ID"] for mail in server.taken}) == 1
    else:
        assert len(list((terms.instance / "outbox").glob("*.eml"))) == 1


def jonas() -> int:
    return db.session.scalars(select(Member.id).where(Member.uid == "jonas")).one()


ELSEWHERE = ("files.", "migrations.", "index.", "outbox.putting_back", "outbox.put_back", "outbox.lengthening")
REFUSING = {
    "mail.putting_off": {"rcpt": [b"450 later\r\n"]},
    "mail.put_off": {"rcpt": [b"450 later\r\n"]},
    "mail.noting": {"greeting": [b"554 not now\r\n"]},
}


@pytest.mark.parametrize("step", [step for step in STEPS if not step.startswith(ELSEWHERE)])
def test_a_question_and_its_mail_survive(terms: Settings, server: HostileServer, step: str) -> None:
    server.instead.update(deepcopy(REFUSING.get(step, {})))  # what was answered once is taken off the list
    dies(step, asking(terms, step))
    is_whole(terms, server)


@pytest.mark.parametrize("step", [step for step in STEPS if step.startswith("files.")])
def test_a_mail_that_is_kept_as_a_file_survives(terms: Settings, server: HostileServer, step: str) -> None:
    without = settings_with(terms)
    dies(step, asking(without, step))
    is_whole(without, server)


@pytest.mark.parametrize("step", ["outbox.putting_back", "outbox.put_back"])
def test_a_job_that_fails_survives(
    terms: Settings, server: HostileServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(_events: Sequence[Event]) -> None:
        raise OSError("no room")

    with monkeypatch.context() as for_now:
        index_by(fails, for_now)
        dies(step, asking(terms, step))
    is_whole(terms, server)


def test_a_long_job_survives(terms: Settings, server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as for_now:
        for_now.setattr(handlers, "_BREATH", 1)
        index_by(lambda _events: handlers.rebuild(), for_now)
        dies("outbox.lengthening", asking(terms, "outbox.lengthening"))
    is_whole(terms, server)


def index_by(act: Callable[[Sequence[Event]], Any], for_now: pytest.MonkeyPatch) -> None:
    name = "search.handlers.index_posts"
    for_now.setitem(outbox.HANDLERS, name, replace(outbox.HANDLERS[name], act=act))


@pytest.mark.parametrize("step", [step for step in STEPS if step.startswith("index.")])
def test_the_index_survives(terms: Settings, server: HostileServer, step: str) -> None:
    if terms.database_url:
        pytest.skip("the index is in the database, whose transactions are tested above")
    dies(step, asking(terms, step, handlers.rebuild))
    is_whole(terms, server)


@pytest.mark.parametrize("step", [step for step in STEPS if step.startswith("migrations.")])
def test_the_schema_survives(tmp_path: Path, step: str) -> None:
    settings = load(instance=tmp_path / "fresh", database_url="")

    def upgrade() -> None:
        failpoints._CRASH_AT = step
        with create_app(settings).app_context():
            migrations.upgrade()

    dies(step, upgrade)
    with alive(settings) as app, app.app_context():
        migrations.upgrade()
        assert migrations.is_current()
