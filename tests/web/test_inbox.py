"""The inbox on the page: what is new leads to its post, and is read wherever the thread is."""

import re
from collections.abc import Callable
from datetime import timedelta

import time_machine
from flask import Flask
from sqlalchemy import delete, select

from forum import clock
from forum.areas.models import AreaMember
from forum.db import db, transaction
from forum.members.actions import add_member
from forum.notifications.models import Share
from forum.threads.models import Bookmark
from tests.cast import Person, post_id
from tests.mailbox import Mailbox

Work = Callable[[], int]


def bar(person: Person, address: str = "/practices") -> tuple[int, int]:
    """How many threads and entries are unread, as the bar says on a page."""
    page = person.reads(address).text
    found = re.findall(r'data-count="(?:threads|entries)"( hidden)?>(\d+)', page)
    assert len(found) == 2, page
    threads, entries = (0 if hidden else int(number) for hidden, number in found)
    return threads, entries


def test_an_entry_leads_to_the_post_and_is_read_with_it(frieda: Person, jonas: Person, work: Work) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir kennen jemanden.")
    work()
    assert bar(frieda) == (1, 1)
    frieda.reads("/inbox")
    assert frieda.sees("Jonas Brandt hat Ihnen geantwortet")
    assert frieda.sees("Wir kennen jemanden.")
    assert f'href="/posts/{answer}"' in frieda.page.text  # type: ignore[union-attr]
    frieda.reads(f"/posts/{answer}")
    assert bar(frieda) == (0, 0)
    frieda.reads("/inbox")
    assert frieda.sees("Nichts Neues.")
    assert frieda.sees("Jonas Brandt hat Ihnen geantwortet")


def test_what_is_told_of_an_old_post_is_read_by_reading_it_again(frieda: Person, jonas: Person, work: Work) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir.")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    work()
    assert bar(jonas) == (0, 1)
    jonas.reads("/inbox")
    assert jonas.sees("Frieda Moor sagt, dass Ihre Antwort geholfen hat")
    jonas.reads(f"/threads/{thread}")
    assert bar(jonas) == (0, 0)


def test_one_entry_or_all_are_noted_as_read(frieda: Person, jonas: Person, work: Work) -> None:
    thread = frieda.asks("Wer räumt?")
    for number in range(3):
        jonas.replies(thread, f"Antwort {number}.")
    work()
    page = frieda.reads("/inbox").text
    entries = re.findall(r'name="entry" value="(\d+)"', page)
    up_to = re.search(r'name="up_to" value="(\d+)"', page)
    assert up_to is not None
    assert len(entries) == 3
    frieda.sends("/inbox/read", entry=entries[1])
    assert re.findall(r'name="entry" value="(\d+)"', frieda.page.text) == [entries[0], entries[2]]  # type: ignore[union-attr]
    jonas.replies(thread, "Eben erst.")
    work()
    frieda.sends("/inbox/read", up_to=up_to[1])
    assert frieda.sees("Eben erst.")
    assert bar(frieda)[1] == 1


def test_nobody_reads_for_another(frieda: Person, jonas: Person, work: Work) -> None:
    jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    work()
    entry = re.search(r'name="entry" value="(\d+)"', frieda.reads("/inbox").text)
    assert entry is not None
    jonas.sends("/inbox/read", entry=entry[1])
    jonas.sends("/inbox/read", up_to="999999")
    assert bar(frieda)[1] == 1


def test_a_page_of_a_thread_reads_only_what_stands_on_it(app: Flask, frieda: Person, jonas: Person, work: Work) -> None:
    thread = frieda.asks("Lang")
    for number in range(2, 26):
        frieda.replies(thread, f"Beitrag {number}")
    for page in (20, 25):
        post = post_id(app, thread, page)
        frieda.sends(f"/posts/{post}/edit", body=f"@jonas-brandt, Beitrag {page}", version="1")
    work()
    assert bar(jonas)[1] == 2
    jonas.reads(f"/threads/{thread}?page=1")
    assert bar(jonas)[1] == 1
    jonas.reads(f"/threads/{thread}?page=2")
    assert bar(jonas) == (0, 0)
    jonas.reads(f"/threads/{thread}?page=1")
    assert bar(jonas) == (0, 0)


def test_the_inbox_is_turned_page_by_page(frieda: Person, jonas: Person, work: Work) -> None:
    thread = frieda.asks("Lang")
    for number in range(33):
        jonas.replies(thread, f"Antwort {number}.")
    work()
    frieda.reads(f"/threads/{thread}?page=2")
    first = frieda.reads("/inbox").text
    older = re.search(r'href="(/inbox\?before=\d+)"', first)
    assert older is not None
    assert (first.count("hat Ihnen geantwortet</a>"), frieda.sees("Antwort 32.")) == (30, True)
    second = frieda.reads(older[1]).text
    assert (second.count("hat Ihnen geantwortet</a>"), frieda.sees("Antwort 0.")) == (3, True)


