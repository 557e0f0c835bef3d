"""A member keeps a search, opens it again, and is told what is new since the last look."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from forum.db import db, transaction
from forum.errors import Invalid
from forum.members.queries import viewer_by_email
from forum.search import saved
from forum.search.saved import LONGEST_NAME, MOST_SAVED, SavedSearch
from tests.cast import Person, area_id

Work = Callable[[], int]


def keep(app: Flask, key: str, text: str, name: str = "", **fields: str) -> int:
    """Somebody saves a search; its number."""
    with app.app_context(), transaction():
        viewer = viewer_by_email(f"{key}@weserufer.example")
        assert viewer is not None
        return saved.save(viewer, {"q": text, **fields}, name).id


def news(app: Flask, key: str) -> list[tuple[str, int, bool]]:
    """Somebody's searches, with what is new."""
    with app.app_context():
        viewer = viewer_by_email(f"{key}@weserufer.example")
        assert viewer is not None
        return [(row.saved.name, row.new, row.more) for row in saved.news(viewer)]


def test_jonas_saves_a_search_and_repeats_it(app: Flask, jonas: Person) -> None:
    jonas.reads("/search?q=Schimmel&kind=question")
    fields = {"q": "Schimmel", "kind": "question", "state": "", "area": "vermuellung", "organisation": "1", "evil": "x"}
    jonas.sends("/search/saved", name="Schimmelfälle", **fields)
    assert jonas.sees("Schimmelfälle")
    assert jonas.sees("Verwahrlosung und Vermüllung")
    with app.app_context():
        kept = db.session.scalars(select(SavedSearch)).one()
        number, query = kept.id, kept.query
    assert query == "q=Schimmel&area=vermuellung&kind=question&organisation=1"
    answer = jonas.reads(f"/search/saved/{number}", follow=False)
    assert answer.location == f"/search?{query}"


def test_without_a_name_it_is_called_by_its_words(app: Flask) -> None:
    keep(app, "jonas", "Schimmel  Keller")
    assert news(app, "jonas") == [("Schimmel Keller", 0, False)]


def test_the_same_search_twice_is_one(app: Flask) -> None:
    first = keep(app, "jonas", "Schimmel", area="vermuellung")
    assert keep(app, "jonas", " Schimmel ", "Keller", area="vermuellung", state="") == first
    assert keep(app, "jonas", "Schimmel") != first
    assert keep(app, "aylin", "Schimmel", area="vermuellung") != first
    assert [name for name, *_ in news(app, "jonas")] == ["Keller", "Schimmel"]


def test_what_may_not_be_told_crowds_nothing_out(
    app: Flask, bernd: Person, robert: Person, frieda: Person, work: Work
) -> None:
    """Twenty hits stand on a page; those of areas of which nothing is told must not take their places."""
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        keep(app, "bernd", "Schimmel")
        clock.shift(timedelta(minutes=5))
        frieda.asks("Schimmel am Fenster")
        clock.shift(timedelta(minutes=5))
        thread = bernd.asks("Schimmel im Kreis", area="leitungskreis")
        for number in range(20):
            robert.replies(thread, f"Schimmel zum {number}. Mal.")
        work()
        with app.app_context():
            viewer = viewer_by_email("bernd@weserufer.example")
            assert viewer is not None
            (kept,) = saved.saved_searches(viewer)
            found = saved.news_of(viewer, kept, {"vermuellung"})
            assert (found.new, found.more) == (1, False)


def test_what_is_new_counts_from_the_last_look(app: Flask, jonas: Person, frieda: Person, work: Work) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        frieda.asks("Schimmel am Morgen")
        work()
        clock.shift(timedelta(minutes=5))
        number = keep(app, "jonas", "Schimmel")
        clock.shift(timedelta(minutes=5))
        frieda.asks("Schimmel am Nachmittag")
        frieda.asks("Ratten")
        work()
        assert news(app, "jonas") == [("Schimmel", 1, False)]
        clock.shift(timedelta(minutes=5))
        jonas.reads("/search/saved")
        assert news(app, "jonas") == [("Schimmel", 1, False)]  # the list alone is no look
        jonas.reads(f"/search/saved/{number}")
        assert jonas.sees("am Nachmittag")
        assert news(app, "jonas") == [("Schimmel", 0, False)]


