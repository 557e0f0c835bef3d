"""How mails leave, for administrators: a test mail, what does not get through, paused addresses, and all kinds."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from forum import clock, create_app
from forum.config import Settings
from forum.db import db, transaction
from forum.mail import bounces
from forum.mail.samples import samples
from forum.members.models import Member
from forum.notifications.models import OutgoingMail
from forum.outbox import Event
from tests.cast import Person, person
from tests.mail.smtp import SILENCE, HostileServer, Sink
from tests.security import scene


def over(settings: Settings, server: HostileServer | Sink) -> Settings:
    return settings.model_copy(update={"mail_server": "localhost", "mail_port": server.port, "mail_security": "none"})


@pytest.fixture
def served() -> Iterator[list[Flask]]:
    """Apps that a test makes with settings of its own."""
    apps: list[Flask] = []
    yield apps
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def anke_at(settings: Settings, served: list[Flask]) -> Person:
    app = create_app(settings)
    served.append(app)
    return person(app, "anke")


def tries_it(anke: Person) -> Person:
    anke.reads("/admin/mail")
    assert anke.sends("/admin/mail/test").status_code == 200
    return anke


def test_without_a_server_mails_are_files_and_the_page_says_so(anke: Person, settings: Settings) -> None:
    anke.reads("/admin/mail")
    assert anke.sees("FORUM_MAIL_SERVER")
    assert anke.sees("instance/outbox/")
    tries_it(anke)
    (file,) = (settings.instance / "outbox").glob("test-*.eml")
    assert anke.sees(file.name)


def test_a_test_mail_goes_to_oneself(settings: Settings, served: list[Flask]) -> None:
    with Sink() as sink:
        anke = tries_it(anke_at(over(settings, sink), served))
        assert len(sink.to("anke@weserufer.example")) == 1
    assert anke.sees("250 2.0.0 taken")
    assert not anke.sees("FORUM_MAIL_SERVER")


@pytest.mark.parametrize(
    ("does", "words", "raw"),
    [
        ({"rcpt": b"550 5.1.1 who is that?\r\n"}, "refused", "550 5.1.1 who is that?"),
        ({"rcpt": b"451 4.7.1 later\r\n"}, "at present", "451 4.7.1 later"),
        ({"rcpt": b"550 5.1.1 <script>alert(1)</script>\r\n"}, "refused", "<script>alert(1)</script>"),
    ],
)
def test_what_went_wrong_is_said_in_words_and_the_answer_is_below(
    settings: Settings, served: list[Flask], does: dict[str, bytes], words: str, raw: str
) -> None:
    with HostileServer(**does) as server:
        anke = anke_at(over(settings, server), served)
        anke.reads("/settings/account")
        anke.sends("/settings/account/language", language="en")
        tries_it(anke)
    assert anke.sees(words)
    assert anke.sees(raw)
    assert anke.page is not None
    assert "<script>alert" not in anke.page.text


def test_while_the_server_says_nothing_others_write(settings: Settings, served: list[Flask]) -> None:
    """No transaction waits for the mail server."""
    with HostileServer(dot=SILENCE) as server:
        anke = anke_at(over(settings, server), served)
        frieda = person(served[0], "frieda")
        anke.reads("/admin/mail")
        trying = threading.Thread(target=anke.sends, args=("/admin/mail/test",))
        trying.start()
        while trying.is_alive() and not server.seen["dot"]:
            trying.join(0.01)
        assert frieda.asks("Währenddessen")
        assert trying.is_alive()
    trying.join()
    assert anke.page is not None
    assert anke.page.status_code == 200


@pytest.fixture
def stuck(app: Flask, jonas: Person) -> list[int]:
    """A mail that was given up, one that is tried again, one that simply waits; all to Jonas."""
    now = clock.now()
    with app.app_context(), transaction():
        mails = [
            OutgoingMail(
                key=f"test:{state}:{answer}", member_id=jonas.id, kind="post", subject_id=1, state=state,
                made_at=now - timedelta(days=5), due_at=now + timedelta(hours=1), attempts=9, answer=answer,
                done_at=now if state == "dead" else None,
            )
            for state, answer in (
                ("dead", "550 5.7.1 <b>we want none</b>"),
                ("waiting", "The mail server cannot be reached.\nNo route to host"),
                ("waiting", None),
            )
        ]  # fmt: skip
        db.session.add_all(mails)
        db.session.flush()
        return [mail.id for mail in mails]


@pytest.mark.usefixtures("stuck")
def test_the_page_tells_what_does_not_get_through_and_nothing_of_what_it_is_about(anke: Person) -> None:
    page = anke.reads("/admin/mail")
    assert anke.sees("550 5.7.1 <b>we want none</b>")
    assert "<b>we want none" not in page.text
    assert anke.sees("No route to host")
    assert page.text.count("Jonas Brandt") == 2
    assert page.text.count('name="mail"') == 1


def test_a_mail_that_was_given_up_gets_another_chance(app: Flask, anke: Person, stuck: list[int]) -> None:
    anke.reads("/admin/mail")
    for number in (*stuck, stuck[0], 987):
        anke.sends("/admin/mail/retry", mail=str(number))
    with app.app_context():
        mail = db.session.get_one(OutgoingMail, stuck[0])
        assert (mail.state, mail.attempts) == ("waiting", 0)
        assert mail.due_at <= clock.now()
        assert db.session.get_one(OutgoingMail, stuck[1]).attempts == 9
        events = db.session.scalars(select(Event).where(Event.name == "mail.retried")).all()
        assert [(event.subject_id, event.actor_id) for event in events] == [(stuck[0], anke.id)]


def test_a_mail_to_a_paused_address_waits_for_the_address(
    app: Flask, anke: Person, jonas: Person, stuck: list[int]
) -> None:
    with app.app_context(), transaction():
        bounces.note(jonas.id, "hard", "5.1.1", "550 5.1.1 no such user", "report-1")
    anke.reads("/admin/mail")
    assert anke.sends("/admin/mail/retry", mail=str(stuck[0])).status_code == 403
    assert anke.sees("Mails an diese Adresse pausieren.")
    anke.reads("/admin/mail")
    anke.sends("/admin/mail/use-again", member=str(jonas.id))
    anke.sends("/admin/mail/retry", mail=str(stuck[0]))
    with app.app_context():
        assert db.session.get_one(OutgoingMail, stuck[0]).state == "waiting"


def test_a_paused_address_is_used_again(app: Flask, anke: Person, jonas: Person) -> None:
    said = "550 5.1.1 no such user"
    with app.app_context(), transaction():
        bounces.note(jonas.id, "hard", "5.1.1", said, "report-1")
    anke.reads("/admin/mail")
    assert anke.sees("jonas@weserufer.example")
    assert anke.sees(said)
    jonas.reads("/settings/account")
    assert jonas.sends("/admin/mail/use-again", member=str(jonas.id)).status_code == 404
    anke.reads("/admin/mail")
    anke.sends("/admin/mail/use-again", member=str(jonas.id))
    assert not anke.sees(said)
    with app.app_context():
        assert db.session.get_one(Member, jonas.id).bounced_at is None
    assert anke.sends("/admin/mail/use-again", member="987").status_code == 404


@pytest.mark.parametrize("code", ["de", "en"])
def test_every_kind_can_be_looked_at(app: Flask, anke: Person, code: str) -> None:
    with app.app_context():
        kinds = samples(code)
    index = anke.reads(f"/admin/mail/kinds?language={code}")
    for sample in kinds:
        assert f"/admin/mail/kinds/{sample.name}?language={code}" in index.text
        anke.reads(f"/admin/mail/kinds/{sample.name}?language={code}")
        assert anke.sees(sample.seen.text.splitlines()[-1])
        shown = anke.reads(f"/admin/mail/kinds/{sample.name}/html?language={code}")
        assert shown.status_code == (200 if sample.seen.html else 404)
    assert len(kinds) > 8
    assert anke.reads("/admin/mail/kinds/unheard-of").status_code == 404


def test_looking_at_a_kind_gives_nobodys_links_away(app: Flask, anke: Person) -> None:
    """The links to stop in an invented mail stop nothing."""
    found = set()
    for sample in re.findall(r"/admin/mail/kinds/([\w-]+)\?", anke.reads("/admin/mail/kinds").text):
        found |= set(re.findall(r"/unsubscribe/\w+", anke.reads(f"/admin/mail/kinds/{sample}").text))
    assert found
    before = scene.snapshot(app)
    for address in found:
        assert app.test_client().post(address).status_code == 404
    assert not scene.differences(before, scene.snapshot(app))


def test_the_way_there_is_for_administrators(anke: Person, robert: Person, jonas: Person) -> None:
    for somebody, shown in ((anke, True), (robert, False), (jonas, False)):
        somebody.reads("/")
        assert somebody.sees('href="/admin/mail"') == shown
        assert somebody.reads("/admin/mail").status_code == (200 if shown else 404)
