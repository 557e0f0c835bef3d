"""For machines: whether the process lives, whether it can work, and that search engines stay out."""

from flask import Response
from sqlalchemy import text

from forum.db import db
from forum.web.door import route
from forum.web.session import network


@route("/healthz", allow="anyone")
def alive() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@route("/readyz", allow="anyone")
def ready() -> Response:
    """The database answers and holds a network."""
    db.session.execute(text("SELECT 1"))
    up = network() is not None
    return Response("ready\n" if up else "no network yet\n", 200 if up else 503, mimetype="text/plain")


@route("/robots.txt", allow="anyone")
def robots() -> Response:
    """No search engine is let in."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")
