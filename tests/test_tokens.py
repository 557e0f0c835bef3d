"""Signed tokens: what we signed opens, and nothing else does."""

import random
import string
from base64 import b32decode, b32encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.tokens import opened, signed

SECRET = "ein Geheimnis, das niemand kennt und das lang genug ist"
NUMBERS = [(), (0,), (1,), (7, 0, 45), (127, 128, 129), (2**31 - 1, 2**63, 2**64 + 1), (0,) * 20]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_a_token_says_the_numbers_that_were_signed(numbers: tuple[int, ...]) -> None:
    assert opened(SECRET, "reply", signed(SECRET, "reply", *numbers)) == numbers


@given(st.lists(st.integers(0, 2**70), max_size=4).map(tuple))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_numbers_come_back(numbers: tuple[int, ...]) -> None:
    token = signed(SECRET, "reply", *numbers)
    assert token.isascii()
    assert token.isalnum()
    assert token == token.lower()
    assert opened(SECRET, "reply", token) == numbers


def test_numbers_do_not_run_into_each_other() -> None:
    alike = [(1, 23), (12, 3), (123,), (1, 2, 3), (123, 0), (0, 123), (128, 1), (1, 128), (16385,)]
    assert len({signed(SECRET, "reply", *numbers) for numbers in alike}) == len(alike)


def test_it_fits_before_the_at_of_a_mail_address() -> None:
    # 64 characters (RFC 5321), and the longest beginning is 20 characters, a plus and a letter with a hyphen;
    # with more than 268 million members or posts it would be two characters too long.
    assert len(signed(SECRET, "reply", 2**28 - 1, 127, 2**28 - 1)) <= 64 - 23


def test_another_purpose_or_another_secret_opens_nothing() -> None:
    token = signed(SECRET, "unsubscribe", 7, 1, 45)
    for secret, purpose in [
        (SECRET, "reply"),
        (SECRET, "unsubscrib"),
        (SECRET, "unsubscribe "),
        (SECRET, ""),
        (SECRET + "x", "unsubscribe"),
        ("", "unsubscribe"),
    ]:
        assert opened(secret, purpose, token) is None


def test_a_purpose_does_not_run_into_the_numbers() -> None:
    # As bytes the number 98 is "b": without something between them, "a" with 98 and "ab" would be signed alike.
    signature = b32decode(_padded(signed(SECRET, "ab")))
    assert opened(SECRET, "a", b32encode(b"b" + signature).decode().rstrip("=")) is None


@pytest.mark.parametrize("numbers", [(), (7,), (7, 0, 45), (2**31, 3)])
def test_no_bit_can_be_changed(numbers: tuple[int, ...]) -> None:
    raw = bytearray(b32decode(_padded(signed(SECRET, "reply", *numbers))))
    for place in range(len(raw) * 8):
        raw[place // 8] ^= 1 << place % 8
        assert opened(SECRET, "reply", b32encode(bytes(raw)).decode().rstrip("=")) is None, place
        raw[place // 8] ^= 1 << place % 8
    assert opened(SECRET, "reply", b32encode(bytes(raw)).decode().rstrip("=")) == numbers


def test_no_letter_can_be_changed_added_or_left_out() -> None:
    token = signed(SECRET, "reply", 7, 45)
    for place, letter in enumerate(token):
        assert opened(SECRET, "reply", token[:place] + token[place + 1 :]) is None
        for other in string.ascii_lowercase + string.digits:
            assert opened(SECRET, "reply", token[:place] + other + token[place:]) is None or other == letter
            if other != letter:
                assert opened(SECRET, "reply", token[:place] + other + token[place + 1 :]) is None


def test_capitals_are_the_same_token() -> None:
    token = signed(SECRET, "reply", 7, 45)
    assert opened(SECRET, "reply", token.upper()) == (7, 45)
    assert opened(SECRET, "reply", token.title()) == (7, 45)


def test_spare_bits_at_the_end_make_no_second_token() -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    for numbers in ((), (7,), (7, 45), (7, 45, 300), (1, 2, 3, 4)):
        token = signed(SECRET, "reply", *numbers)
        others = [token[:-1] + letter for letter in alphabet if letter != token[-1]]
        assert {opened(SECRET, "reply", other) for other in others} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "a" * 100,
        "a" * 101,
        "7" * 5000,
        "ab cd",
        "abc\n",
        "\0",
        "ä" * 40,
        "ﬁ" * 30,
        "ſ" * 30,
        "٣" * 30,
        "🙂",
        "a=b",
    ],
)
def test_what_is_no_token_is_none(text: str) -> None:
    assert opened(SECRET, "reply", text) is None


def test_ten_thousand_random_texts_open_nothing() -> None:
    chance = random.Random(4)
    letters = string.ascii_letters + string.digits + "=-_.+@ äß\0"
    base32 = "abcdefghijklmnopqrstuvwxyz234567"
    for number in range(10_000):
        text = "".join(chance.choices(base32 if number % 2 else letters, k=chance.randrange(110)))
        assert opened(SECRET, "reply", text) is None


def _padded(token: str) -> str:
    return token.upper() + "=" * (-len(token) % 8)
