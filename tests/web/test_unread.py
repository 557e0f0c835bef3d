"""What is unread, said to be read in one act, taken back exactly, and kept unread on purpose."""

import re

from flask import Flask
from sqlalchemy import select, update

from forum.db import db, transaction
from forum.keys import LONG_AGO
from forum.members.models import Member
from forum.threads.models import CaughtUp, ReadMarker, Thread
from tests.cast import Person

_UNTIL = re.compile(r'action="/unread">.*?name="until" value="(\d+)"', re.DOTALL)


def unread(reader: Person, where: str = "/unread") -> list[str]:
    """The titles that the page lists, in order."""
    return re.findall(r'<h2><a href="/threads/[^"]+">([^<]+) <b>', reader.reads(where).text)


def says_all_read(reader: Person, area: str = "") -> str:
    """Press the button; return up to when."""
    page = reader.reads("/unread" + (f"?area={area}" if area else "")).text
    until = _UNTIL.search(page)
    assert until is not None, page
    reader.sends("/unread", area=area, until=until[1])
    return until[1]


def takes_back(reader: Person, until: str, area: str = "") -> None:
    reader.sends("/unread/undo", area=area, until=until)


def test_all_that_is_new_is_listed_newest_first_and_leads_to_where_one_stopped(frieda: Person, jonas: Person) -> None:
    first = frieda.asks("Erste Frage")
    frieda.asks("Zweite Frage")
    jonas.reads(f"/threads/{first}")
    frieda.replies(first, "Noch etwas.")
    assert unread(jonas) == ["Erste Frage", "Zweite Frage"]
    assert re.search(rf'href="/threads/{first}-erste-frage\?unread"', jonas.reads("/unread").text)
    assert jonas.sees("Verwahrlosung und Vermüllung")
    assert unread(frieda) == []
    assert frieda.sees("Sie sind auf dem Laufenden")


def test_all_read_empties_it_and_undo_brings_back_exactly_what_was_there(frieda: Person, jonas: Person) -> None:
    for title in ("Eins", "Zwei", "Drei"):
        frieda.asks(title)
    before = unread(jonas)
    until = says_all_read(jonas)
    assert jonas.sees("Jetzt gilt alles als gelesen.")
    assert unread(jonas) == []
    frieda.asks("Dazwischen")
    assert unread(jonas) == ["Dazwischen"]
    jonas.reads(f"/unread?undo={until}")
    for _ in range(2):
        takes_back(jonas, until)
        assert unread(jonas) == ["Dazwischen", *before]


def test_what_comes_after_the_page_was_made_stays_unread(frieda: Person, jonas: Person) -> None:
    frieda.asks("Gesehen")
    until = _UNTIL.search(jonas.reads("/unread").text)
    assert until is not None
    frieda.asks("Nicht gesehen")
    jonas.sends("/unread", until=until[1])
    assert unread(jonas) == ["Nicht gesehen"]


def test_twice_is_once_and_can_still_be_taken_back(frieda: Person, jonas: Person) -> None:
    frieda.asks("Frage")
    until = says_all_read(jonas)
    jonas.sends("/unread", until=until)
    takes_back(jonas, until)
    assert unread(jonas) == ["Frage"]


def test_an_area_alone_is_read_and_unread_again(frieda: Person, robert: Person, bernd: Person) -> None:
    robert.asks("Im Kreis", area="leitungskreis")
    frieda.asks("Offen")
    assert unread(bernd) == ["Offen", "Im Kreis"]
    assert unread(bernd, "/unread?area=leitungskreis") == ["Im Kreis"]
    until = says_all_read(bernd, "leitungskreis")
    assert bernd.sees("Hier gilt jetzt alles als gelesen.")
    assert unread(bernd) == ["Offen"]
    bernd.reads("/")
    assert not bernd.sees("Im Kreis <b>1 neu")
    everything = says_all_read(bernd)
    takes_back(bernd, everything)
    assert unread(bernd) == ["Offen"]
    takes_back(bernd, until, "leitungskreis")
    assert unread(bernd) == ["Offen", "Im Kreis"]


