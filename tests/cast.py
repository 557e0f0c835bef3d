"""The people of the tests and what they do, so that a test reads as a story.

Frieda (Bremen) asks, Jonas (Hannover) and Aylin (Braunschweig) answer, Robert facilitates, Anke administers,
Bernd belongs to the closed circle, Sven is suspended, and a stranger is not signed in.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from forum.areas.actions import create_area, name_member
from forum.areas.models import Area
from forum.db import db, transaction
from forum.members import passwords
from forum.members.actions import add_member, add_organisation, create_network, make_link, suspend
from forum.members.models import Member, Purpose
from forum.members.queries import link_key
from forum.threads.models import Post

PASSWORD = "ein langes Kennwort"
PEOPLE = {
    "frieda": ("Frieda Moor", "member", "Baugenossenschaft Weserufer", "Bremen"),
    "jonas": ("Jonas Brandt", "member", "Leinewohnen", "Hannover"),
    "aylin": ("Aylin Kaya", "member", "Wohnbau Oker", "Braunschweig"),
    "bernd": ("Bernd Ahlers", "member", "Leinewohnen", "Hannover"),
    "robert": ("Robert Tamm", "facilitator", "Hunte Wohnen", "Oldenburg"),
    "anke": ("Anke Verwey", "administrator", "Hunte Wohnen", "Oldenburg"),
    "sven": ("Sven Peters", "member", "Wohnbau Oker", "Braunschweig"),
}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_SEND_KEY = re.compile(r'name="send_key" value="([^"]+)"')
_hash = passwords.hashed(PASSWORD)


def settle() -> None:
    """A network with three areas (open, closed for Bernd and Robert, announcements) and the cast."""
    with transaction():
        create_network("Fachkreis Probe", "de")
        houses = {name: add_organisation(name, city) for name, city in {person[2:] for person in PEOPLE.values()}}
        members = {
            key: add_member(name, f"{key}@weserufer.example", role, houses[house], uid=key)
            for key, (name, role, house, _) in PEOPLE.items()
        }
        for member in members.values():
            member.password = _hash
        create_area(None, "vermuellung", "Verwahrlosung und Vermüllung", "Erster Kontakt, Entrümpelung, Nachsorge.")
        closed = create_area(None, "leitungskreis", "Leitungskreis", access="closed")
        create_area(None, "mitteilungen", "Mitteilungen", access="announcement")
        name_member(None, closed, members["bernd"].id)
        name_member(None, closed, members["robert"].id)
        suspend(None, members["sven"])


@dataclass
class Person:
    """Somebody with a browser of their own."""

    key: str
    client: FlaskClient
    page: TestResponse | None = field(default=None)

    @property
    def name(self) -> str:
        return PEOPLE[self.key][0]

    @property
    def id(self) -> int:
        """The number of the person's row."""
        with self.client.application.app_context():
            return db.session.scalars(select(Member.id).where(Member.uid == self.key)).one()

    def signs_in(self, password: str = PASSWORD) -> TestResponse:
        self.reads("/sign-in")
        return self.sends("/sign-in", email=f"{self.key}@weserufer.example", password=password)

    def reads(self, address: str, **options: Any) -> TestResponse:
        """Open a page, following where it leads."""
        self.page = self.client.get(address, follow_redirects=options.pop("follow", True), buffered=True, **options)
        return self.page

    def sends(self, address: str, follow: bool = True, **fields: Any) -> TestResponse:
        """Send a form with the token of the page that was read last."""
        token = self.token() if "csrf_token" not in fields else fields.pop("csrf_token")
        data = {"csrf_token": token, **fields}
        self.page = self.client.post(address, data=data, follow_redirects=follow, buffered=True)
        return self.page

    def token(self) -> str:
        """The token of the page that was read last; any page of a member has one."""
        found = _TOKEN.search(self.page.text) if self.page else None
        if found is None:
            found = _TOKEN.search(self.reads("/settings/account" if self.key != "stranger" else "/sign-in").text)
        assert found is not None
        return found[1]

    def asks(
        self, title: str, body: str = "Was hat bei euch geholfen?", area: str = "vermuellung", **fields: str
    ) -> int:
        """Start a thread; return its number."""
        form = self.reads(f"/areas/{area}/new")
        key = _SEND_KEY.search(form.text)
        assert key is not None, form.status
        fields = {"kind": "question", "send_key": key[1], **fields}
        answer = self.sends(f"/areas/{area}/new", follow=False, title=title, body=body, **fields)
        assert answer.status_code == 303, answer.text
        return int(re.search(r"/threads/(\d+)", answer.location)[1])  # type: ignore[index]

    def replies(self, thread: int, body: str, **fields: str) -> int:
        """Answer; return the number of the post's row."""
        form = self.reads(f"/threads/{thread}")
        key = _SEND_KEY.search(form.text)
        assert key is not None, form.status
        answer = self.sends(f"/threads/{thread}/posts", follow=False, body=body, **{"send_key": key[1], **fields})
        assert answer.status_code == 303, answer.text
        number = int(answer.location.rpartition("#p")[2])
        return post_id(self.client.application, thread, number)

    def publishes(self, thread: int) -> TestResponse:
        """Let everybody have a question without a name, as it reads now."""
        seen = re.search(r'name="seen" value="([^"]*)"', self.reads(f"/threads/{thread}").text)
        return self.sends(f"/threads/{thread}/publish", seen=unescape(seen[1]) if seen else "")

    def recommends(
        self, post: int, for_what: str = "erster Kontakt", reason: str = "Hat bei uns geklappt."
    ) -> TestResponse:
        self.reads(f"/posts/{post}/recommend")
        return self.sends(f"/posts/{post}/recommend", for_what=for_what, reason=reason)

    def sees(self, words: str) -> bool:
        """Whether the page that was read last says this; what was searched for is marked in it."""
        assert self.page is not None
        said = unescape(self.page.text).replace("\N{NO-BREAK SPACE}", " ")
        return words in said or words in re.sub("</?mark>", "", said)


def post_id(app: Flask, thread: int, number: int) -> int:
    """The row of a post by its place in the thread."""
    with app.app_context():
        return db.session.scalars(select(Post.id).where(Post.thread_id == thread, Post.number == number)).one()


def link(app: Flask, key: str, purpose: Purpose = "welcome", lasts: timedelta = timedelta(days=14)) -> str:
    """The address of a fresh sign-in link for somebody of the cast."""
    with app.app_context(), transaction():
        made = make_link(
            db.session.scalars(select(Member).where(Member.uid == key)).one(), purpose, lasts, str(app.secret_key)
        )
        return f"/welcome/{link_key(made, str(app.secret_key))}"


def area_id(app: Flask, slug: str) -> int:
    """The row of an area."""
    with app.app_context():
        return db.session.scalars(select(Area.id).where(Area.slug == slug)).one()


def person(app: Flask, key: str) -> Person:
    """Somebody of the cast, signed in unless it is the stranger."""
    somebody = Person(key, app.test_client())
    if key not in ("stranger", "sven"):
        answer = somebody.signs_in()
        assert answer.status_code == 200, answer.text
    return somebody
