"""Words that are like another one: nearest first, and not too many of them."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.search.spelling import LEAST_LIKE, LONGEST, MOST_COMPARED, Words, distance

TRADE = ["verwahrlos", "hospitation", "quartiersmanagement", "schuldnerberatung", "mietschuld", "altschuld", "mieter"]
WORDS = Words((term, term.title()) for term in TRADE)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("verwarlos", "verwahrlos"),
        ("hospitaton", "hospitation"),
        ("quatiersmanagement", "quartiersmanagement"),
        ("qautiersmanagement", "quartiersmanagement"),
        ("schuldenerberatung", "schuldnerberatung"),
        ("mitschuld", "mietschuld"),
    ],
)
def test_a_misspelt_word_is_recognised(typed: str, meant: str) -> None:
    best = max(WORDS.misspelt(typed), key=lambda alike: alike.likeness)
    assert (best.term, best.written) == (meant, meant.title())
    assert 0 < best.likeness < 1


def test_short_words_are_taken_at_their_word() -> None:
    words = Words([("rat", "Rat"), ("rad", "Rad"), ("rate", "Rate"), ("rade", "Rade")])
    assert words.misspelt("rab") == []
    assert {alike.term for alike in words.misspelt("rabe")} == {"rate", "rade"}


@pytest.mark.parametrize(
    ("letters", "steps"), [(4, 1), (6, 1), (7, 2), (10, 2), (11, 3), (20, 3)]
)  # fmt: skip
def test_longer_words_may_be_misspelt_more(letters: int, steps: int) -> None:
    word = string.ascii_lowercase[:letters]
    words = Words([(word, word)])
    assert words.misspelt("9" * steps + word[steps:])
    assert not words.misspelt("9" * (steps + 1) + word[steps + 1 :])


def test_what_shares_many_pieces_is_similar_best_first_and_never_itself() -> None:
    similar = WORDS.similar("mietschuld")
    assert similar[0].term == "altschuld"
    assert "mietschuld" not in {alike.term for alike in similar}
    likeness = [alike.likeness for alike in similar]
    assert likeness == sorted(likeness, reverse=True)
    assert all(LEAST_LIKE <= one < 1 for one in likeness)


@pytest.mark.parametrize("typed", ["", "a", "mieter" * 40, "м\u0438\u0435\u0442", "\U0001f642" * 5])
def test_odd_words_are_compared_too(typed: str) -> None:
    for words in (WORDS, Words([])):
        assert all(alike.term in TRADE for alike in (*words.misspelt(typed), *words.similar(typed)))


def test_an_empty_index_has_nothing_alike() -> None:
    assert (len(Words([])), Words([]).misspelt("mieter"), Words([]).similar("mieter")) == (0, [], [])


def test_among_many_words_the_misspelt_one_is_still_recognised() -> None:
    """Only the best few by their bits are looked at letter by letter: nearly always the meant one is among them."""
    luck = random.Random(5)
    syllables = [one + two for one in "bdfgklmnrstw" for two in ("a", "e", "i", "o", "u", "au", "ei", "en", "er")]
    vocabulary = sorted({"".join(luck.choices(syllables, k=luck.randint(3, 5))) for _ in range(20_000)})
    words = Words((word, word) for word in vocabulary)
    assert len(words) > 100 * MOST_COMPARED
    tried = [word for word in luck.sample(vocabulary, 400) if len(word) > 6]
    recognised = sum(word in {alike.term for alike in words.misspelt(misspelt(word, luck))} for word in tried)
    assert recognised / len(tried) > 0.98


def misspelt(word: str, luck: random.Random) -> str:
    """With one letter left out, doubled, swapped or exchanged."""
    at = luck.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    return luck.choice([before + after, before + 2 * letter + after, before + after[0] + letter + after[1:],
                        before + luck.choice("xyz") + after])  # fmt: skip


# Letters that differ


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [("miete", "miete", 0), ("miete", "mite", 1), ("miete", "mieete", 1), ("miete", "meite", 1), ("miete", "xiexe", 2),
     ("", "abc", 3), ("abc", "", 3), ("ab", "ba", 1), ("miete", "haus", None)],
)  # fmt: skip
def test_letters_that_differ_are_counted(one: str, other: str, steps: int | None) -> None:
    assert distance(one, other, 3) == steps


WORD = st.text(alphabet="abc", max_size=8)


@given(WORD, WORD, st.integers(0, 4))
def test_the_count_is_the_same_from_both_sides_and_stops_beyond_what_is_allowed(
    one: str, other: str, most: int
) -> None:
    steps = distance(one, other, 99)
    assert steps is not None
    assert abs(len(one) - len(other)) <= steps <= max(len(one), len(other))
    assert (steps == 0) == (one == other)
    assert distance(other, one, 99) == steps
    assert distance(one, other, most) == (steps if steps <= most else None)


@given(st.lists(st.text(min_size=1, max_size=LONGEST + 9), max_size=30), st.text(max_size=LONGEST + 9))
def test_any_words_are_compared_without_complaint(vocabulary: list[str], typed: str) -> None:
    words = Words((word, word) for word in dict.fromkeys(vocabulary))
    assert all(alike.term in vocabulary for alike in (*words.misspelt(typed), *words.similar(typed)))
