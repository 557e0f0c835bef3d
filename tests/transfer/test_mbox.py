"""Old mailing lists become threads that read as if they had been written here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from forum import files
from forum.config import Settings
from forum.db import db, transaction
from forum.mail.archive import head, read_mbox
from forum.mail.parsing import parse
from forum.members.actions import add_member
from forum.members.models import Member
from forum.threads.models import Attachment, Mention, Post, Thread
from forum.transfer.export import export
from forum.transfer.mbox import MboxImport, Report
from tests.cast import Person, area_id
from tests.conftest import shared_data
from tests.transfer.instances import command, count, do, drift, kill_again_and_again, take, typed

MOJIBAKE = re.compile("Ã[\x80-¿Ÿ„¼]|â€|\ufffd|=\\?[\\w-]+\\?[bq]\\?", re.IGNORECASE)
PDF = b"%PDF-1.4 Aushang"


def archive(folder: Path, *mails: bytes, name: str = "liste.mbox") -> Path:
    file = folder / name
    file.write_bytes(b"".join(b"From liste@example.org Mon Mar  3 08:00:00 2025\n" + mail + b"\n\n" for mail in mails))
    return file


def mail(
    name: str,
    sender: str,
    subject: str = "Müll im Flur",
    body: str = "Was tun?",
    at: str = "Mon, 03 Mar 2025 08:00:00 +0100",
    **more: str,
) -> bytes:
    fields = {"Message-ID": f"<{name}@liste.example>", "From": sender, "Subject": subject, "Date": at}
    fields |= {key.replace("_", "-"): value for key, value in more.items()}
    head = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
    return (head + "Content-Type: text/plain; charset=iso-8859-1\n\n" + body).encode("iso-8859-1")


def bring(app: Flask, settings: Settings, file: Path, area: str = "vermuellung") -> Report:
    """Import an archive into an area."""
    number = area_id(app, area)
    with app.app_context():
        load = MboxImport(file, number, settings.instance / "files")
        do(load.steps())
        return load.report


def posts(app: Flask) -> list[Any]:
    """What stands in the network: title, number, author's name, number of the answered post, date, text, HTML."""
    other = db.aliased(Post)
    answered = select(other.number).where(other.id == Post.reply_to_id).scalar_subquery()
    with app.app_context():
        return list(
            db.session.execute(
                select(Thread.title, Post.number, Member.name, answered, Post.created_at, Post.body, Post.html)
                .select_from(Post)
                .join(Thread, Thread.id == Post.thread_id)
                .join(Member, Member.id == Post.author_id)
                .order_by(Thread.id, Post.number)
            )
        )


def story(app: Flask) -> list[tuple[str, int, str, int | None]]:
    return [tuple(row[:4]) for row in posts(app)]


# How it reads


def test_a_list_of_108_mails_becomes_threads(app: Flask, settings: Settings) -> None:
    file = shared_data("a-mbox-apache-lists") / "httpd-users-2020-07.mbox"
    heads = [head(raw.number, parse(raw.raw)) for raw in read_mbox(file)]
    replies = [one for one in heads if one.in_reply_to or one.references]
    known = {one.message_id for one in heads}

    report = bring(app, settings, file)

    assert (report.mails, report.added, report.duplicates, report.broken) == (108, 108, [], [])
    parent, child = db.aliased(Post), db.aliased(Post)
    with app.app_context():
        pairs = select(child.message_id, parent.message_id).join(parent, parent.id == child.reply_to_id)
        parents: dict[str | None, str | None] = dict(db.session.execute(pairs).all())
    right = [one for one in replies if one.in_reply_to in known and parents.get(one.message_id) == one.in_reply_to]
    assert len(replies) == 74
    assert len(right) >= 67
    texts = [text for row in posts(app) for text in (row[0], row[2], row[5], row[6])]
    assert [found[0] for text in texts if (found := MOJIBAKE.search(text))] == []
    assert sum("<blockquote>" in row[6] for row in posts(app)) > 50
    assert not any(re.search(r"<p>(?:&gt;|<br>)", row[6]) for row in posts(app) if "-----" not in row[6])
    assert count(app, Mention) == 0
    assert drift(app, settings) == []


