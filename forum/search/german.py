"""German words become terms. What is written and what is asked for go through the same few functions.

A word stands for one term or, in a gender form, for several, and a compound also for its parts.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from forum.search.compounds import Lexicon, Splitter
from forum.search.stems import VERSION as STEMS
from forum.search.stems import stem

# Another analysis makes other terms, so an index made with it is another index.
VERSION = 2

# Lookarounds keep "Beratung/Information" two words: a slash opens only a complete "in" or "innen".
_ENDING = r"(?:[:*_·](?:innen[^\W_]*|in(?![^\W_]))|/-?in(?:nen)?(?![^\W_])|\(in(?:nen)?\))"
_PART = rf"[^\W_]+{_ENDING}?"
_WORD = re.compile(rf"{_PART}(?:-{_PART})*", re.IGNORECASE)
_SINGLE_PART = re.compile(_PART, re.IGNORECASE)
_MARKED = re.compile(r"([^\W\d_]{2,})(?:[:*_·]|/-?|\()(in|innen[^\W_]*)\)?", re.IGNORECASE)
_INNER_CAPITAL = re.compile(r"([^\W\d_]*[^\W\d_A-ZÄÖÜ])(In|Innen[^\W_]*)")

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011"), "-")
_CLEANED = _INVISIBLE | _HYPHENS
_TO_CLEAN = re.compile("[{}]".format("".join(map(chr, _CLEANED))))

Terms = tuple[str, ...]

term = stem


class Token(NamedTuple):
    """A stretch of text, the terms it stands for, and the terms of its parts where it is a compound."""

    terms: Terms
    parts: Terms
    position: int
    start: int
    end: int


def clean(text: str) -> str:
    """One way of writing for umlauts and hyphens; offsets of tokens refer to a cleaned text."""
    text = unicodedata.normalize("NFC", text)
    return text.translate(_CLEANED) if _TO_CLEAN.search(text) else text


def written(text: str) -> Iterator[re.Match[str]]:
    """Where the words of a cleaned text are, hyphenated ones whole."""
    return _WORD.finditer(text)


def words(text: str) -> list[str]:
    """The words of a cleaned text as they are written, hyphenated ones whole."""
    return [word[0] for word in written(text)]


def hyphenated(word: str) -> list[str]:
    """The parts of a word between its hyphens."""
    return _SINGLE_PART.findall(word)


def joined(word: str) -> str:
    """E-Mail as Email: without hyphens, and of gender forms the base."""
    return "".join(_base(part) for part in hyphenated(word))


@lru_cache(maxsize=100_000)
def terms(part: str) -> Terms:
    """Mieter:innen, Mieter*innen, Mieter/-innen, MieterInnen … stand for Mieter and for Mieterinnen."""
    gendered = _gendered(part)
    if not gendered:
        return (term(part),)
    base, ending = gendered.groups()
    return tuple(dict.fromkeys((term(base), term(base + ending))))


def sequence(phrase: str) -> tuple[Terms, ...]:
    """For each place in a phrase, the terms that may stand there."""
    return tuple(terms(part) for word in words(clean(phrase)) for part in hyphenated(word))


class German:
    """German as an index reads it: with a list of words that compounds may be made of."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._splitter = Splitter(lexicon)
        self.parts = lru_cache(maxsize=100_000)(self._read_parts)

    @property
    def version(self) -> str:
        """What an index is made with: as long as it is the same, its terms are."""
        return f"{VERSION} {STEMS} {self.lexicon.version}"

    def tokens(self, text: str) -> Iterator[Token]:
        """The words of a cleaned text. A hyphenated one comes whole, where its first part is, and in parts."""
        position = 0
        for word in _WORD.finditer(text):
            start, end = word.span()
            if "-" not in word[0]:
                yield Token(terms(word[0]), self.parts(word[0]), position, start, end)
                position += 1
                continue
            whole = joined(word[0])
            yield Token((term(whole),), self.parts(whole), position, start, end)
            for part in _SINGLE_PART.finditer(text, start, end):
                yield Token(terms(part[0]), self.parts(part[0]), position, part.start(), part.end())
                position += 1

    def shown(self, word: str) -> str:
        """A compound with its joints: Miet|schulden."""
        joints = [0, *self._splitter.split(word), len(word)]
        return "|".join(word[start:end] for start, end in pairwise(joints))

    def apart(self, word: str) -> Terms:
        """The terms of a compound's smallest parts, in their order: all of it, once."""
        whole = _whole(word)
        joints = self._splitter.split(whole)
        return tuple(map(term, self._splitter.parts(whole)[: len(joints) + 1])) if joints else ()

    def _read_parts(self, word: str) -> Terms:
        """The terms of everything in a compound that may be asked for, none for a word that is whole."""
        return tuple(dict.fromkeys(map(term, self._splitter.parts(_whole(word)))))


def _whole(word: str) -> str:
    gendered = _gendered(word)
    return gendered[1] + gendered[2] if gendered else word


def _gendered(part: str) -> re.Match[str] | None:
    return _MARKED.fullmatch(part) or _INNER_CAPITAL.fullmatch(part)


def _base(part: str) -> str:
    gendered = _MARKED.fullmatch(part)
    return gendered[1] if gendered else part
