"""A passage is taken out for good: afterwards it stands nowhere, neither on a page nor in a file of ours."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from forum import files
from forum.config import Settings
from forum.db import db, on_postgres, transaction
from forum.moderation.models import ModerationEntry
from forum.search.missed import note as note_missed
from forum.threads import filing
from forum.threads.models import Attachment, Post, PostVersion, Thread
from forum.transfer.export import export
from tests.cast import Person, post_id
from tests.mailbox import Mailbox

NAME = "Wilhelmine Quarkbrodt"
SAID = f"Frau {NAME} aus dem Erdgeschoss."
Work = Callable[[], int]


@pytest.fixture
def thread(app: Flask, frieda: Person) -> int:
    """Frieda's question names a client in title, text and a tag."""
    thread = frieda.asks(f"Was tun mit {NAME}?", SAID)
    frieda.sends(f"/posts/{post_id(app, thread, 1)}/edit", body=SAID, version="1", tags=f"Keller, {NAME}")
    frieda.sends(f"/threads/{thread}/outcome", outcome="solved", note=f"{NAME} hat aufgeräumt.")
    return thread


@pytest.fixture
def post(app: Flask, thread: int) -> int:
    return post_id(app, thread, 1)


def redacts(
    somebody: Person, post: int, passage: str = NAME, reason: str = "Da stand ein Name.", **fields: object
) -> int:
    somebody.reads(f"/posts/{post}/redact")
    form = {"passage": passage, "instead": "[entfernt]", "reason": reason, **fields}
    return somebody.sends(f"/posts/{post}/redact", follow=False, **form).status_code


def holding(app: Flask, settings: Settings) -> list[str]:
    """Where the name still is: in a row of the database, after its free pages were cleared, or in a file."""
    with app.app_context():
        db.session.remove()
        found = [name for name, words in _rows() if "quarkbrodt" in words.lower()]
        db.session.remove()
        if not on_postgres():
            with db.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                raw = connection.connection.dbapi_connection
                raw.execute("VACUUM")  # type: ignore[union-attr]
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    for path in sorted(settings.instance.rglob("*")):
        if path.is_file() and b"quarkbrodt" in path.read_bytes().lower():
            found.append(path.relative_to(settings.instance).as_posix())
    return found


def _rows() -> Iterator[tuple[str, str]]:
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)):
            yield table.name, json.dumps(list(row), default=str, ensure_ascii=False)


def test_it_is_gone_from_everywhere(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, robert: Person, thread: int, post: int, work: Work
) -> None:
    frieda.reads(f"/posts/{post}/edit")
    frieda.sends(f"/posts/{post}/edit", body=f"{SAID} Und Herr Quarkbrodt.", version="1", title=f"Was tun mit {NAME}?")
    robert.sends(f"/posts/{post}/edit", body=f"{SAID} Was tun?", version="2", reason=f"Nicht {NAME}!", title=f"{NAME}")
    quoted = jonas.replies(thread, "> Frau Wilhelmine\n> Quarkbrodt aus dem Erdgeschoss\n\nKenne ich.")
    frieda.recommends(quoted, f"bei {NAME}", f"weil {NAME}")
    jonas.reads(f"/posts/{post}/flag")
    jonas.sends(f"/posts/{post}/flag", why="confidential", words=f"Da steht {NAME}.")
    with app.app_context(), transaction():
        note_missed("quarkbrodt wilhelmine")
        note_missed("quarkbrodt")
        folder = settings.instance / "files"
        filing.attach(post, "brief.txt", "text/plain", 9, files.store(folder, b"Ein Brief"))
    work()
    file = _file(app)
    assert robert.client.get("/search?q=Quarkbrodt").text.count("Quarkbrodt") > 1
    assert redacts(robert, post) == 200  # a quotation, and a file: what of them?
    assert robert.sees("2 · Jonas Brandt")
    assert robert.sees("brief.txt")
    assert redacts(robert, post, asked="1", also=[str(quoted)], files=[str(file)]) == 303
    assert redacts(robert, post, "Herr Quarkbrodt", asked="1") == 303
    work()
    assert holding(app, settings) == []
    jonas.reads(f"/threads/{thread}")
    assert jonas.sees("Frau [entfernt] aus dem Erdgeschoss.")
    jonas.reads("/search?q=Wilhelmine")
    assert not jonas.sees("Erdgeschoss")
    with app.app_context():
        assert db.session.scalars(select(Attachment)).all() == []
        assert db.session.get_one(Thread, thread).slug == "entfernt"