def test_frieda_and_a_stranger_as_they_wrote_to_the_old_list(
    app: Flask, settings: Settings, frieda: Person, jonas: Person, work: Callable[[], int], tmp_path: Path
) -> None:
    answer = (
        "Grüße aus Köln, @jonas-brandt und @vermuellung.de!\n\nAm 3. März schrieb Frieda:\n> Was tun?\n\n"
        "Drei Wege:\n- reden\n- räumen\n- warten\n\n"
        "Als Befehl:\n\n    rm -rf @jonas-brandt\n    mv keller flur\n\n-- \nTrude Größ\n"
    )
    bring(
        app,
        settings,
        archive(
            tmp_path,
            mail("eins", "F. Moor <Frieda@weserufer.example>", "=?iso-8859-1?q?M=FCll_im_Flur?="),
            mail(
                "zwei",
                "Trude Größ <trude@koeln.example>",
                "AW: Müll im Flur",
                answer,
                In_Reply_To="<eins@liste.example>",
            ),
        ),
    )
    work()

    assert story(app) == [("Müll im Flur", 1, "Frieda Moor", None), ("Müll im Flur", 2, "Trude Größ", 1)]
    html = posts(app)[1].html
    assert "<blockquote>\n<p>Was tun?</p>\n</blockquote>" in html
    assert "<li>räumen</li>" in html
    assert "<pre><code>    rm -rf @jonas-brandt\n    mv keller flur\n</code></pre>" in html
    assert "--<br>\nTrude Größ" in html
    assert 'class="mention"' not in html
    assert "@jonas-brandt und @vermuellung.de!" in html
    assert count(app, Mention) == 0
    with app.app_context():
        trude = db.session.scalars(select(Member).where(Member.name == "Trude Größ")).one()
        assert (trude.email, trude.state) == (None, "imported")
    jonas.reads("/search?q=Trude+K%C3%B6ln")
    assert jonas.sees("Müll im Flur")
    frieda.reads("/areas/vermuellung")
    assert frieda.sees("Müll im Flur")


def test_files_come_along_and_long_texts_are_kept_whole(app: Flask, settings: Settings, tmp_path: Path) -> None:
    bound = (
        b"From: t@koeln.example\nMessage-ID: <a@x>\nSubject: Aushang\nDate: Mon, 03 Mar 2025 08:00:00 +0100\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHier.\n--b\n"
        b"Content-Type: application/pdf; name=aushang.pdf\nContent-Transfer-Encoding: 8bit\n\n" + PDF + b"\n--b--\n"
    )
    long = mail("lang", "t@koeln.example", "Roman", "\n\n".join(f"Kapitel {n}: " + "Wort " * 9 for n in range(2000)))

    bring(app, settings, archive(tmp_path, bound, long))

    with app.app_context():
        kept = {one.name: one for one in db.session.scalars(select(Attachment))}
        folder = settings.instance / "files"
        assert files.location(folder, kept["aushang.pdf"].digest).read_bytes() == PDF
        (whole,) = kept.keys() - {"aushang.pdf"}
        assert b"Kapitel 1999" in files.location(folder, kept[whole].digest).read_bytes()
    assert len(posts(app)[1].body) <= 64_000
    assert "Kapitel 5:" in posts(app)[1].html


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ('"@lbutlr" <kremels@kreme.example>', "lbutlr"),
        ("kremels@kreme.com", "kremels"),
        ('"kremels@kreme.com" <kremels@kreme.com>', "kremels"),
        ("Hilfe auf www.hilfe.de <h@hilfe.example>", "Hilfe auf"),
        ("", "Unbekannte Person"),
        ('"www.x.de" <www.x.de@x.example>', "Unbekannte Person"),
    ],
)
def test_a_name_that_would_be_a_link_becomes_one_that_is_none(
    sender: str, name: str, app: Flask, settings: Settings, tmp_path: Path
) -> None:
    bring(app, settings, archive(tmp_path, mail("eins", sender)))

    assert [row[2] for row in posts(app)] == [name]


