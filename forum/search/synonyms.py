"""What else a word may be called: groups of equal words, and broader words with the narrower ones they stand for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

from forum.errors import Invalid
from forum.search import german
from forum.text import tidy

LONGEST_WORD = 60
MOST_WORDS = 30

# How an entry is recognised: by the terms of its words, one after the other.
Key = tuple[str, ...]

_BETWEEN = re.compile(r"[\n,;=]")


@dataclass(frozen=True, slots=True)
class Group:
    """Words that mean the same; or, with a `head`, narrower words that are found by the broader one as well."""

    words: tuple[str, ...]
    head: str = ""

    def __str__(self) -> str:
        return f"{self.head} → {', '.join(self.words)}" if self.head else " = ".join(self.words)

    @property
    def keys(self) -> frozenset[Key]:
        """What no other group of the same sort may hold: the equal words, or the head."""
        return frozenset().union(*map(keys, (self.head,) if self.head else self.words))

    @property
    def first(self) -> str:
        """The word that names the group."""
        return self.head or "".join(self.words[:1])


@dataclass(frozen=True, slots=True)
class Also:
    """A stretch of the typed words that is an entry, and the words it may be met as; narrower ones are not `equal`."""

    start: int
    length: int
    entry: str
    words: tuple[str, ...]
    equal: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    word: str
    others: tuple[str, ...]
    equal: bool


@dataclass(frozen=True)
class Thesaurus:
    """All groups, as a value: a changed one can be tried before it is saved."""

    groups: tuple[Group, ...] = ()

    def of(self, words: Sequence[str]) -> list[Also]:
        """What the words of a query may also be met as. Within "gesetzliche Betreuung", "Betreuung" is no entry."""
        found = [also for start in range(len(words)) for also in self._at(words, start)]
        return [also for also in found if not any(_within(also, other) for other in found)]

    def _at(self, words: Sequence[str], start: int) -> Iterator[Also]:
        for length in range(1, min(self._longest, len(words) - start) + 1):
            stretch = keys(" ".join(words[start : start + length]))
            entries = [entry for key in sorted(stretch) for entry in self._entries.get(key, ())]
            met = {(not entry.equal, entry.others): entry for entry in reversed(entries)}  # one for all forms of a word
            yield from (Also(start, length, met[key].word, met[key].others, met[key].equal) for key in sorted(met))

    @cached_property
    def _entries(self) -> dict[Key, list[_Entry]]:
        found: dict[Key, list[_Entry]] = {}
        for entry in self._all_entries():
            for key in keys(entry.word):
                found.setdefault(key, []).append(entry)
        return found

    def _all_entries(self) -> Iterator[_Entry]:
        for group in self.groups:
            if group.head:
                yield _Entry(group.head, group.words, equal=False)
                continue
            for word in group.words:
                yield _Entry(word, tuple(other for other in group.words if not keys(other) & keys(word)), equal=True)

    @cached_property
    def _longest(self) -> int:
        """How many typed words an entry may cover; one that is written together may be typed in two."""
        return max((2, *map(len, self._entries)))


@lru_cache(maxsize=50_000)
def keys(text: str) -> frozenset[Key]:
    """The keys of an entry: those of its words, in each gender, and that of all written together (Jobshadowing)."""
    places = german.sequence(text)
    if len(places) < 2:
        return frozenset(product(*places)) - {()}
    together = "".join(german.words(german.clean(text))).replace("-", "")
    return frozenset(product(*places)) | {(german.term(together),)}


def typed(words: str, head: str = "") -> Group:
    """A group as a person types it: a word a line, or with commas between. Raises Invalid where it cannot be used."""
    head = _tidied(head, "head") if head.strip() else ""
    pieces = [_tidied(piece, "words") for piece in _BETWEEN.split(tidy(words)) if piece.strip()]
    kept = {piece.casefold(): piece for piece in pieces if piece.casefold() != head.casefold()}
    group = Group(tuple(kept.values()), head)
    if all(keys(word) & keys(group.first) for word in group.words):  # an inflected form is found without our help
        raise Invalid("narrower_empty" if head else "words_too_few", "words")
    if len(kept) > MOST_WORDS:
        raise Invalid("words_too_many", "words", most=MOST_WORDS)
    return group


def united(groups: Iterable[Group]) -> Group:
    """Groups of the same sort as one. Raises Invalid where that is too many words."""
    first, *others = groups
    return typed("\n".join(word for group in (first, *others) for word in group.words), first.head)


def _within(also: Also, other: Also) -> bool:
    inside = other.start <= also.start and also.start + also.length <= other.start + other.length
    return inside and also.length < other.length


def _tidied(word: str, field: str) -> str:
    word = " ".join(german.clean(tidy(word)).split())
    if len(word) > LONGEST_WORD:
        raise Invalid("word_long", field, most=LONGEST_WORD, value=word[:LONGEST_WORD])
    if not keys(word):
        raise Invalid("word_signs", field, value=word)
    return word
