"""How a view becomes a page: the template with what every page knows, and what the form sent."""

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

from flask import Response, jsonify, make_response, redirect, request

from forum import i18n
from forum.errors import Invalid, Missing
from forum.members.models import Viewer
from forum.notifications.inbox import NOTHING_NEW, counts
from forum.text import extract, plain
from forum.web.session import network, settings, viewer_or_none
from forum.web.templating import rendered

T = TypeVar("T")
_NOT_OWN = re.compile(r"<(blockquote|table)\b(?:(?!<blockquote|<table).)*?</\1>", re.DOTALL)
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def reader() -> Viewer | None:
    """Who reads, in whose language is spoken from here on; with a guest it is the network's."""
    who, name = viewer_or_none(), network()
    if who is None and name is not None:
        i18n.speak(name.language)
    return who


def page(template: str, status: int = 200, here: str = "", **context: Any) -> Response:
    """The template, with viewer, network, how much is unread and the page's address."""
    who = reader()
    if "unread" not in context:
        context["unread"] = counts(who) if who else NOTHING_NEW
    html = rendered(
        template,
        viewer=who,
        network=network() or {"name": "Fachkreis"},
        here=here,
        demo=settings().demo,
        url=settings().address + request.path,
        **context,
    )
    return make_response(html, status)


def go(path: str) -> Response:
    """Lead on to another page of ours after something was done."""
    return make_response(redirect(path, 303))


@lru_cache(maxsize=1024)
def opening(html: str, length: int = 200) -> str:
    """The first words of a post, for lists: the author's own, not those of a quotation or a table."""
    return extract(plain(_NOT_OWN.sub("", html)), length) or extract(plain(html), length)


def with_openings(rows: Iterable[Any], length: int) -> list[dict[str, Any]]:
    """Rows that hold a post's HTML, with its first words."""
    return [row._asdict() | {"extract": opening(row.html, length)} for row in rows]


def own_path(path: str) -> str:
    """The path if it leads nowhere but to us, else the home page."""
    return path if _OWN_PATH.fullmatch(path) else "/"


def found(thing: T | None) -> T:
    """The thing; what is not there, or not for this viewer, is missing."""
    if thing is None:
        raise Missing
    return thing


def sent(name: str) -> str:
    """What a form field holds."""
    return request.form.get(name, "")


def by_script() -> bool:
    """Whether a script asks, which wants facts instead of a page."""
    return request.accept_mimetypes.best == "application/json"


def go_to_what_was_written(path: str) -> Response:
    """Lead to what was written; a script, which shows it in place, is told where it is."""
    return jsonify(address=path) if by_script() else go(path)


def number(value: str, otherwise: int = 0) -> int:
    """A number as typed into an address or sent by a form; what is none, or far too large, is `otherwise`."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 9 else otherwise


def fresh_key() -> str:
    """A form's own key, by which the second of a double click is recognised."""
    return secrets.token_urlsafe(12)


def said(problem: Invalid) -> dict[str, str]:
    """The form's errors: field → sentence."""
    reader()
    return {one.field: i18n.sentence(one) for one in (problem, *problem.further)}
