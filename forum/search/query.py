"""What people type into the search box."""

import re
from dataclasses import dataclass, field
from datetime import date

from forum.search import german
from forum.search.engine import Query

LONGEST_TEXT = 500
MOST_TERMS = 60

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
        if is_phrase and words:
            words = [" ".join(words)]
        (self.excluded if is_excluded else self.phrases if is_phrase else self.words).extend(words)

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
