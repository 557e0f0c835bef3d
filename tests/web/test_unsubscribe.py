"""S24: one click stops mails, in the mail program or on the page, without a cookie, for the right member alone."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from forum import clock, tokens
from forum.areas.models import AreaMember
from forum.db import db, transaction
from forum.mail.addresses import addresses
from forum.notifications.models import Scope
from forum.notifications.queries import choice_of, levels
from forum.notifications.recipients import post_recipients
from tests.cast import Person, area_id, person
from tests.mailbox import Mailbox
from tests.security import scene

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def token(app: Flask, key: str, scope: Scope, number: int = 0) -> str:
    """What stands in a mail to somebody."""
    with app.app_context():
        return addresses().unsubscribe_token(scene.actor(key).id, scope, number)


@pytest.fixture
def mail_program(app: Flask) -> FlaskClient:
    """Somebody without a cookie."""
    return app.test_client(use_cookies=False)


def level(app: Flask, key: str, slug: str = "vermuellung") -> str:
    with app.app_context():
        return next(row.level for row in levels(scene.actor(key)) if row.slug == slug)


def hears(app: Flask, post: int) -> set[int]:
    with app.app_context():
        return post_recipients(post)


def said(answer: TestResponse) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", answer.text)


@pytest.fixture
def lively(frieda: Person, jonas: Person) -> int:
    """A thread whose posts Jonas gets as mails."""
    thread = frieda.asks("Wer zahlt den Container?")
    jonas.reads(f"/threads/{thread}")
    jonas.sends(f"/threads/{thread}/watch", level="notify")
    return thread


def test_one_click_in_the_mail_program_stops_a_thread(
    app: Flask, frieda: Person, jonas: Person, lively: int, mail_program: FlaskClient
) -> None:
    post = frieda.replies(lively, "Noch etwas.")
    assert jonas.id in hears(app, post)
    answer = mail_program.post(f"/unsubscribe/{token(app, 'jonas', 'thread', lively)}", data=ONE_CLICK)
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert len(answer.data) < 20
    assert "Set-Cookie" not in answer.headers
    assert jonas.id not in hears(app, post)


def test_the_links_in_a_mail_are_those(
    frieda: Person, jonas: Person, lively: int, mailbox: Mailbox, mail_program: FlaskClient
) -> None:
    frieda.replies(lively, "Noch etwas.")
    mail = mailbox.to(jonas)[-1]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (address,) = re.findall(r"<http://[^/]+(/unsubscribe/\w+)>", "".join(mail["List-Unsubscribe"].split()))
    assert mail_program.post(address, data=ONE_CLICK).status_code == 200
    mailbox.empty()
    frieda.replies(lively, "Und noch etwas.")
    assert mailbox.to(jonas) == []


def test_looking_stops_nothing(app: Flask, lively: int, mail_program: FlaskClient) -> None:
    """A mail scanner opens the link fifty times."""
    for scope, number in (("thread", lively), ("area", area_id(app, "vermuellung")), ("digest", 0), ("all", 0)):
        address = f"/unsubscribe/{token(app, 'jonas', scope, number)}"  # type: ignore[arg-type]
        before = scene.snapshot(app)
        for method in ("GET", "HEAD", "OPTIONS") * 16:
            assert mail_program.open(address, method=method).status_code == 200
        assert not scene.differences(before, scene.snapshot(app))
        page = mail_program.get(address)
        assert page.text.count('<form method="post"') == 1
        assert "Jonas" not in page.text
        assert "weserufer.example" not in page.text


def test_the_page_names_the_thread_stops_it_and_takes_it_back(
    app: Flask, frieda: Person, jonas: Person, lively: int, stranger: Person
) -> None:
    post = frieda.replies(lively, "Noch etwas.")
    address = f"/unsubscribe/{token(app, 'jonas', 'thread', lively)}"
    stranger.reads(address)
    assert stranger.sees("Wer zahlt den Container?")
    page = stranger.client.post(address)
    assert page.status_code == 200
    assert "Wer zahlt den Container?" in page.text
    assert 'value="weekly"' in page.text
    assert 'value="resume"' in page.text
    assert jonas.id not in hears(app, post)
    stranger.client.post(address, data={"act": "resume"})
    assert jonas.id in hears(app, post)


def test_instead_it_comes_in_the_digest(
    app: Flask, frieda: Person, jonas: Person, lively: int, mail_program: FlaskClient
) -> None:
    post = frieda.replies(lively, "Noch etwas.")
    address = f"/unsubscribe/{token(app, 'jonas', 'thread', lively)}"
    mail_program.post(address)
    assert mail_program.post(address, data={"act": "weekly"}).status_code == 200
    assert jonas.id not in hears(app, post)
    jonas.reads(f"/threads/{lively}")
    assert jonas.sees('value="digest" selected')


def test_after_a_day_the_page_offers_no_way_back_but_to_sign_in(
    app: Flask, jonas: Person, mail_program: FlaskClient
) -> None:
    address = f"/unsubscribe/{token(app, 'jonas', 'all')}"
    mail_program.post(address)
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1)):
        page = mail_program.post(address)
        assert "Sie bekommen keine Mails mehr" in page.text
        assert 'name="act"' not in page.text
        assert 'href="/settings/mail"' in page.text
        for act in ("resume", "weekly"):
            answer = mail_program.post(address, data={"act": act})
            assert answer.status_code == 403
            assert "nimmt nichts mehr zurück" in answer.text
    with app.app_context():
        assert choice_of(jonas.id).stopped


def test_an_area_stops_and_the_others_remain(app: Flask, jonas: Person, mail_program: FlaskClient) -> None:
    mail_program.post(f"/unsubscribe/{token(app, 'jonas', 'area', area_id(app, 'vermuellung'))}")
    assert level(app, "jonas") == "off"
    assert level(app, "jonas", "mitteilungen") == "digest"
    assert jonas.reads("/settings/mail").status_code == 200


def test_the_digest_stops_and_comes_back(app: Flask, mail_program: FlaskClient) -> None:
    def rhythm() -> str:
        with app.app_context():
            return choice_of(scene.actor("jonas").id).rhythm

    address = f"/unsubscribe/{token(app, 'jonas', 'digest')}"
    mail_program.post(address)
    assert rhythm() == "off"
    mail_program.post(address, data={"act": "resume"})
    assert rhythm() == "weekly"


def test_everything_stops_but_what_concerns_the_access(
    app: Flask, frieda: Person, jonas: Person, lively: int, mailbox: Mailbox, mail_program: FlaskClient
) -> None:
    mailbox.empty()
    mail_program.post(f"/unsubscribe/{token(app, 'jonas', 'all')}", data=ONE_CLICK)
    frieda.replies(lively, "Ein @jonas-brandt genannt.")
    assert mailbox.to(jonas) == []
    stranger = person(app, "stranger")
    stranger.reads("/sign-in/forgotten")
    stranger.sends("/sign-in/forgotten", email="jonas@weserufer.example")
    assert len(mailbox.to(jonas)) == 1


def test_a_second_click_is_harmless(app: Flask, lively: int, mail_program: FlaskClient) -> None:
    address = f"/unsubscribe/{token(app, 'jonas', 'thread', lively)}"
    mail_program.post(address, data=ONE_CLICK)
    before = scene.snapshot(app)
    for _ in range(5):
        assert mail_program.post(address, data=ONE_CLICK).status_code == 200
    assert not scene.differences(before, scene.snapshot(app))


def test_a_token_is_good_for_one_member_and_one_thing(
    app: Flask, frieda: Person, jonas: Person, aylin: Person, lively: int, mail_program: FlaskClient
) -> None:
    other = frieda.asks("Etwas anderes")
    for somebody, thread in ((jonas, other), (aylin, lively)):
        somebody.reads(f"/threads/{thread}")
        somebody.sends(f"/threads/{thread}/watch", level="notify")
    mail_program.post(f"/unsubscribe/{token(app, 'jonas', 'thread', lively)}", data={**ONE_CLICK, "scope": "all"})
    posts = {thread: frieda.replies(thread, "Noch etwas.") for thread in (lively, other)}
    assert hears(app, posts[lively]) == {aylin.id}
    assert hears(app, posts[other]) == {jonas.id}


def test_a_wrong_token_is_a_page_that_does_not_exist(app: Flask, jonas: Person, mail_program: FlaskClient) -> None:
    good = token(app, "jonas", "all")
    with app.app_context():
        secret, jonas_id = str(app.secret_key), jonas.id
    wrong = [
        good[:-1], good[:-1] + ("a" if good[-1] != "a" else "b"), "x", "0" * 40, good + good, good + "=",
        tokens.signed(secret, "mail.reply", jonas_id, 3, 0),
        tokens.signed("x" * 40, "mail.unsubscribe", jonas_id, 3, 0),
        tokens.signed(secret, "mail.unsubscribe", jonas_id, 9, 0), tokens.signed(secret, "mail.unsubscribe", jonas_id),
        tokens.signed(secret, "mail.unsubscribe", 987, 3, 0),
    ]  # fmt: skip
    before = scene.snapshot(app)
    missing = mail_program.get("/unsubscribed/x").text
    for word in wrong:
        assert mail_program.get(f"/unsubscribe/{word}").text == missing, word
        answer = mail_program.post(f"/unsubscribe/{word}", data=ONE_CLICK)
        assert (answer.status_code, answer.text) == (404, missing), word
    assert not scene.differences(before, scene.snapshot(app))


def test_it_works_in_capitals_and_after_a_year(app: Flask, mail_program: FlaskClient) -> None:
    address = f"/unsubscribe/{token(app, 'jonas', 'all').upper()}"
    with time_machine.travel(clock.now() + timedelta(days=400)):
        assert mail_program.post(address, data=ONE_CLICK).status_code == 200
    with app.app_context():
        assert choice_of(scene.actor("jonas").id).stopped


def test_it_works_for_who_is_suspended_and_names_nothing(app: Flask, frieda: Person, mail_program: FlaskClient) -> None:
    thread = frieda.asks("Wer zahlt den Container?")
    address = f"/unsubscribe/{token(app, 'sven', 'thread', thread)}"
    assert "Container" not in mail_program.get(address).text
    assert "Container" not in mail_program.post(address).text
    with app.app_context():
        assert level(app, "sven") == "digest"


def test_who_left_the_circle_reads_no_title(app: Flask, bernd: Person, mail_program: FlaskClient) -> None:
    """Nor whoever reads a mailbox to which mails come without content, as they do from a closed area."""
    thread = bernd.asks("Geheimer Titel", area="leitungskreis")
    area = area_id(app, "leitungskreis")
    of_thread = f"/unsubscribe/{token(app, 'bernd', 'thread', thread)}"
    of_area = f"/unsubscribe/{token(app, 'bernd', 'area', area)}"
    assert "Geheimer" not in said(mail_program.get(of_thread))
    assert "Leitungskreis" in said(mail_program.get(of_area))
    bernd.reads("/settings/mail")
    bernd.sends("/settings/mail", level="digest", rhythm="weekly", weekday="0", hour="7", **{f"area-{area}": ""})
    assert "Geheimer Titel" in said(mail_program.get(of_thread))
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.area_id == area))
    for address in (of_thread, of_area):
        for answer in (mail_program.get(address), mail_program.post(address)):
            assert answer.status_code == 200
            assert "Geheimer" not in said(answer)
            assert "Leitungskreis" not in said(answer)


def test_the_page_speaks_the_members_language(app: Flask, jonas: Person, mail_program: FlaskClient) -> None:
    jonas.reads("/settings/account")
    jonas.sends("/settings/account/language", language="en")
    assert '<html lang="en"' in mail_program.get(f"/unsubscribe/{token(app, 'jonas', 'all')}").text
    assert '<html lang="de"' in mail_program.get(f"/unsubscribe/{token(app, 'frieda', 'all')}").text
