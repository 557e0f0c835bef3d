"""Networks that move: what comes out is what went in, and what cannot be taken is refused by its line."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from forum.areas.models import Area
from forum.cli.starting import DEMO
from forum.config import Settings
from forum.db import db, transaction
from forum.members.models import Member, Network, Organisation
from forum.practices.models import Mark
from forum.threads.models import Mention, Post, Thread
from forum.transfer.format import LONGEST_LINE, WrongLine
from forum.transfer.ndjson import NdjsonImport
from tests.cast import Person, area_id
from tests.transfer.instances import command, count, do, drift, give, kill_again_and_again, take, typed

Blank = Callable[[], tuple[Flask, Settings]]
Line = dict[str, Any]
ROWS = (Network, Organisation, Member, Area, Thread, Post, Mark)


def post(name: str, thread: str, author: str, body: str = "Ein Wort.", day: int = 1, **more: Any) -> Line:
    at = f"2025-03-{day:02}T08:30:00+01:00"
    return {"type": "post", "id": name, "thread": thread, "author": author, "created_at": at, "body": body} | more


def thread(name: str, title: str, area: str = "sucht", kind: str = "question", **more: Any) -> Line:
    return {"type": "thread", "id": name, "area": area, "kind": kind, "title": title} | more


def mark(on: str, by: str, kind: str = "recommended", **more: Any) -> Line:
    why = {"for": "ersten Kontakt", "reason": "Ging gut."} if kind == "recommended" else {}
    return {"type": "mark", "post": on, "by": by, "kind": kind, "created_at": "2025-03-09T07:00:00Z"} | why | more


# A network in which every type and key occurs: closed area, pinned, locked, tags, answers, edits, mails, marks.
STORY: list[Line] = [
    {"type": "network", "name": "Kleiner Kreis", "language": "de"},
    {"type": "organisation", "id": "weser", "name": "Weserufer", "city": "Bremen", "domains": ["weserufer.example"]},
    {"type": "organisation", "id": "leine", "name": "Leinewohnen", "city": "Hannover", "domains": []},
    {"type": "person", "id": "gesa", "name": "Gesa Krüger", "email": "gesa@weser.example", "organisation": "weser"},
    {"type": "person", "id": "olaf", "name": "Olaf Wendt", "email": "olaf@leine.example", "organisation": "leine"},
    {"type": "person", "id": "imke", "name": "Imke Janßen", "organisation": "weser"},
    {"type": "person", "id": "rolf", "name": "Rolf Ahrens", "email": "rolf@leine.example", "role": "facilitator"},
    {"type": "area", "slug": "sucht", "title": "Sucht", "description": "Alles dazu."},
    {"type": "area", "slug": "intern", "title": "Intern", "access": "closed", "members": ["gesa", "rolf"]},
    {"type": "area", "slug": "neues", "title": "Neues", "access": "announcement"},
    thread("t1", "Wer kennt das?", tags=["flaschen", "hausbesuch"], pinned=True),
    thread("t2", "Unter uns", area="intern", kind="strategy", locked=True),
    thread("t3", "Treffen im Mai", area="neues", kind="announcement"),
    post("p1", "t1", "gesa", "Der Flur ist voller Flaschen. @olaf-wendt, was tun?"),
    post("p2", "t1", "olaf", "Erst einmal **anrufen**.", 2, reply_to="p1", message_id="p2@leine.example"),
    post("p3", "t2", "gesa", "Nur für uns.", 2, edited_at="2025-03-02T10:00:00.250000Z"),
    post("p4", "t1", "imke", "> Erst einmal anrufen.\n\nUnd dann hingehen.", 3, reply_to="p2"),
    post("p5", "t3", "rolf", "Am 5. Mai in Bremen.", 4),
    post("p6", "t1", "rolf", "Ein drittes.", 5),
    mark("p2", "imke"),
    mark("p2", "rolf", "thanks"),
    mark("p4", "gesa", "helpful"),
    mark("p3", "rolf"),
    mark("p6", "olaf"),
]


def written(folder: Path, lines: list[Line], name: str = "network.ndjson") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return file


def kept(app: Flask, uid: str) -> Post:
    with app.app_context():
        return db.session.scalars(select(Post).where(Post.uid == uid)).one()


# Out as it went in


@pytest.mark.parametrize("source", ["story", "demonstration"])
def test_a_network_comes_out_as_it_went_in(source: str, blank: Blank, tmp_path: Path) -> None:
    file = DEMO if source == "demonstration" else written(tmp_path, STORY)
    (first, terms), (second, _) = blank(), blank()
    added = take(first, file)
    out = give(first, tmp_path / "one.ndjson")
    take(second, tmp_path / "one.ndjson")

    assert give(second, tmp_path / "two.ndjson") == out
    assert len(out.splitlines()) == len(file.read_bytes().splitlines()) == sum(added.values())
    assert drift(first, terms) == []


def test_every_key_of_the_story_comes_out_again(blank: Blank, tmp_path: Path) -> None:
    app, _ = blank()
    take(app, written(tmp_path, STORY))
    out = {line.get("id") or line.get("slug"): line for line in map(json.loads, give(app, tmp_path / "o").splitlines())}

    for line in STORY:
        name = line.get("id") or line.get("slug")
        for key, value in line.items() if name else ():
            same = value.replace("08:30:00+01:00", "07:30:00Z") if key.endswith("_at") else value
            assert out[name][key] == same, (name, key)


def test_twice_is_once(blank: Blank, tmp_path: Path) -> None:
    app, _ = blank()
    file = written(tmp_path, STORY)
    take(app, file)
    before = give(app, tmp_path / "before")

    assert not any(take(app, file).values())
    assert give(app, tmp_path / "after") == before


def test_what_happened_here_since_stays_as_it_is(blank: Blank, tmp_path: Path) -> None:
    app, _ = blank()
    file = written(tmp_path, STORY)
    take(app, file)
    with app.app_context(), transaction():
        db.session.execute(db.update(Thread).where(Thread.uid == "t1").values(title="Neuer Titel", locked=True))
        now = db.session.scalars(select(Post.created_at)).first()
        db.session.execute(db.update(Mark).where(Mark.kind == "helpful").values(withdrawn_at=now))
    before = give(app, tmp_path / "before")

    take(app, file)

    assert give(app, tmp_path / "after") == before


def test_an_opening_that_was_deleted_keeps_its_place_but_not_a_word(blank: Blank, tmp_path: Path) -> None:
    (first, _), (second, terms) = blank(), blank()
    take(first, written(tmp_path, STORY))
    with first.app_context(), transaction():
        at = db.session.scalars(select(Post.created_at)).first()
        db.session.execute(db.update(Post).where(Post.uid.in_(["p1", "p6"])).values(deleted_at=at))
        db.session.execute(db.update(Member).where(Member.uid == "olaf").values(state="suspended"))
    out = give(first, tmp_path / "one.ndjson")
    take(second, tmp_path / "one.ndjson")

    assert b"Flaschen" not in out
    assert b"Ein drittes" not in out
    assert b"olaf@leine.example" not in out
    assert give(second, tmp_path / "two.ndjson") == out
    assert kept(second, "p4").helpful, "the asker's mark means what it meant"
    assert drift(second, terms) == []


# What it becomes


def test_marks_amount_to_what_they_did(blank: Blank, tmp_path: Path) -> None:
    app, _ = blank()
    recommended = [
        *STORY[:-5],
        post("p7", "t1", "rolf", "Zwei Häuser.", 6),
        post("p8", "t1", "olaf", "Die Fragende.", 7),
        post("p9", "t1", "olaf", "Die Leitung.", 7),
        mark("p2", "imke"),
        mark("p7", "imke"),
        mark("p7", "olaf"),
        mark("p8", "gesa"),
        mark("p9", "rolf"),
        mark("p4", "gesa", "helpful"),
        mark("p4", "olaf", "thanks"),
        mark("p4", "rolf", "thanks"),
    ]
    take(app, written(tmp_path, recommended))

    assert {uid for uid in ("p2", "p7", "p8", "p9") if kept(app, uid).recommended} == {"p7", "p8", "p9"}
    assert (kept(app, "p4").helpful, kept(app, "p4").thanks_count) == (True, 2)


def test_an_imported_thread_is_read_and_found(
    app: Flask, frieda: Person, jonas: Person, bernd: Person, work: Callable[[], int], tmp_path: Path
) -> None:
    areas: list[Line] = [
        {"type": "area", "slug": "vermuellung", "title": "Hier heißt er anders"},
        {"type": "area", "slug": "leitungskreis", "title": "Leitungskreis", "access": "closed", "members": []},
    ]
    take(
        app,
        written(
            tmp_path,
            [
                *STORY[1:7],
                {"type": "person", "id": "f", "name": "Frieda", "email": "Frieda@weserufer.example"},
                *areas,
                thread("t1", "Schlüssel verloren", area="vermuellung"),
                thread("t2", "Haushalt 2026", area="leitungskreis"),
                post("p1", "t1", "f", "Wer hat einen Ersatzschlüssel? @jonas-brandt"),
                post("p2", "t1", "imke", "Der Hausmeister.", 2, reply_to="p1"),
                post("p3", "t2", "gesa", "Geheime Zahlen.", 2),
            ],
        ),
    )
    work()

    jonas.reads("/search?q=Ersatzschl%C3%BCssel")
    assert jonas.sees("1 Beitrag gefunden")
    jonas.reads("/areas/vermuellung")
    assert jonas.sees("Schlüssel verloren")
    assert not jonas.sees("Hier heißt er anders"), "an area that is here stays as it is"
    jonas.reads("/search?q=Geheime")
    assert not jonas.sees("Haushalt 2026")
    bernd.reads("/search?q=Geheime")
    assert bernd.sees("Haushalt 2026")
    with app.app_context():
        assert db.session.scalars(select(Mention.member_id)).all() == [jonas.id]
        opening = db.session.scalars(select(Post).where(Post.uid == "p1")).one()
        assert opening.author_id == frieda.id, "she was known by her mail address"
    assert area_id(app, "vermuellung")


def test_an_import_costs_the_same_statements_however_many_posts_come(blank: Blank, tmp_path: Path) -> None:
    costs = []
    for many in (10, 200):
        app, _ = blank()
        sent = _counted(app)
        lines = [*STORY[:11], *(post(f"p{n}", "t1", "gesa", f"Nummer {n}, @olaf-wendt", 2) for n in range(many))]
        lines += [mark(f"p{n}", "olaf", "thanks") for n in range(many)]
        take(app, written(tmp_path, lines))
        costs.append(len([one for one in sent if "post" in one or "mark" in one]))

    assert costs[0] == costs[1]


def _counted(app: Flask) -> list[str]:
    sent: list[str] = []
    with app.app_context():
        db.event.listen(db.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    return sent


# Kills


def test_an_import_that_ends_between_any_two_transactions_ends_the_same(
    blank: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forum.transfer.ndjson.BATCH", 2)
    file = written(tmp_path, STORY)
    whole, _ = blank()
    with whole.app_context():
        steps = 0
        for step in NdjsonImport(file).steps():
            do([step])
            steps += 1
    undisturbed = give(whole, tmp_path / "undisturbed")
    assert steps > 8

    for cut in range(1, steps):
        app, terms = blank()
        with app.app_context():
            do(NdjsonImport(file).steps(), cut)
            db.session.remove()
        take(app, file)
        assert give(app, tmp_path / "cut") == undisturbed, cut
        assert drift(app, terms) == []


@pytest.mark.alone
def test_a_process_that_is_killed_again_and_again_ends_the_same(blank: Blank, tmp_path: Path) -> None:
    chance = random.Random(12)
    words = ["Mieter", "Hausbesuch", "Schlüssel", "Frist", "Vertrauen", "Nachbarn", "Keller", "Termin"]
    lines = [*STORY[:13], post("p0", "t1", "gesa"), post("q0", "t2", "gesa"), post("r0", "t3", "rolf")]
    for number in range(1, 3000):
        body = "\n\n".join(" ".join(chance.choices(words, k=25)) for _ in range(3))
        lines.append(post(f"p{number}", "t1", chance.choice(["gesa", "olaf", "imke"]), body, reply_to=f"p{number - 1}"))
    file = written(tmp_path, [*lines, *(mark(f"p{n}", "rolf", "thanks") for n in range(0, 3000, 3))])
    (whole, _), (app, terms) = blank(), blank()
    take(whole, file)

    killed = kill_again_and_again(app, lambda: command(terms, "import", "ndjson", file), seed=5, kills=4)
    last = typed(terms, "import", "ndjson", file)

    assert last.code == 0, last.errors
    assert killed >= 3
    assert give(app, tmp_path / "killed") == give(whole, tmp_path / "whole")
    assert drift(app, terms) == []


# What cannot be taken


def changed(place: int, **keys: Any) -> list[Line]:
    """The story with another line at this place."""
    return [*STORY[:place], STORY[place] | keys, *STORY[place + 1 :]]


def without(place: int, key: str) -> list[Line]:
    return [*STORY[:place], {k: v for k, v in STORY[place].items() if k != key}, *STORY[place + 1 :]]


WRONG: dict[str, tuple[list[Line], int, str]] = {
    "unknown type": (changed(5, type="guest"), 6, "unknown type 'guest'"),
    "type is no text": (changed(5, type=["person"]), 6, "unknown type"),
    "unknown key": (changed(3, phone="0421 1"), 4, "unknown key 'phone'"),
    "key missing": (without(13, "author"), 14, "needs 'author'"),
    "key empty": (changed(13, id=""), 14, "needs 'id'"),
    "wrong value": (changed(10, pinned="yes"), 11, "'pinned' has the wrong kind of value"),
    "wrong list": (changed(10, tags=[5]), 11, "'tags' must hold texts only"),
    "order": ([*STORY[:8], STORY[3], *STORY[8:]], 9, "comes too late"),
    "second network": ([STORY[0], *STORY], 2, "a second network"),
    "second id": ([*STORY[:14], STORY[13], *STORY[14:]], 15, "a second post 'p1'"),
    "unknown organisation": (changed(3, organisation="elbe"), 4, "names no organisation of an earlier line"),
    "unknown member": (changed(8, members=["gesa", "nobody"]), 9, "'members' names no person"),
    "unknown thread": (changed(13, thread="t9"), 14, "'thread' names no thread"),
    "later post": (changed(14, reply_to="p4"), 15, "'reply_to' names no post"),
    "other thread": (changed(14, reply_to="p3"), 15, "'reply_to' names no post of an earlier"),
    "other thread's post": (changed(16, reply_to="p3"), 17, "a post of another thread"),
    "no zone": (changed(13, created_at="2025-03-01T08:30:00"), 14, "'created_at' is no RFC 3339 time"),
    "no time": (changed(15, edited_at="gestern"), 16, "'edited_at' is no RFC 3339 time"),
    "no such day": (changed(13, created_at="2025-02-30T08:30:00Z"), 14, "no RFC 3339 time"),
    "year nought": (changed(13, created_at="0001-01-01T00:00:00+14:00"), 14, "no RFC 3339 time"),
    "case": (changed(10, kind="case"), 11, "'case' are not supported yet"),
    "kind": (changed(10, kind="poll"), 11, "must be one of question"),
    "role": (changed(3, role="king"), 4, "must be one of member"),
    "access": (changed(7, access="secret"), 8, "must be one of open"),
    "mark": (changed(19, kind="like"), 20, "must be one of recommended"),
    "NUL": (changed(13, body="a\x00b"), 14, "cannot be stored"),
    "NUL in a list": (changed(10, tags=["a\x00b"]), 11, "cannot be stored"),
    "long title": (changed(10, title="x" * 201), 11, "at most 200"),
    "blank title": (changed(10, title=" \n "), 11, "title"),
    "long body": (changed(13, body="x" * 64_001), 14, "at most 64000"),
    "blank body": (changed(13, body=" \n"), 14, "write something"),
    "long tag": (changed(10, tags=["x" * 41]), 11, "1 to 40"),
    "many tags": (changed(10, tags=[str(n) for n in range(11)]), 11, "more than 10 tags"),
    "long id": (changed(5, id="x" * 251), 6, "longer than 250"),
    "same address": (changed(4, email="GESA@weser.example "), 5, "a second person with the address"),
    "no address": (changed(3, email="gesa"), 4, "not a mail address"),
    "no name": (changed(3, name="www.gesa.de"), 4, "name"),
    "no organisation's name": (changed(1, name="x" * 121), 2, "name"),
    "no slug": ([*STORY[:10], STORY[9] | {"slug": "Neu es"}, *STORY[10:]], 11, "short name"),
    "language": (changed(0, language="xx"), 1, "language"),
    "same mail": (changed(16, message_id="p2@leine.example"), 17, "a second post with the message_id"),
    "empty thread": (changed(17, thread="t1"), 13, "'t3' has no post"),
    "no reason": (changed(19, reason=" "), 20, "reason"),
    "no purpose": (changed(19, **{"for": None}), 20, "recommended for"),
    "reason for thanks": (changed(20, reason="So nett."), 21, "only a recommendation has"),
    "mark twice": ([*STORY, STORY[19]], 25, "a second mark"),
    "own post": (changed(19, by="olaf"), 20, "own post"),
    "question recommended": (changed(19, post="p1"), 20, "Only answers"),
    "somebody else's helpful": (changed(21, by="rolf"), 22, "Only the person who asked"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_taken_is_refused_by_its_line_before_anything_is_written(
    case: str, app: Flask, tmp_path: Path
) -> None:
    lines, number, words = WRONG[case]
    before = count(app, *ROWS)

    with pytest.raises(WrongLine, match=re.escape(words)) as refused:
        take(app, written(tmp_path, lines))

    assert refused.value.line == number, refused.value
    assert count(app, *ROWS) == before


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"type": "network", "name": "Gr\xfcn", "language": "de"}', "is not UTF-8"),
        (b"Guten Tag", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "is not an object"),
        (b'{"type": "network", "name": "A", "name": "B", "language": "de"}', "a key twice"),
        (b'{"type": "network", "name": "A\\ud800", "language": "de"}', "cannot be stored"),
        (b'{"type": "network", "name": "' + b"A" * LONGEST_LINE + b'", "language": "de"}', "is longer than"),
    ],
)
def test_bytes_that_are_no_line_are_refused(raw: bytes, words: str, app: Flask, tmp_path: Path) -> None:
    before = count(app, *ROWS)
    (tmp_path / "broken").write_bytes(b"\n" + raw + b"\n")

    with pytest.raises(WrongLine, match=words) as refused:
        take(app, tmp_path / "broken")

    assert refused.value.line == 2
    assert count(app, *ROWS) == before


def test_posts_of_a_closed_area_do_not_come_to_stand_in_an_open_one(app: Flask, tmp_path: Path) -> None:
    before = count(app, *ROWS)
    lines = [*STORY[1:7], {"type": "area", "slug": "vermuellung", "title": "Geheim", "access": "closed"}]

    with pytest.raises(WrongLine, match="'vermuellung' is here already and is open"):
        take(app, written(tmp_path, [*lines, thread("t1", "Geheim", area="vermuellung"), post("p1", "t1", "gesa")]))

    assert count(app, *ROWS) == before


def test_a_mail_that_is_here_as_another_post_is_refused(blank: Blank, tmp_path: Path) -> None:
    app, _ = blank()
    take(app, written(tmp_path, STORY))
    before = count(app, *ROWS)

    with pytest.raises(WrongLine, match="is here already, as the post 'p2'") as refused:
        take(app, written(tmp_path, [*STORY[:14], STORY[14] | {"id": "p2b"}, STORY[15], STORY[17]]))

    assert refused.value.line == 15
    assert count(app, *ROWS) == before


# As a command


def test_the_commands_say_what_they_did_and_what_is_wrong(blank: Blank, tmp_path: Path) -> None:
    _, terms = blank()
    file = written(tmp_path, STORY)

    good = typed(terms, "import", "ndjson", file, "--json")
    assert json.loads(good.out)["added"] == {
        "network": 1, "organisation": 2, "person": 4, "area": 3, "thread": 3, "post": 6, "mark": 5,
    }  # fmt: skip
    assert "nothing new" in typed(terms, "import", "ndjson", file).out
    assert typed(terms, "export", "ndjson", tmp_path / "out.ndjson").code == 0
    assert b'"id": "p6"' in (tmp_path / "out.ndjson").read_bytes()

    wrong = typed(terms, "import", "ndjson", written(tmp_path, changed(13, thread="t9"), "wrong"))
    assert wrong.code == 1
    assert "line 14: 'thread' names no thread of an earlier line: 't9'" in wrong.errors
    nowhere = typed(terms, "export", "ndjson", tmp_path / "no" / "such" / "folder")
    assert nowhere.code == 1
    assert "cannot be written" in nowhere.errors
    for answer in (wrong, nowhere):
        assert "Traceback" not in answer.errors
