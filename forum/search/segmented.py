"""What every engine does alike that keeps segments: it asks a view, learns words, and gives damage one name."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Generic, TypeVar

from forum.search.compounds import Lexicon
from forum.search.engine import (
    Asked,
    Document,
    Filters,
    Found,
    IndexBusy,
    IndexDamaged,
    Nearness,
    Sight,
    Status,
    Tally,
)
from forum.search.german import German
from forum.search.matching import Search
from forum.search.postings import FORMAT
from forum.search.segments import View, begun, spelt_like

log = logging.getLogger(__name__)

Read = TypeVar("Read")
AnyView = TypeVar("AnyView", bound=View)


@cache
def version() -> str:
    """Of what is kept, and of the German it was made with."""
    return f"{FORMAT} german {German(Lexicon.shipped()).version}"


class SegmentedEngine(ABC, Generic[AnyView]):
    """An engine but for where its segments are."""

    def __init__(self) -> None:
        self._view: AnyView | None = None
        self._german: tuple[str, German] | None = None

    @property
    def german(self) -> German:
        """With what the network's own words have taught; if these cannot be read, without."""
        with suppress(Exception):  # damaged bytes raise whatever they like
            return self._german_of(self._generation())
        return German(Lexicon.shipped())

    def find(self, asked: Asked, filters: Filters, near: Nearness | None = None) -> Found:
        if not filters.sight.area_ids:
            return Found()
        return self._answered(lambda view: Search(view, asked, filters, near).found(), Found(degraded=True))

    def spelt_like(self, word: str, sight: Sight, most: int = 5) -> list[tuple[str, int]]:
        return self._answered(lambda view: spelt_like(view, word, sight, most), [])

    def begun(self, word: str, sight: Sight, most: int = 5) -> list[str]:
        return self._answered(lambda view: begun(view, word, sight, most), [])

    def words(self) -> Mapping[str, int]:
        with self._as_damage():
            return self._asked(View.words)

    def count_by_area(self) -> dict[int, Tally]:
        with self._as_damage():
            return self._asked(View.tallies)

    def status(self) -> Status:
        """Reads every byte that counts, so it is for checks, not for every page."""
        try:
            with self._as_damage():
                return self._looked_over()
        except IndexDamaged as damage:
            self._forget()
            return Status(healthy=False, problem=damage.problem)

    def put(self, documents: Iterable[Document]) -> None:
        latest = {document.key: document for document in documents}
        if latest:
            self._change(set(latest), [latest[key] for key in sorted(latest)])

    def remove(self, keys: Iterable[int]) -> None:
        if gone := set(keys):
            self._change(gone, [])

    def _answered(self, ask: Callable[[AnyView], Read], otherwise: Read) -> Read:
        try:
            return self._asked(ask)
        except IndexDamaged as damage:
            log.warning("Search index: %s", damage.problem)
        except Exception:  # damaged bytes raise whatever they like
            log.exception("Search index cannot be read")
        self._forget()
        return otherwise

    @contextmanager
    def _as_damage(self) -> Iterator[None]:
        """What damaged bytes raise has no common name until here."""
        try:
            yield
        except (IndexDamaged, IndexBusy):
            raise
        except Exception as error:
            if self._is_no_damage(error):
                raise
            raise IndexDamaged("damaged") from error

    def _german_of(self, generation: str) -> German:
        known = self._german
        if known is None or known[0] != generation:
            known = self._german = generation, German(Lexicon.loads(self._words_of(generation)))
        return known[1]

    def _learned(self) -> Lexicon:
        """The words of the index as it is, if it can still be read."""
        with suppress(IndexDamaged, OSError):
            return Lexicon.shipped().grown(self.words())
        return Lexicon.shipped()

    @abstractmethod
    def _asked(self, ask: Callable[[AnyView], Read]) -> Read:
        """Ask the present view."""

    @abstractmethod
    def _change(self, gone: set[int], added: list[Document]) -> None:
        """Take the documents with these keys away and put others."""

    @abstractmethod
    def _looked_over(self) -> Status:
        """How the index is, when every byte has been read."""

    @abstractmethod
    def _generation(self) -> str:
        """What is in use."""

    @abstractmethod
    def _words_of(self, generation: str) -> str:
        """What a generation has learned."""

    @abstractmethod
    def _is_no_damage(self, error: Exception) -> bool:
        """Whether it went wrong although the index may be whole."""

    @abstractmethod
    def _forget(self) -> None:
        """Open everything anew when it is asked next."""
