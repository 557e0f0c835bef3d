"""Searching, viewer first: the page and the command come through here."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from forum.areas.queries import readable_areas
from forum.db import AnyRow
from forum.members.models import Viewer
from forum.members.queries import organisation_by_name, organisation_names
from forum.search.engine import KINDS, STATES, Asked, Engine, Filters, Found, Nearness, Query, Sight, State
from forum.search.extracts import Marker, Reason, best_reasons
from forum.search.german import clean
from forum.search.handlers import engine
from forum.search.query import parse
from forum.search.synonyms import Thesaurus
from forum.search.thesaurus import meanings
from forum.search.understanding import LIGHT, respelt, understand
from forum.search.vectors import MOST_CANDIDATES, vectors
from forum.text import plain
from forum.threads.queries import readable_posts

HITS_A_PAGE = 20
LAST_PAGE = 500
MOST_SPELLINGS = 3


@dataclass(frozen=True)
class Wish:
    """What somebody wants to find, as the form or the command says it."""

    text: str
    area: str = ""
    kind: str = ""
    state: State | None = None
    organisation: int | None = None
    year: int | None = None
    by_date: bool = False
    page: int = 1

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the search page; those that are left open are empty."""
        return {
            "q": self.text,
            "area": self.area,
            "kind": self.kind,
            "state": self.state or "",
            "organisation": "" if self.organisation is None else str(self.organisation),
            "year": "" if self.year is None else str(self.year),
            "sort": "date" if self.by_date else "",
        }


@dataclass(frozen=True)
class FoundPost:
    """A hit as it is shown; no reasons: by its words. `by_meaning`: by none of them."""

    post: AnyRow
    title: Markup
    extract: Markup
    reasons: tuple[Reason, ...]
    by_meaning: bool


@dataclass(frozen=True)
class Correction:
    """For words that nobody has written, those that may have been meant, best first. `used`: they were searched for."""

    typed: str
    spellings: Mapping[str, Sequence[str]]
    used: bool

    @property
    def text(self) -> str:
        """The text of the search with the likeliest spellings."""
        return self._with(lambda word: self.spellings[word][0])

    @property
    def exactly(self) -> str:
        """The text with these words in quotation marks: what stands in them is searched for as it is."""
        return self._with('"{}"'.format)

    @property
    def unwritten(self) -> str:
        """The words that nobody has written."""
        return " ".join(self.spellings)

    def _with(self, other: Callable[[str], str]) -> str:
        words = "|".join(map(re.escape, self.spellings))
        return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda found: other(found[0]), self.typed)


