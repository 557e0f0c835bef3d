"""What is shown of a post: the stretch that answers, its marks, and why it was found."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from forum.search.compounds import Lexicon
from forum.search.extracts import EXTRACT_LENGTH, Marker, Reason, best_reasons
from forum.search.german import German
from forum.search.query import parse
from forum.search.synonyms import Group, Thesaurus
from forum.search.understanding import respelt, understand

GERMAN = German(Lexicon.shipped())
THESAURUS = Thesaurus((Group(("Messie", "Vermüllung", "pathologisches Horten")),))


def marker(text: str, spellings: Mapping[str, Sequence[str]] | None = None) -> Marker:
    asked = understand(parse(text), GERMAN, THESAURUS)
    return Marker(respelt(asked, spellings or {}, GERMAN), GERMAN)


def extract(body: str, text: str) -> Markup:
    return marker(text).extract(body).text


def reasons(body: str, text: str, title: str = "", **spellings: Sequence[str]) -> set[Reason]:
    mark = marker(text, spellings)
    return set(best_reasons(mark.whole(title), mark.extract(body)))


# Marks


def test_what_was_found_is_marked_however_it_is_written() -> None:
    assert extract("Die Mieter*innen fürchten die Räumungen.", "mieter raeumung") == (
        "Die <mark>Mieter*innen</mark> fürchten die <mark>Räumungen</mark>."
    )


def test_html_is_escaped() -> None:
    shown = extract("<script>alert('Räumung')</script> & mehr", "räumung")
    assert shown == "&lt;script&gt;alert(&#39;<mark>Räumung</mark>&#39;)&lt;/script&gt; &amp; mehr"


def test_a_compound_is_marked_whole() -> None:
    assert extract("Die Mietschulden wachsen.", "Schulden") == "Die <mark>Mietschulden</mark> wachsen."


def test_a_phrase_is_marked_only_where_it_stands() -> None:
    shown = extract("Mit Geduld: Termin mit dem Amt", '"Termin mit"')
    assert shown == "Mit Geduld: <mark>Termin</mark> <mark>mit</mark> dem Amt"


def test_a_hyphenated_word_is_marked_once() -> None:
    for asked in ("e-mail", "Email"):
        assert extract("Per E-Mail", asked) == "Per <mark>E-Mail</mark>"


def test_a_hyphenated_compound_is_marked_whole_and_another_hyphenated_word_in_part() -> None:
    assert extract("Unsere Mieter-Beratung", "Beratung") == "Unsere <mark>Mieter-Beratung</mark>"
    assert extract("Per E-Mail", "Mail") == "Per E-<mark>Mail</mark>"


def test_another_name_is_marked_and_one_of_two_words_only_as_a_whole() -> None:
    body = "Horten ist nicht pathologisches Horten."
    assert extract(body, "Messie") == "Horten ist nicht <mark>pathologisches</mark> <mark>Horten</mark>."


def test_excluded_words_are_not_marked() -> None:
    assert extract("Lärm und Müll", "Lärm -Müll") == "<mark>Lärm</mark> und Müll"


def test_soft_hyphens_and_line_breaks_are_gone() -> None:
    assert extract("Miet\u00adschul\u00adden\n\n  wachsen", "Mietschulden") == "<mark>Mietschulden</mark> wachsen"


def test_a_title_is_shown_whole() -> None:
    title = "Langer Titel " * 30 + "über Räumung"
    shown = marker("Räumung").whole(title).text
    assert shown.striptags() == " ".join(title.split())
    assert shown.endswith("<mark>Räumung</mark>")


# The stretch


def test_the_stretch_with_most_of_the_words_is_shown() -> None:
    body = "Miete. " + "Vorgeplänkel und Grüße. " * 40 + "Für Mietschulden hilft Ratenzahlung. " + "Viele Grüße. " * 40
    shown = extract(body, "Mietschulden Ratenzahlung")
    assert "<mark>Mietschulden</mark> hilft <mark>Ratenzahlung</mark>" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown.striptags()) <= EXTRACT_LENGTH + 2


def test_of_an_unmatched_post_the_beginning_is_shown() -> None:
    assert extract("Guten Morgen! " * 40, "Xylophon").startswith("Guten Morgen! Guten")


def test_a_short_text_is_shown_as_it_is() -> None:
    assert extract("Guten Morgen!", "Xylophon") == "Guten Morgen!"
    assert extract("", "Xylophon") == ""


def test_a_word_longer_than_an_extract_is_shown_nevertheless() -> None:
    assert extract("vor " * 100 + "x" * 300, "x" * 190).endswith(("…", "x"))


# Reasons


def test_a_word_that_stands_there_itself_needs_no_reason() -> None:
    assert reasons("Zwei Räumungen.", "Räumung") == set()


@pytest.mark.parametrize(
    ("asked", "body", "reason"),
    [
        ("Schulden", "Die Mietschulden wachsen.", Reason("part", "Schulden", "Miet|schulden")),
        ("Schulden", "DIE MIETSCHULDEN WACHSEN.", Reason("part", "Schulden", "MIET|SCHULDEN")),
        ("Mietschulden", "Schulden bei der Miete.", Reason("split", "Mietschulden", "Schulden")),
        ("Messie", "Die Vermüllung nimmt zu.", Reason("equal", "Messie", "Vermüllung")),
    ],
)
def test_it_is_said_what_a_word_was_met_by(asked: str, body: str, reason: Reason) -> None:
    assert reasons(body, asked) == {reason}


def test_it_is_said_which_spelling_was_met() -> None:
    assert reasons("Die Mietschulden wachsen.", "Mitschulden", Mitschulden=["Mietschulden"]) == {
        Reason("similar", "Mitschulden", "Mietschulden")
    }


def test_one_word_may_be_the_reason_for_two() -> None:
    assert reasons("Die Mietschulden wachsen.", "Schulden Miete") == {
        Reason("part", "Schulden", "Miet|schulden"),
        Reason("part", "Miete", "Miet|schulden"),
    }


def test_the_strongest_reason_counts_wherever_it_stands() -> None:
    assert reasons("Die Mietschulden wachsen.", "Schulden", title="Hohe Schulden") == set()
    assert reasons("Hohe Schulden.", "Schulden", title="Mietschulden") == set()
    assert reasons("Vermüllung, ein Messie", "Messie", title="Messiewohnung") == set()


# Whatever is written and typed


@given(st.text(max_size=250))
def test_no_text_breaks_it(text: str) -> None:
    shown = marker(text).extract(text)
    assert isinstance(shown.text, Markup)
    assert len(shown.text.striptags()) <= EXTRACT_LENGTH + 2


@given(st.text(alphabet='ab "„“-:.<>&', max_size=60))
def test_signs_do_not_become_markup(text: str) -> None:
    assert "<b" not in extract(f"<b>{text}</b>", text).replace("<mark>b", "")


@given(st.text(alphabet="Mietschulden-E ail:*", max_size=400))
def test_marks_change_no_letter(text: str) -> None:
    shown = marker("E-Mail Schulden Miete").whole(text).text
    assert shown.replace("<mark>", "").replace("</mark>", "") == text
