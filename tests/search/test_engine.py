"""The contract of every search engine, told in posts."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from forum.search.engine import (
    Document,
    Engine,
    Facets,
    Filters,
    Found,
    Nearness,
    Query,
    Sight,
    State,
)
from forum.search.postgres_engine import PostgresEngine
from forum.search.query import parse
from forum.search.understanding import understand
from forum.search.whoosh_engine import WhooshEngine
from tests.conftest import POSTGRES
from tests.search.posts import EVERYWHERE, PRIVATE, RENT, SQUALOR, keys, post, search, the_forum

MAKERS: dict[str, Callable[[pytest.FixtureRequest], Engine]] = {
    "whoosh": lambda request: WhooshEngine(request.getfixturevalue("tmp_path") / "index"),
    "postgres": lambda request: PostgresEngine(request.getfixturevalue("shared")),
}
ON_POSTGRES = [pytest.param("postgres", marks=pytest.mark.postgres)] if POSTGRES else []


@pytest.fixture(params=["whoosh", *ON_POSTGRES])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine = MAKERS[request.param](request)
    engine.rebuild([])
    return engine


# Finding


def test_friedas_post_is_found_by_another_form_of_the_word(engine: Engine) -> None:
    engine.put([post(1, "Die Räumungen im Quartier nehmen zu.")])
    for asked in ("Räumung", "raeumung", "Raumungen"):
        assert keys(search(engine, asked)) == [1], asked


def test_all_words_must_be_there(engine: Engine) -> None:
    engine.put(the_forum())
    found = search(engine, "Mietschulden Ratenzahlung")
    assert (found.total, keys(found), found.loosened) == (1, [4], False)


def test_when_no_post_has_all_words_some_are_enough_and_it_is_said(engine: Engine) -> None:
    engine.put(the_forum())
    found = search(engine, "Jobcenter Zeitungen Decke")
    assert (found.total, keys(found), found.loosened) == (2, [1, 3], True)


def test_one_unknown_word_finds_nothing_and_loosens_nothing(engine: Engine) -> None:
    engine.put(the_forum())
    assert search(engine, "Xylophon") == Found(unmet=("Xylophon",))


def test_a_word_of_the_title_and_one_of_the_reply_meet(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "Messie Entrümpelung")) == [2]


def test_small_words_alone_find_something(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "und die")) == [4]


def test_a_phrase_is_found_only_in_its_order(engine: Engine) -> None:
    engine.put([post(1, "Der Termin mit dem Amt."), post(2, "Mit dem Amt ein Termin.")])
    assert keys(search(engine, '"Termin mit dem Amt"')) == [1]
    assert keys(search(engine, '"mit dem Amt ein"')) == [2]
    assert keys(search(engine, '"dem Termin"')) == []


def test_a_phrase_does_not_run_from_the_title_into_the_body(engine: Engine) -> None:
    engine.put([post(1, "droht der Mieterin", title="Räumung")])
    assert keys(search(engine, '"Räumung droht"')) == []


def test_a_phrase_with_a_hyphen_and_a_gender_form(engine: Engine) -> None:
    engine.put([post(1, "Bitte per E-Mail an die Kolleg:innen schreiben.")])
    assert keys(search(engine, '"per E-Mail an"')) == [1]
    assert keys(search(engine, '"die Kolleginnen schreiben"')) == [1]
    assert keys(search(engine, '"die Kollegen schreiben"')) == [1]


def test_a_hyphen_before_an_ending_makes_no_phrase_of_words_apart(engine: Engine) -> None:
    engine.put([post(1, "Die Mieter-innen klagen, und dann der Lärm."), post(2, "Mieter, Lärm")])
    assert keys(search(engine, '"Mieter Lärm"')) == [2]
    assert keys(search(engine, '"die Mieterinnen"')) == [1]


def test_excluded_words_and_phrases(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "Räumung -Ratenzahlung", sort="date")) == [5, 3]
    assert keys(search(engine, 'Räumung -"drei Monate"', sort="date")) == [5, 4]
    assert keys(search(engine, "-Räumung")) == [2, 1]


def test_the_author_is_asked_by_any_part_of_the_name(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "autor:jonas", sort="date")) == [4, 2]
    assert keys(search(engine, 'Geduld author:"Jonas Peters"')) == [2]
    assert keys(search(engine, "Geduld autor:Frieda")) == []


def test_time(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "nach:2026-01-04 vor:6.1.2026")) == [4, 3]
    assert search(engine, "Räumung nach:2027").total == 0


def test_kinds(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search(engine, "Räumung art:strategie")) == [5]
    assert keys(search(engine, "Räumung", kind="strategy")) == [5]
    assert search(engine, "Räumung art:frage", kind="strategy").total == 0


@pytest.mark.parametrize(("state", "expected"), [("recommended", [2]), ("helpful", [4]), ("unanswered", [3])])
def test_states(engine: Engine, state: State, expected: list[int]) -> None:
    engine.put([*the_forum(), replace(the_forum()[0], answered=True)])
    words = "Entrümpelung Mietschulden Zeitungen" if state != "unanswered" else "Mietschulden"
    found = search(engine, words, state=state)
    assert keys(found) == expected


# Ways


def test_a_compound_is_found_by_its_parts_and_below_the_word_itself(engine: Engine) -> None:
    engine.put([post(1, "Die Mietschulden wachsen."), post(2, "Die Schulden wachsen.")])
    assert keys(search(engine, "Schulden")) == [2, 1]
    assert keys(search(engine, "Mietschulden")) == [1]


def test_parts_apart_are_found_where_nobody_has_written_the_compound(engine: Engine) -> None:
    engine.put([post(1, "Schulden bei der Miete"), post(2, "Schulden bei der Bank")])
    found = search(engine, "Mietschulden")
    assert (keys(found), found.unmet, found.loosened) == ([1], (), False)


def test_a_word_of_a_file_is_found_with_its_post_and_below_a_text_that_says_it(engine: Engine) -> None:
    engine.put([post(1, "Siehe Anhang", files="Merkblatt zum Heizkostenzuschuss"), post(2, "Der Heizkostenzuschuss")])
    assert keys(search(engine, "Heizkostenzuschuss")) == [2, 1]
    assert keys(search(engine, "Anhang Heizkostenzuschuss")) == [1]
    assert keys(search(engine, "Merkblatt")) == [1]


def test_of_a_sentence_not_every_word_must_be_there(engine: Engine) -> None:
    engine.put(the_forum())
    found = search(engine, "Wer hat bei Mietschulden und Ratenzahlung Xylophone gespielt?")
    assert (keys(found), found.loosened) == ([4, 3], False)
    assert set(found.unmet) >= {"Xylophone", "gespielt"}
    assert not {"Mietschulden", "Ratenzahlung"} & {*found.unmet}


def test_words_side_by_side_stand_above_the_same_words_apart(engine: Engine) -> None:
    engine.put([post(1, "Den ersten Kontakt suchen wir."), post(2, "Kontakt ist das ersten Mal schwer.")])
    assert keys(search(engine, "ersten Kontakt")) == [1, 2]
    engine.put([post(1, "Kontakt ist das ersten Mal schwer."), post(2, "Den ersten Kontakt suchen wir.")])
    assert keys(search(engine, "ersten Kontakt")) == [2, 1]


# Words that may have been meant


def test_words_of_the_searchers_areas_that_are_spelt_alike(engine: Engine) -> None:
    engine.put([*the_forum(), post(9, "Verwahrlosung"), post(10, "Die Verwahrlosung", area_id=RENT)])
    assert engine.spelt_like("Verwarlosung", EVERYWHERE) == [("Verwahrlosung", 2)]
    assert engine.spelt_like("Verwarlosung", Sight(frozenset({RENT}))) == [("Verwahrlosung", 1)]
    assert engine.spelt_like("Vertraulisch", Sight(frozenset({PRIVATE}))) == [("Vertraulich", 1)]
    assert engine.spelt_like("Vertraulisch", Sight(frozenset({SQUALOR, RENT}))) == []
    assert engine.spelt_like("Verwarlosung", Sight()) == []
    assert engine.spelt_like("Xylophon", EVERYWHERE) == []


def test_words_of_the_searchers_areas_that_begin_so(engine: Engine) -> None:
    engine.put([*the_forum(), post(9, "Verwahrlosung"), post(10, "Die Verwahrlosung", area_id=RENT)])
    for letters in ("Verwah", "verwahrlo", "Verwahrlosun", "VERWAHRLOSUNG"):
        assert engine.begun(letters, Sight(frozenset({RENT}))) == ["Verwahrlosung"]
    assert engine.begun("Vertraul", Sight(frozenset({PRIVATE}))) == ["Vertraulich"]
    assert engine.begun("Vertraul", Sight(frozenset({SQUALOR, RENT}))) == []
    assert engine.begun("Xylo", EVERYWHERE) == []


def test_among_words_that_are_as_like_the_most_used_comes_first(engine: Engine) -> None:
    engine.put([post(1, "Kanne"), post(2, "Kanne"), post(3, "Wanne Wanne Wanne"), post(4, "Tanne")])
    assert engine.spelt_like("Xanne", EVERYWHERE, most=2) == [("Kanne", 2), ("Tanne", 1)]


def test_where_only_the_stems_are_as_like_the_whole_words_decide(engine: Engine) -> None:
    engine.put([post(1, "Vermutungen"), post(2, "Vermutungen"), post(3, "Vermüllung")])
    assert engine.spelt_like("Vermulung", EVERYWHERE) == [("Vermüllung", 1)]


def test_what_was_removed_is_not_meant(engine: Engine) -> None:
    engine.put([post(1, "Verwahrlosung"), post(2, "Müll")])
    engine.remove([1])
    assert engine.spelt_like("Verwarlosung", EVERYWHERE) == []


def test_a_letter_that_stands_for_a_sentence_harms_nobody(engine: Engine) -> None:
    engine.put([post(1, "Der Gruß ﷺ steht im Aushang.")])
    assert keys(search(engine, "ﷺ")) == [1]
    assert engine.spelt_like("Ausbang", EVERYWHERE) == [("Aushang", 1)]
    assert keys(search(engine, "Wer hat den Aushang?")) == [1]
    assert engine.words()["Aushang"] == 1


# Facets


def test_each_facet_is_counted_as_if_it_were_not_chosen(engine: Engine) -> None:
    engine.put([replace(document, organisation_id=document.number) for document in the_forum()])
    every = search(engine, "Räumung").facets
    assert every == Facets(
        areas={RENT: 2, PRIVATE: 1}, kinds={"question": 2, "strategy": 1}, states={"helpful": 1, "unanswered": 1},
        organisations={1: 2, 2: 1}, years={2026: 3},
    )  # fmt: skip
    assert search(engine, "Räumung", area_id=RENT).facets == Facets(
        areas=every.areas, kinds={"question": 2}, states=every.states, organisations={1: 1, 2: 1}, years={2026: 2}
    )
    assert search(engine, "Räumung", kind="strategy").facets == Facets(
        areas={PRIVATE: 1}, kinds=every.kinds, states={}, organisations={1: 1}, years={2026: 1}
    )
    assert search(engine, "Räumung", year=1999).facets == Facets(years={2026: 3})


def test_authors_of_no_organisation_are_a_choice_too(engine: Engine) -> None:
    engine.put([post(1, "Lärm"), post(2, "Lärm", organisation_id=7)])
    assert search(engine, "Lärm").facets.organisations == {0: 1, 7: 1}
    assert keys(search(engine, "Lärm", organisation_id=0)) == [1]
    assert keys(search(engine, "Lärm", organisation_id=7)) == [2]


# Meaning


def near(**nearness: float) -> Nearness:
    """How near posts are, ascending by their keys: p3=0.9."""
    return Nearness(np.array([int(name[1:]) for name in nearness]), np.array([*nearness.values()], np.float32))


def search_near(engine: Engine, text: str, nearness: Nearness, **how: object) -> Found:
    asked = understand(parse(text), engine.german)
    return engine.find(asked, Filters(Sight(frozenset({SQUALOR, RENT})), **how), nearness)  # type: ignore[arg-type]


def test_what_is_near_is_found_without_the_words(engine: Engine) -> None:
    engine.put(the_forum())
    found = search_near(engine, "Schulden", near(p1=0.88, p2=0.5, p3=0.9, p4=0.9))
    assert [(hit.key, hit.by_meaning) for hit in found.hits] == [(4, False), (3, False), (1, True)]
    assert found.facets.areas == {SQUALOR: 1, RENT: 2}


def test_to_exclude_a_post_moves_no_other(engine: Engine) -> None:
    engine.put(the_forum())
    nearness, question = near(p1=0.88, p2=0.86, p3=0.9, p4=0.9), "Wer hilft bei Mietschulden und Zeitungen?"
    every = search_near(engine, question, nearness).hits
    assert {hit.key for hit in every} == {1, 2, 3, 4}
    left = search_near(engine, f"{question} -Ratenzahlung", nearness).hits
    assert left == tuple(hit for hit in every if hit.key != 4)


def test_who_may_not_see_a_post_does_not_find_it_by_meaning_either(engine: Engine) -> None:
    engine.put(the_forum())
    found = search_near(engine, "Xylophon", near(p1=0.87, p5=0.99))
    assert [(hit.key, hit.by_meaning) for hit in found.hits] == [(1, True)]  # and the near secret moves no threshold
    assert found.facets.areas == {SQUALOR: 1}


def test_meaning_knows_posts_that_the_index_does_not_and_not_all_that_it_does(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search_near(engine, "Xylophon", near(p0=0.95, p2=0.9, p77=0.95))) == [2]
    assert search_near(engine, "Xylophon", near()) == Found(unmet=("Xylophon",))
    engine.rebuild([])
    assert search_near(engine, "Xylophon", near(p2=0.9)) == Found(unmet=("Xylophon",))


def test_neither_phrases_nor_the_order_by_date_listen_to_meaning(engine: Engine) -> None:
    engine.put(the_forum())
    assert search_near(engine, '"Xylophon"', near(p1=0.9)).total == 0
    assert search_near(engine, "Xylophon", near(p1=0.9), sort="date").total == 0


def test_filters_hold_for_meaning_too(engine: Engine) -> None:
    engine.put(the_forum())
    assert keys(search_near(engine, "Xylophon nach:2026-01-03", near(p1=0.9, p4=0.9))) == [4]
    assert keys(search_near(engine, "Xylophon", near(p1=0.9, p4=0.9), area_id=SQUALOR)) == [1]


# What the searcher may see


def test_nobody_without_areas_finds_anything(engine: Engine) -> None:
    engine.put(the_forum())
    assert search(engine, "Räumung", Sight()) == Found()


def test_a_private_area_shows_neither_in_hits_nor_in_totals(engine: Engine) -> None:
    engine.put(the_forum())
    assert search(engine, "Räumung").total == 3
    outside = search(engine, "Räumung", Sight(frozenset({SQUALOR, RENT})))
    assert (outside.total, 5 in keys(outside)) == (2, False)
    assert search(engine, "Fallbesprechung", Sight(frozenset({SQUALOR, RENT}))) == Found(unmet=("Fallbesprechung",))
    assert search(engine, "Vertraulich Xylophon", Sight(frozenset({SQUALOR, RENT}))).total == 0


def test_what_is_hidden_from_an_organisation_is_not_there_for_its_members(engine: Engine) -> None:
    engine.put([*the_forum(), post(6, "Xylophon und Räumung", "Räumung nach Umbau", hidden_from_id=7)])
    for organisation, seen in ((7, [3, 4, 5]), (8, [3, 4, 5, 6]), (None, [3, 4, 5, 6])):
        sight = replace(EVERYWHERE, organisation_id=organisation)
        found = search(engine, "Räumung", sight)
        assert (sorted(keys(found)), found.total, found.facets.years) == (seen, len(seen), {2026: len(seen)})
        assert bool(engine.spelt_like("Xylophom", sight)) == (6 in seen)
        assert search(engine, "Xylophon", sight).unmet == (() if 6 in seen else ("Xylophon",))


def test_a_query_of_signs_finds_nothing(engine: Engine) -> None:
    engine.put(the_forum())
    asked = understand(Query(words=("§",), phrases=("!?",)), engine.german)
    assert engine.find(asked, Filters(EVERYWHERE)).total == 0


# Order and pages


def test_the_title_counts_more_than_the_body(engine: Engine) -> None:
    engine.put([post(1, "Schimmel im Bad"), post(2, "Feuchte Wände im Bad", title="Schimmel aus Bremen")])
    assert keys(search(engine, "Schimmel")) == [2, 1]


def test_the_answer_in_the_body_counts_more_than_every_reply_below_a_title(engine: Engine) -> None:
    replies = [post(key, "Das kenne ich.", "Schimmel", thread_id=1, number=key) for key in range(2, 9)]
    engine.put([*replies, post(20, "Gegen Schimmel hilft Lüften, Schimmel kommt wieder.", number=3)])
    assert keys(search(engine, "Schimmel"))[0] == 20


def test_a_recommended_post_stands_a_little_above_its_like(engine: Engine) -> None:
    engine.put([post(1, "Lärm im Hof", recommended=True), post(2, "Lärm im Hof"), post(3, "Lärm, Lärm, Lärm im Hof")])
    assert keys(search(engine, "Lärm")) == [3, 1, 2]


def test_pages_show_everything_once_and_the_total_is_exact(engine: Engine) -> None:
    engine.put([post(key, "Müll im Keller") for key in range(1, 31)])
    engine.put([post(key, "Müll im Keller") for key in range(31, 46)])
    for sort in ("relevance", "date"):
        pages = [search(engine, "Müll", sort=sort, page=page) for page in (1, 2, 3, 4)]
        assert [len(page.hits) for page in pages] == [20, 20, 5, 0]
        assert {page.total for page in pages} == {45}
        assert sorted(key for page in pages for key in keys(page)) == list(range(1, 46))


def test_by_date_means_newest_first(engine: Engine) -> None:
    engine.put([post(key, "Müll " * key) for key in (3, 1, 4, 2)])
    assert keys(search(engine, "Müll", sort="date")) == [4, 3, 2, 1]


# Writing


def test_a_post_put_twice_is_there_once_with_its_last_text(engine: Engine) -> None:
    engine.put([post(1, "Lärm")])
    engine.put([post(1, "Lärm"), post(1, "Geruch")])
    assert search(engine, "Lärm").total == 0
    assert search(engine, "Geruch").total == 1
    assert engine.status().documents == 1


def test_a_removed_post_is_gone_and_an_unknown_one_is_no_trouble(engine: Engine) -> None:
    engine.put(the_forum())
    engine.remove([3, 99])
    assert 3 not in keys(search(engine, "Mietschulden"))
    engine.remove([])
    engine.put([])
    assert engine.status().documents == 4


def test_posts_are_counted_by_area(engine: Engine) -> None:
    engine.put(the_forum())
    engine.remove([1])
    assert engine.count_by_area() == {SQUALOR: (1, 2), RENT: (2, 7), PRIVATE: (1, 5)}


def test_a_rebuild_replaces_everything_and_tells_how_far_it_is(engine: Engine) -> None:
    engine.put([post(1, "Lärm")])
    told: list[int] = []
    engine.rebuild((post(key, "Geruch") for key in range(1, 1201)), told.append)
    assert told == [500, 1000]
    assert search(engine, "Lärm").total == 0
    assert search(engine, "Geruch").total == 1200


def test_what_is_put_during_a_rebuild_is_found_at_once_and_said_to_be_missing_after_it(engine: Engine) -> None:
    engine.put(the_forum())
    told: list[int] = []

    def posts_while_others_write() -> Iterator[Document]:
        yield post(1, "Geruch")
        engine.put([post(9, "Lärm")])
        assert keys(search(engine, "Lärm")) == [9]

    def overtaken() -> None:
        told.append(search(engine, "Räumung").total)

    engine.rebuild(posts_while_others_write(), overtaken=overtaken)
    assert told == [3]  # once, before the swap
    assert search(engine, "Lärm").total == 0
    assert keys(search(engine, "Geruch")) == [1]
    engine.rebuild([post(1, "Geruch")], overtaken=overtaken)
    assert told == [3]


def test_a_rebuild_that_fails_leaves_the_old_index_as_it_was(engine: Engine) -> None:
    engine.put(the_forum())

    def posts_until_the_database_goes() -> Iterator[Document]:
        yield post(1, "Geruch")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        engine.rebuild(posts_until_the_database_goes())
    assert search(engine, "Räumung").total == 3
    assert engine.status().healthy


def test_random_changes_leave_what_should_be_left(engine: Engine) -> None:
    luck = random.Random(11)
    standing: dict[int, str] = {}
    for _ in range(60):
        key, word = luck.randrange(1, 40), luck.choice(["Lärm", "Geruch", "Müll"])
        if luck.random() < 0.3:
            engine.remove([key])
            standing.pop(key, None)
        else:
            engine.put([post(key, word), post(key + 100, word)])
            standing |= {key: word, key + 100: word}
    for word in ("Lärm", "Geruch", "Müll"):
        found = search(engine, word, per_page=200)
        assert sorted(keys(found)) == sorted(key for key, written in standing.items() if written == word)
    assert engine.status().documents == len(standing)


def test_many_small_writes_leave_few_segments(engine: Engine) -> None:
    engine.put(the_forum())
    for key in range(10, 110):
        engine.put([post(key, "Müll im Keller")])
    engine.remove(range(10, 60))
    assert engine.status().segments <= 24
    assert search(engine, "Müll").total == 50
    assert sorted(keys(search(engine, "Räumung"))) == [3, 4, 5]
    assert engine.status().healthy


def test_members_search_while_the_worker_writes(engine: Engine) -> None:
    engine.put([post(1, "Müll im Keller")])
    answers: list[Found] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            answers.append(search(engine, '"Müll im Keller"'))

    members = [threading.Thread(target=keep_asking) for _ in range(4)]
    for member in members:
        member.start()
    for key in range(2, 42):
        engine.put([post(key, "Müll im Keller")])
    engine.rebuild([post(key, "Müll im Keller") for key in range(1, 51)])
    done.set()
    for member in members:
        member.join()
    assert not any(answer.degraded for answer in answers)
    assert all(1 <= answer.total <= 50 for answer in answers)
    assert search(engine, "Müll").total == 50
