"""What members type, how it is read, and what they are shown."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from forum.search.engine import Query
from forum.search.query import extract, parse


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
    asked = parse(" ".join(f"w{number}" for number in range(100)))
    assert len(asked.words) == 20
    assert set(asked.problems) == {"too_long", "too_many_terms"}


def test_words_of_phrases_count_too() -> None:
    asked = parse('"' + "a " * 15 + '" b c d e f g h')
    assert len(asked.words) == 5
    assert asked.problems == ("too_many_terms",)


@pytest.mark.parametrize("text", ["", "   ", "-", '""', "?!", "„“", ":"])
def test_nothing_asks_nothing(text: str) -> None:
    assert not parse(text).asks_something


@given(st.text(max_size=250))
def test_no_text_breaks_the_reading(text: str) -> None:
    asked = parse(text)
    assert len(asked.words) <= 20
    assert isinstance(extract(text, asked), Markup)


@given(st.text(alphabet='ab "„“-:.<>&', max_size=60))
def test_no_quotes_or_signs_break_it_either(text: str) -> None:
    assert "<b" not in extract(f"<b>{text}</b>", parse(text)).replace("<mark>b", "")


def test_an_extract_marks_what_was_found_however_it_is_written() -> None:
    assert extract("Die Mieter*innen fürchten die Räumungen.", parse("mieter raeumung")) == (
        "Die <mark>Mieter*innen</mark> fürchten die <mark>Räumungen</mark>."
    )


def test_an_extract_escapes_html() -> None:
    shown = extract("<script>alert('Räumung')</script> & mehr", parse("räumung"))
    assert shown == "&lt;script&gt;alert(&#39;<mark>Räumung</mark>&#39;)&lt;/script&gt; &amp; mehr"


def test_an_extract_shows_the_stretch_with_most_of_the_words() -> None:
    body = "Miete. " + "Vorgeplänkel und Grüße. " * 40 + "Für Mietschulden hilft Ratenzahlung. " + "Viele Grüße. " * 40
    shown = extract(body, parse("Mietschulden Ratenzahlung"))
    assert "<mark>Mietschulden</mark> hilft <mark>Ratenzahlung</mark>" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown.striptags()) <= 222


def test_an_extract_of_an_unmatched_post_is_its_beginning() -> None:
    assert extract("Guten Morgen! " * 40, Query()).startswith("Guten Morgen! Guten")


def test_a_phrase_is_marked_only_where_it_stands() -> None:
    shown = extract("Mit Geduld: Termin mit dem Amt", parse('"Termin mit"'))
    assert shown == "Mit Geduld: <mark>Termin</mark> <mark>mit</mark> dem Amt"


def test_a_hyphenated_word_is_marked_once() -> None:
    assert extract("Per E-Mail", parse("e-mail")) == "Per <mark>E-Mail</mark>"


def test_a_word_longer_than_an_extract_is_shown_nevertheless() -> None:
    assert extract("vor " * 100 + "x" * 300, parse("x" * 190)).endswith(("…", "x"))