def test_two_devices_agree(app: Flask, frieda: Person, jonas: Person, work: Work) -> None:
    thread = frieda.asks("Wer räumt?")
    jonas.replies(thread, "Wir.")
    work()
    elsewhere = Person("frieda", app.test_client())
    elsewhere.signs_in()
    assert elsewhere.reads("/inbox/counts").json == {"threads": 1, "entries": 1, "news": ""}
    frieda.reads(f"/threads/{thread}")
    assert elsewhere.reads("/inbox/counts").json == {"threads": 0, "entries": 0, "news": ""}


def test_what_keeps_a_page_up_to_date_costs_three_statements(
    frieda: Person, jonas: Person, work: Work, statements: list[str]
) -> None:
    thread = frieda.asks("Wer räumt?")
    for number in range(5):
        jonas.replies(thread, f"Antwort {number}.")
    work()
    frieda.reads("/inbox/counts")
    statements.clear()
    assert frieda.reads(f"/inbox/counts?thread={thread}&after=2").json["news"] == "4 neue Antworten. Anzeigen"
    assert len(statements) <= 3, statements


def test_an_act_of_a_facilitator_is_told_with_its_reason(frieda: Person, robert: Person, work: Work) -> None:
    thread = frieda.asks("Wer räumt?")
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason="Alles gesagt.")
    work()
    frieda.reads("/inbox")
    assert frieda.sees("Ihr Thema wurde für Antworten geschlossen")
    assert frieda.sees("Alles gesagt.")


def test_a_post_is_kept_with_a_note_and_found_again(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir kennen jemanden.")
    frieda.reads(f"/posts/{answer}/more")
    frieda.sends(f"/posts/{answer}/bookmark", note="Für  den\nJanuar")
    assert frieda.sees("Gemerkt</span>")
    assert not jonas.reads(f"/threads/{thread}").text.count("Gemerkt</span>")
    frieda.reads("/inbox/bookmarks")
    assert frieda.sees("Für den Januar")
    assert frieda.sees("Wir kennen jemanden.")
    frieda.sends(f"/posts/{answer}/bookmark", note="Für das Team")
    frieda.reads(f"/posts/{answer}/more")
    assert frieda.sees('value="Für das Team"')
    frieda.sends(f"/posts/{answer}/bookmark", remove="1", list="1")
    assert frieda.sees("Sie haben noch keinen Beitrag gemerkt.")


def test_a_bookmark_is_not_there_while_its_post_may_not_be_seen(app: Flask, bernd: Person, robert: Person) -> None:
    thread = bernd.asks("Intern", area="leitungskreis")
    answer = robert.replies(thread, "Unter uns gesagt.")
    bernd.sends(f"/posts/{answer}/bookmark", note="Vertraulich")
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.member_id == bernd.id))
    bernd.reads("/inbox/bookmarks")
    assert not bernd.sees("Vertraulich")
    bernd.sends(f"/posts/{answer}/bookmark", remove="1", list="1")
    with app.app_context():
        assert db.session.scalars(select(Bookmark)).all() == []


