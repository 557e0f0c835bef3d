"""What members find: through the same function as the search page, in a network with a closed circle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import time_machine
from flask import Flask

from forum import clock
from forum.db import transaction
from forum.members.models import Viewer
from forum.members.queries import viewer_by_email
from forum.search.engine import Facets, Filters, Nearness, Sight
from forum.search.extracts import Reason
from forum.search.handlers import engine
from forum.search.queries import LAST_PAGE, Correction, Results, Wish, search
from forum.search.query import parse
from forum.search.synonyms import Group, Thesaurus
from forum.search.understanding import understand
from forum.search.vectors import Vectors
from forum.threads import actions
from tests.cast import PEOPLE, Person, area_id, post_id

Work = Callable[[], int]
TRADE = Thesaurus((Group(("Mietschulden", "Mietrückstand")), Group(("Ratenzahlung",), head="Entgegenkommen")))


@dataclass(frozen=True)
class Posts:
    """The numbers of the posts."""

    question: int
    answer: int
    unanswered: int
    strategy: int
    secret: int


@pytest.fixture(autouse=True)
def posts(frieda: Person, jonas: Person, bernd: Person, robert: Person, work: Work) -> Posts:
    """Frieda's question with Jonas's recommended answer, Robert's question, Aylin's old strategy, Bernd's secret."""
    app = frieda.client.application
    thread = frieda.asks("Mietschulden wachsen", "Das Jobcenter schweigt seit Monaten.")
    answer = jonas.replies(thread, "Eine Ratenzahlung hat uns geholfen.")
    frieda.recommends(answer)
    unanswered = robert.asks("Mietschulden im Altbau", "Wie sprecht ihr sie an?")
    secret = bernd.asks("Mietschulden im Vertrauen", "Im Xaverstift zahlt Knubbel nicht.", area="leitungskreis")
    with time_machine.travel(datetime(2025, 5, 1, tzinfo=UTC)), app.app_context(), transaction():
        area = SimpleNamespace(id=area_id(app, "vermuellung"), access="open", facilitates=False)
        strategy = actions.start_thread(viewer("aylin"), area, "strategy", "Offenlegen", "Mietschulden ansprechen.").id
    work()
    question, unanswered, strategy, secret = (post_id(app, one, 1) for one in (thread, unanswered, strategy, secret))
    return Posts(question, answer, unanswered, strategy, secret)


def viewer(key: str) -> Viewer:
    found = viewer_by_email(f"{key}@weserufer.example")
    assert found is not None
    return found


def look(app: Flask, text: str, key: str = "frieda", thesaurus: Thesaurus | None = None, **wish: object) -> Results:
    """Somebody searches."""
    with app.app_context():
        return search(viewer(key), Wish(text, **wish), thesaurus)  # type: ignore[arg-type]


def found(results: Results) -> set[int]:
    return {hit.post.post_id for hit in results.posts}


def organisations(results: Results) -> dict[str, int]:
    return {results.organisations[number]: count for number, count in results.found.facets.organisations.items()}


# Facets


def test_facets_count_all_hits(app: Flask, posts: Posts) -> None:
    results = look(app, "Mietschulden")
    assert found(results) == {posts.question, posts.answer, posts.unanswered, posts.strategy}
    assert results.found.total == 4
    assert results.found.facets == Facets(
        areas={area_id(app, "vermuellung"): 4},
        kinds={"question": 3, "strategy": 1},
        states={"recommended": 1, "unanswered": 1},
        organisations=results.found.facets.organisations,
        years={2025: 1, clock.now().year: 3},
    )
    assert organisations(results) == {PEOPLE[key][2]: 1 for key in ("frieda", "jonas", "robert", "aylin")}


