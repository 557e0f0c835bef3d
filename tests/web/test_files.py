"""Files with posts: brought, kept while the form comes back, shown, changed and taken away again."""

import io
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from PIL import Image
from sqlalchemy import delete, select

from forum import clock, files
from forum.areas.models import Area
from forum.config import Settings
from forum.db import db, stored_files, transaction
from forum.outbox import Event
from forum.search.attachments import AttachmentText
from forum.threads.models import Attachment, Post, ReadMarker, Upload
from forum.worker import _forget_uploads
from tests.cast import Person, post_id
from tests.mailbox import Mailbox
from tests.paper import SECRET, photograph
from tests.search.papers import docx, pdf

Brought = tuple[io.BytesIO, str]
Work = Callable[[], int]


def brings(content: bytes, name: str) -> Brought:
    """A file as a form sends it."""
    return io.BytesIO(content), name


@pytest.fixture
def thread(frieda: Person) -> int:
    """Frieda's question."""
    return frieda.asks("Wer hat ein Merkblatt?")


def answers(who: Person, thread: int, *brought: Brought, status: int = 200, **fields: object) -> str:
    """Reply with files; the page that comes then."""
    who.reads(f"/threads/{thread}")
    page = who.sends(f"/threads/{thread}/posts", files=list(brought), **{"body": "Anbei.", **fields})
    assert page.status_code == status, page.text
    return page.text


def kept(app: Flask) -> list[Attachment]:
    with app.app_context():
        return list(db.session.scalars(select(Attachment).order_by(Attachment.id)))


def numbers(page: str) -> list[str]:
    """The uploads that a form holds."""
    return re.findall(r'name="upload" value="(\d+)"', page)


def stored(settings: Settings) -> list[Path]:
    return [path for path in (settings.instance / "files").rglob("*") if path.is_file()]


def test_files_come_with_a_reply(app: Flask, jonas: Person, frieda: Person, thread: int) -> None:
    answers(jonas, thread, brings(pdf("Merkblatt"), "Merkblatt Räumung.pdf"), brings(photograph(), "Tür.JPG"))
    page = frieda.reads(f"/threads/{thread}").text
    paper, picture = kept(app)
    assert (paper.name, paper.media_type, paper.width) == ("Merkblatt Räumung.pdf", "application/pdf", None)
    assert f'<a href="/files/{paper.id}/Merkblatt%20R%C3%A4umung.pdf">Merkblatt Räumung.pdf</a>' in page
    assert (picture.name, picture.width, picture.height) == ("Tür.JPG", 600, 400)
    shown = f'src="/files/{picture.id}/T%C3%BCr.JPG" alt="Tür.JPG" loading="lazy" width="600" height="400"'
    assert shown in page


def test_a_thread_is_started_with_files(app: Flask, frieda: Person) -> None:
    thread = frieda.asks("Mit Plan", files=[brings(docx("Plan"), "Plan.docx")])  # type: ignore[arg-type]
    assert [one.name for one in kept(app)] == ["Plan.docx"]
    assert "Plan.docx" in frieda.reads(f"/threads/{thread}").text


def test_a_question_without_a_name_has_files_and_no_trace_of_who_brought_them(
    app: Flask, frieda: Person, robert: Person
) -> None:
    with app.app_context(), transaction():
        db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one().protected_allowed = True
    thread = frieda.asks("Ohne Namen", protected="1", files=[brings(pdf("x"), "Plan.pdf")])  # type: ignore[arg-type]
    assert "Plan.pdf" in robert.reads(f"/threads/{thread}").text
    with app.app_context():
        (left,) = db.session.scalars(select(Upload)).all()
        assert (left.name, left.media_type, left.digest, left.width, left.size) == ("", "", "", None, 512 * 1024)
    assert frieda.reads(f"/uploads/{left.id}/Plan.pdf").status_code == 404
    with app.app_context(), time_machine.travel(clock.now() + timedelta(days=1, minutes=1), tick=False):
        _forget_uploads(app.extensions["forum.settings"])
        assert not db.session.scalars(select(Upload)).all()
        assert db.session.scalars(select(Event.actor_id).where(Event.name == "file.uploaded")).all() == [None]