def test_a_clock_that_ran_ahead_and_a_mail_without_date(app: Flask, settings: Settings, tmp_path: Path) -> None:
    reply = {"In_Reply_To": "<eins@liste.example>"}
    bring(
        app,
        settings,
        archive(
            tmp_path,
            mail("eins", "t@koeln.example", at="Tue, 04 Mar 2025 09:00:00 +0100"),
            mail("zwei", "u@koeln.example", at="Tue, 04 Mar 2098 09:00:00 +0100", **reply),
            mail("drei", "v@koeln.example", at="", **reply),
        ),
    )

    assert {f"{row[4]:%Y-%m-%d %H:%M}" for row in posts(app)[1:]} == {"2025-03-03 08:00"}, "the archive's own dates"


def test_broken_and_double_mails_are_named_and_the_others_come(app: Flask, settings: Settings, tmp_path: Path) -> None:
    bomb = b"From: x@x.example\nSubject: Bombe\n" + b"X-A: b\n" * 2000 + b"\nhallo"
    good = mail("eins", "t@koeln.example")

    report = bring(app, settings, archive(tmp_path, good, bomb, good, b"List-Id: <x>\n\nkein Brief"))

    assert [row[1:3] for row in posts(app)] == [(1, "t")]
    assert report.duplicates == [3]
    assert [number for number, _ in report.broken] == [2, 4]
    lines = list(report.lines())
    assert lines[0] == "4 mails: 1 posts added in 1 new threads, 0 were here already, 1 double, 2 broken"
    assert "  mail 2 skipped: The message or one of its parts has more than 1,000 header fields." in lines


# Again, and again


def test_twice_is_once_and_the_next_month_goes_on(app: Flask, settings: Settings, tmp_path: Path) -> None:
    march = mail("eins", "t@koeln.example"), mail("zwei", "u@koeln.example", References="<eins@liste.example>")
    april = mail("drei", "v@koeln.example", "Re: Müll im Flur", References="<eins@liste.example> <zwei@liste.example>")
    bring(app, settings, archive(tmp_path, *march))
    before = count(app, Post, Member, Thread)

    again = bring(app, settings, archive(tmp_path, *march))
    assert (again.added, again.here_already, count(app, Post, Member, Thread)) == (0, 2, before)
    bring(app, settings, archive(tmp_path, april))

    assert story(app) == [
        ("Müll im Flur", 1, "t", None), ("Müll im Flur", 2, "u", 1), ("Müll im Flur", 3, "v", 2),
    ]  # fmt: skip
    assert drift(app, settings) == []