def test_a_facet_is_counted_as_if_it_were_not_chosen_and_the_others_as_they_are(app: Flask, posts: Posts) -> None:
    everything = look(app, "Mietschulden").found.facets
    leine = next(iter(look(app, "Ratenzahlung").found.facets.organisations))
    choices: list[tuple[str, Mapping[str, object], set[int]]] = [
        ("areas", {"area": "vermuellung"}, {posts.question, posts.answer, posts.unanswered, posts.strategy}),
        ("kinds", {"kind": "strategy"}, {posts.strategy}),
        ("states", {"state": "recommended"}, {posts.answer}),
        ("organisations", {"organisation": leine}, {posts.answer}),
        ("years", {"year": 2025}, {posts.strategy}),
    ]
    for name, wish, left in choices:
        narrowed = look(app, "Mietschulden", **wish)
        assert found(narrowed) == left, name
        assert narrowed.found.total == len(left)
        for other, _, _ in choices:
            counted = getattr(narrowed.found.facets, other)
            if other == name:
                assert counted == getattr(everything, other)
            elif other != "states":
                assert sum(counted.values()) == len(left), (name, other)


def test_two_choices_narrow_together(app: Flask, posts: Posts) -> None:
    leine = next(iter(look(app, "Ratenzahlung").found.facets.organisations))
    assert found(look(app, "Mietschulden", organisation=leine, year=clock.now().year)) == {posts.answer}
    both = look(app, "Mietschulden", organisation=leine, year=2025)
    assert both.found.total == 0
    assert both.found.facets.years == {clock.now().year: 1}
    assert organisations(both) == {PEOPLE["aylin"][2]: 1}


# Did you mean


def meant(results: Results) -> tuple[str, bool]:
    """The text as it was meant, and whether it was searched for."""
    assert results.correction is not None
    return results.correction.text, results.correction.used


def test_a_word_that_nobody_has_written_is_searched_for_as_it_was_meant(app: Flask, posts: Posts) -> None:
    results = look(app, "Ratenzalung")
    assert meant(results) == ("Ratenzahlung", True)
    assert found(results) == {posts.answer}
    assert results.posts[0].reasons == (Reason("similar", "Ratenzalung", "Ratenzahlung"),)
    assert "<mark>Ratenzahlung</mark>" in results.posts[0].extract


def test_only_the_misspelt_word_is_corrected(app: Flask, posts: Posts) -> None:
    results = look(app, "Mietschulden -Altbau Ratenzalung autor:Jonas")
    assert meant(results) == ("Mietschulden -Altbau Ratenzahlung autor:Jonas", True)
    assert found(results) == {posts.answer}
    assert not results.found.loosened


def test_of_several_words_each_is_corrected_once_and_can_be_searched_for_as_it_is() -> None:
    spellings = {"Ratn": ["Raten", "Ratten"], "Raten": ["Ratten"]}
    correction = Correction("Raten, Ratn (Ratnkauf) -Müll", spellings, used=True)
    assert correction.text == "Ratten, Raten (Ratnkauf) -Müll"
    assert correction.exactly == '"Raten", "Ratn" (Ratnkauf) -Müll'
    assert correction.unwritten == "Ratn Raten"


def test_a_correction_that_would_not_help_is_only_offered(app: Flask) -> None:
    results = look(app, "Ratenzalung", kind="announcement")
    assert results.found.total == 0
    assert meant(results) == ("Ratenzahlung", False)


@pytest.mark.parametrize("text", ["Ratenzahlung", '"Ratenzalung"', "-Ratenzalung", "Xylophon", "autor:Ratenzalung"])
def test_what_is_written_or_quoted_or_like_nothing_is_not_corrected(app: Flask, text: str) -> None:
    assert look(app, text).correction is None


def test_light_words_are_never_corrected(app: Flask, robert: Person, work: Work) -> None:
    robert.asks("Ein Mann und seine Mietschulden", "Er öffnet nicht.")
    work()
    results = look(app, "Kann man Mietschulden vererben?")
    assert results.correction is None
    assert results.found.total == 5


# A closed area


