"""S6, S7, S8, S9: sessions that really end, guesses that are counted, links that work once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from forum import create_app
from forum.config import Settings
from forum.db import db, transaction
from forum.members import actions, passwords
from forum.members.models import Member, SignIn
from tests.cast import PASSWORD, Person, link, person
from tests.security import scene

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
COOKIE = "fachkreis"
WRONG, NEW = "ganz falsch geraten", "ein neues Kennwort"


def cookie_of(somebody: Person) -> str:
    found = somebody.client.get_cookie(COOKIE)
    assert found is not None
    return str(found.value)


def opens(app: Flask, cookie: str) -> bool:
    """Whether a copied cookie opens a page for members."""
    browser = app.test_client()
    browser.set_cookie(COOKIE, cookie)
    return bool(browser.get("/settings/account", buffered=True).status_code == 200)


def member(key: str) -> Member:
    return db.session.scalars(select(Member).where(Member.uid == key)).one()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_after_signing_out_the_copied_cookie_opens_nothing(app: Flask, frieda: Person) -> None:
    before = cookie_of(frieda)
    assert opens(app, before)
    frieda.sends("/sign-out", csrf_token=frieda.token())
    assert not opens(app, before)
    assert scene.devices(app, "frieda") == 0


def test_each_sign_in_has_a_new_key_and_ends_the_one_before(app: Flask, frieda: Person) -> None:
    """Also without signing out first: one browser is one device."""
    before = cookie_of(frieda)
    frieda.reads("/settings/account")
    frieda.sends("/sign-in", email="frieda@weserufer.example", password=PASSWORD)
    assert cookie_of(frieda) != before
    assert opens(app, cookie_of(frieda))
    assert not opens(app, before)
    assert scene.devices(app, "frieda") == 1


def test_a_session_from_before_signing_in_is_not_kept(app: Flask, stranger: Person) -> None:
    """Fixation: what somebody planted in the browser before is worth nothing afterwards."""
    stranger.reads("/sign-in")
    planted = cookie_of(stranger)
    stranger.sends("/sign-in", email="frieda@weserufer.example", password=PASSWORD)
    assert cookie_of(stranger) != planted
    assert not opens(app, planted)
    token = stranger.token()
    browser = app.test_client()
    browser.set_cookie(COOKIE, planted)
    assert browser.post("/sign-out", data={"csrf_token": token}).status_code == 400


def test_a_new_password_ends_the_other_devices(app: Flask, frieda: Person) -> None:
    other = person(app, "frieda")
    frieda.reads("/settings/account")
    frieda.sends(
        "/settings/account/password", present=PASSWORD, password="noch ein Kennwort", repeated="noch ein Kennwort"
    )
    assert opens(app, cookie_of(frieda))
    assert not opens(app, cookie_of(other))


def test_ending_a_device_ends_it_and_no_other_members(app: Flask, frieda: Person, jonas: Person) -> None:
    other = person(app, "frieda")
    with app.app_context():
        numbers = list(
            db.session.scalars(select(SignIn.id).join(Member).where(Member.uid == "frieda").order_by(SignIn.id))
        )
    jonas.reads("/settings/account")
    for number in numbers:
        jonas.sends("/settings/account/devices", device=str(number))
    assert opens(app, cookie_of(frieda))
    frieda.reads("/settings/account")
    frieda.sends("/settings/account/devices", device=str(numbers[-1]))
    assert not opens(app, cookie_of(other))
    assert opens(app, cookie_of(frieda))
    assert opens(app, cookie_of(jonas))


def test_suspension_ends_all_devices_at_once(app: Flask, frieda: Person) -> None:
    other = person(app, "frieda")
    with app.app_context(), transaction():
        actions.suspend(None, member("frieda"))
    assert not opens(app, cookie_of(frieda))
    assert not opens(app, cookie_of(other))
    assert frieda.signs_in().status_code == 403
    with app.app_context(), transaction():
        actions.reinstate(None, member("frieda"))
    assert not opens(app, cookie_of(frieda)), "an old cookie does not come back to life"


def test_a_lost_role_is_lost_in_the_running_session(app: Flask, robert: Person, frieda: Person) -> None:
    thread = frieda.asks("Eine Frage")
    assert robert.reads(f"/threads/{thread}/moderate").status_code == 200
    with app.app_context(), transaction():
        actions.change_role(None, member("robert"), "member")
    assert robert.reads(f"/threads/{thread}/moderate").status_code == 403


def test_a_week_without_a_visit_ends_the_session(app: Flask, clock: time_machine.Traveller) -> None:
    frieda = person(app, "frieda")
    for _day in range(3):
        clock.shift(timedelta(days=6, hours=23))
        assert opens(app, cookie_of(frieda)), "a visit keeps it alive"
    clock.shift(timedelta(days=7, minutes=1))
    assert not opens(app, cookie_of(frieda))


def test_thirty_days_end_the_session_in_any_case(app: Flask, clock: time_machine.Traveller) -> None:
    frieda = person(app, "frieda")
    for day in range(1, 31):
        clock.move_to(NOW + timedelta(days=day, minutes=-1), tick=False)
        assert opens(app, cookie_of(frieda))
    clock.move_to(NOW + timedelta(days=30, minutes=1), tick=False)
    assert not opens(app, cookie_of(frieda))


def set_cookie(answer: TestResponse) -> str:
    (said,) = answer.headers.getlist("Set-Cookie")
    return str(said)


def test_the_cookie_is_for_this_site_and_no_script(app: Flask) -> None:
    said = set_cookie(app.test_client().get("/sign-in"))
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    assert "Path=/" in said
    assert "Domain" not in said


def test_over_tls_the_cookie_insists_on_it(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://forum.example.org"}))
    answer = app.test_client().get("/sign-in", base_url="https://forum.example.org")
    said = set_cookie(answer)
    assert said.startswith("__Host-fachkreis=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in said
    assert "Domain" not in said
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "eyJhIjoxfQ.aaaa.bbbb", "ä" * 50, "x" * 4000, ".eJwr.x.y"])
def test_a_cookie_of_rubbish_is_no_cookie(app: Flask, cookie: str) -> None:
    browser = app.test_client()
    answer = browser.get("/settings/account", headers={"Cookie": f"fachkreis={cookie}"})
    assert answer.status_code == 303
    assert browser.get("/", headers={"Cookie": f"fachkreis={cookie}; remember_token=1|{'a' * 128}"}).status_code == 200


@pytest.mark.parametrize(
    "session", [{"_user_id": "frieda"}, {"_user_id": "1"}, {"_user_id": 1}, {"_user_id": None}, {"_user_id": ["1"]}]
)  # fmt: skip
def test_a_signed_cookie_without_a_key_of_the_table_is_nobody(app: Flask, session: dict[str, Any]) -> None:
    answer = app.test_client()
    answer.set_cookie(COOKIE, scene.sealed(app, session))
    assert answer.get("/settings/account").status_code == 303


def tries(browser: FlaskClient, email: str, password: str = WRONG, origin: str = "10.0.0.1") -> TestResponse:
    token = Person("stranger", browser).token()
    form = {"csrf_token": token, "email": email, "password": password}
    return browser.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": origin})


def guess_without_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting guesses needs no slow hash: right is only what is right."""
    monkeypatch.setattr(passwords, "matches", lambda kept, password: kept is not None and password == PASSWORD)


