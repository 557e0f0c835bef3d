"""The search page: what is found and why, how it is narrowed, and what helps when nothing is found."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from forum.db import db, transaction
from forum.i18n import gettext, speaking
from forum.members.models import Member
from forum.members.queries import viewer_by_email
from forum.search import thesaurus
from forum.search.handlers import rebuild
from forum.search.missed import MissedSearch
from forum.search.postgres_engine import SearchState
from forum.search.synonyms import typed
from forum.threads.models import Post
from tests.cast import Person

Work = Callable[[], int]


@pytest.fixture
def told(frieda: Person, jonas: Person, aylin: Person, work: Work) -> int:
    """A few threads about debts and neglect; the number of the one with a recommended answer."""
    first = frieda.asks("Mietschulden nach der Trennung", "Wer hilft beim Antrag?")
    answer = jonas.replies(first, "Die Schuldnerberatung der Caritas hat Termine frei.")
    frieda.recommends(answer, "erste Hilfe")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    jonas.asks("Vermüllung im Treppenhaus", "Der Keller ist voll.", kind="strategy")
    aylin.asks("Schulden und Verwahrlosung", "Beides zugleich in einer Wohnung.")
    work()
    return first


def page(reader: Person, address: str) -> str:
    """What the page says, in one line."""
    answer = reader.reads(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.text)).replace("\u200b", "")


def link(html: str, words: str) -> str:
    """Where the first link with these words leads."""
    found = re.search(rf'<a href="([^"]+)"[^>]*>(?:(?!</a>).)*?{re.escape(words)}', html)
    assert found is not None, words
    return found[1]


def titles(html: str) -> list[str]:
    """The titles of the hits, without marks."""
    return [re.sub("<[^>]+>", "", title) for title in re.findall(r"<li><h2>(.*?)</h2>", html)]


@pytest.mark.usefixtures("told")
def test_a_hit_leads_to_the_post_and_says_by_what_it_was_found(frieda: Person) -> None:
    found = page(frieda, "/search?q=Schulden")
    assert "<mark>Mietschulden</mark> nach der Trennung" in found
    assert "<span>Miet|schulden</span>" in found
    assert "<mark>Schulden</mark> und Verwahrlosung" in found
    assert page(frieda, link(found, "<mark>Mietschulden</mark>")).count("Wer hilft beim Antrag?") == 1


@pytest.mark.usefixtures("told")
def test_words_that_mean_the_same_are_told(app: Flask, frieda: Person) -> None:
    with app.app_context(), transaction():
        robert = viewer_by_email("robert@weserufer.example")
        assert robert is not None
        thesaurus.save(robert, typed("Messie, Vermüllung"))
    assert "<span>Messie ~ Vermüllung</span>" in page(frieda, "/search?q=Messie")


@pytest.mark.usefixtures("told")
def test_what_is_spelt_wrong_is_found_all_the_same_and_can_be_insisted_on(frieda: Person) -> None:
    found = page(frieda, "/search?q=Verwarlosung")
    assert titles(found) == ["Schulden und Verwahrlosung"]
    assert "<span>Verwarlosung → Verwahrlosung</span>" in found
    insisted = link(found, german("Search for it all the same"))
    assert insisted == "/search?q=%22Verwarlosung%22"
    assert titles(page(frieda, insisted)) == []


def german(sentence: str) -> str:
    """The sentence as Frieda reads it."""
    with speaking("de"):
        return gettext(sentence)


@pytest.mark.usefixtures("told")
def test_choices_narrow_and_are_taken_away_again(frieda: Person) -> None:
    everything = page(frieda, "/search?q=Schulden+Verwahrlosung+Treppenhaus+Beratung")
    assert len(titles(everything)) == 4
    questions = link(everything, "Frage")
    assert "kind=question" in questions
    narrowed = page(frieda, questions)
    assert len(titles(narrowed)) == 3
    assert "kind=strategy" in link(narrowed, "Strategie"), "other choices stay"
    assert titles(page(frieda, link(narrowed, "Strategie"))) == ["Vermüllung im Treppenhaus"]
    assert page(frieda, link(narrowed, "Frage")).count("<li><h2>") == 4


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ("state=recommended", 1), ("state=helpful", 1), ("state=unanswered", 1), ("kind=strategy", 1),
        ("area=vermuellung", 4), ("area=leitungskreis", 0), ("area=gibt-es-nicht", 0), ("year=1999", 0),
        ("organisation=Leinewohnen", 2), ("organisation=Wohnbau+Oker", 1), ("organisation=0", 0),
    ],
)  # fmt: skip
def test_each_choice_by_its_address(frieda: Person, chosen: str, count: int) -> None:
    found = page(frieda, f"/search?q=Schulden+Verwahrlosung+Treppenhaus+Beratung&{chosen}")
    assert len(titles(found)) == count
    assert 'class="chosen"' in found


@pytest.mark.usefixtures("told")
def test_who_belongs_to_no_organisation_can_be_chosen(app: Flask, frieda: Person) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == "aylin").values(organisation_id=None))
    with app.app_context():
        rebuild()
    assert "organisation=0" in page(frieda, "/search?q=Schulden")
    assert titles(page(frieda, "/search?q=Schulden&organisation=0")) == ["Schulden und Verwahrlosung"]


@pytest.mark.usefixtures("told")
def test_eight_values_of_a_facet_are_shown_and_the_rest_is_folded(app: Flask, frieda: Person) -> None:
    with app.app_context(), transaction():
        first = db.session.scalars(select(Post).order_by(Post.id)).first()
        assert first is not None
        for year in range(2001, 2012):
            db.session.add(_of_year(first, year))
    with app.app_context():
        rebuild()
    found = page(frieda, "/search?q=Trennung")
    shown, _, folded = found.partition("year=2004")
    assert shown.count("year=20") == 8
    assert "<details>" in shown.rpartition("<ul>")[0]
    assert folded.count("year=200") == 3
    assert "<details open>" in page(frieda, "/search?q=Trennung&year=2001")


def _of_year(first: Post, year: int) -> Post:
    return Post(
        uid=f"y-{year}", thread_id=first.thread_id, number=year, author_id=first.author_id, body="Trennung",
        html="<p>Trennung</p>", created_at=first.created_at.replace(year=year, day=1),
    )  # fmt: skip


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "query",
    [
        '"Keller', "kind:nichts Keller", "after:morgen Keller", "unfug:x Keller", "author: Keller",
        "-kind:frage Keller", "x" * 600, "a " * 80, "area:gibtsnicht Keller",
    ],
)  # fmt: skip
def test_a_broken_query_is_explained_and_answered(frieda: Person, query: str) -> None:
    assert 'class="notice warning"' in page(frieda, f"/search?q={quote(query)}")


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "value", ["", "x", "-1", "0", "999999999", "99999999999999999999", "\x00", "1'--", "%F0%9F%98%80", "²"]
)
def test_no_value_of_any_parameter_breaks_the_page(frieda: Person, value: str) -> None:
    for name in ("q", "area", "kind", "state", "organisation", "year", "sort", "page"):
        for text in ("Schulden", "", "author:x"):
            assert frieda.reads(f"/search?q={text}&{name}={quote(value, safe='%')}").status_code == 200


@pytest.mark.usefixtures("told")
def test_a_page_behind_the_last_one_is_the_last_one(frieda: Person) -> None:
    answer = frieda.reads("/search?q=Schulden&kind=question&page=7", follow=False)
    assert answer.location == "/search?q=Schulden&kind=question&page=1"


@pytest.mark.usefixtures("told")
def test_nothing_found_offers_three_ways_on(frieda: Person) -> None:
    nothing = page(frieda, "/search?q=Xylophonkonzert")
    ways = nothing.partition('class="empty"')[2].partition("</ul>")[0]
    assert ways.count("<li>") == 3
    assert 'href="/practices"' in ways
    assert 'href="/areas/vermuellung/new?title=Xylophonkonzert"' in ways
    narrowed = page(frieda, "/search?q=Keller&kind=question&sort=date")
    assert '<li><a href="/search?q=Keller&sort=date">' in narrowed


@pytest.mark.usefixtures("told")
def test_only_words_that_are_missing_are_counted_as_missed(app: Flask, frieda: Person) -> None:
    for address in ("q=Xylophon", "q=Xylophon&page=2", "q=Keller&kind=announcement", "q=Xylophon&year=2001", "q="):
        frieda.reads(f"/search?{address}")
    frieda.client.head("/search?q=Xylophon")
    with app.app_context():
        assert [(row.text, row.count) for row in db.session.scalars(select(MissedSearch))] == [("xylophon", 1)]


def test_an_index_that_cannot_be_asked_is_said_and_counted_nowhere(
    app: Flask, frieda: Person, told: int, settings: Any
) -> None:
    assert told
    if settings.on_sqlite:
        (settings.instance / "index" / "current").unlink()
    else:
        with app.app_context(), transaction():
            db.session.execute(delete(SearchState))
    said = page(frieda, "/search?q=Schulden")
    assert 'class="notice warning"' in said
    assert 'class="empty"' not in said
    with app.app_context():
        assert db.session.scalars(select(MissedSearch)).all() == []


@pytest.mark.usefixtures("told")
def test_the_search_can_be_kept_as_it_is(frieda: Person) -> None:
    found = page(frieda, "/search?q=Schulden&kind=question")
    kept = found.partition('action="/search/saved"')[2].partition("</form>")[0]
    assert '<input type="hidden" name="kind" value="question">' in kept


def test_a_search_takes_at_most_eight_statements(frieda: Person, told: int, statements: list[str]) -> None:
    for address in (
        "q=Schulden",
        "q=Verwarlosung",
        "q=Xylophon",
        "q=Schulden&area=vermuellung&kind=question&state=recommended&organisation=1&sort=date",
        f"q=Trennung+{told}+Schulden+Keller+Wohnung&year=1999",
    ):
        statements.clear()
        assert frieda.reads(f"/search?{address}").status_code == 200
        assert len(statements) <= 8, "\n".join(statements)
