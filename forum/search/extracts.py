"""What is shown of a post that was found: the stretch that answers, what was found in it, and why it was found."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from forum.search.engine import Asked, Clause, How, Way
from forum.search.german import German, Token, clean, terms, written

EXTRACT_LENGTH = 220


class Reason(NamedTuple):
    """Why a post was found: "Schulden" by "Miet|schulden", "Messie" by "Vermüllung"."""

    how: How
    asked: str
    found: str


class Shown(NamedTuple):
    """A text with what was found in it marked; and for each word that was asked the best reason and its weight."""

    text: Markup
    reasons: Mapping[str, tuple[float, Reason]]


class _Mark(NamedTuple):
    start: int
    end: int
    asked: str
    way: Way


class Marker:
    """Marks what one query finds, in any number of texts."""

    def __init__(self, asked: Asked, german: German) -> None:
        self._german = german
        self._of_word = lru_cache(maxsize=None)(self._read_word)
        self._words: dict[str, list[tuple[Clause, Way]]] = {}
        self._parts: dict[str, list[tuple[Clause, Way]]] = {}
        self._sequences: list[tuple[Clause, Way]] = []
        for clause in asked.clauses:
            for way in clause.ways:
                self._learn(clause, way)

    def _learn(self, clause: Clause, way: Way) -> None:
        if way.reach == "words" and len(way.places) > 1:
            self._sequences.append((clause, way))
            return
        for term in {term for place in way.places for term in place}:
            if way.reach != "parts":
                self._words.setdefault(term, []).append((clause, way))
            if way.reach != "words":
                self._parts.setdefault(term, []).append((clause, way))

    def whole(self, text: str) -> Shown:
        """All of a short text, such as a title."""
        text = clean(text)
        found = self._found(text)
        return Shown(_written(text, _merged(found), 0, len(text)), self._reasons(text, found))

    def extract(self, body: str) -> Shown:
        """The stretch of a plain text that answers best."""
        text = " ".join(clean(body).split())
        found = self._found(text)
        marks = _merged(found)
        start, end = _window(text, marks)
        return Shown(
            _ellipsis(start > 0) + _written(text, marks, start, end) + _ellipsis(end < len(text)),
            self._reasons(text, found),
        )

    def _found(self, text: str) -> list[_Mark]:
        found = []
        for word in written(text):
            at = word.start()
            found += [mark._replace(start=at + mark.start, end=at + mark.end) for mark in self._of_word(word[0])]
        if self._sequences:
            tokens = list(self._german.tokens(text))
            for clause, way in self._sequences:
                found += _of_sequence(tokens, clause, way)
        return sorted(found, key=lambda mark: (mark.start, -mark.way.weight))

    def _read_word(self, word: str) -> tuple[_Mark, ...]:
        """What is found in one written word; most words come again and again, and in most is nothing."""
        nothing = self._words.keys().isdisjoint(terms(word)) and self._parts.keys().isdisjoint(self._german.parts(word))
        if nothing and "-" not in word:
            return ()
        return tuple(
            _Mark(token.start, token.end, clause.asked, way)
            for token in self._german.tokens(word)
            for kept, its in ((self._words, token.terms), (self._parts, token.parts))
            for term in its
            for clause, way in kept.get(term, ())
        )

    def _reasons(self, text: str, marks: Iterable[_Mark]) -> dict[str, tuple[float, Reason]]:
        best: dict[str, tuple[float, Reason]] = {}
        for mark in marks:
            if mark.asked not in best or mark.way.weight > best[mark.asked][0]:
                best[mark.asked] = mark.way.weight, self._reason(text, mark)
        return best

    def _reason(self, text: str, mark: _Mark) -> Reason:
        written, way = text[mark.start : mark.end], mark.way
        shown = self._german.shown(written) if way.reach == "parts" else written
        return Reason(way.how, mark.asked, shown)


def best_reasons(*texts: Shown) -> tuple[Reason, ...]:
    """Why a post with these texts was found, where the marks do not tell: not for words that stand there themselves."""
    best: dict[str, tuple[float, Reason]] = {}
    for text in texts:
        for asked, found in text.reasons.items():
            best[asked] = max(found, best.get(asked, found), key=lambda pair: pair[0])
    return tuple(reason for _, reason in best.values() if reason.how != "word")


def _of_sequence(tokens: list[Token], clause: Clause, way: Way) -> Iterator[_Mark]:
    by_position = {token.position: token for token in tokens}
    for position in by_position:
        places = [by_position.get(position + step) for step in range(len(way.places))]
        if all(token and {*token.terms} & {*terms} for token, terms in zip(places, way.places, strict=True)):
            yield from (_Mark(token.start, token.end, clause.asked, way) for token in places if token)


def _merged(marks: list[_Mark]) -> list[_Mark]:
    """E-Mail is marked once, though its parts are found as well."""
    merged: list[_Mark] = []
    for mark in marks:
        if merged and mark.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = last._replace(end=max(last.end, mark.end))
        else:
            merged.append(mark)
    return merged


def _written(text: str, marks: Iterable[_Mark], start: int, end: int) -> Markup:
    pieces, at = [], start
    for mark in marks:
        if start <= mark.start and mark.end <= end:
            pieces += [escape(text[at : mark.start]), Markup("<mark>%s</mark>") % text[mark.start : mark.end]]
            at = mark.end
    return Markup("").join([*pieces, escape(text[at:end])])


def _window(text: str, marks: list[_Mark]) -> tuple[int, int]:
    """Most different words first, then most words, then the earliest place."""
    if len(text) <= EXTRACT_LENGTH:
        return 0, len(text)
    best = max(range(len(marks)), key=_worth(marks), default=None)
    if best is None:
        return _at_words(text, 0)
    first, last = marks[best].start, _reach(marks, best)[-1].end
    return _at_words(text, first - max(0, EXTRACT_LENGTH - (last - first)) // 2)


def _worth(marks: list[_Mark]) -> Callable[[int], tuple[int, int]]:
    def worth(index: int) -> tuple[int, int]:
        reached = _reach(marks, index)
        return len({mark.asked for mark in reached}), len(reached)

    return worth


def _reach(marks: list[_Mark], first: int) -> list[_Mark]:
    """The marks that fit into one window with this one as the first."""
    after = bisect_left(marks, marks[first].start + EXTRACT_LENGTH, key=lambda mark: mark.end)
    return marks[first : max(after, first + 1)]


def _at_words(text: str, start: int) -> tuple[int, int]:
    start = max(0, min(start, len(text) - EXTRACT_LENGTH))
    if start > 0:
        start = text.find(" ", start, start + 30) + 1 or start
    end = min(len(text), start + EXTRACT_LENGTH)
    if end < len(text):
        end = max(text.rfind(" ", end - 30, end), 0) or end
    return start, end


def _ellipsis(needed: bool) -> Markup:
    return Markup("…") if needed else Markup("")
