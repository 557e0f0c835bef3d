"""The inbox on the page: what is new leads to its post, and is read wherever the thread is."""

import re
from collections.abc import Callable

from flask import Flask

from tests.cast import Person, post_id

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
