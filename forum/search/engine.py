"""What every search engine of the forum promises, and the words it is asked and answers with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from forum.search.german import German

KINDS = ("question", "strategy", "announcement")

State = Literal["recommended", "helpful", "solved", "outcome", "unanswered"]
STATES: tuple[State, ...] = get_args(State)
Sort = Literal["relevance", "date"]
Progress = Callable[[int], None]
Overtaken = Callable[[], None]


class IndexDamaged(Exception):
    """The index cannot be used for writing until it has been rebuilt."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class IndexBusy(Exception):
    """Somebody else is writing, or building the index anew: try again later."""


@dataclass(frozen=True, slots=True)
class Document:
    """One post as the index sees it. The members of an organisation from which it is hidden do not see it."""

    key: int
    thread_id: int
    area_id: int
    kind: str
    title: str
    body: str
    author: str
    number: int
    created_at: datetime
    organisation_id: int | None = None
    hidden_from_id: int | None = None
    files: str = ""
    recommended: bool = False
    helpful: bool = False
    answered: bool = False
    outcome: str = ""

    @property
    def opens_thread(self) -> bool:
        return self.number == 1


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody typed, read. `area` is a slug."""

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    author: str | None = None
    area: str | None = None
    kind: str | None = None
    after: date | None = None
    before: date | None = None
    problems: tuple[str, ...] = ()

    @property
    def asks_something(self) -> bool:
        return any((self.words, self.phrases, self.excluded, self.author,
                    self.area, self.kind, self.after, self.before))  # fmt: skip


How = Literal["word", "part", "split", "piece", "equal", "narrower", "similar"]
Reach = Literal["words", "parts", "either"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a word may be met: at each place one of some terms, among words, parts of words, or either.

    `how` says why: the word itself in any form; a part of a compound; the parts of the asked compound apart, or one of
    them alone; a word of the thesaurus; a word that is spelt alike. A post that has a `firm` one has what was asked;
    others count in the order only, but for the parts apart where nothing firm is found. `entry` is the word of the
    thesaurus or the spelling.
    """

    places: tuple[tuple[str, ...], ...]
    how: How = "word"
    weight: float = 1.0
    reach: Reach = "words"
    firm: bool = True
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing asked for, as it was typed, and how it may be met. `light`: a word like "how" or "mit"."""

    asked: str
    ways: tuple[Way, ...]
    phrase: bool = False
    light: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as an engine is asked it. No clauses: everything that the filters leave.

    Of a `sentence` a post need not have all words. `neighbours` are the words in their order.
    """

    clauses: tuple[Clause, ...] = ()
    excluded: tuple[Clause, ...] = ()
    author: tuple[tuple[str, ...], ...] = ()
    kind: str | None = None
    after: date | None = None
    before: date | None = None
    sentence: bool = False
    neighbours: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near each post is in meaning to what was asked: keys ascending, and a cosine for each.

    It knows nothing of who asks: an engine keeps only what the searcher may see.
    """

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the searcher may see: what stands in these areas and is not hidden from their own organisation."""

    area_ids: frozenset[int] = frozenset()
    organisation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What the searcher may see, and how the answer is to be cut.

    `area_id` narrows what may be seen; the others narrow it further. `organisation_id` 0: authors of no organisation.
    """

    sight: Sight
    area_id: int | None = None
    kind: str | None = None
    state: State | None = None
    organisation_id: int | None = None
    year: int | None = None
    sort: Sort = "relevance"
    page: int = 1
    per_page: int = 20


class Hit(NamedTuple):
    """A post that was found. `by_meaning`: it has none of the words."""

    key: int
    score: float
    by_meaning: bool = False


@dataclass(frozen=True, slots=True)
class Facets:
    """How many hits there would be under each choice of one filter, with the others as they are."""

    areas: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    organisations: Mapping[int, int] = field(default_factory=dict)
    years: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """`loosened`: no post had all the words, so these have some. `degraded`: the index could not be asked.

    `unmet` are the words and phrases that no post has which the searcher may see.
    """

    total: int = 0
    hits: tuple[Hit, ...] = ()
    facets: Facets = Facets()
    unmet: tuple[str, ...] = ()
    loosened: bool = False
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """`problem` is a reason code: missing, other_version or damaged."""

    documents: int = 0
    segments: int = 0
    bytes: int = 0
    healthy: bool = True
    problem: str | None = None


class Tally(NamedTuple):
    """How many documents there are, and the sum of their keys: as many others in their place are noticed too."""

    documents: int
    keys: int


class Engine(Protocol):
    """Only the worker writes; reading never raises but for `count_by_area`, which is for checks."""

    @property
    def german(self) -> German:
        """How this index reads German: it learns words of the network at each rebuild."""
        ...

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents, or replace those with the same key. Raises IndexDamaged or IndexBusy."""

    def remove(self, keys: Iterable[int]) -> None:
        """Forget documents; unknown keys are fine. Raises IndexDamaged or IndexBusy."""

    def find(self, asked: Asked, filters: Filters, near: Nearness | None = None) -> Found:
        """Answer always, if need be with `degraded`."""
        ...

    def spelt_like(self, word: str, sight: Sight, most: int = 5) -> list[tuple[str, int]]:
        """Words one may see that may have been meant, best first, each with the number of posts that have it."""
        ...

    def begun(self, word: str, sight: Sight, most: int = 5) -> list[str]:
        """Words one may see that begin so, as they are mostly written, the most used first."""
        ...

    def words(self) -> Mapping[str, int]:
        """All words as they are written, and in how many places: for learning. Raises IndexDamaged."""
        ...

    def rebuild(
        self, documents: Iterable[Document], progress: Progress | None = None, overtaken: Overtaken | None = None
    ) -> None:
        """Learn the words of the old index, write everything anew beside it and swap. Raises IndexBusy.

        Meanwhile the old one can be written: then `overtaken` is called before the swap, since the new one lacks that.
        """

    def status(self) -> Status: ...

    def count_by_area(self) -> dict[int, Tally]:
        """For comparison with the database. Raises IndexDamaged."""
        ...
