"""The pages: doors that open the transaction, know the viewer and call one action."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Flask, Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

from forum.config import Settings
from forum.web import (  # noqa: F401 - each module adds its routes when it is imported
    access,
    admin,
    answers,
    areas,
    assets,
    digest,
    door,
    drafts,
    files,
    gallery,
    health,
    held,
    helping,
    home,
    inbox,
    later,
    mail,
    members,
    merging,
    messages,
    moderation,
    more,
    offers,
    outcome,
    posts,
    practices,
    problems,
    profile,
    protected,
    redaction,
    saved,
    search,
    session,
    settings,
    similar,
    templates,
    templating,
    thesaurus,
    threads,
    unread,
    unsubscribe,
    uploads,
    watch,
)


class RowNumber(IntegerConverter):
    """A number in an address; what no row can have is no such address."""

    regex = "[0-9]+"

    def __init__(self, map_: Map) -> None:
        super().__init__(map_, max=2**31 - 1)


class Words(UnicodeConverter):
    """Words in an address; no row has any with NUL, and PostgreSQL does not even compare them."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_)
        self.regex = r"[^/\x00]+"


class Fields(ImmutableMultiDict[str, Any]):
    """What an address asks for or a form holds, as if there were no NUL."""

    def __init__(self, fields: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__([(_without_nul(name), _without_nul(value)) for name, value in fields])


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) else value


class Asked(Request):
    """What somebody asks of us."""

    parameter_storage_class = Fields


def open_doors(app: Flask, terms: Settings) -> None:
    """Give the app its pages; refuse to start when a route does not say who is allowed."""
    app.request_class = Asked
    app.url_map.converters |= {"int": RowNumber, "default": Words, "string": Words}
    app.extensions["forum.assets"] = assets.Assets(beside("static"))
    templating.prepare(app, beside("templates"))
    session.start(app)
    problems.watch(app)
    door.add_routes(app, terms.demo)
    app.after_request(later.hang_on)  # the last one that is named runs first: what puts things off comes below
    app.after_request(session.note_visit)
    answers.dress(app, terms.https)
    if terms.trusted_proxies:
        hops = terms.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def beside(name: str) -> Path:
    """Templates and static files: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).resolve().parent.parent / name
    return inside if inside.is_dir() else inside.parent.parent / name