def test_two_answers_to_a_lost_mail_are_one_thread_even_on_different_days(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    first = mail("b", "t@koeln.example", "Re: Keller", References="<a@liste.example>")
    second = mail(
        "c", "u@koeln.example", "Re: Keller", References="<a@liste.example>", at="Tue, 04 Mar 2025 09:00 +0100"
    )
    bring(app, settings, archive(tmp_path, first))
    bring(app, settings, archive(tmp_path, first, second))

    assert [row[:2] for row in story(app)] == [("Keller", 1), ("Keller", 2)]


def test_a_closed_lists_mail_does_not_end_in_an_open_area_because_it_mentions_one_from_there(
    app: Flask, settings: Settings, frieda: Person, tmp_path: Path
) -> None:
    bring(app, settings, archive(tmp_path, mail("eins", "t@koeln.example")))
    secret = mail(
        "zwei", "u@koeln.example", "Re: Müll im Flur", "Unter uns gesagt.", In_Reply_To="<eins@liste.example>"
    )
    bring(app, settings, archive(tmp_path, secret), area="leitungskreis")

    assert [row[1:] for row in story(app)] == [(1, "t", None), (1, "u", None)]
    with app.app_context():
        thread = db.session.scalars(select(Thread.id).join(Post).where(Post.body.contains("Unter uns"))).one()
    assert frieda.reads(f"/threads/{thread}").status_code == 404


def test_an_import_that_ends_between_any_two_transactions_ends_the_same(
    app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forum.transfer.mbox._THREADS_AT_ONCE", 1)
    monkeypatch.setattr("forum.transfer.mbox._MAILS_AT_ONCE", 3)
    mails = [mail(f"m{n}", f"P{n % 3} <p{n % 3}@koeln.example>", f"Thema {n % 4}") for n in range(4)]
    for n in range(6):
        answer = {"In_Reply_To": f"<m{n % 4}@liste.example>"}
        mails.append(mail(f"r{n}", f"P{n % 3} <p{n % 3}@koeln.example>", f"Re: Thema {n % 4}", **answer))
    file = archive(tmp_path, *mails)
    for cut in range(1, 4 + 4 + 1):  # four batches of heads, four threads
        with app.app_context():
            load = MboxImport(file, area_id(app, "vermuellung"), settings.instance / "files")
            do(load.steps(), cut)
            db.session.remove()
        assert count(app, Thread) == max(0, cut - 4)
    assert story(app) == [
        (f"Thema {n}", place, f"P{author}", None if place == 1 else 1)
        for n, authors in enumerate([(0, 0, 1), (1, 1, 2), (2, 2), (0, 0)])
        for place, author in enumerate(authors, 1)
    ]
    assert count(app, Member) == 7 + 3
    assert drift(app, settings) == []


@pytest.mark.alone
def test_a_process_that_is_killed_again_and_again_ends_the_same(app: Flask, settings: Settings, tmp_path: Path) -> None:
    lists = shared_data("a-mbox-apache-lists")
    names = ("httpd-users-2020-07.mbox", "asterix-dev-201709-mailarchivesao.mbox", "httpd-users-200606-part.mbox")
    file = tmp_path / "all.mbox"
    file.write_bytes(b"\n".join((lists / name).read_bytes() for name in names))

    killed = kill_again_and_again(
        app, lambda: command(settings, "import", "mbox", file, "--area", "vermuellung"), seed=3, kills=3
    )
    last = typed(settings, "import", "mbox", file, "--area", "vermuellung", "--json")

    assert last.code == 0, last.errors
    assert killed >= 1
    report = json.loads(last.out)
    assert report["added"] + report["here_already"] == report["mails"] == 173
    assert count(app, Post) == 173
    with app.app_context():
        per_thread = select(func.max(Post.number) - func.count()).group_by(Post.thread_id)
        assert set(db.session.scalars(per_thread)) == {0}, "numbers without gaps"
    assert drift(app, settings) == []


def test_what_came_from_a_list_can_move_on(app: Flask, settings: Settings, blank: Any, tmp_path: Path) -> None:
    bring(app, settings, archive(tmp_path, mail("eins", "Grüne Ämter <t@koeln.example>", body="An @jonas-brandt!")))
    with app.app_context():
        for _ in export(tmp_path / "out"):
            pass
    other, _ = blank()
    take(other, tmp_path / "out")

    assert story(other) == story(app)
    assert count(other, Mention) == 0, "still nobody is called"


# As a command


def test_the_command_reports_for_people_and_for_machines(app: Flask, settings: Settings, tmp_path: Path) -> None:
    with app.app_context(), transaction():
        add_member("Trude Größ", "t@koeln.example")
    file = str(archive(tmp_path, mail("eins", "t@koeln.example"), mail("eins", "t@koeln.example")))

    first = typed(settings, "import", "mbox", file, "--area", "vermuellung")
    second = typed(settings, "import", "mbox", file, "--area", "vermuellung", "--json")
    wrong = typed(settings, "import", "mbox", file, "--area", "nirgends")

    assert "2 mails: 1 posts added in 1 new threads" in first.out
    assert "mail 2 skipped: its Message-ID came before" in first.out
    assert json.loads(second.out) == {
        "mails": 2, "added": 0, "threads": 0, "here_already": 1, "duplicates": [2], "broken": [],
    }  # fmt: skip
    assert wrong.code == 1
    assert "there is no area 'nirgends'" in wrong.errors
    assert story(app) == [("Müll im Flur", 1, "Trude Größ", None)]
