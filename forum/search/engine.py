"""What every search engine of the forum promises, and the words it is asked and answers with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol

KINDS = ("question", "strategy", "announcement")

State = Literal["recommended", "helpful", "unanswered"]
Sort = Literal["relevance", "date"]
Progress = Callable[[int], None]


class IndexDamaged(Exception):
    """The index cannot be used for writing until it has been rebuilt."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class IndexBusy(Exception):
    """Somebody else is writing, perhaps a rebuild: try again later."""


@dataclass(frozen=True, slots=True)
class Document:
    """One post as the index sees it."""

    key: int
    thread_id: int
    area_id: int
    kind: str
    title: str
    body: str
    author: str
    organisation: str
    number: int
    created_at: datetime
    recommended: bool = False
    helpful: bool = False
    answered: bool = False

    @property
    def opens_thread(self) -> bool:
        return self.number == 1


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody typed, understood. The caller turns `area`, a slug, into `Filters.area_ids`."""

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


@dataclass(frozen=True, slots=True)
class Filters:
    """What the searcher may see, and how the answer is to be cut. No areas, no hits."""

    area_ids: frozenset[int]
    kind: str | None = None
    state: State | None = None
    sort: Sort = "relevance"
    page: int = 1
    per_page: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A post that was found, and the words and phrases of the query that it was found by."""

    key: int
    score: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """`loosened`: no post had all the words, so these have some. `degraded`: the index could not be asked."""

    total: int = 0
    hits: tuple[Hit, ...] = ()
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

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents, or replace those with the same key. Raises IndexDamaged or IndexBusy."""

    def remove(self, keys: Iterable[int]) -> None:
        """Forget documents; unknown keys are fine. Raises IndexDamaged or IndexBusy."""

    def find(self, query: Query, filters: Filters) -> Found:
        """Answer always, if need be with `degraded`."""
        ...

    def rebuild(self, documents: Iterable[Document], progress: Progress | None = None) -> None:
        """Write everything anew beside the old index and swap. Raises IndexBusy."""

    def status(self) -> Status: ...

    def count_by_area(self) -> dict[int, Tally]:
        """For comparison with the database. Raises IndexDamaged."""
        ...
