"""The main job, end to end: ask, answer, recommend, find."""

from collections.abc import Callable

from tests.cast import Person


def test_a_question_becomes_recommended_practice_and_is_found(
    frieda: Person, jonas: Person, aylin: Person, work: Callable[[], int]
) -> None:
    thread = frieda.asks(
        "Mieter öffnet nicht mehr – wie den ersten Kontakt finden?", "Zwei Briefe blieben ohne Antwort."
    )
    jonas.replies(thread, "Wir fragen zuerst das Gesundheitsamt.")
    answer = aylin.replies(thread, "Eine Karte an der Tür, **handschriftlich**, und immer dieselbe Kollegin.")
    frieda.recommends(answer, "erster Kontakt ohne Druck", "Beim dritten Mal ging die Tür auf.")
    work()

    jonas.reads("/search?q=handschriftliche+Karten")
    assert jonas.sees("1 Beitrag gefunden")
    assert jonas.sees("<mark>handschriftlich</mark>")
    jonas.reads(f"/posts/{answer}")
    assert jonas.page is not None
    assert jonas.page.request.path.startswith(f"/threads/{thread}-mieter-oeffnet")
    assert jonas.sees("Empfohlen für: erster Kontakt ohne Druck")
    jonas.reads("/practices")
    assert jonas.sees("erster Kontakt ohne Druck")
