"""Two networks that differ in one thing alone: who asked without a name. Everybody else must find the very same."""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from PIL import Image
from sqlalchemy import func, select, update

from forum import checks, config, create_app
from forum.areas.actions import allow_protected
from forum.areas.models import Area
from forum.db import db, transaction
from forum.members.actions import describe
from forum.members.models import Member
from forum.notifications import digests
from forum.notifications.helping import HelpRequest, ask_for_help
from forum.notifications.models import OutgoingMail
from forum.threads.asking import as_it_reads
from forum.threads.models import Attachment, Post, Thread
from forum.transfer.export import export
from forum.worker import work_off
from tests.mailbox import Mailbox
from tests.security import scene
from tests.security.scene import Visitor

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# Who asks in one network and in the other: of different organisations, a member and a facilitator among them.
TWINS = [("frieda", "aylin"), ("frauke", "frieda")]
OTHERS = ("jonas", "bernd", "nele", "robert", "anke", "stranger")
WORDS = "Wutausbruch"
KNOWLEDGE = "Stromsperre"
# Keys, tokens and numbers of mails are made anew in each network.
_RANDOM = re.compile(
    r'(?<=value=")[\w.-]{20,}(?=")|[\w-]{16,}(?=@)|(?<=/unsubscribe/)\w+|(?<=boundary=")[^"]+|--=+\w+=*(?:--)?'
)
# What is each member's own, or drawn by lot, or says who asked: the one table, and whom the network tells.
PRIVATE = (
    *("protected_asker", "sign_in", "known_device", "guess", "notification", "outgoing_mail", "read_marker", "draft"),
    *("digest", "mail_choice", "thread_watch", "index_document", "upload"),
    *("member.uid", "member.handle", "thread.uid", "post.uid", "post.send_key", "member.caught_up_at"),
)


def network(settled: Path, folder: Path) -> Flask:
    """A network of its own, in which one may ask without a name."""
    shutil.copytree(settled, folder)
    app = create_app(config.load(instance=folder, database_url=""))
    scene.more_people(app)
    with app.app_context(), transaction():
        allow_protected(None, db.session.scalars(select(Area).where(Area.slug == "vermuellung")).one(), True)
    return app


def play(app: Flask, asker: str) -> dict[str, Visitor]:
    """The same story in both: everybody is there, one of them asks."""
    people = {key: scene.visitor(app, key) for key in sorted({*OTHERS, *(one for pair in TWINS for one in pair)})}
    question = {"kind": "question", "title": f"{WORDS} im Treppenhaus", "body": "Wer kennt das?", "protected": "1"}
    send(people[asker], "/areas/vermuellung/new", **question, files=(BytesIO(picture()), "bild.png"))
    for file in app.extensions["forum.settings"].instance.glob("files/*/*"):  # the disk has a clock of its own
        os.utime(file, (ord(asker[-1]),) * 2)
    send(people["robert"], "/threads/1/return", reason="Bitte ohne den Ort.")
    send(people[asker], "/posts/1/edit", body="Wer kennt das auch?", version="1")
    send(people[asker], "/threads/1/send-again")
    send(people["robert"], "/threads/1/publish", seen=as_it_reads(question["title"], (), 2))
    send(people["jonas"], "/threads/1/posts", body=f"Bei {WORDS} hilft Ruhe.")
    send(people[asker], "/threads/1/posts", body="Danke, @jonas-brandt!", reply_to="2")
    send(people["bernd"], "/threads/1/posts", body="Oder ein Gespräch.", reply_to="3")
    for act, fields in (
        ("thanks", {"on": "1"}),
        ("helpful", {"on": "1"}),
        ("recommend", {"for_what": WORDS, "reason": "Hat geholfen."}),
    ):
        send(people[asker], f"/posts/2/{act}", **fields)
    send(people[asker], "/posts/3/edit", body="Vielen Dank, @jonas-brandt!", version="1")
    send(people[asker], "/posts/3/delete")
    send(people[asker], "/posts/3/restore")
    send(people[asker], "/posts/4/share", to="Jonas Brandt", line="Siehe oben.")
    send(people[asker], "/posts/4/flag", why="other", words="Passt nicht.")
    send(people["robert"], "/threads/1/moderate", act="lock", reason="Es ist gesagt.")
    send(people["anke"], "/admin/protected/1/ask", reason="Ein Kind ist in Gefahr.")
    return people


def picture() -> bytes:
    """A small picture, the same in both."""
    out = BytesIO()
    Image.new("RGB", (3, 2), "red").save(out, "PNG")
    return out.getvalue()


def needs_help(people: dict[str, Visitor], asker: str) -> None:
    """A second question, about what those who may be the asker know about, and nobody answers it."""
    with people[asker].app.app_context(), transaction():
        for uid in sorted({one for pair in TWINS for one in pair}):
            describe(scene.actor(uid), expertise=[KNOWLEDGE])
    question = {"kind": "question", "title": KNOWLEDGE, "body": "Was tun?", "protected": "1"}
    send(people[asker], "/areas/vermuellung/new", **question)
    send(people["robert"], "/threads/2/publish", seen=as_it_reads(KNOWLEDGE, (), 1))


