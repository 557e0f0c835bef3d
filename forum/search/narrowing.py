"""What of a view may be seen at all, what the chosen filters leave of it, and what others would leave."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np

from forum.search.engine import KINDS, STATES, Asked, Facets, Filters, State
from forum.search.postings import ANSWERED, ENDED, HELPFUL, OPENS_THREAD, RECOMMENDED, SOLVED, Mask
from forum.search.segments import View

_FLAGS: dict[State, int] = {"recommended": RECOMMENDED, "helpful": HELPFUL, "solved": SOLVED, "outcome": ENDED}


class Narrowing:
    """What may be seen at all, and what the chosen filters leave of it."""

    def __init__(self, view: View, asked: Asked, filters: Filters) -> None:
        self._view, self._filters = view, filters
        self.permitted = self._may_be_seen(asked)
        self._choices = dict(self._made_choices())
        self.chosen = self._all_but(None)

    def _may_be_seen(self, asked: Asked) -> Mask:
        seen = self._view.seen(self._filters.sight)
        if asked.kind:
            seen &= self._view.column("kind") == KINDS.index(asked.kind)
        if asked.after:
            seen &= self._view.column("created") >= _midnight(asked.after)
        if asked.before:
            seen &= self._view.column("created") < _midnight(asked.before)
        return seen

    def _made_choices(self) -> Iterator[tuple[str, Mask]]:
        filters = self._filters
        if filters.area_id is not None:
            yield "area", self._view.column("area") == filters.area_id
        if filters.kind:
            yield "kind", self._view.column("kind") == KINDS.index(filters.kind)
        if filters.state:
            yield "state", self._in_state(filters.state)
        if filters.organisation_id is not None:
            yield "organisation", self._view.column("organisation") == filters.organisation_id
        if filters.year is not None:
            yield "year", self._view.column("year") == filters.year

    def _all_but(self, name: str | None) -> Mask:
        left = np.ones(len(self._view.rows), bool)
        for choice, mask in self._choices.items():
            if choice != name:
                left &= mask
        return left

    def _in_state(self, state: State) -> Mask:
        flags = self._view.column("flags")
        if state == "unanswered":
            open_question: Mask = self._view.column("kind") == KINDS.index("question")
            open_question &= flags & (OPENS_THREAD | ANSWERED) == OPENS_THREAD
            return open_question
        marked: Mask = (flags & _FLAGS[state]).astype(bool)
        return marked

    def facets(self, matched: Mask) -> Facets:
        """Each facet is counted as if its own filter were not set."""
        in_any_state = matched & self._all_but("state")
        return Facets(
            areas=self._counts("area", matched),
            kinds={KINDS[number]: count for number, count in self._counts("kind", matched).items()},
            states={state: count for state in STATES if (count := int((in_any_state & self._in_state(state)).sum()))},
            organisations=self._counts("organisation", matched),
            years=self._counts("year", matched),
        )

    def _counts(self, name: str, matched: Mask) -> dict[int, int]:
        values = self._view.column(name)[matched & self._all_but(name)]
        if not len(values):
            return {}
        counts = np.bincount(values)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
