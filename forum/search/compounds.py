"""Compounds: Mietschulden is Miete and Schulden, Räumungsklage is Räumung and Klage.

A word is split where that is cheaper than to leave it whole. A part costs the less the more compounds of the
dictionary are made with it, counted apart for the front ("Miet-", "Räumungs-", with what links them) and the end
("-schulden"); a word that is known costs little as a whole, an unknown one by its length. So linking letters,
names and English words need few rules of their own.
"""

import hashlib
import lzma
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

from forum.search.stems import fold_marks, stem

SHORTEST, LONGEST = 3, 64

# In bits: what a split may cost more than the whole, and what letters of an unknown word cost.
LENIENCE, LETTER = 12.0, 4.2
FRONTS, ENDS = 18.0, 18.0
SHORT, UNSEEN, LEARNED = 2.0, 2.0, 9.0
NEVER = math.inf

SEEN_IN_POSTS = 3

_FLEXIONS = ("s", "es", "e", "en", "n", "er", "ern", "nen", "se", "sen", "em", "ses")
_FLEXION_ENDS = frozenset("senrm")
_LINKS = ("", "s", "n", "en", "es", "er", "e", "innen")
_LINK_ENDS = frozenset("snre")
_TWO_LETTERS = re.compile(r"[aou]e")
_BODY = re.compile(r"((?!ge)\w{4,}(?!en)\w\w)schaft(?:en)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{4,20}")


class Part(NamedTuple):
    """What a word costs at the front and at the end of a compound, and as a whole."""

    front: float
    end: float
    whole: float


@dataclass(frozen=True)
class Lexicon:
    """Words that compounds are made of: those shipped, and those learned from a network's own posts."""

    shipped_words: Mapping[str, Part] = field(repr=False)
    shipped_version: str
    learned: frozenset[str] = frozenset()

    @classmethod
    def shipped(cls) -> "Lexicon":
        """The words that come with the program."""
        return _shipped()

    @classmethod
    def loads(cls, text: str) -> "Lexicon":
        """The shipped words, and those that dumps() wrote down."""
        shipped = cls.shipped()
        return cls(shipped.shipped_words, shipped.shipped_version, frozenset(text.split()))

    def dumps(self) -> str:
        """The learned words, one a line."""
        return "".join(f"{word}\n" for word in sorted(self.learned))

    def grown(self, counts: Mapping[str, int]) -> "Lexicon":
        """With words several posts use; short ones first, so that "Messie" is learned and "Messiewohnung" split."""
        seen = {fold_marks(word) for word, posts in counts.items() if posts >= SEEN_IN_POSTS and _WORD.fullmatch(word)}
        learned: set[str] = set(self.learned)
        for word in sorted(seen, key=lambda word: (len(word), word)):
            if not self._knows(word, learned) and not cheapest(Costs(self.shipped_words, learned), word):
                learned.add(word)
        return Lexicon(self.shipped_words, self.shipped_version, frozenset(learned))

    @property
    def version(self) -> str:
        """Another list splits otherwise, so an index made with it is another index."""
        return hashlib.sha256((self.shipped_version + self.dumps()).encode()).hexdigest()[:12]

    def _knows(self, word: str, learned: set[str]) -> bool:
        bases = (word, *(word.removesuffix(flexion) for flexion in _FLEXIONS))
        return any(base in self.shipped_words or base in learned for base in bases)


