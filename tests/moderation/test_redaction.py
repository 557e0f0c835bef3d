"""A passage is taken out for good: afterwards it stands nowhere, neither on a page nor in a file of ours."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from forum import clock, files
from forum.checks import examine
from forum.config import Settings
from forum.db import db, on_postgres, stored_files, transaction
from forum.members.queries import viewer_by_email
from forum.moderation.models import ModerationEntry
from forum.outbox import run_due
from forum.search.missed import note as note_missed
from forum.search.queries import Wish, search
from forum.threads import filing
from forum.threads.drafts import Draft, save_draft
from forum.threads.models import Attachment, Post, PostVersion, Thread, Upload
from forum.threads.opening import NameOpening
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


def test_it_is_gone_from_all_that_was_said_about_the_posts_wherever_they_stood(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, robert: Person, thread: int, post: int, work: Work
) -> None:
    """The thread was merged twice; all that members and facilitators said about it named the client."""
    robert.sends(f"/threads/{thread}/moderate", act="lock", reason=f"{NAME} ist genannt.")
    jonas.sends(f"/posts/{post}/share", to="Aylin Kaya", line=f"Kennst du {NAME}?")
    jonas.sends(f"/posts/{post}/bookmark", note=f"Wegen {NAME}")
    jonas.reads(f"/posts/{post}/flag")
    jonas.sends(f"/posts/{post}/flag", why="confidential", words=f"Da steht {NAME}.")
    kept = {"title": f"Zu {NAME}", "body": f"Kenne {NAME}.", "alts": json.dumps({"1": f'Die Tür von "{NAME}"'})}
    with app.app_context(), transaction():
        viewer = viewer_by_email("jonas@weserufer.example")
        assert viewer is not None
        save_draft(viewer, f"thread:{thread}", "neu", "", kept)
        save_draft(viewer, f"post:{post}", "anders", "", {"body": f"Nicht {NAME}!", "version": "1"})
        db.session.add(NameOpening(thread_id=thread, asked_by_id=1, asked_why=f"{NAME}?", asked_at=clock.now()))
    second = frieda.asks(f"Noch einmal {NAME}", "Die Nachbarn fragen.")
    third = frieda.asks("Wohin damit?", "Der Keller ist voll.")
    for source, target in ((thread, second), (second, third)):
        robert.reads(f"/threads/{source}/merge")
        robert.sends(f"/threads/{source}/merge", into=str(target), reason=f"Beide nennen {NAME}.")
    answer = jonas.replies(third, "Ein Brief an sie liegt bei.")
    with app.app_context(), transaction():
        filing.attach(answer, "wilhelmine_quarkbrodt.pdf", "application/pdf", 9, "0" * 64, alt=f"Brief an {NAME}")
        db.session.add(Upload(
            member_id=jonas.id, name="wilhelmine_quarkbrodt.pdf", media_type="application/pdf", size=9,
            digest="0" * 64, created_at=clock.now(),
        ))  # fmt: skip
    robert.sends("/moderation/digest", text=f"Bitte nicht mehr von {NAME} schreiben.")
    jonas.reads(f"/threads/{third}")
    assert jonas.sees(f"„Was tun mit {NAME}?“")
    assert redacts(robert, post) == 200
    assert robert.sees("wilhelmine_quarkbrodt.pdf")
    assert redacts(robert, post, asked="1", also=[str(answer)]) == 303
    work()
    # What is not about a post of the thread remains, as docs/operating.md says.
    assert set(holding(app, settings)) - {"forum.db"} == {"digest_line"}
    jonas.reads(f"/threads/{third}")
    assert jonas.sees("„Was tun mit [entfernt]?“")
    assert jonas.sees("[entfernt] 1.pdf")
    with app.app_context():
        kept = db.session.scalars(select(Draft.fields).where(Draft.form == "neu")).one()
        assert json.loads(kept["alts"]) == {"1": 'Die Tür von "[entfernt]"'}


def test_it_is_found_no_more_at_once_and_leaves_the_index_beside_other_jobs(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, robert: Person, thread: int, post: int, work: Work
) -> None:
    answer = jonas.replies(thread, "Da hilft ein Anruf.")
    work()
    for redacted in (post, post_id(app, frieda.asks("Noch einmal", SAID), 1)):
        assert redacts(robert, redacted) == 303
        with app.app_context():
            while run_due(beside=False):
                pass
    with app.app_context():
        for words in (NAME, f"{NAME} Anruf"):  # by its text, and what stands in the same thread by its title
            assert not found(jonas, words)
        assert "to be built anew" in examine(settings).state["index"]
        assert run_due(beside=True) == 2  # once for all that wait
        assert "to be built anew" not in examine(settings).state["index"]
        assert not run_due()
    assert holding(app, settings) == []
    assert answer


def found(somebody: Person, words: str) -> bool:
    viewer = viewer_by_email(f"{somebody.key}@weserufer.example")
    assert viewer is not None
    results = search(viewer, Wish(words)).found
    assert not results.degraded
    return bool(results.total) and not results.loosened


def test_the_log_does_not_count_what_others_keep_to_themselves(
    app: Flask, jonas: Person, robert: Person, post: int
) -> None:
    jonas.sends(f"/posts/{post}/bookmark", note=f"Wegen {NAME}")
    redacts(robert, post)
    with app.app_context():
        assert db.session.scalars(select(ModerationEntry)).one().after["places"] == 4


def test_a_file_that_is_removed_is_gone_for_who_brought_it_too(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, robert: Person, post: int, thread: int
) -> None:
    jonas.reads(f"/threads/{thread}")
    brief = (io.BytesIO(b"Ein Brief"), "brief.txt")
    jonas.sends(f"/threads/{thread}/posts", body=f"> {SAID}\n\nAnbei.", files=[brief])
    with app.app_context():
        upload, file = db.session.scalars(select(Upload.id)).one(), db.session.scalars(select(Attachment)).one()
        number, quoted = file.id, file.post_id
    assert jonas.reads(f"/uploads/{upload}/brief.txt").status_code == 200
    assert redacts(frieda, post) == 303  # the post and its file are Jonas's: nothing is offered
    redacts(robert, quoted)
    assert robert.sees("2 · brief.txt")
    assert redacts(robert, quoted, asked="1", files=[str(number)]) == 303
    assert jonas.reads(f"/uploads/{upload}/brief.txt").status_code == 404
    with app.app_context():
        assert db.session.scalars(select(Attachment)).all() == []
        assert stored_files([files.store(settings.instance / "files", b"Ein Brief")]) == set()


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
