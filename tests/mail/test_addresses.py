"""Signed addresses: nobody answers, bounces or stops in another's name, and every mail server can carry them."""

from pathlib import Path

import pytest
from flask import Flask

from forum import config
from forum.mail.addresses import Addresses, addresses
from forum.notifications.models import SCOPES

SECRET = "ein geheimer Satz, lang genug für alles"
LARGE = 2**31 - 1


class Post:
    """A post as somebody has read it."""

    def __init__(self, uid: str, message_id: str | None = None) -> None:
        self.uid, self.message_id = uid, message_id


def made(tmp_path: Path, **given: str) -> Addresses:
    return Addresses(config.load(instance=tmp_path, public_url="https://forum.example", **given), SECRET)


@pytest.fixture(params=["", "post.example"], ids=["plus addresses", "a domain of its own"])
def ours(request: pytest.FixtureRequest, tmp_path: Path) -> Addresses:
    return made(tmp_path, mail_from="abcdefghij.klmnopqrs@forum.example", mail_domain=request.param)


def test_what_is_made_is_opened_in_any_case(ours: Addresses) -> None:
    assert ours.opened_reply(ours.reply_address(7, 2, 45).upper()) == (7, 2, 45)
    assert ours.opened_bounce(ours.bounce_address(9, 7).swapcase()) == (9, 7)
    assert ours.opened_unsubscribe(ours.unsubscribe_token(7, "area", 3).upper()) == (7, "area", 3)
    assert ours.opened_unsubscribe_address(ours.unsubscribe_address(7, "digest").upper()) == (7, "digest", 0)


def test_a_token_opens_nothing_but_what_it_was_made_for(ours: Addresses) -> None:
    reply, bounce, stop = ours.reply_address(7, 0, 45), ours.bounce_address(9, 7), ours.unsubscribe_address(7, "all")
    assert ours.opened_bounce(reply.replace("r-", "b-")) is None
    assert ours.opened_reply(bounce.replace("b-", "r-")) is None
    assert ours.opened_reply(stop.replace("u-", "r-")) is None
    assert ours.opened_unsubscribe(ours._tag(reply, "r-")) is None


@pytest.mark.parametrize(
    "address", ["", "@", "r-", "fachkreis@forum.example", "r-abc@post.example", "r-\0@post.example"]
)
def test_other_addresses_open_nothing(ours: Addresses, address: str) -> None:
    assert ours.opened_reply(address) is None
    assert ours.opened_bounce(address) is None
    assert ours.opened_unsubscribe_address(address) is None


def test_a_changed_letter_or_another_secret_opens_nothing(ours: Addresses) -> None:
    address = ours.reply_address(7, 2, 45)
    token = ours._tag(address, "r-")
    for place, letter in enumerate(token):
        other = token[:place] + ("a" if letter != "a" else "b") + token[place + 1 :]
        assert ours.opened_reply(address.replace(token, other)) is None
    assert Addresses(ours.settings, SECRET + "!").opened_reply(address) is None


def test_an_address_of_another_host_is_not_ours(ours: Addresses) -> None:
    local = ours.reply_address(7, 2, 45).partition("@")[0]
    assert ours.opened_reply(f"{local}@elsewhere.example") is None


def test_local_parts_have_the_length_that_servers_take(ours: Addresses) -> None:
    given = [
        ours.reply_address(2**21 - 1, 127, 2**28 - 1),
        ours.bounce_address(LARGE, LARGE),
        ours.unsubscribe_address(LARGE, "thread", LARGE),
        ours.list_address("x" * 60),
    ]
    assert all(len(address.partition("@")[0]) <= 64 for address in given)


def test_long_areas_keep_different_addresses(ours: Addresses) -> None:
    assert ours.list_address("mietschulden-" * 4 + "a") != ours.list_address("mietschulden-" * 4 + "b")


def test_addresses_from_before_the_domain_was_set_go_on_working(tmp_path: Path) -> None:
    before, after = made(tmp_path), made(tmp_path, mail_domain="post.example")
    assert after.opened_reply(before.reply_address(7, 0, 45)) == (7, 0, 45)


@pytest.mark.parametrize("scope", SCOPES)
def test_the_link_to_stop_is_a_page_of_ours(ours: Addresses, scope: str) -> None:
    url = ours.unsubscribe_url(7, scope, 3)  # type: ignore[arg-type]
    assert url.startswith("https://forum.example/unsubscribe/")
    assert ours.opened_unsubscribe(url.rpartition("/")[2]) == (7, scope, 3)


def test_an_unknown_scope_opens_nothing(ours: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forum.mail.addresses.SCOPES", (*SCOPES, "world"))
    token = ours.unsubscribe_token(7, "world")  # type: ignore[arg-type]
    monkeypatch.undo()
    assert ours.opened_unsubscribe(token) is None


def test_a_post_keeps_its_name(ours: Addresses) -> None:
    assert ours.message_id(Post("abc-DEF_1")) == "<post.abc-DEF_1@forum.example>"
    assert ours.message_id(Post("mail:alt", "x.1@liste.example")) == "<x.1@liste.example>"


@pytest.mark.parametrize("message_id", ["a b@c", "a@b>\r\nBcc: <x@y", "ä@b", "", "<a@b"])
def test_an_imported_name_that_is_none_is_not_used(ours: Addresses, message_id: str) -> None:
    assert ours.message_id(Post("böse uid.@<>\r\n", message_id)) == (
        "<post.b%C3%B6se%20uid%2E%40%3C%3E%0D%0A@forum.example>"
    )


def test_the_served_network_has_addresses(app: Flask) -> None:
    with app.app_context():
        assert addresses().opened_reply(addresses().reply_address(1, 2, 3)) == (1, 2, 3)
