"""Whatever way a German word is written or inflected, it is found; nothing is lost on the way."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.search import german, stems
from forum.search.compounds import Lexicon
from forum.search.engine import Query, Way
from forum.search.german import German
from forum.search.understanding import understand

GERMAN = German(Lexicon.shipped())


def met(asked: str, written: str) -> bool:
    """Whether a text with nothing else to choose from is found by a word."""
    (clause,) = understand(Query(words=(german.clean(asked),)), GERMAN).clauses
    return any(is_met(way, german.clean(written)) for way in clause.ways if way.firm or way.how == "split")


def is_met(way: Way, written: str) -> bool:
    """Whether all places of a way are taken."""
    tokens = list(GERMAN.tokens(written))
    words = {term for token in tokens for term in token.terms}
    parts = {term for token in tokens for term in token.parts}
    there = {"words": words, "parts": parts, "either": words | parts}[way.reach]
    return all(there.intersection(place) for place in way.places)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Räumung", "Raeumung", "Raumung", "RÄUMUNG", "Räumungen", "Raeumungen"),
        ("Öfen", "Oefen", "Ofen"),
        ("Öl", "Oel", "Ol"),
        ("Übergabe", "Uebergabe", "Ubergabe", "Übergaben"),
        ("geübt", "geuebt", "geubt", "geübte", "geuebten"),
        ("geändert", "geaendert", "geandert", "geänderten"),
        ("geöffnet", "geoeffnet", "geoffnet"),
        ("Straße", "Strasse", "STRASSE", "Straßen"),
        ("säen", "saeen"),
        ("Böe", "Boee"),
        ("Café", "Cafe"),
    ],
)
def test_all_spellings_of_a_word_meet(spellings: tuple[str, ...]) -> None:
    for asked in spellings:
        for written in spellings:
            assert met(asked, written), (asked, written)


@pytest.mark.parametrize(
    "forms",
    [
        ("neu", "neue", "neuen", "neuer"),
        ("Mauer", "Mauern"),
        ("Israel", "Israels"),
        ("Frau", "Frauen"),
        ("Quelle", "Quellen"),
        ("Steuer", "Steuern"),
        ("aktuell", "aktuelle", "aktuellen"),
        ("treu", "treue", "treuen"),
        ("Haus", "Häuser", "Haeuser", "Hauses"),
    ],
)
def test_an_ae_oe_or_ue_that_is_no_umlaut_costs_no_inflection(forms: tuple[str, ...]) -> None:
    for asked in forms:
        for written in forms:
            assert met(asked, written), (asked, written)


def test_nine_is_not_new() -> None:
    assert not met("neun", "die neuen Mieter")


@pytest.mark.parametrize(
    "written",
    [
        *("Mieter:innen", "Mieter*innen", "Mieter_innen", "Mieter/-innen", "Mieter/innen"),
        *("MieterInnen", "Mieter(innen)", "Mieter:in", "Mieter/-in", "MieterIn", "MIETER*INNEN"),
    ],
)
def test_every_gender_form_is_found_by_its_base_and_finds_it(written: str) -> None:
    assert met("Mieter", f"Die {written} im Haus")
    assert met(written, "Die Mieter im Haus")
    assert met("Mieterinnen", f"Die {written} im Haus")


def test_a_gender_form_stands_for_colleagues_of_both_kinds() -> None:
    assert met("Kolleg:innen", "ein Kollege aus Celle")
    assert met("Kolleg:innen", "zwei Kolleginnen aus Celle")


def test_a_gender_form_inside_a_compound_keeps_both() -> None:
    assert met("Mieter", "der Mieter:innenbeirat tagt")
    assert met("Mieterinnenbeirat", "der Mieter:innenbeirat tagt")
    assert met("Beirat", "der Mieter:innen-Beirat tagt")


@pytest.mark.parametrize("text", ["Beratung/Information", "Thema: Information", "Haus_Instandhaltung", "(in Bremen)"])
def test_an_in_that_only_looks_like_a_gender_form_loses_no_word(text: str) -> None:
    for word in text.replace("/", " ").replace("_", " ").strip("()").replace(":", "").split():
        assert met(word, text)


def test_a_hyphenated_word_is_found_whole_in_parts_and_written_together() -> None:
    for asked in ("E-Mail", "Email", "Mail"):
        assert met(asked, "eine E-Mail schreiben")
    assert met("E-Mail", "eine Email schreiben")
    assert met("Mieter-Konflikt", "ein Konflikt mit dem Mieter")
    assert met("Nicht\u2011EU\u2011Bürger", "Nicht-EU-Buerger")


def test_soft_hyphens_and_decomposed_umlauts_do_not_hide_a_word() -> None:
    assert met("Mietschulden", "Miet\u00adschul\u00adden")
    assert met("Räumung", unicodedata.normalize("NFD", "Räumung"))


def test_small_words_are_words_too() -> None:
    assert german.words("der die das") == ["der", "die", "das"]
    assert met("die", "die")


def test_a_phrase_is_a_sequence_of_places() -> None:
    assert german.sequence("per E-Mail schreiben") == (("per",), ("e",), ("mail",), ("schreib",))


def test_positions_count_words_and_offsets_point_into_the_text() -> None:
    text = "Die Mieter:innen riefen an."
    assert [(token.position, text[token.start : token.end]) for token in GERMAN.tokens(text)] == [
        (0, "Die"), (1, "Mieter:innen"), (2, "riefen"), (3, "an"),
    ]  # fmt: skip


def test_a_hyphenated_word_stands_where_its_first_part_does() -> None:
    text = "Per E-Mail schreiben"
    assert [(token.terms, token.position, text[token.start : token.end]) for token in GERMAN.tokens(text)] == [
        (("per",), 0, "Per"), (("email",), 1, "E-Mail"), (("e",), 1, "E"), (("mail",), 2, "Mail"),
        (("schreib",), 3, "schreiben"),
    ]  # fmt: skip


def test_a_compound_comes_with_its_parts() -> None:
    (token,) = GERMAN.tokens("Räumungsklagen")
    assert token.parts == (german.term("Räumung"), german.term("Klage"))
    assert GERMAN.apart("Räumungsklagen") == token.parts
    assert GERMAN.apart("Räumung") == ()


def test_the_whole_of_a_long_compound_is_asked_for_once() -> None:
    """It may be found by more than its smallest parts."""
    smallest = GERMAN.apart("Schuldnerberatungsstelle")
    assert smallest == tuple(map(german.term, ("Schuldner", "Beratung", "Stelle")))
    assert set(GERMAN.parts("Schuldnerberatungsstelle")) > set(smallest)
    assert met("Schuldnerberatung", "die Schuldnerberatungsstelle in Celle")


@pytest.mark.parametrize(
    ("word", "shown"),
    [("Mietschulden", "Miet|schulden"), ("RAEUMUNGSKLAGE", "RAEUMUNGS|KLAGE"), ("Räumung", "Räumung"), ("", "")],
)
def test_a_compound_is_shown_with_its_joints(word: str, shown: str) -> None:
    assert GERMAN.shown(word) == shown


def test_german_that_has_learned_words_is_another_german() -> None:
    grown = German(Lexicon.shipped().grown({"Knubbelix": 9}))
    assert grown.version != GERMAN.version
    assert grown.apart("Knubbelixberatung") == (german.term("Knubbelix"), german.term("Beratung"))


def test_umlauts_meet_in_a_thousand_invented_words() -> None:
    luck = random.Random(7)
    starts = ["", "ge", "be", "ver", "zu", "um", "Haus", "Bau", "neu", "un"]
    middles = [
        "äuf",
        "öff",
        "üb",
        "ärg",
        "ähm",
        "öd",
        "ül",
        "räum",
        "müll",
        "lös",
        "süd",
        "häng",
        "fühl",
        "stör",
    ]
    ends = ["", "e", "en", "er", "ern", "es", "t", "te", "ten", "ung", "ungen", "lich", "liche", "ig", "keit"]
    for _ in range(1000):
        word = luck.choice(starts) + luck.choice(middles) + luck.choice(ends)
        typed = word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
        plain = word.replace("ä", "a").replace("ö", "o").replace("ü", "u")
        assert german.term(word) == german.term(typed) == german.term(plain), word


@given(st.text(max_size=300))
def test_any_text_is_read_without_complaint(text: str) -> None:
    cleaned = german.clean(text)
    for token in GERMAN.tokens(cleaned):
        assert 0 <= token.start < token.end <= len(cleaned)
        assert all(len(term) <= 2 * stems.LONGEST for term in (*token.terms, *token.parts))


@given(st.text(alphabet="abeinöäüßuMI:*_/-() ", max_size=60))
def test_every_word_of_a_text_finds_that_text(text: str) -> None:
    cleaned = german.clean(text)
    for word in german.words(cleaned):
        assert met(word, cleaned)
