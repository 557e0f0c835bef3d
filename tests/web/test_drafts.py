"""Drafts over HTTP: saved, there again on another device, gone with sending, and never one text in place of another."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from forum import clock
from forum.db import db, transaction
from forum.threads import drafts
from forum.threads.drafts import MOST_DRAFTS, Draft
from tests.cast import Person, person, post_id

_KEY = re.compile(r'name="send_key" value="([^"]+)"')
_SEEN = re.compile(r'name="draft" value="([^"]*)"')
_BODY = re.compile(r'<textarea[^>]* name="body"[^>]*>\n(.*?)</textarea>', re.DOTALL)


class Form:
    """A form that somebody has opened, with what its script knows of it."""

    def __init__(self, writer: Person, address: str) -> None:
        self.writer, self.address = writer, address
        page = writer.reads(address).text
        self.token, self.key = writer.token(), _KEY.search(page)[1]  # type: ignore[index]
        self.seen = _SEEN.search(page)[1]  # type: ignore[index]
        self.text = unescape(_BODY.search(page)[1])  # type: ignore[index]

    def saves(self, body: str, place: str, **fields: str) -> dict[str, Any]:
        """What the script does after the last key."""
        data = {"csrf_token": self.token, "place": place, "send_key": self.key, "draft": self.seen, "body": body}
        answer = self.writer.client.post("/drafts", data=data | fields, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.get_json()
        self.seen = said.get("seen", "")
        return said

    def sends(self, body: str, **fields: str) -> Any:
        address = self.address.partition("?")[0]
        address = f"{address}/posts" if address.startswith("/threads/") else address
        return self.writer.sends(
            address, follow=False, csrf_token=self.token, send_key=self.key, draft=self.seen, body=body, **fields
        )


def merges(robert: Person, source: int, target: int) -> None:
    robert.reads(f"/threads/{source}/merge")
    into = f"https://fachkreis.example/threads/{target}"
    answer = robert.sends(f"/threads/{source}/merge", follow=False, into=into, reason="Dieselbe Frage.")
    assert answer.status_code == 303


@pytest.fixture
def thread(frieda: Person) -> int:
    return frieda.asks("Wie erreichen wir ihn?")


def kept(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.scalars(select(Draft).where(Draft.discarded_at.is_(None)).order_by(Draft.id))
        return [(row.place, row.fields["body"]) for row in rows]


def test_a_draft_is_there_on_another_device_and_gone_when_it_is_sent(app: Flask, jonas: Person, thread: int) -> None:
    place = f"thread:{thread}"
    said = Form(jonas, f"/threads/{thread}").saves("Wir klingeln nicht, wir schr", place)
    assert said["sentence"].startswith("Entwurf von heute, ")

    phone = Form(person(app, "jonas"), f"/threads/{thread}")
    assert phone.text == "Wir klingeln nicht, wir schr"
    assert phone.writer.sees("Entwurf von heute, ")
    phone.saves("Wir klingeln nicht, wir schreiben zuerst.", place)
    assert phone.sends("Wir klingeln nicht, wir schreiben zuerst.").status_code == 303
    assert kept(app) == []
    assert Form(jonas, f"/threads/{thread}").text == ""


def test_a_new_thread_and_an_edit_have_drafts_of_all_their_fields(app: Flask, jonas: Person, thread: int) -> None:
    new = Form(jonas, "/areas/vermuellung/new")
    said = new.saves("Wir stehen", "area:vermuellung", kind="strategy", title="Vom ersten Quadratmeter")
    jonas.reads("/areas/vermuellung/new")
    assert jonas.sees('value="Vom ersten Quadratmeter"')
    assert jonas.sees('value="strategy" checked')
    assert Form(jonas, "/areas/vermuellung/new?title=Ganz+anderes").text == ""
    assert Form(jonas, f"/areas/vermuellung/new?title=Ganz+anderes&draft={said['id']}").text == "Wir stehen"
    again = Form(jonas, "/areas/vermuellung/new")
    assert again.sends("Wir stehen auf Papier.", kind="strategy", title="Vom ersten Quadratmeter").status_code == 303

    answer = jonas.replies(thread, "Wir fragen das Gesundheitsamt.")
    edit = Form(jonas, f"/posts/{answer}/edit")
    edit.saves("Wir fragen zuerst ihn selbst.", f"post:{answer}", version="1")
    assert kept(app) == [(f"post:{answer}", "Wir fragen zuerst ihn selbst.")]
    edit = Form(jonas, f"/posts/{answer}/edit")
    assert edit.text == "Wir fragen zuerst ihn selbst."
    assert edit.sends(edit.text, version="1").status_code == 303
    assert kept(app) == []


def test_an_edit_that_was_begun_before_somebody_else_saved_is_shown_both(
    jonas: Person, robert: Person, thread: int
) -> None:
    answer = jonas.replies(thread, "Herr Beispielmann öffnet nicht.")
    Form(jonas, f"/posts/{answer}/edit").saves("Er öffnet nicht mehr.", f"post:{answer}", version="1")
    robert.reads(f"/posts/{answer}/edit")
    robert.sends(f"/posts/{answer}/edit", body="Er öffnet nicht.", version="1", reason="Ein Name.")
    form = Form(jonas, f"/posts/{answer}/edit")
    version = re.search(r'name="version" value="(\d+)"', jonas.page.text)[1]  # type: ignore[index,union-attr]
    refused = form.sends(form.text, version=version)
    assert refused.status_code == 409
    assert "Er öffnet nicht mehr." in unescape(refused.text)
    assert "Er öffnet nicht.\n" in unescape(refused.text) or "Er öffnet nicht.<" in refused.text


def test_two_devices_at_once_keep_both_texts(app: Flask, jonas: Person, thread: int) -> None:
    place = f"thread:{thread}"
    office, phone = Form(jonas, f"/threads/{thread}"), Form(person(app, "jonas"), f"/threads/{thread}")
    office.saves("Vom Büro", place)
    said = phone.saves("Von unterwegs", place)
    assert said["others"]
    office.saves("Vom Büro aus", place)
    assert kept(app) == [(place, "Vom Büro aus"), (place, "Von unterwegs")]
    assert office.sends("Vom Büro aus geantwortet.").status_code == 303
    assert kept(app) == [(place, "Von unterwegs")]
    assert Form(jonas, f"/threads/{thread}").text == "Von unterwegs"


def test_a_device_that_goes_on_takes_the_draft_over_until_the_other_does(
    app: Flask, jonas: Person, thread: int
) -> None:
    place = f"thread:{thread}"
    office = Form(jonas, f"/threads/{thread}")
    office.saves("Erst", place)
    phone = Form(person(app, "jonas"), f"/threads/{thread}")
    phone.saves("Erst und dann", place)
    assert kept(app) == [(place, "Erst und dann")]
    office.saves("Erst aber", place)  # has not seen what the phone wrote
    assert kept(app) == [(place, "Erst und dann"), (place, "Erst aber")]


def test_what_comes_after_sending_is_no_draft(app: Flask, jonas: Person, thread: int) -> None:
    reply = Form(jonas, f"/threads/{thread}")
    reply.sends("Gesendet.")
    assert reply.saves("Gesendet", f"thread:{thread}") == {"sentence": ""}
    new = Form(jonas, "/areas/vermuellung/new")
    new.sends("Bitte.", kind="question", title="Gesendet")
    assert new.saves("Bitte", "area:vermuellung", title="Gesendet") == {"sentence": ""}
    answer = post_id(app, thread, 2)
    edit = Form(jonas, f"/posts/{answer}/edit")
    edit.sends("Geändert.", version="1")
    assert edit.saves("Geändert", f"post:{answer}", version="1") == {"sentence": ""}
    assert kept(app) == []


def test_discarding_can_be_taken_back_where_it_was_written_and_in_the_list(
    app: Flask, jonas: Person, thread: int
) -> None:
    said = Form(jonas, f"/threads/{thread}").saves("Lieber nicht", f"thread:{thread}")
    jonas.reads("/inbox/drafts")
    assert jonas.sees("Wie erreichen wir ihn?")
    assert jonas.sees("Lieber nicht")
    jonas.sends(f"/drafts/{said['id']}/discard")
    assert jonas.sees("Entwurf verworfen.")
    assert Form(jonas, f"/threads/{thread}").text == ""
    jonas.sends(f"/drafts/{said['id']}/restore")
    assert Form(jonas, f"/threads/{thread}").text == "Lieber nicht"
    jonas.sends(f"/drafts/{said['id']}/discard", list="1")
    assert jonas.sees("verworfen heute, ")
    jonas.sends(f"/drafts/{said['id']}/restore", list="1")
    assert kept(app) == [(f"thread:{thread}", "Lieber nicht")]


def test_a_text_that_is_taken_out_can_be_taken_back(app: Flask, jonas: Person, thread: int) -> None:
    form = Form(jonas, f"/threads/{thread}")
    said = form.saves("Aus Versehen gelöscht", f"thread:{thread}")
    form.saves(" ", f"thread:{thread}")
    assert kept(app) == []
    jonas.sends(f"/drafts/{said['id']}/restore")
    assert kept(app) == [(f"thread:{thread}", "Aus Versehen gelöscht")]


def test_without_script_a_button_saves_and_leads_back_to_the_form(jonas: Person, thread: int) -> None:
    form = Form(jonas, f"/threads/{thread}")
    fields = {"place": f"thread:{thread}", "send_key": form.key, "draft": "", "body": "Später mehr"}
    assert jonas.sends("/drafts", csrf_token=form.token, **fields).status_code == 200
    assert jonas.sees("Später mehr</textarea>")
    assert jonas.sees("Entwurf von heute, ")


def test_a_quotation_comes_behind_what_was_begun(app: Flask, jonas: Person, thread: int) -> None:
    Form(jonas, f"/threads/{thread}").saves("Angefangen", f"thread:{thread}")
    text = Form(jonas, f"/threads/{thread}?quote={post_id(app, thread, 1)}").text
    assert text.startswith("Angefangen\n\n> **Frieda Moor:**\n>")


def test_a_draft_is_nobody_elses(app: Flask, jonas: Person, aylin: Person, anke: Person, thread: int) -> None:
    said = Form(jonas, f"/threads/{thread}").saves("Nur für mich", f"thread:{thread}")
    for other in (aylin, anke):
        for address in ("/inbox/drafts", f"/threads/{thread}", f"/threads/{thread}?draft={said['id']}"):
            other.reads(address)
            assert not other.sees("Nur für mich")
        for act in ("discard", "restore"):
            assert other.sends(f"/drafts/{said['id']}/{act}").status_code == 404
        form = Form(other, f"/threads/{thread}")
        form.seen = said["seen"]
        form.saves("Ein eigener", f"thread:{thread}")
    assert (f"thread:{thread}", "Nur für mich") in kept(app)


def test_a_draft_outlives_the_place_where_it_was_written(app: Flask, bernd: Person, robert: Person) -> None:
    from forum.areas.actions import remove_member
    from forum.areas.queries import area_by_slug

    closed = robert.asks("Nur im Kreis", area="leitungskreis")
    Form(bernd, f"/threads/{closed}").saves("Mühsam geschrieben", f"thread:{closed}")
    with app.app_context(), transaction():
        area = area_by_slug("leitungskreis")
        assert area is not None
        remove_member(None, area, bernd.id)
    bernd.reads("/inbox/drafts")
    assert bernd.sees("Mühsam geschrieben")
    assert not bernd.sees("Nur im Kreis")


def test_old_drafts_are_forgotten(app: Flask, jonas: Person, thread: int) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.saves("Alt", f"thread:{thread}")

    def forget(after: timedelta) -> int:
        with time_machine.travel(clock.now() + after), app.app_context(), transaction():
            drafts.forget_old(180, 24)
            return db.session.scalar(select(func.count()).select_from(Draft)) or 0

    assert forget(timedelta(days=179)) == 1
    assert forget(timedelta(days=181)) == 0
    said = form.saves("Neu", f"thread:{thread}")
    jonas.sends(f"/drafts/{said['id']}/discard")
    assert forget(timedelta(hours=23)) == 1
    assert forget(timedelta(hours=25)) == 0


def test_what_is_no_draft_is_refused(app: Flask, jonas: Person, thread: int) -> None:
    form = Form(jonas, f"/threads/{thread}")

    def status(**fields: str) -> int:
        data = {"csrf_token": form.token, "place": f"thread:{thread}", "send_key": "k", "body": "Text", **fields}
        return jonas.client.post("/drafts", data=data, headers={"Accept": "application/json"}).status_code

    assert [status(place=place) for place in ("", "x", "thread:0", "thread:1'", "area:", "post:99999999999")] == [
        404
    ] * 6
    assert status(send_key="") == 404
    assert status(body="x" * 70_000) == 422
    with app.app_context(), transaction():
        for number in range(MOST_DRAFTS):
            db.session.add(
                Draft(member_id=jonas.id, place="area:x", form=str(number), fields={}, changed_at=clock.now())
            )
    assert status() == 422
    assert jonas.sends(f"/threads/{thread}/posts", body="Trotzdem", send_key="neu").status_code == 200


def test_the_list_takes_as_many_statements_for_many_drafts(jonas: Person, thread: int, statements: list[str]) -> None:
    def count() -> int:
        statements.clear()
        jonas.reads("/inbox/drafts")
        return len(statements)

    Form(jonas, f"/threads/{thread}").saves("Eins", f"thread:{thread}")
    few = count()
    for number in range(8):
        Form(jonas, "/areas/vermuellung/new").saves("Mehr", "area:vermuellung", title=f"Titel {number}")
    assert count() == few <= 8


@pytest.fixture
def other(aylin: Person) -> int:
    """A thread into which the first one is merged while Jonas writes there."""
    return aylin.asks("Er macht nicht auf")


def test_a_form_whose_thread_is_merged_meanwhile_keeps_its_text(
    jonas: Person, robert: Person, thread: int, other: int
) -> None:
    form = Form(jonas, f"/threads/{thread}")
    merges(robert, thread, other)
    shown = form.sends("Wir **klingeln** nicht.", preview="1")
    assert shown.status_code == 200
    assert jonas.sees("<strong>klingeln</strong>")
    assert jonas.sees("Wir **klingeln** nicht.</textarea>")
    assert jonas.sees(f'action="/threads/{other}/posts#body"')
    refused = form.sends("Wir \N{REPLACEMENT CHARACTER} nicht.")
    assert refused.status_code == 422
    assert jonas.sees("Wir \N{REPLACEMENT CHARACTER} nicht.</textarea>")


def test_a_reply_to_a_merged_thread_takes_its_draft_along_and_leads_to_itself(
    app: Flask, jonas: Person, robert: Person, thread: int, other: int
) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.saves("Wir klingeln nicht", f"thread:{thread}")
    merges(robert, thread, other)
    sent = form.sends("Wir klingeln nicht.")
    assert sent.location == f"/threads/{other}-er-macht-nicht-auf?page=1#p3"
    assert kept(app) == []
    assert form.saves("Wir klingeln nicht", f"thread:{thread}") == {"sentence": ""}
    assert kept(app) == []


def test_what_is_saved_after_the_merging_is_the_same_draft(
    app: Flask, jonas: Person, robert: Person, thread: int, other: int
) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.saves("Wir klingeln", f"thread:{thread}")
    merges(robert, thread, other)
    said = form.saves("Wir klingeln nicht mehr", f"thread:{thread}")
    assert kept(app) == [(f"thread:{other}", "Wir klingeln nicht mehr")]
    jonas.reads("/inbox/drafts")
    assert jonas.sees(f'href="/threads/{other}?page=last&draft={said["id"]}#body"')
    fields = {"place": f"thread:{thread}", "send_key": form.key, "draft": form.seen, "body": "Ohne Skript"}
    assert jonas.sends("/drafts", csrf_token=form.token, **fields).status_code == 200
    assert jonas.sees("Ohne Skript</textarea>")


def test_what_was_sent_before_the_merging_is_not_sent_twice(
    app: Flask, jonas: Person, robert: Person, thread: int, other: int
) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.sends("Nur einmal.")
    merges(robert, thread, other)
    assert form.sends("Nur einmal.").location.endswith(f"/threads/{other}-er-macht-nicht-auf?page=1#p3")
    assert form.saves("Nur einm", f"thread:{thread}") == {"sentence": ""}
    assert kept(app) == []


def test_who_sends_again_what_was_split_off_is_led_there(
    app: Flask, jonas: Person, robert: Person, thread: int
) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.sends("Und wer zahlt die Reinigung?")
    post = post_id(app, thread, 2)
    robert.reads(f"/threads/{thread}/split")
    fields = {"posts": str(post), "title": "Wer zahlt?", "reason": "Eine andere Frage.", "area": "1"}
    assert robert.sends(f"/threads/{thread}/split", follow=False, **fields).status_code == 303
    jonas.reads(form.sends("Und wer zahlt die Reinigung?").location)
    assert jonas.sees("<h1>Wer zahlt?</h1>")


def test_nobody_stops_a_merging_with_a_key_of_their_own(
    app: Flask, jonas: Person, robert: Person, thread: int, other: int
) -> None:
    for place, body in ((thread, "Hier"), (other, "Dort")):
        form = Form(jonas, f"/threads/{place}")
        form.key = "selbst gewählt"
        form.saves(body, f"thread:{place}")
    merges(robert, thread, other)
    assert kept(app) == [(f"thread:{other}", "Hier"), (f"thread:{other}", "Dort")]


def test_what_the_office_goes_on_with_after_the_phone_has_saved_is_kept(app: Flask, jonas: Person, thread: int) -> None:
    answer = jonas.replies(thread, "Wir klingeln.")
    place, address = f"post:{answer}", f"/posts/{answer}/edit"
    office, phone = Form(jonas, address), Form(person(app, "jonas"), address)
    assert phone.sends("Wir klingeln nicht.", version="1").status_code == 303
    assert office.saves("Wir klingeln nie und schreiben.", place, version="1")["id"]
    assert kept(app) == [(place, "Wir klingeln nie und schreiben.")]
    refused = office.sends("Wir klingeln nie und schreiben.", version="1")
    assert refused.status_code == 409


def test_a_form_that_came_back_with_both_texts_is_another_form(jonas: Person, thread: int) -> None:
    """Its answer was lost, so it was sent again; what is written from there on was never sent."""
    answer = jonas.replies(thread, "Wir klingeln.")
    form = Form(jonas, f"/posts/{answer}/edit")
    form.sends("Wir klingeln nicht.", version="1")
    again = form.sends("Wir klingeln nicht.", version="1")
    assert again.status_code == 409
    form.key = _KEY.search(again.text)[1]  # type: ignore[index]
    assert form.saves("Wir klingeln nicht mehr.", f"post:{answer}", version="2")["id"]


def test_what_a_form_says_of_its_files_is_not_taken_at_its_word(jonas: Person, thread: int) -> None:
    form = Form(jonas, f"/threads/{thread}")
    form.saves("Text", f"thread:{thread}", alts="nojson", upload="x")
    assert Form(jonas, f"/threads/{thread}").text == "Text"


def test_a_field_that_was_emptied_stays_empty(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Wie erreichen wir ihn?", tags="Erstkontakt")
    post = post_id(app, thread, 1)
    form = Form(frieda, f"/posts/{post}/edit")
    form.saves("Er öffnet nicht.", f"post:{post}", title="", tags="", version="1")
    frieda.reads(f"/posts/{post}/edit")
    assert frieda.sees("Er öffnet nicht.")
    assert not frieda.sees("Erstkontakt")
    assert 'id="title" name="title" value=""' in frieda.page.text  # type: ignore[union-attr]
    Form(frieda, "/areas/vermuellung/new").saves("Noch ohne Titel", "area:vermuellung", title="")
    frieda.reads("/inbox/drafts")
    assert frieda.sees(">Ohne Titel</a>")


def test_a_long_draft_can_be_read_where_the_thread_is_closed(jonas: Person, robert: Person, thread: int) -> None:
    text = "Wir klingeln nicht, wir schreiben zuerst. " * 20 + "Und dann warten wir."
    Form(jonas, f"/threads/{thread}").saves(text, f"thread:{thread}")
    robert.reads(f"/threads/{thread}/moderate")
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Erledigt.")
    jonas.reads("/inbox/drafts")
    assert jonas.sees("Und dann warten wir.</textarea>")
