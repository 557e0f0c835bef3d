"""An area narrowed down and sorted, and the tags by which threads are found."""

import itertools
import json
import re

import pytest
from flask import Flask
from sqlalchemy import event, select

from forum.areas.models import Area
from forum.db import db
from forum.members.queries import member, viewer_of
from forum.moderation.models import ModerationEntry
from forum.threads.lists import SORTS, STATES, Choice, threads_of_area
from forum.threads.models import KINDS, ThreadTag, tag_slug
from tests.cast import Person, area_id, post_id

AREA = "/areas/vermuellung"
_TITLE = re.compile(r'<h2><a href="/threads/[^"]+">([^<]+?)(?: <b>|</a>)')


def listed(reader: Person, asked: str = "", where: str = AREA) -> list[str]:
    """The titles of a list, in order, over all its pages."""
    found: list[str] = []
    address: str | None = f"{where}?{asked}" if asked else where
    while address:
        page = reader.reads(address)
        assert page.status_code == 200
        found += _TITLE.findall(page.text)
        further = re.search(r'href="([^"]+)" rel="next"', page.text)
        address = further and further[1].replace("&amp;", "&")
    return found


def tags(writer: Person, thread: int, words: str, **fields: str) -> int:
    """Give a thread these tags, on the page where its first post is edited; return the answer's status."""
    post = post_id(writer.client.application, thread, 1)
    form = writer.reads(f"/posts/{post}/edit").text
    version = re.search(r'name="version" value="(\d+)"', form)
    fields = {"title": "", "body": "Was hat bei euch geholfen?", "version": version[1] if version else "1", **fields}
    return writer.sends(f"/posts/{post}/edit", tags=words, **fields).status_code


def test_an_area_is_narrowed_by_kind_state_and_tag_together(frieda: Person, jonas: Person, aylin: Person) -> None:
    helped = frieda.asks("Geholfen")
    answer = jonas.replies(helped, "So geht es.")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    recommended = frieda.asks("Empfohlen")
    frieda.recommends(jonas.replies(recommended, "So auch."))
    aylin.asks("Vorgehen", kind="strategy")
    frieda.asks("Offen")
    tags(frieda, recommended, "Räumung, Kosten")
    tags(frieda, helped, "räumung")
    assert listed(aylin, "state=helpful") == ["Geholfen"]
    assert listed(aylin, "state=recommended") == ["Empfohlen"]
    assert listed(aylin, "state=unanswered") == ["Offen"]
    assert listed(aylin, "state=mine") == ["Vorgehen"]
    assert listed(aylin, "kind=strategy&state=mine") == ["Vorgehen"]
    assert listed(aylin, "kind=question&state=mine") == []
    assert aylin.sees("Solche Themen gibt es hier zurzeit nicht.")
    assert sorted(listed(aylin, "tag=raeumung")) == ["Empfohlen", "Geholfen"]
    assert listed(aylin, "tag=R%C3%A4umung&state=helpful&kind=question") == ["Geholfen"]
    aylin.reads(f"/threads/{helped}")
    assert sorted(listed(aylin, "state=unread")) == ["Empfohlen", "Offen"]
    assert listed(aylin, "state=unread&tag=raeumung") == ["Empfohlen"]


def test_an_area_is_sorted_by_last_post_beginning_and_thanks(
    frieda: Person, jonas: Person, aylin: Person, robert: Person
) -> None:
    first, second, third = (frieda.asks(title) for title in ("Erste", "Zweite", "Dritte"))
    for thread, thankful in ((second, (aylin, robert)), (first, (aylin,))):
        answer = jonas.replies(thread, "Eine Antwort.")
        for colleague in thankful:
            colleague.sends(f"/posts/{answer}/thanks", on="1")
    robert.sends(f"/threads/{third}/moderate", act="pin", reason="Für alle.")
    assert listed(frieda) == ["Dritte", "Erste", "Zweite"]
    assert listed(frieda, "sort=newest") == ["Dritte", "Zweite", "Erste"]
    assert listed(frieda, "sort=thanked") == ["Zweite", "Erste", "Dritte"]
    aylin.sends(f"/posts/{post_id(frieda.client.application, second, 2)}/delete")
    jonas.sends(f"/posts/{post_id(frieda.client.application, second, 2)}/delete")
    assert listed(frieda, "sort=thanked")[0] == "Erste", "what was deleted is not thanked for"


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_goes_on_by_key(frieda: Person, jonas: Person, sort: str) -> None:
    asked = [f"Frage {n:02}" for n in range(33)]
    threads = [frieda.asks(title) for title in asked]
    for thread in threads[::2]:
        jonas.sends(f"/posts/{post_id(frieda.client.application, thread, 1)}/thanks", on="1")
    found = listed(frieda, f"sort={sort}&kind=question")
    newest_first = asked[::-1]
    assert found == (newest_first[::2] + newest_first[1::2] if sort == "thanked" else newest_first)


