"""A member's page."""

from flask import Response

from forum.members.models import initials
from forum.members.queries import member_page
from forum.threads.queries import posts_by
from forum.web.door import route
from forum.web.pages import found, page, with_openings
from forum.web.session import viewer

_EXTRACT = 180


@route("/members/<int:member_id>", allow="member")
def show(member_id: int) -> Response:
    """Who it is, from which organisation, and what they wrote that the viewer may read."""
    member = found(member_page(viewer(), member_id))
    posts = with_openings(posts_by(viewer(), member_id), _EXTRACT)
    return page("members/show.html", member=member, initials=initials(member.name), posts=posts)
