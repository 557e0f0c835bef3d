"""What a query may be met by, way by way, before any engine looks."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.search.compounds import Lexicon
from forum.search.engine import Asked, Clause, Way
from forum.search.german import German, sequence, term
from forum.search.query import parse
from forum.search.synonyms import Group, Thesaurus
from forum.search.understanding import MOST_KEYWORDS, WEIGHTS, respelt, understand

GERMAN = German(Lexicon.shipped())
THESAURUS = Thesaurus(
    (
        Group(("Messie", "Vermüllung", "pathologisches Horten")),
        Group(("Betreuer", "gesetzliche Betreuung")),
        Group(("Alkohol", "Drogen"), head="Sucht"),
    )
)


def asked(text: str, thesaurus: Thesaurus | None = None) -> Asked:
    return understand(parse(text), GERMAN, thesaurus)


def clause(text: str, thesaurus: Thesaurus | None = None) -> Clause:
    (only,) = asked(text, thesaurus).clauses
    return only


def ways(clause: Clause, *hows: str) -> list[Way]:
    return [way for way in clause.ways if way.how in hows]


def entries(ways: Sequence[Way]) -> set[str]:
    return {way.entry for way in ways}


def test_a_word_is_met_by_its_forms_and_inside_compounds() -> None:
    whole, part = clause("Schulden").ways
    assert (whole.how, whole.reach, whole.weight, whole.firm) == ("word", "words", 1, True)
    assert (part.how, part.reach, part.weight, part.firm) == ("part", "parts", WEIGHTS["part"], True)
    assert whole.places == part.places == ((term("Schulden"),),)


def test_a_compound_may_be_met_by_its_parts_apart_and_less_by_one_of_them() -> None:
    (apart,), (piece,) = ways(clause("Mietschulden"), "split"), ways(clause("Mietschulden"), "piece")
    assert apart.places == ((term("Miete"),), (term("Schulden"),))
    assert piece.places == ((term("Miete"), term("Schulden")),)
    assert apart.weight > piece.weight
    assert (apart.firm, piece.firm) == (False, False)


def test_a_hyphenated_word_is_met_by_its_parts_in_order_or_written_together() -> None:
    apart, together, *_ = clause("E-Mail").ways
    assert apart.places == ((term("e"),), (term("mail"),))
    assert together.places == ((term("email"),),)
    assert apart.how == together.how == "word"


def test_short_parts_do_not_stand_for_the_whole() -> None:
    (piece,) = ways(clause("Ratsuche"), "piece")
    assert piece.places == ((term("Suche"),),)
    assert ways(clause("Notruf"), "piece") == []


def test_a_gender_form_is_met_by_both() -> None:
    whole, *_ = clause("Mieter:innenbeirat").ways
    assert whole.places == ((term("Mieter"), term("Mieterinnenbeirat")),)


def test_a_phrase_is_met_only_as_it_stands() -> None:
    phrase = clause('"Mietschulden in Celle"')
    assert [way.places for way in phrase.ways] == [sequence("Mietschulden in Celle")]
    assert phrase.phrase
    assert [way.how for way in clause('"Mietschulden"').ways] == ["word"]


def test_a_phrase_of_one_hyphenated_word_may_be_written_together() -> None:
    assert [way.places for way in clause('"E-Mail"').ways] == [((term("e"),), (term("mail"),)), ((term("email"),),)]
    assert len(clause('"per E-Mail"').ways) == 1


def test_excluded_words_exclude_no_more_than_themselves() -> None:
    (excluded,) = asked("Schulden -Mietschulden", THESAURUS).excluded
    assert [way.how for way in excluded.ways] == ["word"]


def test_what_is_no_word_is_handed_on() -> None:
    question = asked('Lärm autor:"Jonas Brandt" art:frage nach:2025 vor:2026')
    assert question.author == ((term("Jonas"),), (term("Brandt"),))
    assert (question.kind, question.after, question.before) == ("question", date(2025, 1, 1), date(2026, 1, 1))
    assert asked("autor:Jonas").clauses == ()


# Keywords and sentences


@pytest.mark.parametrize(
    "text", ["Räumung", "Räumung Celle Jobcenter", "und die", '"erster Kontakt zu Mietern im Haus"']
)
def test_few_words_are_keywords(text: str) -> None:
    assert not asked(text).sentence


@pytest.mark.parametrize("text", ["Räumung Celle Jobcenter Frist", "mit Kindern", "Wer hilft bei Räumung?"])
def test_many_words_or_a_light_one_among_them_make_a_sentence(text: str) -> None:
    assert asked(text).sentence
    assert MOST_KEYWORDS == 3


def test_light_words_are_known_in_any_case() -> None:
    lightness = {clause.asked: clause.light for clause in asked("Wie SOLL man how Mieter mahnen?").clauses}
    assert lightness == {"Wie": True, "SOLL": True, "man": True, "how": True, "Mieter": False, "mahnen": False}


def test_neighbours_are_the_words_in_their_order() -> None:
    assert asked('erster Kontakt "nicht dabei" -Müll').neighbours == sequence("erster Kontakt")


# Thesaurus


def test_an_equal_word_counts_a_little_less_and_says_which_it_is() -> None:
    equal = ways(clause("Messie", THESAURUS), "equal")
    assert entries(equal) == {"Vermüllung", "pathologisches Horten"}
    assert max(way.weight for way in equal) == WEIGHTS["equal"]
    assert all(way.firm for way in equal)
    assert ways(clause("Schulden", THESAURUS), "equal", "narrower") == []


def test_entries_of_several_words_must_follow_each_other() -> None:
    (horten,) = (way for way in clause("Messie", THESAURUS).ways if way.entry == "pathologisches Horten")
    assert horten.places == sequence("pathologisches Horten")
    assert horten.reach == "words"


def test_a_broader_word_is_met_by_narrower_ones_and_not_the_other_way() -> None:
    narrower = ways(clause("Sucht", THESAURUS), "narrower")
    assert entries(narrower) == {"Alkohol", "Drogen"}
    assert max(way.weight for way in narrower) == WEIGHTS["narrower"] < WEIGHTS["equal"]
    assert ways(clause("Alkohol", THESAURUS), "narrower", "equal") == []


def test_each_word_of_an_entry_may_be_met_by_the_other_entry() -> None:
    question = asked("gesetzliche Betreuung Kosten", THESAURUS)
    assert [entries(ways(clause, "equal")) for clause in question.clauses] == [{"Betreuer"}, {"Betreuer"}, set()]


def test_other_words_come_in_compounds_too_but_never_in_pieces() -> None:
    assert {way.reach for way in ways(clause("Messie", THESAURUS), "equal") if way.entry == "Vermüllung"} == {
        "words",
        "parts",
    }
    trade = Thesaurus((Group(("Untermiete", "Wohnungsvermietung")),))
    assert {way.reach for way in ways(clause("Untermiete", trade), "equal")} == {"words", "parts"}


def test_phrases_stay_as_they_are_whatever_the_thesaurus_says() -> None:
    assert clause('"Messie"', THESAURUS) == clause('"Messie"')


# Other spellings


def test_a_misspelt_word_may_be_met_by_those_it_is_like() -> None:
    question = asked("Mitschulden Celle")
    again = respelt(question, {"Mitschulden": ["Mietschulden", "Altschulden"]}, GERMAN)
    assert again.clauses[1] == question.clauses[1]
    similar = ways(again.clauses[0], "similar")
    assert entries(similar) == {"Mietschulden", "Altschulden"}
    assert max(way.weight for way in similar) == WEIGHTS["similar"]
    assert again.clauses[0].ways[: len(question.clauses[0].ways)] == question.clauses[0].ways


def test_without_other_spellings_nothing_changes() -> None:
    assert respelt(asked("Mitschulden"), {}, GERMAN) == asked("Mitschulden")


# Whatever is typed


@given(st.text(alphabet='abc Mieträugschuldn:*-"/()', max_size=80))
def test_anything_is_understood(text: str) -> None:
    for clause in (question := asked(text, THESAURUS)).clauses + question.excluded:
        assert clause.ways
        assert all(0 < way.weight <= 1 and all(way.places) for way in clause.ways)
        assert any(way.how == "word" and way.weight == 1 for way in clause.ways)
