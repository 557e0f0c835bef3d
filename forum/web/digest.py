"""The digest that comes next, as facilitators see it, and the lines they add to it."""

from flask import Response

from forum.errors import Invalid
from forum.notifications import lines
from forum.notifications.models import LONGEST_LINE
from forum.web.door import route
from forum.web.letters import coming
from forum.web.pages import go, number, page, said, sent
from forum.web.session import viewer


@route("/moderation/digest", allow="facilitator")
def digest() -> Response:
    """The coming digest as the facilitator would get it, and the lines that go out with everybody's."""
    return _digest()


@route("/moderation/digest", allow="facilitator", methods=("POST",))
def add_line() -> Response:
    """Add a line."""
    try:
        lines.add_line(viewer(), sent("text"))
    except Invalid as problem:
        return _digest(sent("text"), said(problem), 422)
    return go("/moderation/digest#lines")


@route("/moderation/digest/remove", allow="facilitator", methods=("POST",))
def remove_line() -> Response:
    """Take a line back."""
    lines.remove_line(viewer(), number(sent("line")))
    return go("/moderation/digest#lines")


def _digest(text: str = "", errors: dict[str, str] | None = None, status: int = 200) -> Response:
    return page(
        "moderation/digest.html", status, here="moderation", lines=lines.lines(viewer()), text=text,
        errors=errors or {}, longest=LONGEST_LINE, coming=coming(viewer()),
    )  # fmt: skip
