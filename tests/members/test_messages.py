"""Messages from member to member: they arrive, and no address is shown."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from forum import clock
from forum.config import Settings
from forum.db import db, transaction
from forum.members import actions
from forum.members.models import ContactMessage, Member
from forum.notifications.contact import forget_old_messages
from forum.notifications.models import Notification
from tests.cast import Person
from tests.mailbox import Mailbox
from tests.members.test_profile import describes

WORDS = "Guten Tag,\n\ndarf ich einmal anrufen?"


def writes(who: Person, to: Person, subject: str = "Eine Frage", body: str = WORDS, **fields: str) -> int:
    who.reads(f"/members/{to.id}/write")
    answer = who.sends(f"/members/{to.id}/messages", follow=False, subject=subject, body=body, **fields)
    return answer.status_code


def count(app: Flask, table: type = ContactMessage) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_a_message_comes_by_mail_without_an_address_and_is_answered_on_the_page(
    app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox
) -> None:
    assert writes(frieda, jonas) == 303
    (mail,) = mailbox.to(jonas)
    assert "Eine Frage" in mail["Subject"]
    words = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Frieda Moor schreibt Ihnen" in words
    assert "darf ich einmal anrufen?" in words
    assert "frieda@" not in mail.as_string()
    assert "frieda@" not in str(mail["Reply-To"])
    with app.app_context():
        message = db.session.scalars(select(ContactMessage.id)).one()
    assert f"/messages/{message}" in words
    jonas.reads(f"/messages/{message}")
    assert jonas.sees("darf ich einmal anrufen?")
    assert not jonas.sees("frieda@")
    answered = {"answered": str(message), "subject": "Re: Eine Frage", "body": "Ja, gern."}
    assert jonas.sends(f"/members/{frieda.id}/messages", follow=False, **answered).status_code == 303
    (reply,) = mailbox.to(frieda)
    assert "Ja, gern." in reply.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "jonas@" not in reply.as_string()


def test_who_wrote_keeps_a_copy_that_is_not_new(app: Flask, frieda: Person, jonas: Person, mailbox: Mailbox) -> None:
    writes(frieda, jonas)
    mailbox.arrives()
    with app.app_context():
        entries = db.session.scalars(select(Notification).where(Notification.kind == "contact")).all()
        assert {(entry.member_id, entry.read_at is None) for entry in entries} == {(jonas.id, True), (frieda.id, False)}
    assert not mailbox.to(frieda)


def test_nobody_else_reads_it(app: Flask, frieda: Person, jonas: Person, anke: Person) -> None:
    writes(frieda, jonas)
    with app.app_context():
        message = db.session.scalars(select(ContactMessage.id)).one()
    assert anke.reads(f"/messages/{message}").status_code == 404
    assert frieda.reads(f"/messages/{message}").status_code == 200


def test_sent_twice_it_is_one(app: Flask, frieda: Person, jonas: Person) -> None:
    for _ in range(2):
        assert writes(frieda, jonas, send_key="einmal") == 303
    assert count(app) == 1


def test_what_is_incomplete_comes_back(app: Flask, frieda: Person, jonas: Person) -> None:
    assert writes(frieda, jonas, subject=" ") == 422
    assert frieda.sees("darf ich einmal anrufen?")
    assert writes(frieda, jonas, subject=" ", body=" ") == 422
    assert frieda.sees("Bitte geben Sie einen Betreff an.")
    assert frieda.sees("Bitte schreiben Sie zuerst etwas.")
    assert writes(frieda, jonas, body="x" * 5001) == 422
    assert count(app) == 0


def test_who_takes_no_messages_gets_answers_only(app: Flask, frieda: Person, jonas: Person) -> None:
    describes(jonas, takes_messages="")
    frieda.reads(f"/members/{jonas.id}")
    assert frieda.sees("keine Nachrichten an")
    assert writes(frieda, jonas) == 403
    assert writes(jonas, frieda) == 303
    with app.app_context():
        message = db.session.scalars(select(ContactMessage.id)).one()
    assert writes(frieda, jonas, answered=str(message)) == 303
    assert count(app) == 2


@pytest.mark.parametrize("state", ["suspended", "imported"])
def test_who_is_not_there_cannot_be_written_to(app: Flask, frieda: Person, jonas: Person, state: str) -> None:
    with app.app_context(), transaction():
        db.session.get_one(Member, jonas.id).state = state
    assert writes(frieda, jonas) == 403
    frieda.reads(f"/members/{jonas.id}")
    assert not frieda.sees("Jonas Brandt schreiben")
    assert frieda.reads(f"/members/{jonas.id}/write").status_code == 403


def test_the_way_to_write_stands_on_the_profile(frieda: Person, jonas: Person) -> None:
    assert f'href="/members/{jonas.id}/write"' in frieda.reads(f"/members/{jonas.id}").text
    frieda.reads(f"/members/{jonas.id}/write")
    frieda.sends(f"/members/{jonas.id}/messages", subject="Eine Frage", body=WORDS)
    assert frieda.sees("Die Nachricht ist gesendet.")


def test_nobody_writes_to_oneself(frieda: Person) -> None:
    assert writes(frieda, frieda) == 403


def test_there_is_a_limit_a_day(frieda: Person, jonas: Person) -> None:
    for number in range(actions.MESSAGES_A_DAY):
        assert writes(frieda, jonas, subject=f"Nr. {number}") == 303
    assert writes(frieda, jonas) == 403
    assert frieda.sees("Bitte machen Sie morgen weiter.")
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1)):
        assert writes(frieda, jonas) == 303


def test_messages_are_forgotten(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, mailbox: Mailbox
) -> None:
    writes(frieda, jonas)
    mailbox.arrives()
    later = clock.now() + timedelta(days=settings.contact_days + 1)
    for moment, left in ((clock.now(), 1), (later, 0)):
        with time_machine.travel(moment), app.app_context(), transaction():
            forget_old_messages(settings.contact_days)
        assert count(app) == left
    with app.app_context():
        assert not db.session.scalars(select(Notification).where(Notification.kind == "contact")).all()