class Splitter:
    """Splits words by a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._costs = Costs(lexicon.shipped_words, lexicon.learned)
        self.split = lru_cache(maxsize=100_000)(self._split)
        self.parts = lru_cache(maxsize=100_000)(self._parts)

    def _split(self, word: str) -> tuple[int, ...]:
        """Where in the written word its second and further parts begin; empty for a word that is whole."""
        if not 2 * SHORTEST <= len(word) <= LONGEST or not word.isalpha():
            return ()
        for letters in _spellings(word):
            starts = cheapest(self._costs, "".join(letters))
            if starts:
                return _written(letters, starts)
        return ()

    def _parts(self, word: str) -> tuple[str, ...]:
        """The smallest parts without what links them; then neighbours together, of three or more; then Nachbar."""
        starts = (0, *self.split(word), len(word))
        pieces = [word[start:end] for start, end in pairwise(starts)]
        plain = [*map(self._unlinked, pieces[:-1]), pieces[-1]]
        pairs = map("".join, zip(pieces, plain[1:], strict=False)) if len(pieces) > 2 else ()
        neighbours = filter(None, map(self._neighbour, plain))
        return (*(plain if len(plain) > 1 else ()), *pairs, *neighbours)

    def _neighbour(self, part: str) -> str:
        """Nachbarschaft is found by Nachbar, since there is a Nachbarin; Wissenschaft not by "Wissen"."""
        found = _BODY.fullmatch(part)
        return found[1] if found and stem(found[1] + "in") == stem(found[1]) else ""

    def _unlinked(self, front: str) -> str:
        """Räumungs as Räumung, Miet as Miete, Hilfs as Hilfe."""
        for letters in _spellings(front):
            plain = "".join(letters)
            for cut, more in ((0, ""), (1, ""), (0, "e"), (2, ""), (1, "e"), (0, "en")):
                base = plain[: len(plain) - cut] + more
                if (not cut or plain.endswith(("s", "es", "n", "en")[cut - 1 : cut])) and self._costs.is_noun(base):
                    return front[: len(front) - cut] + more
        return front


class Costs:
    """What the words of a lexicon cost in a compound."""

    def __init__(self, words: Mapping[str, Part], learned: frozenset[str] | set[str]) -> None:
        self._words, self._learned = words, learned

    def get(self, word: str) -> Part | None:
        return self._words.get(word) or (_LEARNED if word in self._learned else None)

    def is_noun(self, word: str) -> bool:
        part = self.get(word)
        return part is not None and part.end < NEVER

    def front(self, word: str) -> float:
        """As it was counted, or as a known word with the usual link."""
        part = self.get(word)
        if part is not None and (part.front < NEVER or len(word) == 4):
            return part.front
        if len(word) < 5 or (part is None and word[-1] not in _LINK_ENDS):
            return NEVER
        return min(self._unseen(word, link) for link in _LINKS if word.endswith(link))

    def _unseen(self, word: str, link: str) -> float:
        base = word[: len(word) - len(link)]
        part = self.get(base) if len(base) >= 5 else None
        if part is None or part.end == NEVER:
            return NEVER
        counted = FRONTS + (LEARNED if base in self._learned else 0)
        return min(part.front, counted) + UNSEEN + len(link) / 2

    def end(self, word: str) -> float:
        return self._inflected(word, 1)

    def whole(self, word: str) -> float:
        return min(self._inflected(word, 2), LETTER * len(word))

    def base(self, word: str) -> str:
        """A word at the end of a compound without its flexion."""
        bases = (word.removesuffix(flexion) for flexion in ("", *_FLEXIONS))
        return min((base for base in bases if self.is_noun(base)), key=lambda base: self._words[base].end, default=word)

    def _inflected(self, word: str, place: int) -> float:
        part = self.get(word)
        if part is not None and part[place] < NEVER:
            return part[place]
        if word[-1] not in _FLEXION_ENDS:
            return NEVER
        parts = (
            self.get(word[: -len(flexion)])
            for flexion in _FLEXIONS
            if word.endswith(flexion) and len(word) - len(flexion) >= SHORTEST
        )
        return min((part[place] for part in parts if part is not None), default=NEVER)


_LEARNED = Part(FRONTS + LEARNED, ENDS + LEARNED, ENDS)


def cheapest(costs: Costs, word: str) -> tuple[int, ...]:
    """Where the parts of the cheapest split begin, if it is cheaper than the whole."""
    fronts: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    best = costs.whole(word)
    starts: tuple[int, ...] = ()
    for at in range(SHORTEST, len(word) - SHORTEST + 1):
        found = NEVER
        path: tuple[int, ...] = ()
        for before, (cost, starts_before) in fronts.items():
            if at - before < SHORTEST:
                break
            total = cost + costs.front(word[before:at])
            if total < found:
                found, path = total, (*starts_before, at)
        if found == NEVER:
            continue
        fronts[at] = found - LENIENCE, path
        total = found - LENIENCE + costs.end(word[at:])
        if total < best:
            best, starts = total, path
    return starts


def _spellings(word: str) -> Iterator[list[str]]:
    """The plain letters for each letter of a word, as it is, and with ae, oe and ue read as umlauts."""
    letters = [fold_marks(letter) for letter in word]
    yield letters
    plain = list(letters)
    for found in _TWO_LETTERS.finditer("".join(letters) if len("".join(letters)) == len(letters) else word.lower()):
        plain[found.end() - 1] = ""
    if plain != letters:
        yield plain


def _written(letters: list[str], starts: tuple[int, ...]) -> tuple[int, ...]:
    """Places in the plain letters as places in the written word."""
    places = [place for place, letter in enumerate(letters) for _ in letter]
    return tuple(places[start] for start in starts)


@cache
def _shipped() -> Lexicon:
    packed = (files("forum.search") / "words" / "german.txt.xz").read_bytes()
    words: dict[str, Part] = {}
    for line in lzma.decompress(packed).decode("ascii").splitlines():
        front, end, whole, *alike = line.split(" ")
        words.update(dict.fromkeys(alike, Part(float(front), float(end), float(whole))))
    return Lexicon(words, hashlib.sha256(packed).hexdigest())
