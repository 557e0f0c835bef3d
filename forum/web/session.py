"""Who is asking: the cookie holds a random key, a table says whose it is.

Flask-Login keeps the key in the signed cookie and asks here for its owner, once a request. Signing out
deletes the row, so a cookie that was copied before opens nothing afterwards.
"""

from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.exceptions import Unauthorized

from forum import i18n
from forum.config import Settings
from forum.members import actions, queries
from forum.members.models import Member, Viewer
from forum.web.later import later


class SignInNeeded(Unauthorized):
    """The page is for members; whoever comes signs in first and gets back to it."""


@dataclass(frozen=True)
class NetworkName:
    """What every page says of the network."""

    name: str
    language: str


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A member behind a key, as Flask-Login wants it."""

    def __init__(self, key: str, viewer: Viewer | None = None) -> None:
        self.key = key
        self.viewer = viewer

    def get_id(self) -> str:
        """What the cookie holds."""
        return self.key


def settings() -> Settings:
    """The settings of this app."""
    return cast(Settings, current_app.extensions["forum.settings"])


def start(app: Flask) -> None:
    """Set the cookie's terms and tell Flask-Login where to ask."""
    terms: Settings = app.extensions["forum.settings"]
    app.config.update(
        SESSION_COOKIE_NAME="__Host-fachkreis" if terms.https else "fachkreis",
        SESSION_COOKIE_SECURE=terms.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=terms.session_days * 86400,
    )
    manager = LoginManager()
    manager.session_protection = None  # the row in the table decides, not the browser's name
    manager.init_app(app)
    manager.user_loader(_owner)
    app.before_request(_speak)


def viewer_or_none() -> Viewer | None:
    """Who is signed in, if anybody."""
    return cast(Viewer | None, getattr(current_user, "viewer", None))


def was_signed_in() -> bool:
    """Whether this browser holds a key that we signed, which may have ended; asks nothing of the database."""
    return "_user_id" in session


def viewer() -> Viewer:
    """Who is signed in; only for views that guests cannot reach."""
    found = viewer_or_none()
    if found is None:
        raise SignInNeeded
    return found


def network() -> NetworkName | None:
    """The network's name and language; None before `forum init`."""
    if "network" not in g:
        row = queries.network()
        g.network = NetworkName(row.name, row.language) if row else None
    return cast(NetworkName | None, g.network)


def speak_to(member: Member) -> None:
    """Speak the language of a member who is known by a link, where nobody is signed in."""
    here = network()
    if here is not None and member.language:
        g.network = NetworkName(here.name, member.language)


def remember(member: Member) -> None:
    """Sign the member in on this device, under a new key; who was signed in on it before is signed out."""
    if viewer_or_none():
        forget()
    session.clear()
    key = actions.sign_in(member, request.headers.get("User-Agent", ""))
    session.permanent = True
    login_user(_owner(key))


def forget() -> None:
    """Sign this device out, for good."""
    who = viewer()
    if who.sign_in_id is not None:
        actions.sign_out(who, who.sign_in_id)
    logout_user()
    session.clear()


def _owner(key: str) -> SignedIn | None:
    terms = settings()
    row = queries.signed_in(key, terms.session_idle_days, terms.session_days)
    if row is None:
        return None
    g.network = NetworkName(row.network_name, row.network_language)
    g.seen = row.sign_in_id, row.seen_at
    language = row.language or row.network_language
    i18n.speak(language)
    bounced = row.email if row.bounced_at else None
    return SignedIn(
        key,
        Viewer(
            row.id, row.name, row.role, language, row.organisation_id, row.caught_up_at, row.sign_in_id, bounced,
            row.theme, row.keys, row.photo,
        ),
    )  # fmt: skip


def _speak() -> None:
    """Start each request in German and in the network's time zone; whose language it is, is known later."""
    i18n.speak("de", settings().time_zone)


def note_visit(answer: Response) -> Response:
    """Keep the device from counting as idle; after the answer, and only now and then."""
    sign_in_id, seen_at = g.get("seen", (0, None))
    if seen_at and actions.is_news(seen_at):
        later(lambda: actions.note_visit(sign_in_id))
    return answer
