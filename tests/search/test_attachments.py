"""What stands in a file is found with the post it hangs on, and no file harms the worker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from forum import files, outbox
from forum.config import Settings
from forum.db import db, transaction
from forum.members.queries import viewer_by_email
from forum.search import attachments
from forum.search.attachments import AttachmentText, texts_of
from forum.search.queries import Wish, search
from forum.threads.filing import attach
from tests.cast import Person, post_id
from tests.search.papers import docx, odt, pdf

Work = Callable[[], int]
Hang = Callable[[int, str, bytes], None]


@pytest.fixture
def hang(app: Flask, settings: Settings) -> Hang:
    """Hang a file on a post, as an import does."""

    def hang(post: int, name: str, content: bytes) -> None:
        with app.app_context(), transaction():
            digest = files.store(settings.instance / "files", content)
            attach(post, name, "application/octet-stream", len(content), digest)

    return hang


@pytest.fixture
def question(frieda: Person) -> int:
    """Frieda's question."""
    return post_id(frieda.client.application, frieda.asks("Wer hat ein Merkblatt?"), 1)


def found(somebody: Person, words: str) -> set[int]:
    """The posts that somebody finds by all of these words."""
    with somebody.client.application.app_context():
        viewer = viewer_by_email(f"{somebody.key}@weserufer.example")
        assert viewer is not None
        results = search(viewer, Wish(words))
    return set() if results.found.loosened else {hit.post.post_id for hit in results.posts}


def states(app: Flask) -> dict[str, int]:
    """How many files were read, refused and so on."""
    with app.app_context():
        rows = db.session.scalars(select(AttachmentText.state)).all()
    return {state: rows.count(state) for state in rows}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Merkblatt.PDF", pdf("Heizkostenzuschuss beantragen")),
        ("merkblatt.docx", docx("Heizkostenzuschuss", "beantragen")),
        ("merkblatt.odt", odt("Heizkostenzuschuss", "beantragen")),
        ("merkblatt.txt", "Heizkostenzuschuss beantragen".encode("utf-16")),
    ],
)
def test_jonas_finds_what_a_file_says(
    name: str, content: bytes, jonas: Person, question: int, hang: Hang, work: Work
) -> None:
    work()
    assert not found(jonas, "Heizkostenzuschuss")
    hang(question, name, content)
    work()
    assert found(jonas, "Heizkostenzuschuss") == {question}


def test_a_file_is_read_once_for_all_its_posts(
    frieda: Person, question: int, hang: Hang, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(question, "merkblatt.txt", b"Heizkostenzuschuss")
    work()
    monkeypatch.setattr(attachments, "extract", lambda _path: pytest.fail("it was read before"))
    other = post_id(frieda.client.application, frieda.asks("Noch eine Frage zum Merkblatt"), 1)
    hang(other, "dasselbe.txt", b"Heizkostenzuschuss")
    work()
    assert found(frieda, "Heizkostenzuschuss") == {question, other}


def test_two_posts_that_wait_for_one_file_are_both_found(frieda: Person, question: int, hang: Hang, work: Work) -> None:
    other = post_id(frieda.client.application, frieda.asks("Noch eine Frage zum Merkblatt"), 1)
    for post in (question, other):
        hang(post, "merkblatt.txt", b"Heizkostenzuschuss")
    work()
    assert found(frieda, "Heizkostenzuschuss") == {question, other}


def test_pictures_and_tables_are_left_alone(app: Flask, question: int, hang: Hang, work: Work) -> None:
    hang(question, "flur.jpg", b"\xff\xd8\xff")
    hang(question, "liste.xlsx", b"PK")
    work()
    assert states(app) == {}


def test_bad_files_do_not_keep_a_good_one_from_being_found(
    app: Flask, settings: Settings, frieda: Person, question: int, hang: Hang, work: Work
) -> None:
    hang(question, "leer.txt", b"")
    hang(question, "kaputt.pdf", b"%PDF-1.4 Aushang")
    hang(question, "bild.txt", bytes(range(256)))
    hang(question, "weg.txt", b"gleich verschwunden")
    hang(question, "gut.txt", b"Heizkostenzuschuss")
    for file in (settings.instance / "files").rglob("*"):
        if file.is_file() and file.read_bytes() == b"gleich verschwunden":
            file.unlink()
    work()
    assert found(frieda, "Heizkostenzuschuss") == {question}
    assert states(app) == {"nothing": 1, "failed": 2, "refused": 1, "read": 1}
    with app.app_context():
        assert outbox.backlog() == outbox.Backlog(0, 0, 0, None)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another program in place of the reading one."""
    monkeypatch.setattr(attachments, "EXTRACTION", tmp_path / "program.py")
    monkeypatch.setattr(attachments, "SECONDS_FOR_A_FILE", 5.0)
    (tmp_path / "file").write_bytes(b"Aushang")
    return tmp_path / "program.py"


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("import os; os.abort()", "crashed"),
        ("raise SystemExit(3)", "crashed"),
        ("print('Unsinn')", "crashed"),
        ("print('[\"read\"')", "crashed"),
        ('print(\'["good", "", ""]\')', "crashed"),
        ("import sys; sys.stdout.write('x' * 9_000_000)", "killed"),
    ],
)
def test_a_reader_that_breaks_is_a_state_like_any_other(deed: str, reason: str, program: Path) -> None:
    program.write_text(deed)
    assert attachments.extract(program.with_name("file")) == attachments.Outcome("failed", reason)


def test_a_reader_that_never_ends_is_ended(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "SECONDS_FOR_A_FILE", 0.3)
    program.write_text("while True: pass")
    assert attachments.extract(program.with_name("file")) == attachments.Outcome("failed", "killed")


def test_the_reader_learns_nothing_of_us(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_SECRET_KEY", "nobody-may-know-this-long-key-of-ours")
    program.write_text("import json, os, sys; print(json.dumps(['read', '', f'{dict(os.environ)} {sys.path}']))")
    told = attachments.extract(program.with_name("file")).text
    assert "nobody-may-know" not in told
    assert str(Path.cwd()) not in told.partition("}")[0]


def test_between_two_files_others_have_their_turn(
    app: Flask, frieda: Person, question: int, hang: Hang, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "_SECONDS_AT_A_STRETCH", 0.0)
    work()
    for number in range(3):
        hang(question, f"{number}.txt", f"Aushang {number}".encode())
    other = frieda.asks("Darf ich Essen aus dem Kühlschrank entsorgen?")
    with app.app_context():
        outbox.run_due()
    assert states(app) == {"read": 1}
    with app.app_context():
        for _handler in outbox.HEARS["thread.started"]:
            outbox.run_due()
    assert found(frieda, "Kühlschrank") == {post_id(app, other, 1)}
    assert states(app) == {"read": 1}
    work()
    assert states(app) == {"read": 3}


def test_texts_cost_one_statement(app: Flask, question: int, hang: Hang, work: Work, statements: list[str]) -> None:
    hang(question, "eins.txt", b"Erstens")
    hang(question, "zwei.txt", b"Zweitens")
    work()
    with app.app_context():
        statements.clear()
        assert texts_of([question, *range(1000, 1400)]) == {question: "Erstens\nZweitens"}
        assert len(statements) == 1
        assert texts_of([]) == {}
        assert len(statements) == 1