def a_day(app: Flask, megabytes: int) -> None:
    """What a member may bring in a day."""
    settings: Settings = app.extensions["forum.settings"]
    app.extensions["forum.settings"] = settings.model_copy(update={"files_megabytes_a_day": megabytes})


def test_what_is_too_much_for_a_day_is_not_on_the_disk(
    app: Flask, settings: Settings, jonas: Person, thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day(app, 1)
    jonas.reads(f"/threads/{thread}")
    jonas.sends("/uploads", files=[brings(b"a", "a.txt")])
    refused = jonas.sends("/uploads", files=[brings(b"b" * 600_000, "b.txt")])
    assert refused.text.startswith("b.txt: Das sind mehr Dateien, als an einem Tag möglich sind.")
    assert [path.read_bytes() for path in stored(settings)] == [b"a"]
    jonas.sends("/uploads", files=[brings(b"c", "c.txt")])
    monkeypatch.delattr("forum.web.uploads.paper")  # when the day is used up, nothing is looked at any more
    assert jonas.sends("/uploads", files=[brings(b"d", "d.txt")]).status_code == 422
    assert len(stored(settings)) == 2
    refused.request.environ["wsgi.input"].close()  # the test's own browser leaves large forms open


def test_what_a_question_without_a_name_took_counts_for_the_day(app: Flask, frieda: Person) -> None:
    a_day(app, 1)
    with app.app_context(), transaction():
        db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one().protected_allowed = True
    brought = [brings(pdf("x"), "Plan.pdf"), brings(pdf("y"), "Liste.pdf")]
    frieda.asks("Ohne Namen", protected="1", files=brought)  # type: ignore[arg-type]
    assert len(kept(app)) == 2
    assert frieda.sends("/uploads", files=[brings(b"z", "z.txt")]).status_code == 422


def test_what_a_picture_hid_is_not_stored(app: Flask, settings: Settings, jonas: Person, thread: int) -> None:
    assert SECRET in photograph(orientation=6)
    answers(jonas, thread, brings(photograph(orientation=6), "a.jpg"))
    (picture,) = kept(app)
    content = jonas.reads(f"/files/{picture.id}/a.jpg").data
    assert all(SECRET not in path.read_bytes() for path in stored(settings))
    with Image.open(io.BytesIO(content)) as image:
        assert (image.size, image.getexif()) == ((400, 600), {})
    assert (picture.width, picture.height, picture.size) == (400, 600, len(content))


def test_a_picture_may_be_shown_and_all_else_is_saved(app: Flask, jonas: Person, thread: int) -> None:
    answers(jonas, thread, brings(photograph(), "a.jpg"), brings(pdf("x"), "b.pdf"))
    picture, paper = (jonas.reads(f"/files/{one.id}/{one.name}") for one in kept(app))
    for answer, disposition, media_type in (
        (picture, "inline; filename=a.jpg", "image/jpeg"),
        (paper, "attachment; filename=b.pdf", "application/pdf"),
    ):
        assert answer.headers["Content-Disposition"] == disposition
        assert answer.mimetype == media_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "public" not in answer.headers["Cache-Control"]


def test_nothing_tells_when_a_file_was_brought(
    app: Flask, settings: Settings, jonas: Person, frieda: Person, thread: int
) -> None:
    """Neither its date, nor whether it is older than a date that one guesses."""
    answers(jonas, thread, brings(photograph(), "a.jpg"))
    (picture,) = kept(app)
    told = set()
    for at in (1_000_000_000, 1_700_000_000):
        for path in stored(settings):
            os.utime(path, (at, at))
        for since in ({}, {"If-Modified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"}):
            answer = frieda.reads(f"/files/{picture.id}/a.jpg", headers=since)
            told.add((bool(since), answer.status_code, answer.headers.get("Last-Modified")))
    assert len(told) == 2


def test_a_browser_asks_each_time_whether_a_picture_may_be_read(
    app: Flask, jonas: Person, frieda: Person, thread: int
) -> None:
    answers(jonas, thread, brings(photograph(), "a.jpg"))
    address = f"/files/{kept(app)[0].id}/a.jpg"
    tag = frieda.reads(address).headers["ETag"]
    assert frieda.reads(address).headers["Cache-Control"] == "private, no-cache"
    assert frieda.reads(address, headers={"If-None-Match": tag}).status_code == 304
    jonas.reads(f"/threads/{thread}")
    jonas.sends(f"/posts/{post_id(app, thread, 2)}/delete")
    assert frieda.reads(address, headers={"If-None-Match": tag}).status_code == 404


def test_words_for_a_picture_are_asked_for_and_read_out(app: Flask, jonas: Person, thread: int) -> None:
    page = answers(jonas, thread, brings(photograph(), "a.jpg"), body=" ", status=422)
    (number,) = numbers(page)
    assert "Was zeigt das Bild?" in page
    assert f'<img src="/uploads/{number}/a.jpg"' in page
    page = answers(jonas, thread, upload=number, **{f"alt-u{number}": "Die Tür  mit der\nKarte"})
    assert 'alt="Die Tür mit der Karte"' in page
    assert kept(app)[0].alt == "Die Tür mit der Karte"


@pytest.mark.parametrize("form", ["reply", "thread"])
@pytest.mark.parametrize("way", ["refused", "preview"])
def test_a_form_that_comes_back_still_has_its_files(
    app: Flask, jonas: Person, thread: int, form: str, way: str
) -> None:
    address = f"/threads/{thread}/posts" if form == "reply" else "/areas/vermuellung/new"
    fields = {"kind": "question", "title": "Titel", "body": "" if way == "refused" else "Text"}
    fields |= {"preview": "1"} if way == "preview" else {}
    page = jonas.sends(address, files=[brings(pdf("x"), "a.pdf"), brings(photograph(), "b.jpg")], **fields).text
    first, second = numbers(page)
    assert not kept(app)
    jonas.sends(address, files=[brings(pdf("y"), "c.pdf")], **fields, upload=[first, second], remove=f"u{first}")
    again = jonas.page.text if jonas.page else ""
    assert len(numbers(again)) == 2
    assert "a.pdf" not in again
    jonas.sends(address, kind="question", title="Titel", body="Nun.", upload=numbers(again))
    assert [one.name for one in kept(app)] == ["b.jpg", "c.pdf"]


def test_a_file_that_is_refused_stops_nothing_but_says_why(app: Flask, jonas: Person, thread: int) -> None:
    page = answers(jonas, thread, brings(b"MZ\x90\0\3", "Rechnung.pdf.exe"), brings(pdf("x"), "gut.pdf"), status=422)
    assert "Rechnung.pdf.exe: Möglich sind Bilder, PDF" in page
    assert "Anbei." in page
    assert not kept(app)
    answers(jonas, thread, upload=numbers(page))
    assert [one.name for one in kept(app)] == ["gut.pdf"]


@pytest.mark.parametrize("address", ["reply", "thread", "edit"])
def test_a_preview_says_which_file_was_refused(app: Flask, frieda: Person, thread: int, address: str) -> None:
    address = {
        "reply": f"/threads/{thread}/posts", "thread": "/areas/vermuellung/new",
        "edit": f"/posts/{post_id(app, thread, 1)}/edit",
    }[address]  # fmt: skip
    fields = {"kind": "question", "title": "Titel", "body": "Anbei.", "version": "1", "preview": "1"}
    page = frieda.sends(address, **fields, files=[brings(b"MZ\x90\0\3", "a.exe"), brings(pdf("x"), "b.pdf")])
    assert page.status_code == 200
    assert "a.exe: Möglich sind Bilder, PDF" in page.text
    assert len(numbers(page.text)) == 1


def test_a_draft_is_saved_and_says_which_file_was_refused(jonas: Person, thread: int) -> None:
    fields = {"place": f"thread:{thread}", "send_key": "k", "body": "Bald."}
    page = jonas.sends("/drafts", **fields, files=[brings(b"MZ\x90\0\3", "a.exe"), brings(pdf("x"), "b.pdf")])
    assert page.status_code == 422
    assert "a.exe: Möglich sind Bilder, PDF" in page.text
    page = jonas.reads(f"/threads/{thread}")
    assert jonas.sees("Bald.")
    assert len(numbers(page.text)) == 1


def test_a_full_disk_costs_nobody_the_text(
    app: Flask, settings: Settings, jonas: Person, thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        page = answers(jonas, thread, brings(pdf("x"), "a.pdf"), body="Ein langer Text.", status=422)
    assert "a.pdf: Gerade ist kein Platz für Dateien." in page
    assert "Ein langer Text." in page
    assert not stored(settings)
    answers(jonas, thread, brings(pdf("x"), "a.pdf"), body="Ein langer Text.")
    assert len(kept(app)) == 1


def test_a_double_click_hangs_each_file_once(app: Flask, jonas: Person, thread: int) -> None:
    for _ in range(2):
        answers(jonas, thread, brings(pdf("x"), "a.pdf"), send_key="einmal")
    assert len(kept(app)) == 1
    with app.app_context():
        assert len(db.session.scalars(select(Post)).all()) == 2


def test_the_same_file_twice_hangs_once(app: Flask, jonas: Person, thread: int) -> None:
    answers(jonas, thread, brings(pdf("x"), "a.pdf"), brings(pdf("x"), "a.pdf"), brings(pdf("x"), "b.pdf"))
    assert [one.name for one in kept(app)] == ["a.pdf", "b.pdf"]


def test_a_draft_keeps_its_files_and_what_they_show(app: Flask, jonas: Person, thread: int) -> None:
    page = answers(jonas, thread, brings(photograph(), "a.jpg"), body=" ", status=422)
    (number,) = numbers(page)
    fields = {"place": f"thread:{thread}", "send_key": "k", "body": "Bald.", f"alt-u{number}": "Ein Haus"}
    jonas.sends("/drafts", **fields, upload=number, files=[brings(pdf("x"), "b.pdf")])
    page = jonas.reads(f"/threads/{thread}").text
    assert len(numbers(page)) == 2
    assert 'value="Ein Haus"' in page
    with app.app_context(), transaction():
        db.session.execute(delete(Upload).where(Upload.id == int(number)))
    page = jonas.reads(f"/threads/{thread}").text
    assert len(numbers(page)) == 1
    assert "ist nicht mehr da" in page


def test_a_file_that_waits_is_its_owners_alone(app: Flask, jonas: Person, anke: Person, thread: int) -> None:
    (number,) = numbers(answers(jonas, thread, brings(pdf("x"), "a.pdf"), body="", status=422))
    assert jonas.reads(f"/uploads/{number}/a.pdf").data == pdf("x")
    assert anke.reads(f"/uploads/{number}/a.pdf").status_code == 404
    page = answers(anke, thread, upload=number, status=422)
    assert "nicht mehr da" in page
    assert not numbers(page)
    assert not kept(app)


def test_files_are_taken_in_while_one_still_writes(app: Flask, jonas: Person, thread: int) -> None:
    jonas.reads(f"/threads/{thread}")
    row = jonas.sends("/uploads", files=[brings(photograph(), "a.jpg")])
    assert numbers(row.text) == ["1"]
    assert "Was zeigt das Bild?" in row.text
    refused = jonas.sends("/uploads", files=[brings(b"\0\0", "b.jpg")])
    assert (refused.status_code, refused.mimetype) == (422, "text/plain")
    assert refused.text.startswith("b.jpg: Möglich sind")
    assert not kept(app)


def test_a_post_holds_some_files_and_a_member_brings_some_a_day(app: Flask, jonas: Person, thread: int) -> None:
    def texts(first: int, last: int) -> list[Brought]:
        return [brings(b"%d" % n, f"{n}.txt") for n in range(first, last)]

    page = answers(jonas, thread, *texts(0, 11), status=422)
    assert "10.txt: Ein Beitrag hat höchstens 10 Dateien." in page
    waiting = numbers(page)
    assert len(waiting) == 10
    page = answers(jonas, thread, *texts(11, 12), upload=waiting, status=422)
    assert "Ein Beitrag hat höchstens 10 Dateien." in page
    answers(jonas, thread, upload=numbers(page), remove=f"u{waiting[0]}")
    assert len(kept(app)) == 10
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
        jonas.reads(f"/threads/{thread}")
        for first in range(12, 202, 10):
            page = jonas.sends("/uploads", files=texts(first, first + 10)).text
        assert "201.txt: Das sind mehr Dateien, als an einem Tag möglich sind." in page
        assert "200.txt:" not in page
    with time_machine.travel(clock.now() + timedelta(days=1, hours=3), tick=False):
        jonas.reads(f"/threads/{thread}")
        assert jonas.sends("/uploads", files=[brings(b"morgen", "m.txt")]).status_code == 200


def test_a_film_is_refused_and_the_text_is_kept(jonas: Person, thread: int) -> None:
    page = answers(jonas, thread, brings(b"\0" * 30_000_000, "Film.mp4"), body="Dazu ein Film.", status=422)
    assert "Film.mp4: Diese Datei ist zu groß: höchstens 15 MB." in page
    assert "Dazu ein Film." in page
    assert jonas.page is not None
    jonas.page.request.environ["wsgi.input"].close()  # the test's own browser leaves large forms open


def test_the_author_takes_files_away_and_says_anew_what_they_show(
    app: Flask, jonas: Person, frieda: Person, thread: int
) -> None:
    answers(jonas, thread, brings(photograph(), "a.jpg"), brings(pdf("x"), "b.pdf"))
    picture, paper = kept(app)
    post = post_id(app, thread, 2)
    form = jonas.reads(f"/posts/{post}/edit").text
    assert "b.pdf" in form
    fields = {"body": "Anbei.", f"alt-a{picture.id}": "Ein Haus", "remove": f"a{paper.id}"}
    jonas.sends(f"/posts/{post}/edit", version="1", files=[brings(pdf("z"), "c.pdf")], **fields)
    page = frieda.reads(f"/threads/{thread}").text
    assert 'alt="Ein Haus"' in page
    assert ("b.pdf" in page, "c.pdf" in page, "bearbeitet" in page) == (False, True, True)
    assert frieda.reads(f"/files/{paper.id}/b.pdf").status_code == 404
    with app.app_context():
        assert db.session.get_one(Post, post).version == 2


def test_what_is_refused_leaves_the_files_as_they_were(app: Flask, jonas: Person, thread: int) -> None:
    """One of ten files is to go and two are to come: that is one too many, and the one is still ticked."""
    answers(jonas, thread, *(brings(b"%d" % n, f"{n}.txt") for n in range(10)))
    post, tenants = post_id(app, thread, 2), kept(app)[0]
    edit, fields = f"/posts/{post}/edit", {"body": "Anbei.", "version": "1"}
    jonas.reads(edit)
    brought = [brings(b"neu", "neu.txt"), brings(b"mehr", "mehr.txt")]
    page = jonas.sends(edit, **fields, remove=f"a{tenants.id}", files=brought)
    assert page.status_code == 422
    assert f'value="a{tenants.id}" checked' in page.text
    new = numbers(page.text)
    assert len(new) == 2
    jonas.sends(edit, **fields, upload=new, remove=[f"a{tenants.id}", f"u{new[1]}"])
    assert [one.name for one in kept(app)] == [*(f"{n}.txt" for n in range(1, 10)), "neu.txt"]


def test_a_reply_that_is_refused_for_its_files_is_not_shown_as_written(app: Flask, jonas: Person, thread: int) -> None:
    page = answers(jonas, thread, upload=987, body="Ein Merkblatt.", status=422)
    assert page.count("Ein Merkblatt.") == 1
    jonas.reads(f"/threads/{thread}")
    with app.app_context():
        assert db.session.scalars(select(ReadMarker.number).where(ReadMarker.member_id == jonas.id)).all() == [1]


def test_a_file_that_was_taken_away_may_come_again(app: Flask, jonas: Person, thread: int) -> None:
    answers(jonas, thread, brings(pdf("x"), "a.pdf"))
    post, (paper,) = post_id(app, thread, 2), kept(app)
    fields = {"body": "Anbei.", "version": "1", "remove": f"a{paper.id}"}
    jonas.sends(f"/posts/{post}/edit", files=[brings(pdf("x"), "a.pdf")], **fields)
    assert [one.name for one in kept(app)] == ["a.pdf"]


def test_who_was_slower_changes_no_files(app: Flask, jonas: Person, robert: Person, thread: int) -> None:
    answers(jonas, thread, brings(pdf("x"), "a.pdf"))
    post, (paper,) = post_id(app, thread, 2), kept(app)
    jonas.reads(f"/posts/{post}/edit")
    robert.reads(f"/posts/{post}/edit")
    robert.sends(f"/posts/{post}/edit", version="1", body="Anders.", reason="Name")
    page = jonas.sends(f"/posts/{post}/edit", version="1", body="Meins.", remove=f"a{paper.id}")
    assert page.status_code == 409
    assert f'value="a{paper.id}" checked' in page.text
    assert len(kept(app)) == 1


def test_a_facilitator_takes_away_what_should_not_be_there(
    app: Flask, jonas: Person, robert: Person, aylin: Person, thread: int
) -> None:
    answers(jonas, thread, brings(pdf("x"), "Mieterliste.pdf"))
    post, (paper,) = post_id(app, thread, 2), kept(app)
    assert aylin.sends(f"/posts/{post}/edit", version="1", body="x", remove=f"a{paper.id}").status_code == 403
    robert.reads(f"/posts/{post}/edit")
    robert.sends(f"/posts/{post}/edit", version="1", body="Anbei.", remove=f"a{paper.id}", reason="Namen")
    assert not kept(app)
    assert "Namen" in robert.reads("/moderation/log").text


def test_files_of_another_post_cannot_be_taken_away(app: Flask, jonas: Person, frieda: Person, thread: int) -> None:
    answers(jonas, thread, brings(photograph(), "a.jpg"))
    (picture,) = kept(app)
    own = post_id(app, thread, 1)
    frieda.reads(f"/posts/{own}/edit")
    fields = {"remove": f"a{picture.id}", f"alt-a{picture.id}": "Unsinn"}
    frieda.sends(f"/posts/{own}/edit", version="1", title="Wer hat ein Merkblatt?", body="Neu.", **fields)
    assert [one.alt for one in kept(app)] == [""]


def test_the_chore_forgets_what_nobody_uses(
    app: Flask, settings: Settings, jonas: Person, thread: int, work: Work
) -> None:
    answers(jonas, thread, brings(pdf("bleibt"), "a.pdf"), brings(pdf("geht"), "b.pdf"))
    answers(jonas, thread, brings(pdf("wartet"), "c.pdf"), body="", status=422)
    work()
    post, (_stays, goes) = post_id(app, thread, 2), kept(app)
    jonas.sends(f"/posts/{post}/edit", version="1", body="Anbei.", remove=f"a{goes.id}")
    (settings.instance / "files" / "ab").mkdir()
    (settings.instance / "files" / "ab" / "tmphalf").write_bytes(b"half")

    def forgets_after(**time: int) -> list[bytes]:
        with app.app_context(), time_machine.travel(clock.now() + timedelta(**time), tick=False):
            _forget_uploads(settings)
        return sorted(path.read_bytes() for path in stored(settings))

    everything = sorted([pdf("bleibt"), pdf("geht"), pdf("wartet"), b"half"])
    assert forgets_after(minutes=30) == everything
    assert forgets_after(hours=2) == sorted([pdf("bleibt"), pdf("geht"), pdf("wartet")])  # all three were brought today
    assert forgets_after(days=8) == [pdf("bleibt")]
    with app.app_context():
        assert not db.session.scalars(select(Upload)).all()
        assert [text.text for text in db.session.scalars(select(AttachmentText))] == ["bleibt"]


def test_files_that_any_row_names_are_used(app: Flask, thread: int) -> None:
    post = post_id(app, thread, 1)
    with app.app_context(), transaction():
        assert stored_files(["0" * 64, "1" * 64]) == set()
        db.session.add(Attachment(post_id=post, name="a", media_type="text/plain", size=1, digest="0" * 64))
        assert stored_files(["0" * 64, "1" * 64]) == {"0" * 64}


def test_mails_lead_to_the_files(jonas: Person, frieda: Person, thread: int, mailbox: Mailbox) -> None:
    jonas.reads(f"/threads/{thread}")
    jonas.sends(f"/threads/{thread}/watch", level="notify")
    answers(frieda, thread, brings(pdf("x"), "Merkblatt.pdf"))
    mail = mailbox.to(jonas)[-1]
    assert f"/files/{kept(jonas.client.application)[0].id}/Merkblatt.pdf" in str(mail.get_body().get_content())