def test_more_offers_what_is_possible(frieda: Person, jonas: Person, robert: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir.")
    for somebody, offered, not_offered in (
        (frieda, ("/flag", "/share"), ("/delete", "/history", "/moderate")),
        (jonas, ("/delete", "/share"), ("/flag", "/history", "/moderate")),
        (robert, ("/delete", "/flag", "/moderate"), ("/history",)),
    ):
        page = somebody.reads(f"/posts/{answer}/more?part").text
        assert not [act for act in offered if f'{act}"' not in page]
        assert not [act for act in not_offered if f'{act}"' in page]
        assert f'/posts/{answer}" readonly' in page.replace("&#47;", "/")
    jonas.sends(f"/posts/{answer}/edit", body="Wir alle.", version="1")
    assert "/history" in jonas.reads(f"/posts/{answer}/more?part").text


def test_colleagues_are_pointed_to_a_post(frieda: Person, jonas: Person, aylin: Person, mailbox: Mailbox) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir kennen jemanden.")
    frieda.reads(f"/posts/{answer}/share")
    frieda.sends(f"/posts/{answer}/share", to="aylin kaya, @bernd-ahlers; Rob", line="Wäre das etwas?")
    assert frieda.sees("Der Hinweis steht im Posteingang von Aylin Kaya, Bernd Ahlers, Robert Tamm")
    for somebody in ("aylin", "bernd", "robert"):
        (mail,) = mailbox.to(f"{somebody}@weserufer.example")
        assert "Wäre das etwas?" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    aylin.reads("/inbox")
    assert aylin.sees("Frieda Moor weist Sie auf einen Beitrag hin")
    assert aylin.sees("Wäre das etwas?")


def test_nobody_is_pointed_to_what_they_may_not_see(app: Flask, bernd: Person, robert: Person) -> None:
    answer = robert.replies(bernd.asks("Intern", area="leitungskreis"), "Unter uns.")
    page = bernd.sends(f"/posts/{answer}/share", to="Robert Tamm, Jonas Brandt, Anke Verwey", line="Schaut.")
    assert page.status_code == 422
    assert bernd.sees("Dieses Thema ist nicht für alle Genannten da: Jonas Brandt, Anke Verwey")
    assert bernd.sees('value="Robert Tamm, Jonas Brandt, Anke Verwey"')
    assert bernd.sees("Schaut.")
    with app.app_context():
        assert db.session.scalars(select(Share)).all() == []


def test_whom_nobody_knows_is_not_guessed(app: Flask, frieda: Person, jonas: Person) -> None:
    with app.app_context(), transaction():
        add_member("Jonas Brandtner", "brandtner@weserufer.example")
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    for to, said in (
        ("", "Bitte nennen Sie mindestens"),
        ("Jo", "So heißen mehrere Mitglieder."),
        ("Sven Peters", "Ein Mitglied dieses Namens gibt es nicht: Sven Peters"),
        ("Frieda Moor", "Ein Mitglied dieses Namens gibt es nicht: Frieda Moor"),
        ("%", "Ein Mitglied dieses Namens gibt es nicht: %"),
    ):
        assert frieda.sends(f"/posts/{answer}/share", to=to).status_code == 422
        assert frieda.sees(said), to
    assert frieda.sends(f"/posts/{answer}/share", to="Jonas Brandt").status_code == 200


def test_only_so_many_are_pointed_to_posts_within_a_day(frieda: Person, jonas: Person) -> None:
    answer = jonas.replies(frieda.asks("Wer räumt?"), "Wir.")
    for _ in range(10):
        frieda.sends(f"/posts/{answer}/share", to="Aylin Kaya, Robert Tamm")
        assert frieda.sees("Der Hinweis steht im Posteingang")
    assert frieda.sends(f"/posts/{answer}/share", to="Aylin Kaya").status_code == 422
    assert frieda.sees("höchstens 20")
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        frieda.reads(f"/posts/{answer}/share")
        assert frieda.sends(f"/posts/{answer}/share", to="Aylin Kaya").status_code == 200


def test_own_threads_and_what_one_gave(frieda: Person, jonas: Person, robert: Person, aylin: Person) -> None:
    thread = frieda.asks("Wer räumt?")
    answer = jonas.replies(thread, "Wir kennen jemanden.")
    jonas.reads("/inbox/given")
    assert jonas.sees("Sie haben 1 Antwort gegeben.")
    assert not jonas.sees("gedankt")
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    robert.recommends(answer)
    for somebody in (frieda, robert, aylin):
        somebody.sends(f"/posts/{answer}/thanks", on="1")
    aylin.sends(f"/posts/{answer}/bookmark", note="")
    jonas.sends(f"/posts/{answer}/bookmark", note="Mein eigener")
    jonas.reads("/inbox/given")
    for said in (
        "1 Ihrer Antworten hat geholfen.", "1 Ihrer Beiträge ist empfohlene Praxis.", "Ihnen wurde 3 Mal gedankt.",
        "Ein Beitrag von Ihnen wurde 1 Mal gemerkt.", "Wir kennen jemanden.",
    ):  # fmt: skip
        assert jonas.sees(said), said
    frieda.reads("/inbox/threads")
    assert frieda.sees("Wer räumt?")
    jonas.reads("/inbox/threads")
    assert not jonas.sees("Wer räumt?")


def test_of_what_one_gave_only_what_one_may_still_see_is_counted(
    app: Flask, bernd: Person, robert: Person, jonas: Person
) -> None:
    there = bernd.replies(robert.asks("Intern", area="leitungskreis"), "Nur hier.")
    gone = bernd.replies(jonas.asks("Offen"), "Ein Versehen.")
    bernd.asks("Von Bernd selbst")
    for answer in (there, gone):
        robert.sends(f"/posts/{answer}/bookmark", note="")
    bernd.reads("/inbox/given")
    assert bernd.sees("wurden 2 Mal gemerkt")
    bernd.sends(f"/posts/{gone}/delete")
    bernd.reads("/inbox/given")
    assert bernd.sees("wurde 1 Mal gemerkt")
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.member_id == bernd.id))
    bernd.reads("/inbox/given")
    assert not bernd.sees("gemerkt")


def test_pages_of_the_inbox_cost_few_statements(frieda: Person, jonas: Person, statements: list[str]) -> None:
    for number in range(3):
        answer = jonas.replies(frieda.asks(f"Frage {number}"), "Wir.")
        frieda.sends(f"/posts/{answer}/bookmark", note="Gut")
    for path in ("/inbox", "/inbox/bookmarks", "/inbox/threads", "/inbox/given", f"/posts/{answer}/more?part"):
        statements.clear()
        assert frieda.reads(path).status_code == 200
        assert len(statements) <= 8, statements
