"""The log says of each act what was before and after, to those alone who may see both."""

import re
from html import unescape

from flask import Flask
from sqlalchemy import func, select

from forum.db import db
from forum.moderation.models import ModerationEntry
from forum.outbox import Event
from forum.web.differences import MOST_WORDS, Piece, difference
from tests.cast import Person, area_id, post_id


def entries(somebody: Person, query: str = "") -> list[str]:
    """The lines of the log as they are read."""
    text = somebody.reads(f"/moderation/log{query}").text
    rows = re.findall(r"<li><h2>(.*?)</li>", text, re.DOTALL)
    return [" ".join(unescape(re.sub("<[^>]+>", " ", row)).split()) for row in rows]


def test_an_edit_shows_which_words_went_and_came(app: Flask, frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Was tun?", "Frau Beispiel öffnet nicht mehr.")
    post = post_id(app, thread, 1)
    changed = {"body": "Eine Mieterin öffnet nicht mehr.", "version": "1", "title": "Was ist zu tun?"}
    robert.sends(f"/posts/{post}/edit", reason="Name entfernt", **changed)
    robert.sends(f"/posts/{post}/edit", body="Eine Mieterin öffnet wieder.", version="2", reason="Neues")
    newer, older = entries(robert)
    assert "entfernt: Frau Beispiel neu: Eine Mieterin öffnet nicht mehr." in older
    assert "Titel: entfernt: Was tun? neu: Was ist zu tun?" in older
    assert "öffnet entfernt: nicht mehr. neu: wieder." in newer


def test_a_difference_keeps_to_what_changed() -> None:
    long = "Wort " * 50
    assert difference("a b", "a b") == ()
    pieces = difference(f"{long}alt {long}", f"{long}neu {long}")
    assert [(piece.kind, piece.text.strip()) for piece in pieces][1:3] == [("gone", "alt"), ("new", "neu")]
    assert len(pieces[0].text) < 60
    hostile = difference("a b " * MOST_WORDS, "b a " * MOST_WORDS)
    assert [piece.kind for piece in hostile] == ["gone", "new"]
    assert difference("", "neu") == (Piece("new", "neu"),)


def test_merging_splitting_and_moving_say_from_where_to_where(app: Flask, frieda: Person, robert: Person) -> None:
    one, other = frieda.asks("Schimmel"), frieda.asks("Feuchte Wände")
    frieda.replies(other, "Noch etwas.")
    robert.sends(f"/threads/{other}/merge", into=str(one), reason="Dasselbe.")
    fields = {"posts": str(post_id(app, one, 3)), "title": "Etwas anderes", "reason": "Gehört nicht dazu."}
    robert.sends(f"/threads/{one}/split", area=str(area_id(app, "leitungskreis")), **fields)
    area = str(area_id(app, "mitteilungen"))
    robert.sends(f"/threads/{one}/moderate", act="move", area=area, reason="Passt dort besser.")
    moved, split, merged = entries(robert)
    assert "Verwahrlosung und Vermüllung → Mitteilungen" in moved
    assert "1 Beitrag (3), Schimmel → Etwas anderes. Gehört nicht dazu." in split
    assert "Feuchte Wände → Schimmel , ab Beitrag 2. Dasselbe." in merged


def test_acts_are_kept_from_who_may_not_see_where_something_went(
    app: Flask, frieda: Person, robert: Person, anke: Person
) -> None:
    thread = frieda.asks("Schimmel")
    inside = frieda.replies(thread, "Das ist vertraulich.")
    robert.sends(f"/posts/{inside}/edit", body="Das ist sehr vertraulich.", version="1", reason="Deutlicher")
    assert len(entries(anke)) == 1
    fields = {"posts": str(inside), "title": "Unter uns", "reason": "Zu vertraulich."}
    robert.sends(f"/threads/{thread}/split", area=str(area_id(app, "leitungskreis")), **fields)
    assert len(entries(robert)) == 2
    assert entries(anke) == []


def test_the_log_can_be_narrowed(app: Flask, frieda: Person, robert: Person, anke: Person) -> None:
    thread = frieda.asks("Schimmel")
    robert.sends(f"/threads/{thread}/moderate", act="pin", reason="Wichtig.")
    anke.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    assert len(entries(robert)) == 2
    assert [("Wichtig." in line) for line in entries(robert, "?act=pin")] == [True]
    assert [("Alles gesagt." in line) for line in entries(robert, f"?by={anke.id}")] == [True]
    assert len(entries(robert, f"?area={area_id(app, 'vermuellung')}")) == 2
    assert entries(robert, f"?area={area_id(app, 'mitteilungen')}") == []
    assert robert.sees("So etwas ist nicht vorgekommen.")


def test_what_is_done_twice_is_one_act(app: Flask, frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Schimmel")
    for act in ("lock", "pin", "lock", "pin"):
        robert.sends(f"/threads/{thread}/moderate", act=act, reason="Grund.")
    with app.app_context():
        assert db.session.scalars(select(ModerationEntry.act).order_by(ModerationEntry.id)).all() == ["lock", "pin"]
        told = select(func.count()).where(Event.name.in_(("thread.locked", "thread.pinned")))
        assert db.session.scalar(told) == 2
