"""The search page."""

from urllib.parse import urlencode

from flask import Response, request

from forum.search.engine import KINDS, State
from forum.search.queries import Wish, search
from forum.web.door import route
from forum.web.pages import number, page
from forum.web.session import viewer

_STATES: dict[str, State] = {"recommended": "recommended", "helpful": "helpful", "unanswered": "unanswered"}


@route("/search", allow="member")
def show() -> Response:
    """Posts that were found, the way to each of them, and ways on when there are none."""
    asked = request.args
    wish = Wish(
        text=asked.get("q", ""),
        area=asked.get("area", ""),
        kind=asked.get("kind", "") if asked.get("kind") in KINDS else "",
        state=_STATES.get(asked.get("state", "")),
        by_date=asked.get("sort") == "date",
        page=number(asked.get("page", ""), 1) or 1,
    )
    results = search(viewer(), wish)
    chosen = {"q": wish.text, "area": wish.area, "kind": wish.kind, "state": wish.state or ""}
    chosen["sort"] = "date" if wish.by_date else ""
    return page(
        "search/show.html",
        here="search",
        wish=wish,
        results=results,
        hits=[{**hit.post._mapping, "extract": hit.extract} for hit in results.posts],
        base="/search?" + urlencode({name: value for name, value in chosen.items() if value}) + "&",
        without=lambda *names: "/search?" + urlencode({n: v for n, v in chosen.items() if v and n not in names}),
    )
