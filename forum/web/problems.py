"""When something goes wrong: what happened, what was kept, what now. Never a stack trace, never lost text."""

import json
import logging
import secrets
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask, Response, make_response, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from forum import i18n
from forum.db import db
from forum.errors import Missing, Problem, Refused, Unready
from forum.web.door import ROUTES
from forum.web.pages import go, own_path, page, reader
from forum.web.session import SignInNeeded, network, settings, was_signed_in

log = logging.getLogger(__name__)

# Fields that are secret are asked for again; a token is made anew.
_SECRET = ("present", "password", "repeated")
_NOT_KEPT = frozenset({"csrf_token", *_SECRET})
_CODES = {400: "broken_text", 403: "not_allowed", 404: "missing", 405: "method", 413: "too_large"}


def watch(app: Flask) -> None:
    """Turn every failure into a page in the reader's language."""
    app.before_request(_make_room)
    protection = CSRFProtect(app)
    for entry in ROUTES:
        if entry.without_form:
            protection.exempt(entry.view)
    app.before_request(_straighten)
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(SignInNeeded, _sign_in)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(Exception, _bug)


@cache
def _with_files() -> frozenset[str]:
    return frozenset(entry.endpoint for entry in ROUTES if entry.with_files)


def _make_room() -> None:
    """Forms with files may be larger than others, before anything is read of them, but not everybody's.

    The cookie says who was signed in here, also if that has ended meanwhile: then the text is still to be kept.
    """
    if request.endpoint in _with_files() and request.mimetype == "multipart/form-data" and was_signed_in():
        request.max_content_length = settings().largest_request


def _straighten() -> Response | None:
    """Lead to the same page spelt properly ourselves: Flask's own answer would name the host the request came with."""
    if not isinstance(request.routing_exception, RequestRedirect):
        return None
    return go(own_path(urlsplit(request.routing_exception.new_url)._replace(scheme="", netloc="").geturl()))


def kept_fields() -> list[tuple[str, str]]:
    """What the form held, to be shown and sent again."""
    try:
        return [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_KEPT]
    except HTTPException:  # too large to be read
        return []


def _expired(_error: CSRFError) -> Response:
    """A form that was open too long, or came from elsewhere: nothing is done until it is sent again from here."""
    secret = [name for name in _SECRET if name in request.form]
    return page("errors/expired.html", 400, action=request.path, fields=kept_fields(), secret=secret)


def _sign_in(_error: SignInNeeded) -> Response:
    """Ask a guest to sign in; what a lost session's form held is kept and offered again afterwards."""
    if network() is None:
        return _problem(Unready("not_set_up"))
    if request.method in ("GET", "HEAD"):
        wanted = f"{quote(request.path)}?{request.query_string.decode('ascii', 'replace')}".rstrip("?")
        return go("/sign-in" if wanted == "/" else f"/sign-in?{urlencode({'next': wanted}, safe='/')}")
    resend = json.dumps({"action": request.path, "fields": kept_fields()})
    return page(
        "access/sign_in.html", 401, here="sign-in", errors={}, email="", next="/",
        resend=resend, text=_text(), people=(),
    )  # fmt: skip


def _problem(problem: Problem) -> Response:
    reader()  # the sentence is put together before the page is
    return page(
        "errors/problem.html",
        problem.status,
        sentence=i18n.sentence(problem),
        code=problem.status,
        link_used_up=problem.code == "link_used_up",
        text=_text(),
        words=_words_of_address() if isinstance(problem, Missing) else "",
        incident="",
    )


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or 300 <= status < 400:
        return make_response(error.get_response())
    problem: Problem = Missing() if status == 404 else Refused(_CODES.get(status, "not_allowed"))
    problem.status = status  # this answer's own status
    return _problem(problem)


def _database(error: OperationalError) -> Response:
    """The database is full, busy or away: the text is kept, and a later try may go through."""
    return _unexpected(error, 503)


def _bug(error: Exception) -> Response:
    return _unexpected(error, 500)


def _unexpected(error: Exception, status: int) -> Response:
    """Show a number under which the log tells more; the log holds no text of members."""
    incident = secrets.token_hex(4)
    log.error("incident %s at %s", incident, request.endpoint, exc_info=error)
    text = _text()
    db.session.rollback()
    try:
        return page(
            "errors/problem.html", status, sentence="", code=status, link_used_up=False, text=text, words="",
            incident=incident,
        )  # fmt: skip
    except Exception:  # the database is away, so that even the name of the network cannot be read
        return Response(_BARE % incident, status)


_BARE = (
    "<!doctype html><html lang=de><meta charset=utf-8><title>Störung</title><h1>Gerade geht es nicht</h1>"
    "<p>Bitte versuchen Sie es in einigen Minuten noch einmal. Vorgang %s</p>"
)


def _text() -> str:
    """The text somebody wrote, if the form had one."""
    fields: dict[str, Any] = dict(kept_fields())
    return str(fields.get("body") or fields.get("reason") or "")


def _words_of_address() -> str:
    """Words of an address that does not exist, to search for."""
    last = request.path.rstrip("/").rsplit("/", 1)[-1]
    return " ".join(part for part in last.split("-") if not part.isdigit())[:80]
