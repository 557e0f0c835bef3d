"""The home page: what is new for me, who waits for help, what was recommended."""

from flask import Response

from forum.areas.queries import readable_areas
from forum.practices.queries import recommendations
from forum.threads.queries import threads_for_me, unanswered_questions, unread_by_area
from forum.web.door import route
from forum.web.pages import page, with_openings
from forum.web.session import viewer_or_none

_SHOWN_RECOMMENDATIONS = 3


@route("/", allow="anyone")
def show() -> Response:
    """Guests get the landing page, which tells nothing of what is inside."""
    viewer = viewer_or_none()
    if viewer is None:
        return page("home/landing.html")
    unread = unread_by_area(viewer)
    moved = threads_for_me(viewer)
    recommended = recommendations(viewer, most=_SHOWN_RECOMMENDATIONS).rows
    return page(
        "home/show.html",
        here="threads",
        unread_total=sum(unread.values()),
        new=[thread for thread in moved if thread.unread],
        moved=[thread for thread in moved if not thread.unread],
        unanswered=unanswered_questions(viewer),
        recommended=with_openings(recommended, 160),
        areas=[{**area._mapping, "unread": unread.get(area.id, 0)} for area in readable_areas(viewer)],
    )
