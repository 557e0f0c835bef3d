"""Recommended practice: by whom, for what, and how it is taken back."""

from collections.abc import Callable

from flask import Flask

from forum.db import db
from forum.threads.models import Post, Thread
from tests.cast import Person, post_id


def recommended(app: Flask, post: int) -> bool:
    with app.app_context():
        return db.session.get_one(Post, post).recommended


def test_the_asker_alone_decides(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wie den ersten Kontakt finden?")
    answer = jonas.replies(thread, "Eine Karte an der Tür.")
    frieda.recommends(answer, "erster Kontakt ohne Druck", "Beim dritten Mal ging die Tür auf.")
    assert recommended(app, answer)
    jonas.reads(f"/threads/{thread}")
    assert jonas.page is not None
    assert jonas.page.text.count("Empfohlen für: erster Kontakt ohne Druck") == 2  # on top and at the post
    assert jonas.sees("Beim dritten Mal ging die Tür auf.")
    jonas.reads("/areas/vermuellung")
    assert jonas.sees("1 empfohlen")


def test_so_does_a_facilitator(app: Flask, frieda: Person, jonas: Person, robert: Person) -> None:
    answer = jonas.replies(frieda.asks("Frage"), "Antwort")
    robert.recommends(answer)
    assert recommended(app, answer)


def test_others_need_a_second_organisation(
    app: Flask, frieda: Person, jonas: Person, bernd: Person, aylin: Person, robert: Person
) -> None:
    thread = frieda.asks("Frage")
    answer = robert.replies(thread, "Antwort der Leitung")
    jonas.recommends(answer, "Nachsorge", "Bei uns dreimal.")
    assert not recommended(app, answer)
    frieda.reads(f"/threads/{thread}")
    assert frieda.sees("Vorgeschlagen für: Nachsorge")
    bernd.recommends(answer, "Nachsorge", "Gleiches Haus wie Jonas.")
    assert not recommended(app, answer)
    aylin.recommends(answer, "Nachsorge", "Auch in Braunschweig.")
    assert recommended(app, answer)


def test_several_answers_of_a_thread_can_carry_it(app: Flask, frieda: Person, jonas: Person, aylin: Person) -> None:
    thread = frieda.asks("Zwei gute Antworten")
    for colleague in (jonas, aylin):
        frieda.recommends(colleague.replies(thread, f"Von {colleague.name}"), f"wie {colleague.name}")
    with app.app_context():
        assert db.session.get_one(Thread, thread).recommended_count == 2
    frieda.reads("/practices")
    assert frieda.sees("wie Jonas Brandt")
    assert frieda.sees("wie Aylin Kaya")


def test_it_is_taken_back_with_a_reason(
    app: Flask, frieda: Person, jonas: Person, robert: Person, work: Callable[[], int]
) -> None:
    thread = frieda.asks("Frage")
    answer = jonas.replies(thread, "Antwort mit Kaltmiete")
    frieda.recommends(answer)
    frieda.reads(f"/posts/{answer}/recommend")
    assert frieda.sends(f"/posts/{answer}/withdraw", withdrawn_reason=" ").status_code == 422
    assert recommended(app, answer)
    frieda.sends(f"/posts/{answer}/withdraw", withdrawn_reason="Hat sich nicht bewährt.")
    assert not recommended(app, answer)
    work()
    frieda.reads("/search?q=Kaltmiete&state=recommended")
    assert frieda.sees("Nichts gefunden") or frieda.sees("nichts gefunden")
    frieda.recommends(answer)
    robert.reads(f"/posts/{answer}/recommend")
    robert.sends(f"/posts/{answer}/withdraw", withdrawn_reason="Veraltet.")
    assert not recommended(app, answer)


def test_nobody_marks_the_own_post_or_the_question(app: Flask, frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Frage")
    answer = jonas.replies(thread, "Antwort")
    question = post_id(app, thread, 1)
    assert jonas.sends(f"/posts/{answer}/recommend", for_what="x", reason="y").status_code == 403
    assert jonas.sends(f"/posts/{question}/recommend", for_what="x", reason="y").status_code == 403
    assert jonas.sends(f"/posts/{answer}/thanks", on="1").status_code == 403
    assert not recommended(app, answer)
    assert not recommended(app, question)


def test_a_strategy_can_be_recommended_itself(app: Flask, frieda: Person, robert: Person) -> None:
    thread = frieda.asks("So gehen wir vor", kind="strategy")
    robert.recommends(post_id(app, thread, 1), "Nachsorge in drei Schritten")
    assert recommended(app, post_id(app, thread, 1))


def test_what_helped_is_for_the_asker_to_say(app: Flask, frieda: Person, jonas: Person, aylin: Person) -> None:
    answer = jonas.replies(frieda.asks("Frage"), "Antwort")
    assert aylin.sends(f"/posts/{answer}/helpful", on="1").status_code == 403
    for _ in range(2):
        frieda.sends(f"/posts/{answer}/helpful", on="1")
    with app.app_context():
        assert db.session.get_one(Post, answer).helpful
    aylin.reads(f"/posts/{answer}")
    assert aylin.sees("Hat geholfen")
    frieda.sends(f"/posts/{answer}/helpful", on="0")
    with app.app_context():
        assert not db.session.get_one(Post, answer).helpful


def test_thanks_are_counted_once_and_taken_back(app: Flask, frieda: Person, jonas: Person, aylin: Person) -> None:
    answer = jonas.replies(frieda.asks("Frage"), "Antwort")
    for _ in range(2):
        frieda.sends(f"/posts/{answer}/thanks", on="1")
    aylin.sends(f"/posts/{answer}/thanks", on="1")
    with app.app_context():
        assert db.session.get_one(Post, answer).thanks_count == 2
    aylin.sends(f"/posts/{answer}/thanks", on="0")
    with app.app_context():
        assert db.session.get_one(Post, answer).thanks_count == 1


def test_a_recommendation_needs_what_and_why(frieda: Person, jonas: Person) -> None:
    answer = jonas.replies(frieda.asks("Frage"), "Antwort")
    page = frieda.recommends(answer, "", "Ein Grund, der stehen bleibt.")
    assert page.status_code == 422
    assert frieda.sees("Ein Grund, der stehen bleibt.")
