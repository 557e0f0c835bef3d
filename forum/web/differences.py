"""What was changed in a text, word by word, for people who look at what facilitators did."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

# Beyond that a comparison takes longer than anybody waits for a page; then the old and the new text are shown.
MOST_WORDS = 800
SHOWN, AROUND = 80, 6
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words that stayed, went or came; of a long stretch that stayed only the ends."""

    kind: Literal["same", "gone", "new"]
    text: str


@lru_cache(maxsize=256)
def difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in their order; none if they are alike."""
    if before == after:
        return ()
    old, new = _WORD.findall(before), _WORD.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        return Piece("gone", _first(old)), Piece("new", _first(new))
    pieces: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", _ends(old[a:b], not pieces, b == len(old))))
        else:
            pieces += [Piece("gone", "".join(old[a:b]))] if b > a else []
            pieces += [Piece("new", "".join(new[c:d]))] if d > c else []
    return tuple(pieces)


def _first(words: list[str]) -> str:
    return "".join(words[:SHOWN]) + ("…" if len(words) > SHOWN else "")


def _ends(words: list[str], first: bool, last: bool) -> str:
    """What stayed, without its middle, or without what is far from any change."""
    if len(words) <= 2 * AROUND:
        return "".join(words)
    start = "" if first else "".join(words[:AROUND])
    end = "" if last else "".join(words[-AROUND:])
    return f"{start}… {end}"
