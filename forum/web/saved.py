"""Searches that a member keeps."""

from flask import Response, request

from forum.areas.queries import readable_areas
from forum.errors import Invalid
from forum.members.queries import organisation_names
from forum.search import saved as searches
from forum.search.saved import LONGEST_NAME, SavedSearch
from forum.web.door import route
from forum.web.later import later
from forum.web.pages import found, go, page, said, sent
from forum.web.session import viewer


@route("/search/saved", allow="member")
def index() -> Response:
    """The viewer's own, each with what is new."""
    return _list()


@route("/search/saved", allow="member", methods=("POST",))
def save() -> Response:
    """Keep the search that is on the page."""
    try:
        kept = searches.save(viewer(), request.form, sent("name"))
    except Invalid as problem:
        return _list(said(problem), 422)
    return go(f"/search/saved#s{kept.id}")


@route("/search/saved/<int:search_id>", allow="member")
def show(search_id: int) -> Response:
    """Search again; what is found now is no longer new."""
    kept, who = found(searches.saved_search(viewer(), search_id)), viewer()
    if request.method == "GET":
        later(lambda: searches.note_look(who, search_id))
    return go(f"/search?{kept.query}")


@route("/search/saved/<int:search_id>/edit", allow="member")
def edit(search_id: int) -> Response:
    """The form to call it otherwise, or to delete it."""
    kept = found(searches.saved_search(viewer(), search_id))
    return _form(kept, kept.name)


@route("/search/saved/<int:search_id>/edit", allow="member", methods=("POST",))
def rename(search_id: int) -> Response:
    """Call it otherwise."""
    kept = found(searches.saved_search(viewer(), search_id))
    try:
        searches.rename(viewer(), search_id, sent("name"))
    except Invalid as problem:
        return _form(kept, sent("name"), said(problem), 422)
    return go(f"/search/saved#s{search_id}")


@route("/search/saved/<int:search_id>/delete", allow="member", methods=("POST",))
def delete(search_id: int) -> Response:
    """Keep it no longer."""
    searches.remove(viewer(), search_id)
    return go("/search/saved")


def _list(errors: dict[str, str] | None = None, status: int = 200) -> Response:
    areas = {area.slug: area.title for area in readable_areas(viewer())}
    rows = list(searches.news(viewer()))
    houses = organisation_names({row.saved.wish.organisation or 0 for row in rows})
    context = {"rows": rows, "areas": areas, "houses": houses, "errors": errors or {}}
    return page("search/saved.html", status, here="search", **context)


def _form(kept: SavedSearch, name: str, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    context = {"saved": kept, "name": name, "errors": errors or {}, "longest": LONGEST_NAME}
    return page("search/saved_one.html", status, here="search", **context)
