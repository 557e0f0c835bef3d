"""All components in all states, for whoever works on the look. Only in the demonstration."""

from flask import Response

from forum.web.door import route
from forum.web.gallery_sample import sample
from forum.web.pages import page


@route("/design", allow="anyone", demo_only=True)
def show() -> Response:
    """The gallery."""
    return page("design/show.html", sample=sample())