def send(somebody: Visitor, address: str, **fields: Any) -> None:
    answer = somebody.asks("POST", address, data={"csrf_token": somebody.token, **fields})
    assert answer.status_code == 303, f"{address}: {answer.status}\n{answer.text[:2000]}"


def addresses(app: Flask) -> Iterator[str]:
    """Every page there is, with every number, and the lists in every way they can be asked for."""
    with app.app_context():
        most = {
            f"{table.__tablename__}_id": (db.session.scalar(select(func.max(table.id))) or 0) + 1
            for table in (Thread, Post, Attachment, Member)
        }
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint.startswith("assets."):
            continue
        numbers = re.findall(r"<int:(\w+)>", rule.rule)
        for number in range(1, most.get(numbers[0], 3) + 1) if numbers else (0,):
            path = re.sub(r"<int:\w+>", str(number), rule.rule)
            yield re.sub(r"<(?:\w+:)?\w+>", "vermuellung", path)
    for query in (WORDS, "Treppenhaus Ruhe", "author:Kollegin", "author:Moor", "author:Kaya", "kind:question", "-Ruhe"):
        for more in ("", "&sort=date", "&state=helpful", "&state=unanswered", "&organisation=1", "&organisation=3"):
            yield f"/search?q={query}{more}"
    for choice in ("state=unread", "state=mine", "state=helpful", "sort=newest", "sort=thanked", "kind=question"):
        yield f"/areas/vermuellung?{choice}"
    yield from ("/areas/vermuellung/new?title=Wutausbruch", "/threads/1?quote=3", "/threads/1/similar?part")
    yield from ("/inbox/counts?thread=1&after=1", "/members?q=Kollegin", "/unread?area=vermuellung")


def found(app: Flask, people: dict[str, Visitor], folder: Path) -> dict[str, str]:
    """Everything that anybody but the two can find."""
    seen: dict[str, str] = {}
    for key in OTHERS:
        for address in addresses(app):
            answer = people[key].asks("GET", address)
            assert answer.status_code < 500, address
            seen[f"{key} {address}"] = (
                f"{answer.status}\n{answer.headers}\n{answer.get_data().decode(errors='replace')}"
            )
    for key in OTHERS[:-1]:
        for number, mail in enumerate(Mailbox(app, app.extensions["forum.settings"]).to(f"{key}@weserufer.example")):
            seen[f"mail {number} to {key}"] = mail.as_string()
    with app.app_context():
        list(export(folder / "out.ndjson"))
        seen["check"] = "\n".join(checks.examine(app.extensions["forum.settings"]).lines()).replace(str(folder), "")
    keys = dict.fromkeys(
        re.findall(r'"(?:id|thread|author|post|by)": "([\w-]{16})"', (folder / "out.ndjson").read_text())
    )
    seen["export"] = (folder / "out.ndjson").read_text()
    for number, key in enumerate(keys):
        seen["export"] = seen["export"].replace(key, str(number))
    for table, rows in scene.snapshot(app, PRIVATE).items():
        seen[f"table {table.name}"] = json.dumps(rows, default=str)
    return {what: _plain(text) for what, text in seen.items()}


def _plain(text: str) -> str:
    text = re.sub(r"\b(?:Set-Cookie|Date|Message-ID|Content-Length|DTSTAMP):.*", "", text)
    return _RANDOM.sub("…", scene.normal(text))


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_nobody_finds_who_asked(
    settled: Path, tmp_path: Path, one: str, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[dict[str, str]] = []
    for asker in (one, other):
        with time_machine.travel(NOON, tick=False) as clock:
            app = network(settled, tmp_path / asker / "instance")
            people = play(app, asker)
            needs_help(people, asker)
            caplog.clear()
            with app.app_context(), caplog.at_level(logging.INFO):
                work_off(app.extensions["forum.settings"])
                clock.shift(timedelta(days=8))
                ask_for_help(app.extensions["forum.settings"], set())
                assert db.session.scalar(select(func.count()).select_from(HelpRequest)) == 3
                clock.shift(timedelta(hours=1))
                digests.begin_due()
                work_off(app.extensions["forum.settings"])
            with app.app_context(), transaction():
                db.session.execute(update(OutgoingMail).where(OutgoingMail.kind != "digest").values(state="dead"))
            people = {key: scene.visitor(app, key) for key in OTHERS}
            told.append(found(app, people, tmp_path / asker) | {"log": re.sub(r"[0-9a-f]{8,}|\d+", "N", caplog.text)})
            with app.app_context():
                db.engine.dispose()
    differing = [what for what in told[0] if told[0][what] != told[1].get(what)]
    lines = {
        what: [
            pair
            for pair in zip(told[0][what].splitlines(), told[1][what].splitlines(), strict=False)
            if len(set(pair)) > 1
        ][:3]
        for what in differing[:10]
    }
    assert not differing, f"{differing[:40]}\n{json.dumps(lines, indent=1, ensure_ascii=False)}"
    assert told[0].keys() == told[1].keys()
    assert any(WORDS in text and "Kollegin A" in text for text in told[0].values())
