"""What the security tests share: a network with a thing in every state, people with cookies, and the whole database."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, delete, insert, select
from werkzeug.test import TestResponse

from forum import files
from forum.areas.actions import create_area, name_member
from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.db import Base, db, transaction
from forum.members.actions import add_member, change_role, reinstate, sign_in, suspend
from forum.members.models import Member, SignIn, Viewer
from forum.members.queries import viewer_of
from forum.moderation import flags
from forum.threads import actions, filing
from forum.threads.models import Attachment, Thread
from forum.threads.queries import Opened, open_thread

# Forms have keys of their own, and tokens are signed anew on each page.
_MADE_ANEW = re.compile(r'(name="(?:csrf_token|send_key)" value=")[^"]*')
_LONG_TOKEN = re.compile(r'(<input type="hidden" name="csrf_token" value=")[^"]*')
STATES = ("open", "closed", "announcement", "deleted", "beheaded", "locked", "missing")
Snapshot = dict[Table, list[dict[str, Any]]]


@dataclass(frozen=True)
class Thing:
    """A thread in some state, and Frieda's answer in it."""

    area: str
    area_id: int
    thread: int
    post: int
    attachment: int
    version: int = 1


@dataclass
class Visitor:
    """Somebody with a cookie; each request is a browser of its own, so that none changes the next."""

    app: Flask
    key: str
    cookie: str = ""
    token: str = ""

    def asks(self, method: str, address: str, **options: Any) -> TestResponse:
        return self.browser().open(address, method=method, buffered=True, **options)

    def browser(self) -> FlaskClient:
        client = self.app.test_client()
        if self.cookie:
            client.set_cookie("fachkreis", self.cookie)
        return client


def visitor(app: Flask, key: str) -> Visitor:
    """Somebody of the network with a session of their own, made without the slow password."""
    if key == "stranger":
        return _with_token(Visitor(app, key), "/sign-in")
    with app.app_context(), transaction():
        member = db.session.scalars(select(Member).where(Member.uid == key)).one()
        shut_out = member.state != "active"
        if shut_out:
            reinstate(None, member)
        opened = sign_in(member, "a test")
    session = {"_user_id": opened, "_fresh": True, "_permanent": True}
    somebody = _with_token(Visitor(app, key, sealed(app, session)), "/settings/account")
    if shut_out:
        with app.app_context(), transaction():
            suspend(None, db.session.scalars(select(Member).where(Member.uid == key)).one())
    return somebody


def sealed(app: Flask, session: dict[str, Any]) -> str:
    """A session cookie as the app signs it."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    assert serializer is not None
    return str(serializer.dumps(session))


def _with_token(somebody: Visitor, address: str) -> Visitor:
    browser = somebody.browser()
    page = browser.get(address)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    cookie = browser.get_cookie("fachkreis")
    assert cookie is not None
    somebody.cookie, somebody.token = cookie.value, found[1]
    return somebody


def more_people(app: Flask) -> None:
    """A facilitator who is in no closed area, and a member who facilitates a single open one."""
    with app.app_context(), transaction():
        add_member("Frauke Diers", "frauke@weserufer.example", "facilitator", uid="frauke")
        named = add_member("Nele Ott", "nele@weserufer.example", uid="nele")
        area = area_by_slug("vermuellung")
        assert area is not None
        name_member(None, area, named.id, facilitates=True)
        # The asker and the author belong to the closed circle as well: what they wrote there is theirs.
        for uid in ("aylin", "frieda"):
            name_member(None, _area("leitungskreis"), _member(uid).id)


def things(app: Flask) -> dict[str, Thing]:
    """A thread of Aylin's with an answer by Frieda, in every state."""
    where = {"open": "vermuellung", "closed": "leitungskreis", "announcement": "mitteilungen"}
    made = {state: _thing(app, where.get(state, "vermuellung"), state) for state in STATES if state != "missing"}
    made["missing"] = Thing("leitungskreiz", 987, 987, 987, 987)
    return made


def _thing(app: Flask, area: str, state: str) -> Thing:
    folder = app.extensions["forum.settings"].instance / "files"
    with app.app_context(), transaction():
        place = _area(area)
        kind = "announcement" if area == "mitteilungen" else "question"
        if kind == "announcement":
            change_role(None, _member("aylin"), "facilitator")
        opened = opened_by(
            "aylin", actions.start_thread(actor("aylin"), _row(place), kind, f"Ding {state}", "?", "", [area])
        )
        if kind == "announcement":
            change_role(None, _member("aylin"), "member")
        post = actions.reply(actor("frieda"), opened, f"Antwort {state}")
        file = filing.attach(post.id, "plan.txt", "text/plain", 4, files.store(folder, b"Plan"))
        flags.flag(actor("aylin"), opened, post, "unkind", f"Meldung {state}")
        if state == "deleted":
            actions.delete_post(actor("frieda"), opened, post)
        if state == "beheaded":
            first = opened.thread.id
            actions.delete_post(actor("aylin"), opened, _post(first, 1))
        if state == "locked":
            opened.thread.locked = True
        return Thing(area, place.id, opened.thread.id, post.id, file.id)


def _row(area: Area) -> Any:
    class Row:
        id, access, facilitates = area.id, area.access, False

    return Row()


def _post(thread: int, number: int) -> Any:
    from forum.threads.models import Post

    return db.session.scalars(select(Post).where(Post.thread_id == thread, Post.number == number)).one()


def opened_by(uid: str, thread: Thread) -> Opened:
    found = open_thread(actor(uid), thread.id)
    assert found is not None
    return found


def actor(uid: str) -> Viewer:
    """Who acts, straight from the row."""
    return viewer_of(_member(uid))


def _member(uid: str) -> Member:
    return db.session.scalars(select(Member).where(Member.uid == uid)).one()


def _area(slug: str) -> Area:
    found = area_by_slug(slug)
    assert found is not None
    return found


def closed_area(slug: str, title: str, description: str, members: Iterable[str]) -> int:
    """A closed area more, in the present transaction."""
    area = create_area(None, slug, title, description, "closed")
    for uid in members:
        name_member(None, area, _member(uid).id)
    return area.id


def snapshot(app: Flask, leave_out: Iterable[str] = ()) -> Snapshot:
    """Every row of every table, but for some tables or columns ("table" or "table.column")."""
    left = set(leave_out)
    with app.app_context():
        found: Snapshot = {}
        for table in Base.metadata.sorted_tables:
            if table.name in left:
                continue
            columns = [column for column in table.columns if f"{table.name}.{column.name}" not in left]
            rows = db.session.execute(select(*columns).order_by(*table.primary_key.columns))
            found[table] = [dict(row._mapping) for row in rows]
        db.session.rollback()
        return found


def restore(app: Flask, kept: Snapshot) -> None:
    """Put every row back as it was."""
    with app.app_context(), transaction():
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            if kept[table]:
                db.session.execute(insert(table), kept[table])


def digest(kept: Snapshot) -> str:
    """One word for all of it."""
    said = json.dumps({table.name: rows for table, rows in kept.items()}, default=str, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """The tables that changed, for a message that helps."""
    return [table.name for table in before if before[table] != after[table]]


def normal(text: str) -> str:
    """A page without what is made anew for each answer."""
    return _MADE_ANEW.sub(r"\1", text)


def devices(app: Flask, key: str) -> int:
    """How many devices somebody has signed in."""
    with app.app_context():
        return len(db.session.scalars(select(SignIn).join(Member).where(Member.uid == key)).all())


def attachments(app: Flask) -> list[int]:
    with app.app_context():
        return list(db.session.scalars(select(Attachment.id)))
