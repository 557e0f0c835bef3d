"""Compounds of the trade are found by their parts; names, English words and simple words stay whole."""

import json

import pytest

from forum.search.compounds import Lexicon, Splitter
from forum.search.stems import stem
from tests.conftest import shared_data

splitter = Splitter(Lexicon.shipped())


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("Schulden", "Mietschulden"),
        ("Schulden", "Schuldnerberatung"),
        ("Klage", "Räumungsklage"),
        ("Klage", "Raeumungsklage"),
        ("Konflikt", "Nachbarschaftskonflikt"),
        ("Nachbarschaft", "Nachbarschaftskonflikt"),
        ("Nachbar", "Nachbarschaftstreff"),
        ("Beratung", "Schuldnerberatung"),
        ("Wohnung", "Seniorenwohnungen"),
        ("Senioren", "Seniorenwohnung"),
        ("Besuch", "Hausbesuch"),
        ("Schlichtung", "Mieterschlichtung"),
        ("Mieter", "Mieterschlichtung"),
        ("Betreuung", "Einzelbetreuung"),
        ("Miete", "Mietrückstände"),
        ("Rückstand", "Mietrückstände"),
        ("Sucht", "Suchtberatung"),
        ("Quartier", "Quartiersmanagement"),
        ("Räumung", "Räumungstermin"),
        ("Lärm", "Lärmprotokolle"),
        ("Protokoll", "Lärmprotokolle"),
        ("Hilfe", "Hilfsangebot"),
        ("Schule", "Schulsozialarbeit"),
        ("Sozialarbeit", "Schulsozialarbeit"),
        ("Mieterin", "Mieterinnenbeirat"),
        ("Küche", "Kuechentisch"),
        ("Straße", "Strassenlaterne"),
    ],
)
def test_a_compound_is_found_by_its_parts(asked: str, written: str) -> None:
    for spelling in (written, written.lower(), written.upper()):
        assert stem(asked) in {stem(part) for part in splitter.parts(spelling)}


@pytest.mark.parametrize(
    "word",
    [
        *("Verwahrlosung", "Vereinbarung", "Untermieter", "Hannover", "Stuttgart", "Bremen", "Wissenschaft"),
        *("boundary", "investigation", "newsletter", "understanding", "something", "Haus", "E-Mail", "2024", ""),
    ],
)
def test_what_is_no_compound_stays_whole(word: str) -> None:
    assert splitter.split(word) == ()
    assert splitter.parts(word) == ()


def test_places_are_those_of_the_written_word() -> None:
    assert splitter.split("Räumungsklage") == (8,)
    assert splitter.split("Raeumungsklage") == (9,)
    assert splitter.split("Straßenlaterne") == (7,)
    assert splitter.split("Strassenlaterne") == (8,)


def test_words_of_the_network_are_learned_and_kept() -> None:
    counts = {"Knubbelix": 5, "Knubbelixberatung": 9, "Quorxel": 2}
    lexicon = Lexicon.shipped().grown(counts)
    assert lexicon.dumps() == "knubbelix\n"
    assert Splitter(lexicon).split("Knubbelixberatung") == (9,)
    assert Splitter(lexicon).split("Quorxelberatung") == ()
    assert lexicon.version != Lexicon.shipped().version
    assert Lexicon.loads(lexicon.dumps()).version == lexicon.version


def test_compounds_are_split_as_linguists_say() -> None:
    """The share of words of the cdec set split exactly so."""
    gold = [json.loads(line) for line in (shared_data("h-compounds") / "gold.jsonl").read_text().splitlines()]
    right = sum([0, *splitter.split(reference["word"])] in reference["starts"] for reference in gold)
    assert right / len(gold) >= 0.88
