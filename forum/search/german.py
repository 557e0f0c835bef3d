"""German words become terms. What is written and what is asked for go through the same few functions.

A word may stand for several terms, and a query word may be met in several *ways*, each a group of terms that
must all be there. Compounds and synonyms will be further ways; nothing else has to change for them.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import Stemmer

# Another stemmer makes other terms, so an index made with it is another index.
VERSION = f"1/{Stemmer.version()}"

LONGEST_TERM = 64

Way = tuple[str, ...]

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

# "ue" after a vowel or q is mostly no umlaut and must not swallow an ending: neue, Mauer, Quelle; but geuebt.
_DIGRAPH = re.compile(r"(a|o)e+|(?:(?<![aeoq])|(?<=^[bg]e))(u)e+")

_stemmer = Stemmer.Stemmer("german", 0)
_stemming = threading.Lock()


class Token(NamedTuple):
    """A stretch of text and the terms it stands for."""

    terms: Way
    position: int
    start: int
    end: int


def clean(text: str) -> str:
    """One way of writing for umlauts and hyphens; offsets of tokens refer to a cleaned text."""
    return unicodedata.normalize("NFC", text).translate(_CLEANED)


def tokens(text: str) -> Iterator[Token]:
    """The words of a cleaned text. A hyphenated one comes whole, where its first part is, and in parts."""
    position = 0
    for word in _WORD.finditer(text):
        parts = list(_SINGLE_PART.finditer(text, word.start(), word.end()))
        if len(parts) > 1:
            yield Token((_joined(word[0]),), position, word.start(), word.end())
        for part in parts:
            yield Token(_part_terms(part[0]), position, part.start(), part.end())
            position += 1


def words(text: str) -> list[str]:
    """The words of a cleaned text as they are written, hyphenated ones whole."""
    return [word[0] for word in _WORD.finditer(text)]


def ways(word: str) -> tuple[Way, ...]:
    """How a query word may be met: "E-Mail" by "email", or by "e" and "mail"."""
    parts = [_part_terms(part) for part in _SINGLE_PART.findall(word)]
    if len(parts) < 2:
        return tuple((term,) for terms in parts for term in terms)
    return ((_joined(word),), tuple(terms[0] for terms in parts))


def sequence(phrase: str) -> tuple[Way, ...]:
    """For each place in a phrase, the terms that may stand there."""
    places: dict[int, Way] = {}
    for token in tokens(clean(phrase)):
        places[token.position] = token.terms
    return tuple(places.values())


@lru_cache(maxsize=100_000)
def term(word: str) -> str:
    """Case, umlauts, ß and inflection taken off: Räumungen, Raeumung and Raumung meet."""
    plain = _fold_digraphs(_fold_marks(word)[:LONGEST_TERM])
    with _stemming:  # a Snowball stemmer keeps its state between calls
        stem: str = _stemmer.stemWord(plain)
    return stem.replace("ue", "u")  # geübt and geuebt, with nothing left that could be swallowed


@lru_cache(maxsize=100_000)
def _part_terms(part: str) -> Way:
    """Mieter:innen, Mieter*innen, Mieter/-innen, MieterInnen … stand for Mieter and for Mieterinnen."""
    gendered = _MARKED.fullmatch(part) or _INNER_CAPITAL.fullmatch(part)
    if not gendered:
        return (term(part),)
    base, ending = gendered.groups()
    return tuple(dict.fromkeys((term(base), term(base + ending))))


def _joined(word: str) -> str:
    return term("".join(_base(part) for part in _SINGLE_PART.findall(word)))


def _base(part: str) -> str:
    gendered = _MARKED.fullmatch(part)
    return gendered[1] if gendered else part


def _fold_marks(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _fold_digraphs(word: str) -> str:
    return _DIGRAPH.sub(lambda found: found[1] or found[2], word)
