"""What the editor offers: members for @, threads and recommended practice for #, and nothing that is not for all."""

from typing import Any

from tests.cast import Person


def offers(writer: Person, sign: str, text: str, place: str = "area:vermuellung") -> list[tuple[str, str]]:
    answer = writer.client.get("/offer", query_string={"sign": sign, "text": text, "in": place})
    assert answer.status_code == 200
    said: list[dict[str, Any]] = answer.get_json()["offers"]
    return [(one["words"], one["value"]) for one in said]


def test_members_are_offered_by_any_part_of_their_name(frieda: Person) -> None:
    assert offers(frieda, "@", "jon") == [("Jonas Brandt", "@jonas-brandt")]
    assert offers(frieda, "@", "Brandt") == [("Jonas Brandt", "@jonas-brandt")]
    assert offers(frieda, "@", "Sven") == []  # suspended
    assert offers(frieda, "@", "frieda") == []  # oneself
    assert offers(frieda, "@", "%") == offers(frieda, "@", "")


def test_who_wrote_in_the_thread_is_offered_first(frieda: Person, jonas: Person) -> None:
    thread = frieda.asks("Wer war dabei?")
    jonas.replies(thread, "Ich.")
    assert offers(frieda, "@", "", f"thread:{thread}")[0] == ("Jonas Brandt", "@jonas-brandt")


def test_in_a_closed_area_only_its_members_are_offered_and_to_them_alone(robert: Person, jonas: Person) -> None:
    thread = robert.asks("Nur im Kreis", area="leitungskreis")
    for place in ("area:leitungskreis", f"thread:{thread}"):
        assert [name for name, _ in offers(robert, "@", "", place)] == ["Bernd Ahlers"]
        assert offers(jonas, "@", "", place) == []


def test_threads_are_offered_by_beginnings_of_words_and_practice_first(
    frieda: Person, jonas: Person, robert: Person
) -> None:
    thread = frieda.asks("Vermüllung [im] Keller")
    answer = jonas.replies(thread, "Zuerst ein Raum.")
    robert.recommends(answer, "ersten Quadratmeter")
    assert offers(jonas, "#", "keller verm") == [
        ("✓ ersten Quadratmeter", f"[ersten Quadratmeter](/posts/{answer})"),
        ("Vermüllung [im] Keller", f"[Vermüllung \\[im\\] Keller](/threads/{thread})"),
    ]
    assert offers(jonas, "#", "Quadratmeter")[0][1] == f"[ersten Quadratmeter](/posts/{answer})"
    assert offers(jonas, "#", "xylophon") == []


def test_the_title_of_a_closed_thread_is_offered_where_all_may_read_it(robert: Person, jonas: Person) -> None:
    thread = robert.asks("Geheimes Vorhaben", area="leitungskreis")
    link = [("Geheimes Vorhaben", f"[Geheimes Vorhaben](/threads/{thread})")]
    assert offers(robert, "#", "vorhaben", "area:leitungskreis") == link
    assert offers(robert, "#", "vorhaben") == []
    assert offers(jonas, "#", "vorhaben", "area:leitungskreis") == []


def test_a_plain_field_gets_a_name_or_the_address_of_a_thread(frieda: Person) -> None:
    thread = frieda.asks("Vermüllung im Keller")
    for sign, text, plain in (("@", "jon", "Jonas Brandt"), ("#", "kell", f"Vermüllung im Keller – /threads/{thread}")):
        query = {"sign": sign, "text": text, "in": f"thread:{thread}"}
        (offer,) = frieda.client.get("/offer", query_string=query).get_json()["offers"]
        assert offer["plain"] == plain


def test_offers_take_few_statements(frieda: Person, statements: list[str]) -> None:
    thread = frieda.asks("Wie viele?")
    for sign in "@#":
        statements.clear()
        offers(frieda, sign, "a", f"thread:{thread}")
        assert len(statements) <= 3