def test_addresses_are_readable_and_what_is_unknown_leaves_nothing_out(frieda: Person) -> None:
    thread = frieda.asks("Frage")
    tags(frieda, thread, "Räumung")
    assert listed(frieda, "kind=nichts&state=nichts&sort=nichts&tag=") == ["Frage"]
    frieda.reads(f"{AREA}?tag=raeumung&kind=question&sort=newest")
    assert 'href="/areas/vermuellung?kind=question&amp;tag=raeumung"' in frieda.page.text  # type: ignore[union-attr]
    assert frieda.sees("„Räumung“ in allen Themenbereichen")


def test_tags_lead_from_the_thread_and_its_row(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    assert tags(frieda, thread, "Betreutes Wohnen,  Räumung , raeumung,,") == 200
    page = jonas.reads(f"/threads/{thread}").text
    assert '<a class="tag" href="/areas/vermuellung?tag=betreutes-wohnen">Betreutes Wohnen</a>' in page
    assert page.count('class="tag"') == 2, "however it is spelt, it is one tag"
    assert '<a class="tag" href="/areas/vermuellung?tag=raeumung">Räumung</a>' in jonas.reads(AREA).text
    assert '<a class="tag" href="/tags/raeumung">Räumung</a>' in jonas.reads("/").text
    assert listed(jonas, where="/tags/raeumung") == ["Frage"]
    assert jonas.sees("Schlagwort: Räumung")
    assert tags(frieda, thread, "") == 200
    assert jonas.reads("/tags/raeumung").status_code == 404


@pytest.mark.parametrize("title", ["", "?title=Was+hilft+gegen+Schimmel"])
def test_who_asks_is_offered_the_tags_of_the_area(frieda: Person, jonas: Person, title: str) -> None:
    for words in ("Räumung", "raeumung, Kosten"):
        tags(frieda, frieda.asks("Frage"), words)
    offered = re.findall(r'<option value="([^"]+)"></option>', jonas.reads(f"{AREA}/new{title}").text)
    assert [tag_slug(tag) for tag in offered] == ["raeumung", "kosten"]


def test_a_tag_of_a_closed_area_does_not_exist_for_others(robert: Person, bernd: Person, frieda: Person) -> None:
    secret = robert.asks("Im Kreis", area="leitungskreis")
    tags(robert, secret, "Haushalt")
    assert listed(bernd, where="/tags/haushalt") == ["Im Kreis"]
    assert frieda.reads("/tags/haushalt").status_code == 404
    opened = frieda.asks("Offen")
    tags(frieda, opened, "Haushalt")
    assert listed(frieda, where="/tags/haushalt") == ["Offen"]


def test_author_and_facilitators_tag_and_the_log_says_what_was_before(
    app: Flask, frieda: Person, jonas: Person, robert: Person
) -> None:
    thread = frieda.asks("Frage")
    tags(frieda, thread, "Kosten")
    assert tags(jonas, thread, "Unfug") == 403
    assert tags(robert, thread, "Kosten, Räumung", reason="Damit man es findet.", title="Frage") == 200
    with app.app_context():
        names = db.session.scalars(select(ThreadTag.name).order_by(ThreadTag.position)).all()
        entry = db.session.scalars(select(ModerationEntry)).one()
    assert names == ["Kosten", "Räumung"]
    assert (entry.before["tags"], entry.after["tags"]) == (["Kosten"], ["Kosten", "Räumung"])


def test_tags_that_are_too_many_or_too_long_are_refused_and_kept(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Frage")
    many = ", ".join(f"wort{n}" for n in range(11))
    assert tags(frieda, thread, many) == 422
    assert frieda.sees(many)
    assert frieda.sees("Das sind zu viele Schlagwörter")
    assert tags(frieda, thread, "x" * 41) == 422
    with app.app_context():
        assert db.session.scalars(select(ThreadTag)).all() == []


def test_what_an_area_is_narrowed_by_is_found_in_an_index_alone(app: Flask, frieda: Person) -> None:
    """Else a rare choice would read each of 100,000 threads only to leave it out."""
    area, number = area_id(app, "vermuellung"), frieda.id
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("the plan is SQLite's")
        sent: list[tuple[str, tuple[object, ...]]] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _r, said, values, *_: sent.append((said, values)))
        reader = viewer_of(member(number))
        states = [state for state in ("", *STATES) if state != "unread"]
        for kind, state, sort in itertools.product(("", KINDS[0]), states, SORTS):
            sent.clear()
            threads_of_area(reader, area, Choice(kind, state, "", sort))
            plan = json.dumps(
                db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sent[-1][0]}", sent[-1][1]).all(),
                default=list,
            )
            assert "USING COVERING INDEX ix_thread_" in plan, (kind, state, sort, plan)
            assert plan.count("USE TEMP B-TREE") == 1, "only the page that was found is sorted"
        assert db.session.get(Area, area)