def test_nothing_of_a_closed_area_is_told(app: Flask, posts: Posts) -> None:
    inside = look(app, "Mietschulden", "bernd")
    assert found(inside) == {posts.question, posts.answer, posts.unanswered, posts.strategy, posts.secret}
    assert inside.found.facets.areas[area_id(app, "leitungskreis")] == 1
    for key in ("frieda", "anke"):
        outside = look(app, "Mietschulden", key)
        assert outside.found.total == 4
        assert outside.found.facets == look(app, "Mietschulden").found.facets
        assert {area.slug for area in outside.areas}.isdisjoint({"leitungskreis"})


def test_its_words_are_unmet_and_correct_nothing(app: Flask, posts: Posts) -> None:
    assert look(app, "Xaverstift").found.unmet == ("Xaverstift",)
    assert look(app, "Xaverstift Mietschulden").found.unmet == ("Xaverstift",)
    assert look(app, "Xaverstift", "bernd").found.unmet == ()
    assert look(app, "Knubell").correction is None
    assert meant(look(app, "Knubell", "bernd")) == ("Knubbel", True)
    assert found(look(app, "Knubell", "bernd")) == {posts.secret}


def test_it_cannot_be_asked_for_by_name(app: Flask) -> None:
    for results in (look(app, "Mietschulden bereich:leitungskreis"), look(app, "Mietschulden", area="leitungskreis")):
        assert results.found.total == 0
        assert results.posts == []
    nowhere, closed = (look(app, "Mietschulden", area=area).found for area in ("nirgends", "leitungskreis"))
    assert nowhere == closed
    assert look(app, "Mietschulden bereich:nirgends").found == look(app, "Mietschulden bereich:leitungskreis").found


# What is typed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"Mietschulden', "unclosed_quote"),
        ("Mietschulden nach:gestern", "bad_date"),
        ("Mietschulden art:Witz", "unknown_kind"),
        ("Mietschulden autor:", "empty_operator"),
        ("Mietschulden -autor:Frieda", "operator_excluded"),
        ("Mietschulden " + " ".join(["Mietschulden"] * 100), "too_long"),
    ],
)
def test_a_broken_query_is_answered_and_explained(app: Flask, text: str, problem: str) -> None:
    results = look(app, text)
    assert problem in results.query.problems
    assert results.found.total == 4


@pytest.mark.parametrize("text", ["", "  ", "?!", '""', "-"])
def test_who_asks_nothing_finds_nothing(app: Flask, text: str) -> None:
    assert look(app, text).posts == []
    assert not look(app, text).query.asks_something


def test_keywords_must_all_be_there_and_a_sentence_need_not(app: Flask, posts: Posts) -> None:
    both = look(app, "Mietschulden Ratenzahlung")
    assert (found(both), both.found.loosened) == ({posts.answer}, False)
    some = look(app, "Mietschulden Hochzeitstorte")
    assert (some.found.total, some.found.loosened, some.found.unmet) == (4, True, ("Hochzeitstorte",))
    sentence = look(app, "Wer zahlt bei Mietschulden eine Hochzeitstorte?")
    assert (sentence.found.total, sentence.found.loosened) == (4, False)


def test_the_post_with_most_of_a_sentence_stands_first(app: Flask, posts: Posts) -> None:
    results = look(app, "Hat bei Mietschulden eine Ratenzahlung geholfen?")
    assert results.posts[0].post.post_id == posts.answer


def test_other_words_are_found_by_the_thesaurus_and_it_is_said(app: Flask, posts: Posts) -> None:
    assert look(app, "Mietrückstand", thesaurus=Thesaurus()).found.total == 0
    results = look(app, "Mietrückstand", thesaurus=TRADE)
    assert results.found.total == 4
    assert {hit.reasons for hit in results.posts} == {(Reason("equal", "Mietrückstand", "Mietschulden"),)}
    narrower = look(app, "Entgegenkommen", thesaurus=TRADE)
    assert found(narrower) == {posts.answer}
    assert narrower.posts[0].reasons == (Reason("narrower", "Entgegenkommen", "Ratenzahlung"),)


