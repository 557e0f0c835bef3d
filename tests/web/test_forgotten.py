"""S8, S22: a forgotten password. Everybody is answered alike, and nobody's mailbox is filled by others."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from forum.config import Settings
from forum.db import db, transaction
from forum.mail.delivery import deliver_some
from forum.members import actions
from forum.members.models import Member, SignInLink
from forum.members.queries import link_key
from forum.outbox import Event
from tests.cast import PASSWORD, PEOPLE, Person, person
from tests.security import scene

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NEW = "ein neues Kennwort"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def forgets(browser: Person, email: str) -> None:
    browser.reads("/sign-in/forgotten")
    browser.sends("/sign-in/forgotten", email=email)


def mailed(app: Flask, key: str = "frieda") -> int:
    """How many links were made to be mailed."""
    with app.app_context():
        mine = select(SignInLink.id).join(Member, Member.id == SignInLink.member_id).where(Member.uid == key)
        told = select(func.count()).where(Event.name == "member.link_made", Event.subject_id.in_(mine))
        return db.session.scalar(told) or 0


def link_in_mail(app: Flask) -> str:
    with app.app_context():
        newest = db.session.scalars(select(SignInLink).order_by(SignInLink.id.desc()).limit(1)).one()
        return f"/welcome/{link_key(newest, str(app.secret_key))}"


def test_frieda_forgot_her_password_and_sets_a_new_one(app: Flask, stranger: Person) -> None:
    elsewhere = person(app, "frieda")
    stranger.reads("/sign-in")
    assert 'href="/sign-in/forgotten"' in stranger.page.text  # type: ignore[union-attr]
    forgets(stranger, " Frieda@Weserufer.Example ")
    assert mailed(app) == 1
    address = link_in_mail(app)
    stranger.reads(address)
    answer = stranger.sends(address, follow=False, password=NEW, repeated=NEW)
    assert answer.status_code == 303
    assert stranger.reads("/settings/account").status_code == 200
    assert elsewhere.reads("/settings/account", follow=False).status_code == 303, "her other devices are signed out"
    assert Person("frieda", app.test_client()).signs_in(NEW).status_code == 200
    assert Person("stranger", app.test_client()).reads(address).status_code == 422


def test_the_mail_brings_the_link_and_a_new_device_is_told_of(
    app: Flask, settings: Settings, stranger: Person, work: Callable[[], int]
) -> None:
    person(app, "frieda")
    forgets(stranger, "frieda@weserufer.example")
    (mail,) = sent(app, settings, work)
    assert mail["To"] == "Frieda Moor <frieda@weserufer.example>"
    found = re.search(r"http://127\.0\.0\.1:5000(/welcome/[\w-]+)", mail.get_body(("plain",)).get_content())
    assert found is not None
    stranger.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone) Version/18.1 Safari/604.1"
    stranger.reads(found[1])
    stranger.sends(found[1], password=NEW, repeated=NEW)
    assert stranger.reads("/settings/account").status_code == 200
    (mail,) = sent(app, settings, work)
    assert "Safari, iPhone" in mail.get_body(("plain",)).get_content()


def sent(app: Flask, settings: Settings, work: Callable[[], int]) -> list[Any]:
    """The mails that go now, as the files that they become without a mail server."""
    work()
    with app.app_context():
        while deliver_some(settings):
            pass
    files = sorted((settings.instance / "outbox").rglob("*.eml"))
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    for file in files:
        file.unlink()
    return mails


def test_300_known_and_unknown_addresses_are_answered_alike(app: Flask) -> None:
    """Suspended and imported people, rubbish, and members who asked too often are among them."""
    known = [f"{key}@weserufer.example" for key in PEOPLE]
    unknown = [f"niemand{number}@weserufer.example" for number in range(300)]
    unknown[:4] = ["", "kein Mensch", "ä" * 5000, "x\x00@weserufer.example"]
    browser = scene.visitor(app, "stranger")
    for number, stranger in enumerate(unknown):
        pair = [
            browser.asks("POST", "/sign-in/forgotten", data={"csrf_token": browser.token, "email": email})
            for email in (known[number % len(known)], stranger)
        ]
        assert pair[0].status == pair[1].status == "303 SEE OTHER"
        assert pair[0].data == pair[1].data
        assert list(pair[0].headers) == list(pair[1].headers)
    pages = {scene.normal(browser.asks("GET", "/sign-in/forgotten?asked").text) for _ in range(3)}
    assert len(pages) == 1


def test_nothing_is_looked_up_before_the_answer_has_gone(app: Flask, statements: list[str]) -> None:
    """So the answer takes as long for a stranger as for a member."""
    browser = scene.visitor(app, "stranger")
    before_answer = []
    for email in ("frieda@weserufer.example", "niemand@weserufer.example"):
        statements.clear()
        form = {"csrf_token": browser.token, "email": email}
        answer = browser.browser().post("/sign-in/forgotten", data=form)
        before_answer.append(list(statements))
        answer.close()
    assert before_answer[0] == before_answer[1]
    assert not [statement for statement in before_answer[0] if "member" in statement]
    assert mailed(app) == 1


def test_three_mails_an_hour_and_thirty_a_day(app: Flask, stranger: Person, clock: time_machine.Traveller) -> None:
    for _ in range(40):
        forgets(stranger, "frieda@weserufer.example")
    assert mailed(app) == 3
    forgets(stranger, "jonas@weserufer.example")
    assert mailed(app, "jonas") == 1
    for _ in range(20):
        clock.shift(timedelta(hours=1))
        for _ in range(5):
            forgets(stranger, "frieda@weserufer.example")
    assert mailed(app) == 30
    clock.move_to(NOW + timedelta(days=1, seconds=1), tick=False)
    forgets(stranger, "frieda@weserufer.example")
    assert mailed(app) == 31


def test_fifty_from_one_place_and_the_rest_is_answered_alike_and_costs_nothing(
    app: Flask, stranger: Person, clock: time_machine.Traveller
) -> None:
    for number in range(50):
        forgets(stranger, f"wer{number}@weserufer.example")
    before = scene.snapshot(app)
    browser = scene.visitor(app, "stranger")
    answers = [
        browser.asks("POST", "/sign-in/forgotten", data={"csrf_token": browser.token, "email": email})
        for email in ("frieda@weserufer.example", "wer@weserufer.example")
    ]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {
        (303, "/sign-in/forgotten?asked")
    }
    assert not scene.differences(before, scene.snapshot(app))
    elsewhere = Person("stranger", app.test_client())
    elsewhere.client.environ_base["REMOTE_ADDR"] = "10.0.0.2"
    forgets(elsewhere, "frieda@weserufer.example")
    assert mailed(app) == 1
    clock.shift(timedelta(hours=1, seconds=1))
    forgets(stranger, "frieda@weserufer.example")
    assert mailed(app) == 2


def test_asking_for_somebody_keeps_her_neither_from_signing_in_nor_from_an_invitation(
    app: Flask, stranger: Person
) -> None:
    for _ in range(12):
        forgets(stranger, "frieda@weserufer.example")
    assert Person("frieda", app.test_client()).signs_in(PASSWORD).status_code == 200
    with app.app_context(), transaction():
        frieda = db.session.scalars(select(Member).where(Member.uid == "frieda")).one()
        frieda.password = None
        actions.invite(None, frieda, timedelta(days=14), "secret")


def test_a_suspended_member_and_a_stranger_get_no_mail(app: Flask, stranger: Person) -> None:
    forgets(stranger, "sven@weserufer.example")
    forgets(stranger, "niemand@weserufer.example")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SignInLink)) == 0


def test_a_form_from_elsewhere_asks_for_nothing(app: Flask) -> None:
    answer = app.test_client().post("/sign-in/forgotten", data={"email": "frieda@weserufer.example"}, buffered=True)
    assert answer.status_code == 400
    assert mailed(app) == 0


def test_a_link_that_is_used_up_leads_to_another(stranger: Person) -> None:
    assert stranger.reads("/welcome/abgelaufen").status_code == 422
    assert stranger.sees('href="/sign-in/forgotten">Neuen Link anfordern')
