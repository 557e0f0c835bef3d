"""Searching, viewer first: the page and the command come through here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from forum.areas.queries import readable_areas
from forum.db import AnyRow
from forum.members.models import Viewer
from forum.search.engine import Filters, Found, Query, State
from forum.search.handlers import engine
from forum.search.query import extract, parse
from forum.text import plain
from forum.threads.queries import readable_posts

HITS_A_PAGE = 20
LAST_PAGE = 500


@dataclass(frozen=True)
class Wish:
    """What somebody wants to find, as the form or the command says it."""

    text: str
    area: str = ""
    kind: str = ""
    state: State | None = None
    by_date: bool = False
    page: int = 1


@dataclass(frozen=True)
class FoundPost:
    """A hit as it is shown."""

    post: AnyRow
    extract: Markup


@dataclass(frozen=True)
class Results:
    """One page of hits; `total` counts only what the viewer may see."""

    query: Query
    found: Found
    posts: Sequence[FoundPost]
    areas: Sequence[AnyRow]

    @property
    def pages(self) -> int:
        """How many pages of hits there are."""
        return min(-(-self.found.total // HITS_A_PAGE), LAST_PAGE)


def search(viewer: Viewer, wish: Wish) -> Results:
    """Find posts the viewer may read. The index narrows by area, the database has the last word."""
    areas = readable_areas(viewer)
    query = parse(wish.text)
    if not query.asks_something:
        return Results(query, Found(), [], areas)
    found = engine().find(query, _filters(wish, query, areas))
    rows = readable_posts(viewer, [hit.key for hit in found.hits])
    if len(rows) < len(found.hits):  # the index is a moment behind: what is gone must not be counted either
        found = replace(found, total=found.total - (len(found.hits) - len(rows)))
    posts = [
        FoundPost(rows[hit.key], extract(plain(rows[hit.key].html), query)) for hit in found.hits if hit.key in rows
    ]
    return Results(query, found, posts, areas)


def _filters(wish: Wish, query: Query, areas: Sequence[AnyRow]) -> Filters:
    wanted = {slug for slug in (wish.area, query.area) if slug}
    ids = frozenset(area.id for area in areas if wanted <= {area.slug})
    page = max(1, min(wish.page, LAST_PAGE))
    sort = "date" if wish.by_date else "relevance"
    return Filters(ids, wish.kind or None, wish.state, "date" if sort == "date" else "relevance", page, HITS_A_PAGE)
