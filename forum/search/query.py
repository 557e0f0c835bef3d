"""What people type into the search box, and what they are shown of a post that was found."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from markupsafe import Markup, escape

from forum.search import german
from forum.search.engine import Query

LONGEST_TEXT = 200
MOST_TERMS = 20
EXTRACT_LENGTH = 220

_OPERATORS = {
    "author": "author", "autor": "author", "autorin": "author",
    "area": "area", "bereich": "area",
    "kind": "kind", "art": "kind",
    "after": "after", "nach": "after",
    "before": "before", "vor": "before",
}  # fmt: skip
_KINDS = {
    german.term(word): kind
    for kind, names in {
        "question": ("question", "Frage"),
        "strategy": ("strategy", "Strategie"),
        "announcement": ("announcement", "Ankündigung"),
    }.items()
    for word in names
}

_QUOTES = str.maketrans(dict.fromkeys("„“”‟«»", '"'))
_PIECE = re.compile(r'(?P<minus>(?<!\S)-)?(?:(?P<name>[^\W\d_]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+)|(?<=:))')
_GENDER_ENDING = re.compile(r"in(?:nen)?\b|innen", re.IGNORECASE)
_YEAR = re.compile(r"(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_GERMAN_DATE = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})")


def parse(text: str) -> Query:
    """Nothing is refused: what is broken is read as well as it can be, and named in `problems`."""
    reading = _Reading()
    for piece in _PIECE.finditer(_tidied(text, reading)):
        reading.read(piece)
    return reading.query()


def _tidied(text: str, reading: "_Reading") -> str:
    text = german.clean(text).translate(_QUOTES)
    if len(text) > LONGEST_TEXT:
        reading.complain("too_long")
        text = text[:LONGEST_TEXT]
    if text.count('"') % 2:
        reading.complain("unclosed_quote")
        text = " ".join(text.rsplit('"', 1))
    return text


@dataclass
class _Reading:
    """A query while it is being read, piece by piece."""

    words: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    operators: dict[str, str] = field(default_factory=dict)
    dates: dict[str, date] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    room: int = MOST_TERMS

    def query(self) -> Query:
        return Query(
            words=tuple(dict.fromkeys(self.words)),
            phrases=tuple(dict.fromkeys(self.phrases)),
            excluded=tuple(dict.fromkeys(self.excluded)),
            author=self.operators.get("author"),
            area=self.operators.get("area"),
            kind=self.operators.get("kind"),
            after=self.dates.get("after"),
            before=self.dates.get("before"),
            problems=tuple(self.problems),
        )

    def complain(self, problem: str) -> None:
        self.problems[problem] = None

    def read(self, piece: re.Match[str]) -> None:
        name, quoted, bare = piece["name"], piece["quoted"], piece["bare"]
        value = (quoted if quoted is not None else bare or "").strip()
        if not name or (quoted is None and _is_no_operator(name, value)):
            self._read_text(f"{name}:{value}" if name else value, quoted is not None, bool(piece["minus"]))
        elif name.casefold() not in _OPERATORS:
            self.complain("unknown_operator")
            self._read_text(f"{name} {value}", False, bool(piece["minus"]))
        elif piece["minus"]:
            self.complain("operator_excluded")
        else:
            self._read_operator(_OPERATORS[name.casefold()], value)

    def _read_operator(self, name: str, value: str) -> None:
        if not value:
            self.complain("empty_operator")
        elif name in ("after", "before"):
            self._read_date(name, value)
        elif name == "kind":
            self._read_kind(value)
        else:
            self.operators[name] = value

    def _read_kind(self, value: str) -> None:
        kind = _KINDS.get(german.term(value))
        if kind:
            self.operators["kind"] = kind
        else:
            self.complain("unknown_kind")

    def _read_date(self, name: str, value: str) -> None:
        try:
            self.dates[name] = _date(value)
        except ValueError:
            self.complain("bad_date")

    def _read_text(self, text: str, is_phrase: bool, is_excluded: bool) -> None:
        words = self._within_limit(german.words(text))
        if is_phrase and len(words) > 1:
            words = [" ".join(words)]
            (self.excluded if is_excluded else self.phrases).extend(words)
        else:
            (self.excluded if is_excluded else self.words).extend(words)

    def _within_limit(self, words: list[str]) -> list[str]:
        if len(words) > self.room:
            self.complain("too_many_terms")
        kept = words[: self.room]
        self.room -= len(kept)
        return kept


def _is_no_operator(name: str, value: str) -> bool:
    """Mieter:innen is a word, Autor:innen too, https://… an address; bereich:innenstadt is an operator."""
    ending = _GENDER_ENDING.match(value)
    if name.casefold() in _OPERATORS:
        return ending is not None and ending[0] == value
    return ending is not None or value.startswith("//")


def _date(text: str) -> date:
    """The first day of what is named: 2025, 2025-03-01 or 1.3.2025."""
    if found := _YEAR.fullmatch(text):
        return date(int(found[1]), 1, 1)
    if found := _ISO_DATE.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _GERMAN_DATE.fullmatch(text):
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    raise ValueError(text)


class _Mark(NamedTuple):
    start: int
    end: int
    what: str


def extract(body: str, query: Query) -> Markup:
    """The stretch of a plain text that answers a query best, escaped, with what was found marked."""
    text = " ".join(german.clean(body).split())
    marks = _merged(sorted(_marks(text, query)))
    start, end = _window(text, marks)
    pieces = [_ellipsis(start > 0)]
    at = start
    for mark in marks:
        if start <= mark.start and mark.end <= end:
            pieces += [escape(text[at : mark.start]), Markup("<mark>%s</mark>") % text[mark.start : mark.end]]
            at = mark.end
    pieces += [escape(text[at:end]), _ellipsis(end < len(text))]
    return Markup("").join(pieces)


def _marks(text: str, query: Query) -> Iterator[_Mark]:
    tokens = list(german.tokens(text))
    wanted = {term for word in query.words for way in german.ways(word) for term in way}
    for token in tokens:
        for term in token.terms:
            if term in wanted:
                yield _Mark(token.start, token.end, term)
    for phrase in query.phrases:
        yield from _phrase_marks(tokens, german.sequence(phrase))


def _phrase_marks(tokens: list[german.Token], sequence: tuple[german.Way, ...]) -> Iterator[_Mark]:
    by_position = {token.position: token for token in tokens}
    for position in by_position:
        places = [by_position.get(position + step) for step in range(len(sequence))]
        if all(token and {*token.terms} & {*terms} for token, terms in zip(places, sequence, strict=True)):
            yield from (_Mark(token.start, token.end, token.terms[0]) for token in places if token)


def _merged(marks: list[_Mark]) -> list[_Mark]:
    """E-Mail is marked once, though its parts are found as well."""
    merged: list[_Mark] = []
    for mark in marks:
        if merged and mark.start < merged[-1].end:
            last = merged.pop()
            mark = _Mark(last.start, max(last.end, mark.end), last.what)  # noqa: PLW2901
        merged.append(mark)
    return merged


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
        return len({mark.what for mark in reached}), len(reached)

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
