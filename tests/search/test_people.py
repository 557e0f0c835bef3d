"""Finding people: by name, organisation, city and what they know, as the search reads German."""

from contextlib import suppress
from typing import Any

import pytest
from flask import Flask

from forum import create_app
from forum.config import Settings
from forum.db import db, transaction
from forum.members.actions import add_member, describe, reinstate, suspend
from forum.members.models import Member
from forum.members.queries import viewer_of
from forum.search import thesaurus
from forum.search.people import directory
from forum.search.synonyms import typed
from tests.cast import Person
from tests.security.scene import actor

KNOWLEDGE = {
    "frieda": ("Vermüllung", "erster Kontakt"),
    "jonas": ("Mietschulden", "gesetzliche Betreuung"),
    "aylin": ("Nachbarschaftskonflikte", "Mediation"),
    "robert": ("Schweigepflicht",),
    "sven": ("Vermüllung",),
}


@pytest.fixture(autouse=True)
def knowledge(app: Flask) -> None:
    with app.app_context(), transaction():
        for uid, phrases in KNOWLEDGE.items():
            describe(actor(uid), expertise=phrases)
        thesaurus.save(actor("robert"), typed("Messie, Vermüllung"))


def finds(who: Person, words: str, **chosen: Any) -> list[str]:
    """The first names on the page, in their order."""
    page = who.reads("/members", query_string={"q": words, **chosen}).text
    rows = page.partition('<ul class="rows">')[2].partition("</ul>")[0]
    return [row.partition("</a>")[0].rpartition(">")[2].split()[0] for row in rows.split("<h2>")[1:]]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Vermüllung", ["Frieda"]),
        ("Wer kennt sich mit Vermüllung aus?", ["Frieda"]),
        ("vermuellung", ["Frieda"]),
        ("Messie", ["Frieda"]),
        ("Mietschuld", ["Jonas"]),
        ("Schulden", ["Jonas"]),
        ("Konflikt Nachbarschaft", ["Aylin"]),
        ("Schweigepflichten", ["Robert"]),
        ("Betreuung, gesetzliche", ["Jonas"]),
        ("Frieda", ["Frieda"]),
        ("Oldenburg", ["Robert", "Anke"]),
        ("Leinewohnen Mietschulden", ["Jonas"]),
        ('"Frieda Moor"', ["Frieda"]),
        ("Kernfusion", []),
        ("", ["Bernd", "Jonas", "Aylin", "Frieda", "Robert", "Anke"]),
    ],
)
def test_people_are_found_as_posts_are(jonas: Person, words: str, names: list[str]) -> None:
    assert finds(jonas, words) == names


def test_who_has_all_of_it_comes_first(app: Flask, jonas: Person) -> None:
    with app.app_context(), transaction():
        describe(actor("anke"), expertise=["Vermüllung"])
    assert finds(jonas, "Wer kennt sich in Oldenburg mit Vermüllung aus?")[0] == "Anke"
    assert finds(jonas, "Vermüllung Oldenburg") == ["Anke"]


def test_organisations_and_cities_narrow(jonas: Person) -> None:
    page = jonas.reads("/members").text
    assert "/members?city=Hannover" in page
    assert finds(jonas, "", city="Hannover") == ["Bernd", "Jonas"]
    assert finds(jonas, "Mietschulden", city="Bremen") == []
    assert jonas.sees("Unter allen Mitgliedern suchen")
    assert finds(jonas, "", organisation="987654") == []


@pytest.mark.parametrize("state", ["suspended", "imported"])
def test_only_those_one_can_turn_to_are_named_anywhere(app: Flask, frieda: Person, jonas: Person, state: str) -> None:
    with app.app_context(), transaction():
        member = db.session.get_one(Member, frieda.id)
        if state == "suspended":
            suspend(None, member)
        else:
            member.email = None
            reinstate(None, member)
    assert finds(jonas, "Vermüllung") == []
    assert "Frieda" not in finds(jonas, "")
    assert not jonas.sees("Weserufer"), "nobody is left there to be chosen"
    jonas.reads("/search?q=Vermüllung")
    assert not jonas.sees("Kennt sich aus")
    jonas.reads("/settings/profile")
    assert not jonas.sees('value="erster Kontakt"')
    jonas.reads("/organisations")
    assert jonas.sees("derzeit niemand mit Zugang")


