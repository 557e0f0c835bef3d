"""Facilitators put things in order, each time with a reason that stays."""

from collections.abc import Callable

from flask import Flask

from forum.areas.actions import name_member
from forum.areas.models import Area
from forum.db import db, transaction
from tests.cast import Person, area_id, post_id


def test_a_closed_thread_takes_no_replies_but_keeps_the_text(frieda: Person, jonas: Person, robert: Person) -> None:
    thread = frieda.asks("Geschlossen")
    robert.reads(f"/threads/{thread}/moderate")
    assert robert.sends(f"/threads/{thread}/moderate", act="lock", reason="").status_code == 422
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    refused = jonas.sends(f"/threads/{thread}/posts", body="Noch ein langer Gedanke.")
    assert refused.status_code == 403
    assert jonas.sees("Noch ein langer Gedanke.")
    robert.sends(f"/threads/{thread}/moderate", act="unlock", reason="Doch nicht.")
    assert jonas.replies(thread, "Noch ein langer Gedanke.")


def test_a_pinned_thread_stays_on_top(frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Angepinnt")
    frieda.asks("Neuer")
    robert.sends(f"/threads/{thread}/moderate", act="pin", reason="Für alle wichtig.")
    listed = frieda.reads("/areas/vermuellung").text
    assert listed.index(">Angepinnt") < listed.index(">Neuer")


def test_a_thread_moved_into_a_closed_area_is_gone_for_others(
    app: Flask, frieda: Person, robert: Person, bernd: Person, work: Callable[[], int]
) -> None:
    thread = frieda.asks("Kohleofen im Keller")
    work()
    frieda.reads("/search?q=Kohleofen")
    assert frieda.sees("Kohleofen im Keller")
    robert.sends(
        f"/threads/{thread}/moderate", act="move", area=str(area_id(app, "leitungskreis")), reason="Zu vertraulich."
    )
    assert frieda.reads(f"/threads/{thread}").status_code == 404
    frieda.reads("/search?q=Kohleofen")
    assert not frieda.sees("im Keller")
    work()
    bernd.reads("/search?q=Kohleofen")
    assert bernd.sees("im Keller")


def test_every_act_is_in_the_log_with_its_reason(app: Flask, frieda: Person, robert: Person, jonas: Person) -> None:
    thread = frieda.asks("Im Protokoll", "Frau Beispiel.")
    post = post_id(app, thread, 1)
    robert.reads(f"/posts/{post}/edit")
    robert.sends(f"/posts/{post}/edit", body="Eine Mieterin.", version="1", reason="Name entfernt")
    robert.sends(f"/posts/{post}/delete", reason="Doppelt gestellt")
    robert.sends(f"/posts/{post}/restore", reason="Doch nicht doppelt")
    robert.reads("/moderation/log")
    for reason in ("Name entfernt", "Doppelt gestellt", "Doch nicht doppelt"):
        assert robert.sees(reason)
    jonas.reads("/moderation/log")
    assert not jonas.sees("Name entfernt")


def test_a_member_who_is_no_facilitator_cannot_moderate(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Meins")
    assert jonas.reads(f"/threads/{thread}/moderate").status_code == 403
    assert jonas.sends(f"/threads/{thread}/moderate", act="lock", reason="Weil ich will").status_code == 403


def test_who_is_named_for_one_area_facilitates_there_alone(
    app: Flask, frieda: Person, jonas: Person, robert: Person
) -> None:
    with app.app_context(), transaction():
        area = db.session.get_one(Area, area_id(app, "vermuellung"))
        name_member(None, area, jonas.id, facilitates=True)
    here = frieda.asks("Hier")
    there = robert.asks("Dort", area="mitteilungen", kind="announcement")
    jonas.sends(f"/threads/{here}/moderate", act="lock", reason="Erledigt.")
    frieda.reads(f"/threads/{here}")
    assert frieda.sees("geschlossen")
    assert jonas.sends(f"/threads/{there}/moderate", act="lock", reason="Erledigt.").status_code == 403


def test_who_facilitates_one_area_brings_nothing_into_the_announcements(
    app: Flask, frieda: Person, jonas: Person
) -> None:
    with app.app_context(), transaction():
        name_member(None, db.session.get_one(Area, area_id(app, "vermuellung")), jonas.id, facilitates=True)
    thread = frieda.asks("Keine Mitteilung")
    jonas.reads(f"/threads/{thread}/moderate")
    there = str(area_id(app, "mitteilungen"))
    assert jonas.sends(f"/threads/{thread}/moderate", act="move", area=there, reason="Wichtig.").status_code == 403


def test_deleting_twice_is_one_line_in_the_log(app: Flask, frieda: Person, robert: Person) -> None:
    post = post_id(app, frieda.asks("Zweimal"), 1)
    for _ in range(2):
        robert.sends(f"/posts/{post}/delete", reason="Doppelt geklickt")
    robert.reads("/moderation/log")
    assert robert.page is not None
    assert robert.page.text.count("Doppelt geklickt") == 1


def test_an_invisible_title_is_no_title(frieda: Person) -> None:
    frieda.reads("/areas/vermuellung/new")
    page = frieda.sends("/areas/vermuellung/new", kind="question", title="\u200b\u2060", body="Text")
    assert page.status_code == 422
