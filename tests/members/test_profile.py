"""What members say of themselves, and what others see of them."""

from io import BytesIO

from flask import Flask
from PIL import Image

from forum.db import db, transaction
from forum.members.models import Member
from tests.cast import Person


def describes(who: Person, **fields: str) -> int:
    """Fill in the form; what is not said is left empty, and what is off is left out as a browser would."""
    who.reads("/settings/profile")
    on = {"takes_messages": "1", "takes_questions": "1"}
    return who.sends("/settings/profile", follow=False, **on | fields).status_code


def photo(colour: str = "red", width: int = 400, height: int = 300) -> bytes:
    made = BytesIO()
    Image.new("RGB", (width, height), colour).save(made, "JPEG")
    return made.getvalue()


def shows_photo(who: Person, content: bytes) -> int:
    who.reads("/settings/profile")
    form = {"csrf_token": who.token(), "photo": (BytesIO(content), "ich.jpg")}
    return who.client.post("/settings/profile/photo", data=form, buffered=True).status_code


def state(app: Flask, who: Person, state: str) -> None:
    with app.app_context(), transaction():
        db.session.get_one(Member, who.id).state = state


def test_frieda_says_what_she_knows_and_jonas_reads_it(frieda: Person, jonas: Person) -> None:
    said = {"function": "Soziale Arbeit", "about": "Seit 2014 allein.", "telephone": "0421 123-45"}
    assert describes(frieda, expertise="Vermüllung,  erster   Kontakt,vermüllung,", also="Lärm", **said) == 303
    jonas.reads(f"/members/{frieda.id}")
    for words in ("Soziale Arbeit", "Seit 2014 allein.", "0421 123-45", ">Vermüllung<", ">erster Kontakt<", ">Lärm<"):
        assert jonas.sees(words)
    assert not jonas.sees(">vermüllung<"), "a word twice is one"
    assert jonas.sees('<a href="/organisations/')


def test_what_cannot_be_said_comes_back_as_it_was_written(frieda: Person) -> None:
    assert describes(frieda, expertise=",".join(f"Wort {n}" for n in range(13)), about="Bleibt stehen") == 422
    assert frieda.sees("höchstens 12")
    assert frieda.sees("Wort 12")
    assert frieda.sees("Bleibt stehen")
    assert describes(frieda, expertise="x" * 41) == 422
    assert describes(frieda, telephone="rufen Sie an") == 422
    assert describes(frieda, about="x" * 1001) == 422


def test_others_words_and_open_areas_are_proposed_and_no_closed_one(bernd: Person, jonas: Person) -> None:
    describes(jonas, expertise="Stromsperre")
    bernd.reads("/settings/profile")
    assert bernd.sees('value="Stromsperre"')
    assert bernd.sees('value="Verwahrlosung und Vermüllung"')
    assert not bernd.sees("Leitungskreis"), "what Bernd picked would tell others of it"


def test_a_photo_is_small_and_square_and_for_members_alone(frieda: Person, jonas: Person, stranger: Person) -> None:
    address = f"/members/{frieda.id}/photo"
    assert jonas.reads(address).status_code == 404
    assert shows_photo(frieda, photo()) == 303
    frieda.reads("/settings/profile?saved")
    assert frieda.sees("Gespeichert.")
    assert f'<img class="face" src="{address}?' in frieda.reads("/").text
    assert '<img class="face"' not in jonas.reads("/").text
    assert "1970" in jonas.reads(address).headers["Last-Modified"]  # not when she brought it
    seen = jonas.reads(address)
    assert Image.open(BytesIO(seen.data)).size == (256, 256)
    assert seen.headers["Cache-Control"].startswith("private")
    jonas.reads(f"/members/{frieda.id}")
    assert jonas.sees(f'src="{address}?')
    assert jonas.sees('alt="Frieda Moor"')
    assert stranger.reads(address, follow=False).status_code == 303
    frieda.reads("/settings/profile")
    frieda.sends("/settings/profile/photo", remove="1")
    assert jonas.reads(address).status_code == 404
    jonas.reads("/members")
    assert jonas.sees(">FM<")


def test_what_is_no_photo_is_refused(frieda: Person) -> None:
    frieda.reads("/settings/profile")
    assert frieda.sends("/settings/profile/photo").status_code == 422
    assert frieda.sees("Bitte wählen Sie zuerst ein Bild.")
    assert shows_photo(frieda, b"MZ no picture") == 422
    assert shows_photo(frieda, b"") == 422


def test_who_cannot_be_turned_to_is_shown_as_that(app: Flask, frieda: Person, jonas: Person) -> None:
    describes(frieda, expertise="Vermüllung", about="Ich helfe gern.", telephone="0421 1")
    for present in ("suspended", "imported"):
        state(app, frieda, present)
        jonas.reads(f"/members/{frieda.id}")
        assert jonas.sees("Frieda Moor")
        assert not jonas.sees("Ich helfe gern.")
        assert not jonas.sees("0421 1")
        assert not jonas.sees(">Vermüllung<")


def test_the_page_says_what_helped(frieda: Person, jonas: Person, aylin: Person) -> None:
    thread = frieda.asks("Wer half?")
    answer = jonas.replies(thread, "Eine Karte an der Tür.")
    frieda.recommends(answer)
    frieda.sends(f"/posts/{answer}/helpful", on="1")
    aylin.reads(f"/members/{jonas.id}")
    assert aylin.sees("1 Beitrag, den Sie lesen dürfen. 1 wurde als Praxis empfohlen. 1 hat der fragenden Person")
