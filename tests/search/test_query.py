"""What members type, and how it is read."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.search.query import LONGEST_TEXT, MOST_TERMS, parse


def test_words_phrases_and_exclusions() -> None:
    asked = parse('Mietschulden "gute Nachbarschaft" „ohne Strom“ -Lärm -"kein Geld"')
    assert asked.words == ("Mietschulden",)
    assert asked.phrases == ("gute Nachbarschaft", "ohne Strom")
    assert asked.excluded == ("Lärm", "kein Geld")
    assert asked.problems == ()


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("author:Frieda", "author", "Frieda"),
        ('autor:"Frieda Meyer"', "author", "Frieda Meyer"),
        ("area:mietschulden", "area", "mietschulden"),
        ("bereich:innenstadt", "area", "innenstadt"),
        ("kind:question", "kind", "question"),
        ("art:Frage", "kind", "question"),
        ("art:Strategien", "kind", "strategy"),
        ("art:Ankündigung", "kind", "announcement"),
        ("Art:Ankuendigung", "kind", "announcement"),
        ("after:2025", "after", date(2025, 1, 1)),
        ("nach:2025-03-01", "after", date(2025, 3, 1)),
        ("vor:1.3.2025", "before", date(2025, 3, 1)),
        ("before:2024", "before", date(2024, 1, 1)),
    ],
)
def test_operators_in_both_languages(text: str, operator: str, value: object) -> None:
    asked = parse(f"Müll {text}")
    assert getattr(asked, operator) == value
    assert asked.words == ("Müll",)
    assert asked.problems == ()


def test_a_gender_form_is_no_operator() -> None:
    assert parse("Mieter:innen").words == ("Mieter:innen",)
    assert parse("Autor:innen").words == ("Autor:innen",)
    assert parse("Autor:innen").problems == ()


def test_times_and_addresses_are_words() -> None:
    assert parse("10:30 https://example.org/a").problems == ()


@pytest.mark.parametrize(
    ("text", "problem", "words"),
    [
        ('Müll "im Keller', "unclosed_quote", ("Müll", "im", "Keller")),
        ("thema:Müll Keller", "unknown_operator", ("thema", "Müll", "Keller")),
        ("nach:gestern Müll", "bad_date", ("Müll",)),
        ("vor:31.2.2025 Müll", "bad_date", ("Müll",)),
        ("autor: Müll", "empty_operator", ("Müll",)),
        ("art:Witz Müll", "unknown_kind", ("Müll",)),
        ("-autor:Frieda Müll", "operator_excluded", ("Müll",)),
    ],
)
def test_broken_input_is_read_as_well_as_it_can_be(text: str, problem: str, words: tuple[str, ...]) -> None:
    asked = parse(text)
    assert asked.problems == (problem,)
    assert asked.words == words


def test_a_novel_is_cut() -> None:
    asked = parse(" ".join(f"w{number}" for number in range(LONGEST_TEXT)))
    assert len(asked.words) == MOST_TERMS
    assert set(asked.problems) == {"too_long", "too_many_terms"}


def test_words_of_phrases_count_too() -> None:
    asked = parse('"' + "a " * (MOST_TERMS - 5) + '" b c d e f g h')
    assert asked.words == ("b", "c", "d", "e", "f")
    assert asked.problems == ("too_many_terms",)


@pytest.mark.parametrize("text", ["", "   ", "-", '""', "?!", "„“", ":"])
def test_nothing_asks_nothing(text: str) -> None:
    assert not parse(text).asks_something


@given(st.text(max_size=250))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert len(parse(text).words) <= MOST_TERMS


@given(st.text(alphabet='ab "„“-:.<>&', max_size=60))
def test_no_quotes_or_signs_lose_a_word(text: str) -> None:
    asked = parse(f"Müll {text}")
    assert "Müll" in " ".join((*asked.words, *asked.phrases))