def test_ten_guesses_for_an_address_and_then_it_has_to_wait(
    app: Flask, settings: Settings, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any number of places, spelt in any case, and a restart forgives nobody; but nobody is out for good."""
    guess_without_hash(monkeypatch)
    browser = app.test_client()
    for number in range(10):
        email = "Frieda@Weserufer.example " if number % 2 else "frieda@weserufer.example"
        assert tries(browser, email, origin=f"10.0.0.{number}").status_code == 422
    assert tries(browser, "frieda@weserufer.example", PASSWORD, "10.9.9.9").status_code == 429
    again = create_app(settings)
    assert tries(again.test_client(), "frieda@weserufer.example", PASSWORD, "10.9.9.8").status_code == 429
    assert tries(again.test_client(), "jonas@weserufer.example", PASSWORD, "10.9.9.8").status_code == 303
    clock.shift(timedelta(minutes=15, seconds=1))
    assert tries(again.test_client(), "frieda@weserufer.example", PASSWORD).status_code == 303
    with again.app_context():
        db.engine.dispose()


def test_a_device_that_is_signed_in_stays_in_while_others_guess(app: Flask, frieda: Person, monkeypatch: Any) -> None:
    guess_without_hash(monkeypatch)
    for _ in range(12):
        tries(app.test_client(), "frieda@weserufer.example")
    assert opens(app, cookie_of(frieda))


def test_fifty_guesses_from_one_place_and_then_it_has_to_wait(
    app: Flask, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    guess_without_hash(monkeypatch)
    browser = app.test_client()
    for number in range(50):
        assert tries(browser, f"wer{number}@weserufer.example").status_code == 422
    assert tries(browser, "jonas@weserufer.example", PASSWORD).status_code == 429
    assert tries(browser, "jonas@weserufer.example", PASSWORD, "10.0.0.2").status_code == 303
    clock.shift(timedelta(hours=1, seconds=1))
    assert tries(app.test_client(), "jonas@weserufer.example", PASSWORD).status_code == 303


def test_the_limit_answers_strangers_and_members_alike(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    guess_without_hash(monkeypatch)
    said = []
    for email in ("frieda@weserufer.example", "niemand@weserufer.example"):
        browser = app.test_client()
        answers = [tries(browser, email, origin=f"10.0.1.{number}") for number in range(11)]
        said.append([(answer.status_code, scene.normal(answer.text).replace(email, "X")) for answer in answers])
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "email", ["niemand@weserufer.example", "sven@weserufer.example", "", "kein Mensch", "x" * 5000]
)
def test_a_wrong_address_is_answered_like_a_wrong_password(
    app: Flask, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same status, same words, same headers, and the hash is made in both cases."""
    made = []
    verify = type(passwords._hasher).verify

    def counted(hasher: Any, *args: Any) -> Any:
        made.append(args[1])
        return verify(hasher, *args)

    monkeypatch.setattr(type(passwords._hasher), "verify", counted)
    known = tries(app.test_client(), "frieda@weserufer.example")
    unknown = tries(app.test_client(), email)
    assert len(made) == 2
    assert known.status_code == unknown.status_code == 422

    def said(answer: TestResponse, email: str) -> str:
        return scene.normal(answer.text).replace(f'name="email" value="{email}"', 'name="email" value="X"')

    assert said(known, "frieda@weserufer.example") == said(unknown, email.lower())
    assert list(known.headers.keys()) == list(unknown.headers.keys())


def sets(browser: Person, address: str, password: str = NEW) -> TestResponse:
    return browser.sends(address, follow=False, password=password, repeated=password)


def test_a_link_that_a_mail_scanner_opened_still_works_and_works_once(app: Flask, stranger: Person) -> None:
    address = link(app, "frieda")
    for _ in range(50):
        assert stranger.reads(address).status_code == 200
        assert stranger.client.head(address).status_code == 200
        assert stranger.client.options(address).status_code == 200
    assert sets(stranger, address, "kurz").status_code == 422, "a mistake does not use it up"
    assert sets(stranger, address).status_code == 303
    assert opens(app, cookie_of(stranger))
    thief = Person("stranger", app.test_client())
    assert thief.reads(address).status_code == 422
    assert sets(thief, address, "vom Dieb gewählt").status_code == 422
    assert not opens(app, cookie_of(thief))


def test_a_link_ends_with_its_time_with_the_next_link_and_with_suspension(
    app: Flask, stranger: Person, clock: time_machine.Traveller
) -> None:
    first = link(app, "frieda")
    second = link(app, "frieda")
    assert stranger.reads(first).status_code == 422
    assert stranger.reads(second).status_code == 200
    clock.shift(timedelta(days=14, seconds=1))
    assert stranger.reads(second).status_code == 422
    assert sets(stranger, second).status_code == 422
    third = link(app, "jonas")
    with app.app_context(), transaction():
        actions.suspend(None, member("jonas"))
    stranger.reads("/sign-in")
    assert sets(stranger, third).status_code == 422
    with app.app_context(), transaction():
        actions.reinstate(None, member("jonas"))
    assert sets(stranger, third).status_code == 422, "an old link does not come back to life"
    assert not opens(app, cookie_of(stranger))


def test_of_resets_each_works_until_one_is_used(app: Flask, stranger: Person, clock: time_machine.Traveller) -> None:
    """Mails overtake each other, and a stranger who asks again takes nothing from the member."""
    hour = timedelta(hours=1)
    invitation, first, second = (
        link(app, "frieda"),
        link(app, "frieda", "reset", hour),
        link(app, "frieda", "reset", hour),
    )
    assert stranger.reads(first).status_code == 200
    assert stranger.reads(second).status_code == 200
    clock.shift(timedelta(minutes=59))
    assert sets(stranger, first).status_code == 303
    for address in (first, second, invitation):
        assert sets(stranger, address, "vom Dieb gewählt").status_code == 422
    late = link(app, "jonas", "reset", hour)
    clock.shift(timedelta(hours=1, seconds=1))
    assert stranger.reads(late).status_code == 422


def test_a_new_password_ends_the_links_as_well(app: Flask, frieda: Person) -> None:
    address = link(app, "frieda", "reset", timedelta(hours=1))
    frieda.reads("/settings/account")
    frieda.sends(
        "/settings/account/password", present=PASSWORD, password="noch ein Kennwort", repeated="noch ein Kennwort"
    )
    assert frieda.reads(address).status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 43, "A" * 5000, "%00", "..", "ä" * 43])
def test_a_guessed_link_opens_nothing(app: Flask, stranger: Person, key: str) -> None:
    link(app, "frieda", "reset", timedelta(hours=1))
    assert stranger.reads(f"/welcome/{key}").status_code in (404, 422)


def test_a_link_ends_all_devices_of_the_member(app: Flask, frieda: Person, stranger: Person) -> None:
    assert sets(stranger, link(app, "frieda")).status_code == 303
    assert not opens(app, cookie_of(frieda))
    assert opens(app, cookie_of(stranger))


def test_keys_are_kept_as_fingerprints_only(app: Flask, frieda: Person) -> None:
    """A copy of the database opens nothing."""
    address = link(app, "jonas")
    kept = str(scene.snapshot(app))
    assert address.removeprefix("/welcome/") not in kept
    with app.test_request_context():
        app_session = app.session_interface.get_signing_serializer(app).loads(cookie_of(frieda))  # type: ignore
    assert app_session["_user_id"] not in kept
    assert PASSWORD not in kept
