"""Links that let a member in, who may have them mailed, and what is said of a device nobody has seen before."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, update

from forum import cli
from forum.cli import doors
from forum.db import db, transaction
from forum.errors import Refused
from forum.members import actions
from forum.members.models import KnownDevice, Member, SignInLink, device_name
from forum.members.queries import link_key, viewer_of
from forum.outbox import Event
from tests.cast import PASSWORD, Person, link, person

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"
NEWER_FIREFOX = FIREFOX.replace("132", "145")
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.1 Safari/604.1"  # fmt: skip  # noqa: E501


def member(key: str) -> Member:
    return db.session.scalars(select(Member).where(Member.uid == key)).one()


def happened(app: Flask, name: str) -> list[tuple[int, int | None]]:
    """Subject and actor of each event of this name."""
    with app.app_context():
        rows = db.session.execute(select(Event.subject_id, Event.actor_id).where(Event.name == name).order_by(Event.id))
        return [(row.subject_id, row.actor_id) for row in rows]


def test_the_key_is_made_again_from_the_row_with_the_networks_secret_alone(app: Flask) -> None:
    with app.app_context(), transaction():
        made = actions.make_link(member("frieda"), "reset", timedelta(hours=1), "secret of the network")
        key = link_key(made, "secret of the network")
        assert link_key(made, "secret of the network") == key
        assert re.fullmatch(r"[\w-]{43}", key)
        assert key not in (made.key, made.nonce)
        others = {link_key(made, "another secret")}
        for purpose, whose in (("welcome", "frieda"), ("reset", "jonas")):
            row = SignInLink(nonce=made.nonce, purpose=purpose, member_id=member(whose).id)
            others.add(link_key(row, "secret of the network"))
        assert len(others | {key}) == 4


@pytest.fixture
def typed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(doors, "create_app", lambda: app)
    return lambda *words: CliRunner().invoke(cli.forum, ["member", "invite", *words])


def made_links(app: Flask) -> list[tuple[str, int | None]]:
    with app.app_context():
        rows = db.session.execute(select(SignInLink.purpose, SignInLink.inviter_id).order_by(SignInLink.id))
        return [(row.purpose, row.inviter_id) for row in rows]


def path_in(said: Result) -> str:
    return said.output.split()[-1].removeprefix("http://127.0.0.1:5000")


def test_the_operator_invites_and_the_newcomer_comes(
    app: Flask, typed: Callable[..., Result], stranger: Person
) -> None:
    said = typed("neu@weserufer.example", "--name", "Neele Wulf", "--organisation", "Leinewohnen", "--print-link")
    assert said.output.startswith("the invitation of Neele Wulf waits to be sent\n")
    assert len(happened(app, "member.link_made")) == 1
    assert made_links(app) == [("welcome", None)]
    stranger.reads(path_in(said))
    assert stranger.sees("Willkommen")
    answer = stranger.sends(path_in(said), password="ein neues Kennwort", repeated="ein neues Kennwort")
    assert answer.status_code == 200
    assert stranger.reads("/settings/account").status_code == 200
    again = typed("neu@weserufer.example")
    assert again.exit_code == 1, "she is here already"
    assert len(made_links(app)) == 1


def test_the_link_is_not_printed_unasked(typed: Callable[..., Result]) -> None:
    assert "welcome" not in typed("neu@weserufer.example", "--name", "Neele Wulf").output


def test_an_invitation_is_sent_again_and_the_one_before_ends(
    app: Flask, typed: Callable[..., Result], stranger: Person
) -> None:
    first = path_in(typed("neu@weserufer.example", "--name", "Neele Wulf", "--print-link"))
    second = path_in(typed("NEU@weserufer.example", "--print-link"))
    assert stranger.reads(first).status_code == 422
    assert stranger.reads(second).status_code == 200
    assert typed("neu@weserufer.example").exit_code == 0
    fourth = typed("neu@weserufer.example")
    assert fourth.exit_code == 1, "three mails an hour are enough for anybody"
    assert len(happened(app, "member.link_made")) == 3


def test_an_administrator_invites_in_her_own_name_and_nobody_else_can(
    app: Flask, typed: Callable[..., Result], anke: Person
) -> None:
    words = ("neu@weserufer.example", "--name", "Neele Wulf", "--as")
    for other in ("robert", "frieda", "sven", "niemand"):
        assert typed(*words, f"{other}@weserufer.example").exit_code == 1
    assert made_links(app) == []
    assert typed(*words, "anke@weserufer.example").exit_code == 0
    assert made_links(app) == [("welcome", anke.id)]


def test_who_is_not_a_member_yet_needs_a_name(typed: Callable[..., Result]) -> None:
    assert "--name" in typed("neu@weserufer.example").output


def test_nobody_invites_a_suspended_or_imported_person(app: Flask) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "sven").values(password=None))
        gone = actions.add_member("Alte Schreiberin", None)
        for person_ in (member("sven"), gone):
            with pytest.raises(Refused):
                actions.invite(None, person_, timedelta(days=14), "secret")


def test_suspension_ends_links_and_reply_addresses(app: Flask, stranger: Person) -> None:
    address = link(app, "jonas", "reset", timedelta(hours=1))
    with app.app_context(), transaction():
        before = member("jonas").mail_epoch
        actions.suspend(None, member("jonas"))
        assert member("jonas").mail_epoch == before + 1
    assert stranger.reads(address).status_code == 422


def signs_in_with(app: Flask, key: str, browser: str) -> None:
    somebody = Person(key, app.test_client())
    somebody.client.environ_base["HTTP_USER_AGENT"] = browser
    assert somebody.signs_in(PASSWORD).status_code == 200


def test_a_device_that_is_new_is_told_of_and_the_first_and_known_ones_are_not(app: Flask) -> None:
    signs_in_with(app, "frieda", FIREFOX)
    signs_in_with(app, "frieda", NEWER_FIREFOX)
    assert happened(app, "member.signed_in_anew") == []
    signs_in_with(app, "frieda", IPHONE)
    signs_in_with(app, "frieda", IPHONE)
    signs_in_with(app, "jonas", IPHONE)
    ((number, actor),) = happened(app, "member.signed_in_anew")
    with app.app_context():
        device = db.session.get_one(KnownDevice, number)
        assert device.device == "Safari, iPhone"
        assert device.member_id == actor == member("frieda").id


def test_what_a_browser_makes_up_is_not_repeated_in_a_mail(app: Flask) -> None:
    person(app, "frieda")
    signs_in_with(app, "frieda", "Ihr Konto ist gesperrt, siehe boese.example; Firefox/1")
    with app.app_context():
        assert set(db.session.scalars(select(KnownDevice.device))) == {"", "Firefox"}


@pytest.mark.parametrize(
    ("browser", "name"),
    [
        (FIREFOX, "Firefox, Windows"),
        (IPHONE, "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/131.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) Version/18.1 Safari/605.1.15", "Safari, Mac"),
        ("curl/8.11", ""),
        ("", ""),
    ],
)
def test_a_device_is_called_as_its_owner_would(browser: str, name: str) -> None:
    assert device_name(browser) == name


def test_an_address_that_works_is_mailed_again(app: Flask, frieda: Person) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "frieda").values(bounced_at=member("frieda").joined_at))
        actions.address_works(viewer_of(member("frieda")))
    with app.app_context():
        assert member("frieda").bounced_at is None
    assert happened(app, "member.address_works") == [(frieda.id, frieda.id)]


def test_all_that_is_wrong_with_a_new_password_is_said_at_once(frieda: Person) -> None:
    frieda.reads("/settings/account")
    fields = {"present": "falsch", "password": "kurz", "repeated": "anders"}
    assert frieda.sends("/settings/account/password", **fields).status_code == 422
    for name in fields:
        assert f'id="{name}-error"' in frieda.page.text  # type: ignore[union-attr]