def test_the_search_names_who_knows(app: Flask, jonas: Person) -> None:
    jonas.reads("/search?q=Messie")
    assert jonas.sees("Kennt sich aus:")
    assert jonas.sees("Frieda Moor</a> (Baugenossenschaft Weserufer, Bremen)")
    jonas.reads("/search?q=Leinewohnen")
    assert not jonas.sees("Kennt sich aus:"), "working somewhere is no knowledge"
    jonas.reads("/search?q=Messie&kind=question")
    assert not jonas.sees("Kennt sich aus:"), "who narrows the posts looks for posts"
    with app.app_context(), transaction():
        for number in range(5):
            describe(
                viewer_of(add_member(f"Kundig {number}", f"k{number}@weserufer.example")), expertise=["Vermüllung"]
            )
    jonas.reads("/search?q=Vermüllung")
    assert jonas.page is not None
    assert jonas.page.text.count("Baugenossenschaft Weserufer, Bremen)") + jonas.page.text.count(">Kundig") == 3


def test_what_members_say_is_known_at_once_in_every_process(settings: Settings, jonas: Person) -> None:
    def says(uid: str, *phrases: str) -> None:
        with create_app(settings).app_context():
            with transaction():
                describe(actor(uid), expertise=phrases)
            db.engine.dispose()

    assert finds(jonas, "Stromsperre") == []
    says("aylin", "Stromsperre")
    jonas.reads("/search?q=Stromsperre")
    assert jonas.sees("Aylin Kaya</a>")
    says("robert", "Stromsperre")
    says("aylin", "Mediation")
    jonas.reads("/search?q=Stromsperre")
    assert jonas.sees("Robert Tamm</a>")
    assert not jonas.sees("Aylin Kaya</a>")
    assert finds(jonas, "Stromsperre") == ["Robert"]


def test_what_was_taken_back_is_not_kept(app: Flask) -> None:
    with app.app_context():
        with suppress(ZeroDivisionError), transaction():
            describe(actor("anke"), expertise=["Stromsperre"])
            assert directory(actor("jonas"), "Stromsperre")
            raise ZeroDivisionError
        assert not directory(actor("jonas"), "Stromsperre")


def test_many_members_come_by_pages(app: Flask, jonas: Person) -> None:
    with app.app_context(), transaction():
        for number in range(70):
            add_member(f"Mitglied Nr{number:03}", f"m{number}@weserufer.example")
    seen, address = [], "/members"
    while address:
        page = jonas.reads(address).text.partition("</main>")[0]
        seen += [piece.partition("</a>")[0].rpartition(">")[2] for piece in page.split("<h2>")[1:]]
        further = page.partition('rel="next"')[0].rpartition('<a href="')[2].partition('"')[0]
        address = further if 'rel="next"' in page else ""
    assert len(seen) == len(set(seen)) == 76


def test_a_house_shows_its_people_and_its_recommended_answers(
    frieda: Person, jonas: Person, aylin: Person, bernd: Person, robert: Person
) -> None:
    answer = jonas.replies(frieda.asks("Wer half?"), "Eine Karte an der Tür.")
    frieda.recommends(answer)
    hidden = bernd.replies(robert.asks("Geheimes", area="leitungskreis"), "Nur für den Kreis.")
    robert.recommends(hidden)
    aylin.reads("/organisations")
    house = next(
        piece.partition('"')[0] for piece in aylin.page.text.split('href="')[1:] if ">Leinewohnen<" in piece[:60]
    )  # type: ignore[union-attr]
    aylin.reads(house)
    assert aylin.sees("Jonas Brandt")
    assert aylin.sees("Bernd Ahlers")
    assert aylin.sees("Eine Karte an der Tür.")
    assert not aylin.sees("Geheimes")
    robert.reads(house)
    assert robert.sees("Geheimes")


def test_what_the_pages_of_people_cost_does_not_grow(
    app: Flask, jonas: Person, frieda: Person, statements: list[str]
) -> None:
    frieda.recommends(jonas.replies(frieda.asks("Wer half?"), "Eine Karte an der Tür."))
    addresses = ["/members", "/members?q=Vermüllung", f"/members/{jonas.id}", "/organisations", "/search?q=Vermüllung"]
    addresses += ["/settings/profile", "/organisations/1"]

    def costs() -> list[int]:
        found = []
        for address in addresses:
            jonas.reads(address)
            statements.clear()
            assert jonas.reads(address).status_code == 200
            found.append(len(statements))
        return found

    few = costs()
    with app.app_context(), transaction():
        for number in range(200):
            member = add_member(f"Mitglied {number}", f"m{number}@weserufer.example")
            describe(viewer_of(member), expertise=["Vermüllung", f"Wort {number}"])
    assert costs() == few
    assert max(few) <= 8, dict(zip(addresses, few, strict=True))
