"""The form beside a thread or an area: how its posts are told of."""

from flask import Response

from forum.areas.queries import readable_area
from forum.notifications import actions
from forum.web.door import route
from forum.web.pages import found, go, sent
from forum.web.session import viewer


@route("/threads/<int:thread_id>/watch", allow="member", methods=("POST",))
def thread(thread_id: int) -> Response:
    """Choose for this thread; empty is as for its area."""
    actions.watch_thread(viewer(), thread_id, sent("level") or None)
    return go(f"/threads/{thread_id}?watched#watch")


@route("/areas/<slug>/watch", allow="member", methods=("POST",))
def area(slug: str) -> Response:
    """Choose for this area; empty is as for all areas."""
    here = found(readable_area(viewer(), slug))
    actions.watch_area(viewer(), here.id, sent("level") or None)
    return go(f"/areas/{slug}?watched#watch")