def test_a_single_thread_is_read_and_unread_again(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    jonas.reads(f"/threads/{thread}")
    for n in range(3):
        frieda.replies(thread, f"Nachtrag {n}")
    jonas.sends(f"/threads/{thread}/read")
    assert jonas.sees("Dieses Thema gilt jetzt als gelesen.")
    assert unread(jonas) == []
    jonas.sends(f"/threads/{thread}/unread", number="2")
    assert unread(jonas) == ["Frage"]
    assert jonas.sees("3 neu")
    assert jonas.reads(f"/threads/{thread}?unread", follow=False).location.endswith("#p2")


def test_what_is_kept_unread_is_so_however_old_until_one_catches_up(frieda: Person, bernd: Person) -> None:
    thread = frieda.asks("Alte Frage")
    frieda.asks("Andere Frage")
    says_all_read(bernd, "vermuellung")
    bernd.reads(f"/threads/{thread}")
    bernd.sends(f"/threads/{thread}/unread", number="1")
    assert unread(bernd) == ["Alte Frage"]
    bernd.reads("/")
    assert bernd.sees("Alte Frage <b>1 neu")
    until = says_all_read(bernd)
    assert unread(bernd) == []
    takes_back(bernd, until)
    assert unread(bernd) == ["Alte Frage"]
    bernd.reads(f"/threads/{thread}")
    assert unread(bernd) == []


def test_after_catching_up_a_new_reply_is_one_new_reply(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Lang")
    jonas.reads(f"/threads/{thread}")
    for n in range(30):
        frieda.replies(thread, f"Beitrag {n}")
    says_all_read(jonas)
    frieda.replies(thread, "Ganz neu.")
    jonas.reads("/unread")
    assert jonas.sees("Lang <b>1 neu")
    assert jonas.reads(f"/threads/{thread}?unread", follow=False).location.endswith("?page=2#p32")
    page = jonas.reads(f"/threads/{thread}?page=2").text
    assert page.index('id="p31"') < page.index('id="new"') < page.index('id="p32"')


def test_an_old_page_makes_nothing_unread_again(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Lang")
    for n in range(44):
        frieda.replies(thread, f"Beitrag {n}")
    says_all_read(jonas)
    frieda.replies(thread, "Ganz neu.")
    for page in (1, 2):
        jonas.reads(f"/threads/{thread}?page={page}")
        jonas.reads("/unread")
        assert jonas.sees("Lang <b>1 neu")
        assert jonas.reads(f"/threads/{thread}?unread", follow=False).location.endswith("?page=3#p46")
    jonas.reads(f"/threads/{thread}?page=3")
    assert unread(jonas) == []


def test_a_reply_that_is_deleted_is_not_new_and_is_so_again_when_it_is_back(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    jonas.reads(f"/threads/{thread}")
    reply = frieda.replies(thread, "Ein Versehen.")
    assert unread(jonas) == ["Frage"]
    frieda.sends(f"/posts/{reply}/delete")
    assert unread(jonas) == []
    frieda.sends(f"/posts/{reply}/restore")
    assert unread(jonas) == ["Frage"]
    assert jonas.reads(f"/threads/{thread}?unread", follow=False).location.endswith("#p2")


def test_what_was_read_before_it_was_deleted_is_not_new_when_it_is_back(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    reply = frieda.replies(thread, "Gelesen.")
    jonas.reads(f"/threads/{thread}")
    frieda.sends(f"/posts/{reply}/delete")
    frieda.sends(f"/posts/{reply}/restore")
    assert unread(jonas) == unread(frieda) == []


def test_the_list_goes_on_beyond_what_the_count_looks_at(app: Flask, frieda: Person, jonas: Person) -> None:
    """The number in the bar looks at the newest hundred; the page leaves nothing out."""
    oldest = frieda.asks("Die älteste")
    for n in range(33):
        frieda.asks(f"Frage {n:02}")
    found: list[str] = []
    address: str | None = "/unread"
    while address:
        found += unread(jonas, address)
        assert jonas.page is not None
        further = re.search(r'href="(/unread\?before=[^"]+)" rel="next"', jonas.page.text)
        address = further and further[1]
    assert found == [*(f"Frage {n:02}" for n in reversed(range(33))), "Die älteste"]
    with app.app_context(), transaction():
        db.session.execute(update(Thread).where(Thread.id == oldest).values(visible=False))
    assert "Die älteste" not in unread(jonas, "/unread")


def test_a_key_that_is_none_and_a_moment_that_is_none_do_no_harm(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    for key in ("x", "1-2-3", "99999999999999999999-1", "-1-5", "1-99999999999"):
        assert unread(jonas, f"/unread?before={key}") in (["Frage"], [])
    for until in ("", "x", "99999999999999999999999", "9" * 17):
        assert jonas.sends("/unread", until=until).status_code == 404
    assert jonas.sends(f"/threads/{thread}/unread", number="7").status_code == 404
    assert unread(jonas) == ["Frage"]
    with app.app_context():
        assert db.session.scalars(select(CaughtUp)).all() == []
        assert db.session.scalars(select(ReadMarker).where(ReadMarker.member_id == jonas.id)).all() == []
        assert db.session.get_one(Member, jonas.id).caught_up_at > LONG_AGO
