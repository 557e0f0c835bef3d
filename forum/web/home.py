"""The home page: what is new for me, who waits for help, what was recommended."""

from flask import Response

from forum.notifications.inbox import counts
from forum.practices.queries import recommendations
from forum.threads.lists import areas_with_unread, threads_for_me
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
    areas = areas_with_unread(viewer)
    unread = counts(viewer)
    threads = threads_for_me(viewer)
    recommended = recommendations(viewer, most=_SHOWN_RECOMMENDATIONS).rows
    return page(
        "home/show.html",
        here="threads",
        unread=unread,
        new=threads.new,
        further=max(0, unread.threads - len(threads.new)),
        moved=threads.moved,
        unanswered=threads.unanswered,
        recommended=with_openings(recommended, 160),
        areas=areas,
    )