def test_posts_with_some_of_the_words_are_not_new(app: Flask, frieda: Person, work: Work) -> None:
    keep(app, "jonas", "Schimmel Keller")
    frieda.asks("Schimmel im Bad")
    work()
    assert news(app, "jonas") == [("Schimmel Keller", 0, False)]


def test_more_than_a_page_is_not_counted(app: Flask, frieda: Person, jonas: Person, work: Work) -> None:
    keep(app, "aylin", "Schimmel")
    thread = frieda.asks("Im Keller")
    for number in range(22):
        jonas.replies(thread, f"Schimmel {number}")
    work()
    assert news(app, "aylin") == [("Schimmel", 20, True)]


def test_a_look_at_a_closed_area_is_no_news_for_others(app: Flask, bernd: Person, work: Work) -> None:
    keep(app, "jonas", "Schimmel")
    keep(app, "bernd", "Schimmel")
    bernd.asks("Schimmel im Vorstand", area="leitungskreis")
    work()
    assert news(app, "jonas") == [("Schimmel", 0, False)]
    assert news(app, "bernd") == [("Schimmel", 1, False)]
    assert area_id(app, "leitungskreis")


def test_jonas_renames_and_deletes_his_own_alone(app: Flask, jonas: Person, aylin: Person) -> None:
    number = keep(app, "jonas", "Schimmel")
    for address in (f"/search/saved/{number}", f"/search/saved/{number}/edit"):
        assert aylin.reads(address).status_code == 404
    assert aylin.sends(f"/search/saved/{number}/edit", name="Meins").status_code == 404
    aylin.sends(f"/search/saved/{number}/delete")
    jonas.reads(f"/search/saved/{number}/edit")
    jonas.sends(f"/search/saved/{number}/edit", name="Keller")
    assert news(app, "jonas") == [("Keller", 0, False)]
    assert jonas.sends(f"/search/saved/{number}/edit", name="x" * (LONGEST_NAME + 1)).status_code == 422
    jonas.sends(f"/search/saved/{number}/edit", name=" ")
    assert news(app, "jonas") == [("Schimmel", 0, False)]
    jonas.sends(f"/search/saved/{number}/delete")
    assert news(app, "jonas") == []


def test_there_is_room_for_so_many(app: Flask, jonas: Person) -> None:
    for number in range(MOST_SAVED):
        keep(app, "jonas", f"Wort{number}")
    jonas.reads("/search")
    assert jonas.sends("/search/saved", q="Noch eins").status_code == 422
    keep(app, "jonas", "Wort3", "Umbenannt")
    assert len(news(app, "jonas")) == MOST_SAVED


def test_a_search_without_words_is_not_saved(app: Flask, jonas: Person) -> None:
    with pytest.raises(Invalid, match="search_empty"):
        keep(app, "jonas", " ", kind="question")
    jonas.reads("/search/saved")
    assert jonas.page is not None
    assert jonas.page.status_code == 200


def test_a_long_question_is_saved_as_it_was_asked(app: Flask, jonas: Person) -> None:
    text = "Was hilft, wenn es im Keller immer wieder schimmelt? " * 7 + "Luftentfeuchter"
    jonas.reads("/search")
    jonas.sends("/search/saved", q=text)
    with app.app_context():
        kept = db.session.scalars(select(SavedSearch)).one()
        assert kept.fields["q"] == text
        number = kept.id
    jonas.reads(f"/search/saved/{number}")
    assert jonas.sees(f'value="{text}"')


def test_of_what_was_chosen_only_that_is_saved_which_there_is(app: Flask, jonas: Person) -> None:
    jonas.reads("/search")
    jonas.sends("/search/saved", q="Schimmel", kind="x", state="x", year="99999", organisation="Nirgends", sort="x")
    with app.app_context():
        assert db.session.scalars(select(SavedSearch.query)).all() == ["q=Schimmel"]


def test_a_very_long_text_is_saved_as_far_as_it_is_searched(app: Flask) -> None:
    keep(app, "jonas", "Schimmel " * 100)
    assert news(app, "jonas")[0][1:] == (0, False)