@dataclass(frozen=True)
class Results:
    """One page of hits; totals and facets count only what the viewer may see."""

    query: Query
    found: Found
    posts: Sequence[FoundPost]
    areas: Sequence[AnyRow]
    organisations: Mapping[int, str]
    correction: Correction | None = None
    asked: Asked = field(default_factory=Asked)

    @property
    def pages(self) -> int:
        """How many pages of hits there are."""
        return min(-(-self.found.total // HITS_A_PAGE), LAST_PAGE)


def wish_of(fields: Mapping[str, str]) -> Wish:
    """What the fields of the search page ask for; a value that there is not narrows nothing."""
    kind, year = fields.get("kind", ""), _number(fields.get("year", "")) or 0
    return Wish(
        text=fields.get("q", ""),
        area=fields.get("area", ""),
        kind=kind if kind in KINDS else "",
        state=next((state for state in STATES if state == fields.get("state")), None),
        organisation=_organisation(fields.get("organisation", "").strip()),
        year=year if 1000 <= year <= 9999 else None,
        by_date=fields.get("sort") == "date",
        page=_number(fields.get("page", "")) or 1,
    )


def _organisation(text: str) -> int | None:
    """By its number, as the links say it, or by its name."""
    number = _number(text)
    if number is not None or not text or "\0" in text:  # PostgreSQL takes no such sign
        return number
    named = organisation_by_name(text)
    return named.id if named else None


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def search(
    viewer: Viewer, wish: Wish, thesaurus: Thesaurus | None = None, within: Collection[str] | None = None
) -> Results:
    """Find posts the viewer may read. The index narrows by area, the database has the last word.

    With another thesaurus than the saved one, one can see what it would change. `within`: in these areas alone.
    """
    areas = [area for area in readable_areas(viewer) if within is None or area.slug in within]
    query = parse(wish.text)
    if not query.asks_something:
        return Results(query, Found(), [], areas, {})
    shelf = engine()
    filters = _filters(viewer, wish, query, areas)
    asked = understand(query, shelf.german, meanings() if thesaurus is None else thesaurus)
    near = _near(query, wish, shelf, asked, filters)
    found = shelf.find(asked, filters, near)
    correction = None
    if spellings := _spellings(shelf, query, found, filters):
        asked = respelt(asked, spellings, shelf.german)
        again = shelf.find(asked, filters, near)
        nothing_by_words = set(query.words) <= set(found.unmet)
        used = again.total > 0 and (nothing_by_words or found.total == 0 or found.loosened or asked.sentence)
        found = again if used else found
        correction = Correction(clean(wish.text), spellings, used)
    rows = readable_posts(viewer, [hit.key for hit in found.hits])
    if len(rows) < len(found.hits):  # the index is a moment behind: what is gone must not be counted either
        found = replace(found, total=found.total - (len(found.hits) - len(rows)))
    names = organisation_names(list(found.facets.organisations))
    return Results(query, found, _shown(found, rows, asked, shelf), areas, names, correction, asked)


def _near(query: Query, wish: Wish, shelf: Engine, asked: Asked, filters: Filters) -> Nearness | None:
    """How near posts are in meaning to the words of a query, where the extra is installed."""
    if not query.words or query.phrases or filters.sort == "date":
        return None
    plain_words = wish.text if query == Query(words=query.words) else " ".join(query.words)

    def best_by_words() -> list[int]:
        return [hit.key for hit in shelf.find(asked, replace(filters, page=1, per_page=MOST_CANDIDATES)).hits]

    return vectors().near(plain_words, best_by_words)


def _spellings(shelf: Engine, query: Query, found: Found, filters: Filters) -> dict[str, list[str]]:
    """For each word that nobody has written, those that may have been meant."""
    unmet = [word for word in query.words if word in found.unmet and word.casefold() not in LIGHT]
    alike = {word: shelf.spelt_like(word, filters.sight, MOST_SPELLINGS) for word in unmet}
    return {word: [spelling for spelling, _ in some] for word, some in alike.items() if some}


def _shown(found: Found, rows: Mapping[int, AnyRow], asked: Asked, shelf: Engine) -> list[FoundPost]:
    marker = Marker(asked, shelf.german)
    return [_shown_post(rows[hit.key], marker, hit.by_meaning) for hit in found.hits if hit.key in rows]


def _shown_post(post: AnyRow, marker: Marker, by_meaning: bool) -> FoundPost:
    title, body = marker.whole(post.title), marker.extract(plain(post.html))
    return FoundPost(post, title.text, body.text, best_reasons(title, body), by_meaning)


def _filters(viewer: Viewer, wish: Wish, query: Query, areas: Sequence[AnyRow]) -> Filters:
    by_slug = {area.slug: area.id for area in areas}
    readable = by_slug.values() if query.area is None else {by_slug[query.area]} if query.area in by_slug else ()
    return Filters(
        sight=Sight(frozenset(readable), viewer.organisation_id),
        area_id=by_slug.get(wish.area, 0) if wish.area else None,
        kind=wish.kind or None,
        state=wish.state,
        organisation_id=wish.organisation,
        year=wish.year,
        sort="date" if wish.by_date else "relevance",
        page=max(1, min(wish.page, LAST_PAGE)),
        per_page=HITS_A_PAGE,
    )
