"""What is like a thread, from the first threads of a network on."""

from collections.abc import Callable

import pytest
from flask import Flask

from forum.members.queries import viewer_by_email
from forum.search.similar import similar
from tests.cast import Person, post_id

Work = Callable[[], int]


def like(app: Flask, title: str, body: str = "", but_thread: int | None = None, key: str = "frieda") -> list[str]:
    """The titles of what is like this, with somebody's eyes; recommended ones with a tick."""
    with app.app_context():
        viewer = viewer_by_email(f"{key}@weserufer.example")
        assert viewer is not None
        rows = similar(viewer, title, body, but_thread)
        return [f"✓ {row.title}" if row.recommended else str(row.title) for row in rows]


@pytest.fixture
def three(frieda: Person, jonas: Person, aylin: Person, work: Work) -> dict[str, int]:
    """The first three threads of a network."""
    numbers = {
        "noise": frieda.asks("Kinderlärm im Innenhof", "Die Hausordnung hilft nicht weiter."),
        "debts": jonas.asks("Wer hilft bei Mietschulden?", "Das Jobcenter zahlt zu spät."),
        "flat": aylin.asks("Verwahrloste Wohnung, was nun?", "Ein Mieter öffnet niemandem."),
    }
    work()
    return numbers


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Lärm in der Nacht", ["Kinderlärm im Innenhof"]),
        ("Lärmprotokoll führen", ["Kinderlärm im Innenhof"]),
        ("Schulden bei der Miete", ["Wer hilft bei Mietschulden?"]),
        ("Verwahrlosung", ["Verwahrloste Wohnung, was nun?"]),
        ("Wer hilft bei Xylophonen?", []),
        ("Was nun?", []),
        ("Wie geht ihr damit um, und was ist mit dem, was nicht hilft?", []),
        ("", []),
        ("?!", []),
    ],
)
def test_in_a_network_of_three_threads_one_telling_word_suffices(app: Flask, title: str, found: list[str]) -> None:
    assert like(app, title) == found


@pytest.mark.usefixtures("three")
def test_the_text_helps_where_the_title_says_nothing(app: Flask) -> None:
    assert like(app, "Eine Frage", "Bei uns zahlt das Jobcenter nicht.") == ["Wer hilft bei Mietschulden?"]


def test_a_thread_is_not_like_itself(app: Flask, three: dict[str, int]) -> None:
    assert like(app, "Kinderlärm im Innenhof", but_thread=three["noise"]) == []


def test_each_thread_comes_once_and_what_is_recommended_first(
    app: Flask, frieda: Person, jonas: Person, three: dict[str, int], work: Work
) -> None:
    for answer in ("Kinderlärm ist keine Ruhestörung.", "Kinderlärm gehört dazu."):
        jonas.replies(three["noise"], answer)
    other = frieda.asks("Ruhezeiten", "Was steht bei euch?")
    frieda.recommends(jonas.replies(other, "Kinderlärm haben wir in der Hausordnung ausdrücklich erlaubt."))
    again = frieda.asks("Ruhezeiten am Sonntag", "Was steht bei euch zum Kinderlärm?")
    work()
    found = like(app, "Kinderlärm", but_thread=again)
    assert found[0].endswith("Kinderlärm im Innenhof")
    assert sorted(found) == sorted({*found})
    assert "✓ Ruhezeiten" in found


def test_nobody_sees_what_is_like_it_in_a_closed_area(app: Flask, bernd: Person, work: Work) -> None:
    bernd.asks("Abmahnung vertraulich", "Nur für den Kreis.", area="leitungskreis")
    work()
    assert like(app, "Abmahnung", key="bernd") == ["Abmahnung vertraulich"]
    for key in ("frieda", "anke"):
        assert like(app, "Abmahnung", key=key) == []


def test_the_page_of_a_thread_has_a_way_to_its_like(frieda: Person, three: dict[str, int], work: Work) -> None:
    second = frieda.asks("Lärm in der Nacht", "Was tun?")
    work()
    address = f"/threads/{second}/similar"
    assert f'href="{address}"' in frieda.reads(f"/threads/{second}").text
    assert "Kinderlärm im Innenhof" in frieda.reads(address).text
    part = frieda.reads(f"{address}?part").text
    assert "<html" not in part
    assert f"/threads/{three['noise']}-kinderlaerm-im-innenhof" in part
    assert frieda.reads(f"/threads/{three['flat']}/similar?part").text.strip() == ""


@pytest.mark.usefixtures("three")
def test_a_deleted_opening_is_not_asked_with(app: Flask, jonas: Person, work: Work) -> None:
    thread = jonas.asks("Frage", "Kinderlärm")
    jonas.replies(thread, "Noch da.")
    opening = f"/threads/{thread}/similar?part"
    assert "Kinderlärm" in jonas.reads(opening).text
    jonas.sends(f"/posts/{post_id(app, thread, 1)}/delete")
    work()
    assert jonas.reads(opening).text.strip() == ""


@pytest.mark.usefixtures("three")
def test_whoever_is_about_to_ask_sees_what_is_there(frieda: Person) -> None:
    form = "/areas/vermuellung/new"
    assert "Kinderlärm im Innenhof" not in frieda.reads(form).text
    assert "Kinderlärm im Innenhof" in frieda.reads(f"{form}?title=Lärm").text
    asked = {"kind": "question", "title": "Lärm", "body": "Nachts."}
    assert "Kinderlärm im Innenhof" in frieda.sends(form, preview="1", **asked).text
    assert "Kinderlärm im Innenhof" not in frieda.sends(form, **{**asked, "body": ""}).text


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Kinderlä", True),
        ("Nachts Kinderlär", True),
        ("hausordnun", True),
        ("Hausordnung", True),
        ("Kinderlä ", False),
        ("Kin", False),
        ("Kinderwa", False),
        ("", False),
    ],
)
def test_while_a_title_is_typed_its_last_word_may_be_half(frieda: Person, typed: str, found: bool) -> None:
    frieda.reads("/areas/vermuellung/similar", query_string={"title": typed})
    assert frieda.sees("Kinderlärm im Innenhof") == found


def test_what_is_alike_takes_at_most_eight_statements(
    frieda: Person, three: dict[str, int], statements: list[str]
) -> None:
    for address in (
        f"/threads/{three['noise']}/similar",
        f"/threads/{three['noise']}/similar?part",
        "/areas/vermuellung/new?title=Lärm",
    ):
        frieda.reads(address)  # once in a process the thesaurus is read
        statements.clear()
        assert frieda.reads(address).status_code == 200
        assert len(statements) <= 8, "\n".join(statements)