def _file(app: Flask) -> int:
    with app.app_context():
        return db.session.scalars(select(Attachment.id)).one()


def test_the_log_says_who_when_why_and_how_often_but_never_what(app: Flask, robert: Person, post: int) -> None:
    assert redacts(robert, post, reason=f"{NAME} ist eine Klientin.") == 303
    with app.app_context():
        entry = db.session.scalars(select(ModerationEntry)).one()
        assert (entry.act, entry.reason, entry.after["places"]) == ("redact", "[entfernt] ist eine Klientin.", 4)
    robert.reads("/moderation/log")
    assert robert.sees("[entfernt] ist eine Klientin.")
    assert not robert.sees("Quarkbrodt")


def test_waiting_mails_and_digests_are_written_without_it(
    frieda: Person, jonas: Person, robert: Person, mailbox: Mailbox, app: Flask, work: Work
) -> None:
    jonas.sends("/areas/vermuellung/watch", level="notify")
    mailbox.empty()
    thread = frieda.asks("Was tun?", SAID)
    work()  # the mail is queued, and the post has its number for the digest
    assert redacts(robert, post_id(app, thread, 1)) == 303
    mails = mailbox.to(jonas)
    assert mails
    for mail in mails:
        body = mail.get_body(("plain",))
        assert body is not None
        assert "Quarkbrodt" not in mail.as_string() + body.get_content()
    robert.reads("/moderation/digest")
    assert not robert.sees("Quarkbrodt")


def test_the_export_does_not_have_it(app: Flask, robert: Person, post: int, tmp_path: Path) -> None:
    redacts(robert, post)
    with app.app_context():
        list(export(tmp_path / "all.ndjson"))
    assert "Quarkbrodt" not in (tmp_path / "all.ndjson").read_text()


def test_authors_clear_what_they_wrote_and_ask_for_the_rest(
    app: Flask, frieda: Person, jonas: Person, thread: int, post: int
) -> None:
    quoted = jonas.replies(thread, f"> {SAID}\n\nKenne ich.")
    assert jonas.reads(f"/posts/{post}/redact").status_code == 403
    assert redacts(frieda, post, asked="1", also=[str(quoted)]) == 303
    with app.app_context():
        assert "Quarkbrodt" not in db.session.get_one(Post, post).body
        assert "Quarkbrodt" in db.session.get_one(Post, quoted).body
        assert db.session.scalars(select(ModerationEntry.act)).all() == ["redact"]


def test_only_whole_words_are_taken_out_in_any_case(app: Flask, frieda: Person, robert: Person) -> None:
    post = post_id(app, frieda.asks("Qualität", "Ali fehlt die Qualität. ALI, ali; Alis Mutter auch."), 1)
    redacts(robert, post, "Ali")
    with app.app_context():
        kept = db.session.get_one(Post, post).body
    assert kept == "[entfernt] fehlt die Qualität. [entfernt], [entfernt]; Alis Mutter auch."


def test_who_is_editing_the_old_text_is_told(app: Flask, frieda: Person, robert: Person, post: int) -> None:
    frieda.reads(f"/posts/{post}/edit")
    redacts(robert, post)
    assert frieda.sends(f"/posts/{post}/edit", body=f"{SAID} Bitte.", version="1").status_code == 409
    with app.app_context():
        assert db.session.scalars(select(PostVersion)).all() == []


def test_a_passage_that_is_not_there_changes_nothing(app: Flask, robert: Person, post: int) -> None:
    for passage in ("Herr Niemand", " ", "x" * 2001):
        assert redacts(robert, post, passage) == 422
    assert redacts(robert, post, instead=" ") == 422
    assert redacts(robert, post, reason=" ") == 422
    with app.app_context():
        assert db.session.get_one(Post, post).version == 1
        assert db.session.scalar(text("SELECT count(*) FROM moderation_entry")) == 0


def test_from_the_queue_it_answers_the_flags(frieda: Person, jonas: Person, robert: Person, post: int) -> None:
    jonas.reads(f"/posts/{post}/flag")
    jonas.sends(f"/posts/{post}/flag", why="confidential", words="Ein Name.")
    robert.reads("/moderation/queue")
    assert robert.sees("Stelle entfernen")
    robert.reads(f"/posts/{post}/redact?queue=1")
    robert.sends(f"/posts/{post}/redact", passage=NAME, instead="[entfernt]", reason="Da stand ein Name.", queue="1")
    assert robert.sees("Es wartet nichts auf eine Entscheidung.")
    assert frieda.reads(f"/posts/{post}").status_code == 200