# Pages and order


def test_beyond_the_last_page_there_is_nothing(app: Flask) -> None:
    for page in (2, 99, LAST_PAGE + 1, 10**9):
        results = look(app, "Mietschulden", page=page)
        assert (results.posts, results.found.total, results.pages) == ([], 4, 1)
    for page in (0, -3):
        assert len(look(app, "Mietschulden", page=page).posts) == 4


def test_by_date_the_newest_stands_first(app: Flask, posts: Posts) -> None:
    results = look(app, "Mietschulden", by_date=True)
    dates = [hit.post.created_at.replace(microsecond=0) for hit in results.posts]
    assert dates == sorted(dates, reverse=True)
    assert results.posts[-1].post.post_id == posts.strategy


def test_what_was_deleted_a_moment_ago_is_neither_shown_nor_counted(app: Flask, jonas: Person, posts: Posts) -> None:
    jonas.sends(f"/posts/{posts.answer}/delete")
    results = look(app, "Mietschulden")
    assert (posts.answer in found(results), results.found.total) == (False, 3)


# Meaning


def near(posts: Posts, **nearness: float) -> Nearness:
    """How near some posts are; all others are far away."""
    scores = {key: nearness.get(name, 0.1) for name, key in vars_of(posts).items()}
    return Nearness(np.array(sorted(scores), np.int64), np.array([scores[key] for key in sorted(scores)], np.float32))


def vars_of(posts: Posts) -> dict[str, int]:
    return {name: getattr(posts, name) for name in Posts.__dataclass_fields__}


def test_the_engine_shows_by_meaning_only_what_may_be_seen(app: Flask, posts: Posts) -> None:
    with app.app_context():
        asked = understand(parse("Hochzeitstorte"), engine().german)
        filters = Filters(Sight(frozenset({area_id(app, "vermuellung")})))
        answer = engine().find(asked, filters, near(posts, secret=0.95, strategy=0.9))
        closed = engine().find(
            asked, Filters(Sight(frozenset({area_id(app, "leitungskreis")}))), near(posts, secret=0.95)
        )
    assert [(hit.key, hit.by_meaning) for hit in answer.hits] == [(posts.strategy, True)]
    assert answer.facets.years == {2025: 1}
    assert [hit.key for hit in closed.hits] == [posts.secret]


def test_what_is_near_is_found_without_the_words_by_those_who_may_read_it(
    app: Flask, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vectors, "near", lambda *_: near(posts, secret=0.9, strategy=0.89))
    outside = look(app, "Wer backt eine Hochzeitstorte?")
    assert [(hit.post.post_id, hit.by_meaning, hit.reasons) for hit in outside.posts] == [(posts.strategy, True, ())]
    assert "<mark>" not in outside.posts[0].extract
    assert found(look(app, "Wer backt eine Hochzeitstorte?", "bernd")) == {posts.strategy, posts.secret}


def test_what_is_far_away_is_not_found(app: Flask, posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vectors, "near", lambda *_: near(posts, strategy=0.5))
    assert look(app, "Hochzeitstorte").found.total == 0


def test_whoever_asks_for_words_gets_the_posts_that_have_them_first(
    app: Flask, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vectors, "near", lambda *_: near(posts, strategy=0.95, answer=0.2))
    results = look(app, "Ratenzahlung")
    assert [(hit.post.post_id, hit.by_meaning) for hit in results.posts] == [
        (posts.answer, False), (posts.strategy, True),
    ]  # fmt: skip


def test_phrases_and_numbers_are_not_found_by_meaning(
    app: Flask, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vectors, "near", lambda *_: near(posts, strategy=0.95))
    for text in ('"Hochzeitstorte"', "Hochzeit22", "autor:Niemand"):
        assert look(app, text).found.total == 0, text
