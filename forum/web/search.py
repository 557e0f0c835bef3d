"""The search page: hits and why they were found, choices that narrow them, and ways on when there are none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request

from forum.members.queries import organisation_names
from forum.search import missed
from forum.search.engine import KINDS, STATES
from forum.search.people import knowing
from forum.search.queries import Results, Wish, search, wish_of
from forum.web.door import route
from forum.web.later import later
from forum.web.pages import go, page
from forum.web.session import viewer

_NARROWING = ("area", "kind", "state", "organisation", "year")


@dataclass(frozen=True)
class Choice:
    """A value of a facet: how many hits it leaves, and where it is chosen or taken away again."""

    value: str
    count: int
    chosen: bool
    href: str


@dataclass(frozen=True)
class Asked:
    """The fields of the page as they were understood, and addresses with other ones."""

    fields: Mapping[str, str]

    @property
    def chosen(self) -> list[str]:
        """Which facets narrow the hits."""
        return [name for name in _NARROWING if self.fields[name]]

    def address(self, **others: str) -> str:
        """The page with these fields changed, from its beginning."""
        fields = {name: value for name, value in {**self.fields, **others}.items() if value}
        return f"/search?{urlencode(fields)}"

    def wider(self) -> str:
        """The page with nothing chosen."""
        return self.address(**dict.fromkeys(_NARROWING, ""))

    def choices(self, name: str, counts: Iterable[tuple[object, int]], total: int) -> list[Choice]:
        """The values of a facet; none where a choice would change nothing."""
        taken = self.fields[name]
        values = {str(value): count for value, count in counts}
        if taken:
            values.setdefault(taken, 0)
        elif len(values) == 1 and total in values.values():
            return []
        return [
            Choice(value, count, value == taken, self.address(**{name: "" if value == taken else value}))
            for value, count in values.items()
        ]


@route("/search", allow="member")
def show() -> Response:
    """Posts that were found, the way to each of them, and ways on when there are none."""
    wish = wish_of(request.args)
    results, asked = search(viewer(), wish), Asked(wish.fields)
    if results.found.total and wish.page > results.pages:
        return go(asked.address(page=str(results.pages)))
    if _is_missed(wish, results, asked):
        later(lambda: missed.note(wish.text))
    return page(
        "search/show.html",
        here="search",
        wish=wish,
        results=results,
        asked=asked,
        facets=_facets(results, asked),
        areas={area.slug: area.title for area in results.areas},
        organisations=_organisations(results, wish),
        knowing=knowing(viewer(), results.asked) if wish.page == 1 and not asked.chosen else [],
    )


def _is_missed(wish: Wish, results: Results, asked: Asked) -> bool:
    """Whether the words are missing, and not only hidden by what was chosen or by an index that cannot be asked."""
    found = results.found
    in_vain = results.query.asks_something and not found.total and not found.degraded
    return in_vain and not asked.chosen and wish.page == 1 and request.method == "GET"


def _facets(results: Results, asked: Asked) -> dict[str, list[Choice]]:
    """What the hits can be narrowed by, the most frequent first; kinds, states and years in their order."""
    found, slugs = results.found, {area.id: area.slug for area in results.areas}
    counts: dict[str, Iterable[tuple[object, int]]] = {
        "area": ((slugs[area], count) for area, count in _most_first(found.facets.areas)),
        "kind": ((kind, found.facets.kinds[kind]) for kind in KINDS if kind in found.facets.kinds),
        "state": ((state, found.facets.states[state]) for state in STATES if state in found.facets.states),
        "organisation": _most_first(found.facets.organisations),
        "year": sorted(found.facets.years.items(), reverse=True),
    }
    return {name: asked.choices(name, counts[name], found.total) for name in counts}


def _most_first(counts: Mapping[int, int]) -> list[tuple[int, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _organisations(results: Results, wish: Wish) -> dict[str, str]:
    """The names for the facet; one that was chosen in vain is not among the hits."""
    names = dict(results.organisations)
    if wish.organisation and wish.organisation not in names:
        names |= organisation_names([wish.organisation])
    return {str(key): name for key, name in names.items()}
