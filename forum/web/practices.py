"""Recommended practice: what colleagues recommend, and for what."""

from urllib.parse import urlencode

from flask import Response, request

from forum.areas.queries import readable_areas
from forum.practices.queries import recommendations
from forum.web.door import route
from forum.web.pages import found, page, with_openings
from forum.web.session import viewer

_EXTRACT = 260


@route("/practices", allow="member")
def index() -> Response:
    """The recommended posts, the newest first, of one area or all."""
    areas = readable_areas(viewer())
    wanted = request.args.get("area", "")
    area = found(next((area for area in areas if area.slug == wanted), None)) if wanted else None
    before = request.args.get("before", "")
    listed = recommendations(viewer(), wanted, before)
    chosen = {"area": wanted} if wanted else {}
    return page(
        "practices/index.html",
        here="practices",
        rows=with_openings(listed.rows, _EXTRACT),
        areas=areas,
        area=area,
        older=listed.further and "/practices?" + urlencode({**chosen, "before": listed.further}),
        newest="/practices?" + urlencode(chosen) if before else "",
    )
