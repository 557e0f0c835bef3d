"""The moderation log."""

from flask import Response, request

from forum.areas.queries import readable_areas
from forum.moderation import queries
from forum.search.thesaurus import can_edit
from forum.web.door import route
from forum.web.pages import number, page
from forum.web.session import viewer


@route("/moderation/log", allow="member")
def log() -> Response:
    """What was done by whom and why, in the areas the viewer runs; empty for others."""
    entries = queries.log(viewer(), number(request.args.get("before", "")) or None)
    shown = entries[: queries.ENTRIES_A_PAGE]
    older = f"/moderation/log?before={shown[-1].id}" if len(entries) > len(shown) else ""
    areas = {area.id: area.title for area in readable_areas(viewer())}
    runs = can_edit(viewer())
    return page("moderation/log.html", here="moderation", entries=shown, older=older, areas=areas, runs=runs)
