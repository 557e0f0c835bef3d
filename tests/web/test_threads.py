"""Threads and posts as members meet them: writing, changing, taking back, reading on."""

import re
from datetime import timedelta
from html import unescape

import time_machine
from flask import Flask
from sqlalchemy import select

from forum import clock
from forum.config import Settings
from forum.db import db, transaction
from forum.members.actions import add_member
from forum.threads.models import Mention, Post, ReadMarker, Thread
from tests.cast import PASSWORD, Person, person, post_id


def thread_row(app: Flask, thread: int) -> Thread:
    """The thread as the database has it."""
    with app.app_context():
        row = db.session.get_one(Thread, thread)
        db.session.expunge(row)
        return row


def test_a_thread_has_a_readable_address_and_a_former_one_leads_there(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Vermüllung: ab wann zum Gesundheitsamt?")
    page = jonas.reads(f"/threads/{thread}")
    assert page.status_code == 200
    post = post_id(jonas.client.application, thread, 1)
    frieda.reads(f"/posts/{post}/edit")
    frieda.sends(
        f"/posts/{post}/edit", title="Wann rufen wir den Sozialpsychiatrischen Dienst?", body="Neu.", version="1"
    )
    old = jonas.reads(f"/threads/{thread}-vermuellung-ab-wann-zum-gesundheitsamt", follow=False)
    assert old.location == f"/threads/{thread}-wann-rufen-wir-den-sozialpsychiatrischen-dienst"


def test_facts_count_answers_and_their_organisations(
    app: Flask, frieda: Person, jonas: Person, bernd: Person, aylin: Person
) -> None:
    thread = frieda.asks("Wer trägt die Kosten der Entrümpelung?")
    for colleague in (jonas, bernd, aylin):
        colleague.replies(thread, f"So machen wir es, {colleague.name}.")
    row = thread_row(app, thread)
    assert (row.reply_count, row.organisation_count, row.last_number) == (3, 2, 4)
    assert row.last_author_id == aylin.id


def test_the_second_of_a_double_click_is_the_first(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Einmal gefragt", send_key="einmal")
    form = frieda.reads("/areas/vermuellung/new")
    assert form.status_code == 200
    again = frieda.sends(
        "/areas/vermuellung/new", follow=False, kind="question", title="Einmal gefragt", body="x", send_key="einmal"
    )
    assert f"/threads/{thread}-" in again.location
    assert jonas.replies(thread, "Eine Antwort.", send_key="klick") == jonas.replies(
        thread, "Eine Antwort.", send_key="klick"
    )
    assert thread_row(app, thread).last_number == 2


def test_a_reply_by_preview_is_shown_and_not_yet_sent(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Vorschau")
    jonas.reads(f"/threads/{thread}")
    page = jonas.sends(f"/threads/{thread}/posts", body="Das ist **wichtig**.", preview="1", send_key="v")
    assert "<strong>wichtig</strong>" in page.text
    assert "Das ist **wichtig**.</textarea>" in page.text
    assert thread_row(app, thread).last_number == 1
    jonas.sends(f"/threads/{thread}/posts", body="Das ist **wichtig**.", send_key="v")
    with app.app_context():
        stored = db.session.scalars(select(Post.html).where(Post.thread_id == thread, Post.number == 2)).one()
    assert stored.strip() in page.text


def test_quoting_fills_the_form_and_links_the_reply(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Zitat", "Erster Satz, den jemand aufgreift.")
    question = post_id(app, thread, 1)
    page = jonas.reads(f"/threads/{thread}?quote={question}")
    assert "&gt; **Frieda Moor:**" in page.text
    assert f'name="reply_to" value="{question}"' in page.text
    answer = jonas.replies(thread, "> Erster Satz\n\nGenau.", reply_to=str(question))
    with app.app_context():
        assert db.session.get_one(Post, answer).reply_to_id == question


def test_a_mention_becomes_a_link_and_is_noted(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Erwähnung", "Was meint @jonas-brandt dazu? Und @niemand?")
    page = frieda.reads(f"/threads/{thread}")
    assert f'<a class="mention" href="/members/{jonas.id}">@Jonas Brandt</a>' in page.text
    assert "@niemand" in page.text
    with app.app_context():
        assert [row.member_id for row in db.session.scalars(select(Mention))] == [jonas.id]


def test_an_edit_keeps_what_was_said_for_author_and_facilitator_alone(
    frieda: Person, jonas: Person, robert: Person
) -> None:
    thread = frieda.asks("Bearbeitet", "Frau Beispiel aus der Lindenstraße.")
    post = post_id(frieda.client.application, thread, 1)
    frieda.reads(f"/posts/{post}/edit")
    frieda.sends(f"/posts/{post}/edit", body="Eine Mieterin.", version="1", title="Bearbeitet")
    assert jonas.reads(f"/threads/{thread}").status_code == 200
    assert jonas.sees("bearbeitet")
    assert not jonas.sees("Lindenstraße")
    assert jonas.reads(f"/posts/{post}/history").status_code == 403
    assert not jonas.sees("Lindenstraße")
    for reader in (frieda, robert):
        reader.reads(f"/posts/{post}/history")
        assert reader.sees("Frau Beispiel aus der Lindenstraße.")
        assert "Mieterin.</ins>" in reader.page.text  # type: ignore[union-attr]


def test_two_who_edit_at_once_both_keep_their_text(frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Zwei bearbeiten", "Am Anfang.")
    post = post_id(frieda.client.application, thread, 1)
    frieda.reads(f"/posts/{post}/edit")
    robert.reads(f"/posts/{post}/edit")
    robert.sends(f"/posts/{post}/edit", body="Roberts Fassung.", version="1", reason="Namen entfernt")
    page = frieda.sends(f"/posts/{post}/edit", body="Friedas Fassung.", version="1", title="Zwei bearbeiten")
    assert page.status_code == 409
    assert frieda.sees("Friedas Fassung.")
    assert frieda.sees("Roberts Fassung.")
    assert 'name="version" value="2"' in page.text


def test_a_deleted_post_leaves_a_gap_and_can_be_taken_back_for_a_day(
    app: Flask, settings: Settings, frieda: Person, jonas: Person
) -> None:
    thread = frieda.asks("Gelöscht")
    answer = jonas.replies(thread, "Das schreibe ich lieber nicht.")
    jonas.reads(f"/posts/{answer}/delete")
    jonas.sends(f"/posts/{answer}/delete")
    frieda.reads(f"/threads/{thread}")
    assert not frieda.sees("lieber nicht")
    assert frieda.sees("gelöscht")
    assert thread_row(app, thread).reply_count == 0
    assert frieda.reads(f"/posts/{answer}/restore").status_code == 403
    jonas.reads(f"/posts/{answer}/restore")
    jonas.sends(f"/posts/{answer}/restore")
    assert thread_row(app, thread).reply_count == 1
    jonas.sends(f"/posts/{answer}/delete")
    with time_machine.travel(clock.now() + timedelta(hours=settings.undo_hours, minutes=1), tick=False):
        assert jonas.reads(f"/posts/{answer}/restore").status_code == 403
    assert frieda.replies(thread, "Die nächste Nummer ist frei.") != answer
    assert thread_row(app, thread).last_number == 3


def test_a_deleted_reply_does_not_keep_the_thread_on_top(frieda: Person, jonas: Person) -> None:
    first = frieda.asks("Zuerst gefragt")
    second = frieda.asks("Danach gefragt")
    answer = jonas.replies(first, "Rückt nach oben.")
    listed = frieda.reads("/areas/vermuellung").text
    assert listed.index("Zuerst gefragt") < listed.index("Danach gefragt")
    jonas.sends(f"/posts/{answer}/delete")
    listed = frieda.reads("/areas/vermuellung").text
    assert listed.index("Danach gefragt") < listed.index("Zuerst gefragt")
    assert second > first


def test_one_lands_at_the_first_unread_post(app: Flask, frieda: Person, jonas: Person, aylin: Person) -> None:
    thread = frieda.asks("Ungelesen")
    jonas.reads(f"/threads/{thread}")
    for n in range(25):
        aylin.replies(thread, f"Antwort {n}")
    jonas.reads("/")
    assert jonas.sees("25 neu")
    led = jonas.reads(f"/threads/{thread}?unread", follow=False)
    assert led.location.endswith("?page=1#p2")
    page = jonas.reads(led.location)
    assert "Neu seit" in page.text
    with app.app_context():
        assert db.session.get_one(ReadMarker, (jonas.id, thread)).number == 20
    assert jonas.reads(f"/threads/{thread}?unread", follow=False).location.endswith("?page=2#p21")
    jonas.reads(f"/threads/{thread}?page=2")
    jonas.reads("/")
    assert not jonas.sees("25 neu")


def test_what_was_written_before_one_joined_is_not_unread(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Vor Meikes Zeit")
    with app.app_context(), transaction():
        add_member("Meike Harms", "meike@weserufer.example", password=PASSWORD, uid="meike")
    meike = person(app, "meike")
    meike.reads("/")
    assert meike.sees("Sie haben alles gelesen")
    jonas.replies(thread, "Seit heute neu.")
    meike.reads("/")
    assert meike.sees("1 neu")
    assert meike.reads(f"/threads/{thread}?unread", follow=False).location.endswith("#p2")


def test_the_own_thread_and_reply_are_read(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Eigenes")
    frieda.reads("/")
    assert not frieda.sees("1 neu")
    jonas.replies(thread, "Antwort")
    jonas.reads("/")
    assert not jonas.sees("neu</b>")


def test_new_posts_announce_themselves(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Neues")
    page = frieda.reads(f"/threads/{thread}").text
    news = re.search(r'data-news="([^"]+)"', page)
    assert news is not None
    asked = f"/inbox/counts?{unescape(news[1])}"
    assert frieda.reads(asked).json["news"] == ""
    jonas.replies(thread, "Ich weiß etwas.")
    assert frieda.reads(asked).json["news"] == "1 neue Antwort. Anzeigen"


def test_long_threads_are_paged_by_number(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Lang")
    for n in range(2, 42):
        frieda.replies(thread, f"Beitrag {n}")
    page = frieda.reads(f"/threads/{thread}?page=3").text
    assert re.findall(r'id="p(\d+)"', page) == ["41"]
    assert re.findall(r'id="p(\d+)"', frieda.reads(f"/threads/{thread}?page=2").text)[0] == "21"
    assert frieda.reads(f"/threads/{thread}?page=999").status_code == 200
    assert frieda.reads(f"/posts/{post_id(app, thread, 25)}", follow=False).location.endswith("?page=2#p25")


def test_announcements_are_the_facilitators(frieda: Person, robert: Person) -> None:
    assert frieda.reads("/areas/mitteilungen/new").status_code == 403
    frieda.reads("/areas/vermuellung/new")
    refused = frieda.sends("/areas/mitteilungen/new", kind="announcement", title="Ich", body="darf nicht")
    assert refused.status_code == 403
    assert frieda.sees("darf nicht")
    thread = robert.asks("Treffen im Dezember", area="mitteilungen", kind="announcement")
    assert frieda.replies(thread, "Ich komme.")


def test_a_list_goes_on_by_key(frieda: Person) -> None:
    for n in range(35):
        frieda.asks(f"Frage Nummer {n:02}")
    first = frieda.reads("/areas/vermuellung").text
    assert "Frage Nummer 34" in first
    assert "Frage Nummer 04" not in first
    older = re.search(r'href="(/areas/vermuellung\?before=[^"]+)"', first)
    assert older is not None
    second = frieda.reads(older[1]).text
    assert re.findall(r"Frage Nummer (\d\d)", second) == ["04", "03", "02", "01", "00"]


def test_lists_are_narrowed_by_kind_and_state(frieda: Person, jonas: Person) -> None:
    answered = frieda.asks("Beantwortete Frage")
    jonas.replies(answered, "Hier.")
    frieda.asks("Offene Frage")
    frieda.asks("Bewährtes Vorgehen", kind="strategy")
    assert re.findall(r"Offene|Beantwortete|Bewährtes", frieda.reads("/areas/vermuellung?state=unanswered").text) == [
        "Offene"
    ]
    assert re.findall(r"Offene|Beantwortete|Bewährtes", frieda.reads("/areas/vermuellung?kind=strategy").text) == [
        "Bewährtes"
    ]
    frieda.reads("/areas/vermuellung?state=recommended")
    assert not frieda.sees("Beantwortete")


def test_pages_about_a_post_lead_back_to_thread_and_area(app: Flask, frieda: Person, robert: Person) -> None:
    thread = frieda.asks("Wer hilft beim Räumen?")
    post = f"/posts/{post_id(app, thread, 1)}"
    ways = [f"{post}/{act}" for act in ("more", "edit", "history", "recommend", "flag", "share", "delete", "redact")]
    ways += [f"/threads/{thread}/{act}" for act in ("moderate", "merge", "split", "similar")]
    for address in ways:
        page = robert.reads(address)
        assert page.status_code == 200, address
        crumbs = re.findall(r"<a[^>]*>(.*?)</a>", page.text.split('class="crumbs"')[1].split("</nav>")[0])
        assert crumbs == ["Themen", "Verwahrlosung und Vermüllung", "Wer hilft beim Räumen?"], address
