"""Who knows about something: members by name, organisation, city and what they know, in German as the search reads it.

They are few, and each process keeps them until one of them changes. A phrase that many share is looked at once, and
of the people only those to whom a phrase belongs that is met.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple, cast

from flask import current_app

from forum.db import AnyRow, writing
from forum.members.models import Viewer
from forum.members.queries import everybody
from forum.search.engine import Asked, Clause, Query, Way
from forum.search.german import German, Terms, clean, words
from forum.search.handlers import engine
from forum.search.query import parse
from forum.search.thesaurus import meanings
from forum.search.understanding import understand
from forum.text import slug

Field = Literal["expertise", "function", "name", "organisation", "city"]
# What somebody knows says more than where they work.
WEIGHTS: dict[Field, float] = {"expertise": 1.0, "name": 1.0, "function": 0.7, "organisation": 0.7, "city": 0.7}
_EXPERTISE: tuple[Field, ...] = ("expertise",)
# Who is met by less than this share of what the best is met by is not named.
NEAR_THE_BEST = 0.5
MOST_NAMED = 3
_KEPT = "forum.people"


@dataclass(frozen=True, slots=True)
class Known:
    """A member who was found, and the phrases of their expertise that were met."""

    person: AnyRow
    score: float
    met: tuple[str, ...]


class _Circle(NamedTuple):
    """People, and to which of them, by their places, each phrase belongs."""

    people: Sequence[AnyRow]
    having: Mapping[Field, Mapping[str, Sequence[int]]]


def directory(viewer: Viewer, text: str) -> Sequence[AnyRow]:
    """The members who are met by these words, best first; without words all of them, by their last names."""
    circle, query = _everybody(viewer), parse(text)
    # Nobody writes sentences about themselves that could be cited, so quotation marks do not count here.
    asked = Query(words=(*query.words, *(word for phrase in query.phrases for word in phrase.split())))
    if not asked.words:
        return circle.people
    return [known.person for known in _met(circle, understand(asked, engine().german, meanings()), WEIGHTS)]


def knowing(viewer: Viewer, asked: Asked) -> list[Known]:
    """A few members who know about what was searched for."""
    if not asked.clauses:
        return []
    return list(islice(_near_the_best(_met(_everybody(viewer), asked, _EXPERTISE)), MOST_NAMED))


def fitting(people: Sequence[AnyRow], text: str) -> list[Known]:
    """Those of these people who know about what a text says, best first."""
    query = Query(words=tuple(dict.fromkeys(words(clean(text)))))
    asked = understand(query, engine().german, meanings())
    return list(_near_the_best(_met(_circle(people, _EXPERTISE), asked, _EXPERTISE)))


def in_use(viewer: Viewer) -> list[str]:
    """What members say they know about, the most frequent first."""
    said = _everybody(viewer).having["expertise"]
    return sorted(said, key=lambda phrase: (-len(said[phrase]), phrase))


def _everybody(viewer: Viewer) -> _Circle:
    """All members by name, read anew when one of them has changed: every viewer may know them all."""
    version, circle = cast(tuple[int, _Circle], current_app.extensions.get(_KEPT, (-1, _NOBODY)))
    if people := everybody(viewer, version):
        version, circle = people[0].version, _circle(sorted(people, key=_by_name), tuple(WEIGHTS))
        if not writing():  # what is not committed yet may never be
            current_app.extensions[_KEPT] = version, circle
    return circle


def _circle(people: Sequence[AnyRow], fields: Collection[Field]) -> _Circle:
    having: dict[Field, dict[str, list[int]]] = {field: defaultdict(list) for field in fields}
    for place, person in enumerate(people):
        for field in fields:
            for phrase in _phrases(person, field):
                having[field][phrase].append(place)
    return _Circle(people, having)


_NOBODY = _circle((), tuple(WEIGHTS))


def _by_name(person: AnyRow) -> tuple[str, str, int]:
    return *_order(person.name), person.id


@lru_cache(maxsize=10_000)
def _order(name: str) -> tuple[str, str]:
    return slug(name.rsplit(maxsplit=1)[-1]), slug(name)


def _near_the_best(found: Iterable[Known]) -> Iterator[Known]:
    best = 0.0
    for known in found:
        best = max(best, known.score)
        if known.score < NEAR_THE_BEST * best:
            return
        yield known


def _met(circle: _Circle, asked: Asked, fields: Collection[Field]) -> Iterator[Known]:
    """Who has all the words, or where nobody does or a sentence was asked, some; a rare word counts more."""
    needed = [clause for clause in asked.clauses if not clause.light] or list(asked.clauses)
    phrases, german = {phrase for field in fields for phrase in circle.having[field]}, engine().german
    worth = [_worth(clause, phrases, german) for clause in needed]
    values = [_values(circle, fields, of) for of in worth]
    found: set[int] = set().union(*values)
    whole = found.intersection(*values)
    rarity = [math.log(1 + len(circle.people) / (1 + len(of))) for of in values]
    scores = {
        place: sum(of.get(place, 0.0) * rare for of, rare in zip(values, rarity, strict=True))
        for place in (whole if whole and not asked.sentence else found)
    }
    met: set[str] = set().union(*worth)
    for place in sorted(scores, key=lambda place: (-scores[place], place)):
        person = circle.people[place]
        yield Known(person, scores[place], tuple(phrase for phrase in person.expertise or () if phrase in met))


def _values(circle: _Circle, fields: Collection[Field], worth: Mapping[str, float]) -> dict[int, float]:
    """How well the best phrase of each person has what is asked for."""
    values: dict[int, float] = defaultdict(float)
    for field in fields:
        for phrase, of in worth.items():
            for place in circle.having[field].get(phrase, ()):
                values[place] = max(values[place], WEIGHTS[field] * of)
    return values


def _worth(clause: Clause, phrases: Collection[str], german: German) -> dict[str, float]:
    """How well each phrase has what is asked for, of those that have it."""
    # A part of an asked compound alone is too little to send somebody to a person for it.
    ways = [way for way in clause.ways if way.firm or way.how == "split"]
    terms = frozenset(term for way in ways for place in way.places for term in place)
    found = {}
    for phrase in phrases:
        said = _said(phrase, german)
        if not (terms.isdisjoint(said.words) and terms.isdisjoint(said.parts)):
            found[phrase] = max((way.weight for way in ways if _meets(way, said)), default=0.0)
    return {phrase: worth for phrase, worth in found.items() if worth}


def _phrases(person: AnyRow, field: Field) -> Sequence[str]:
    if field == "expertise":
        return person.expertise or ()
    value = person.organisation_name if field == "organisation" else getattr(person, field)
    return (value,) if value else ()


class _Said(NamedTuple):
    """A phrase: the terms of its words in their order, all of them, and those of parts of its compounds."""

    places: tuple[Terms, ...]
    words: frozenset[str]
    parts: frozenset[str]


def _meets(way: Way, said: _Said) -> bool:
    if way.reach == "words" and len(way.places) > 1:
        starts = range(len(said.places) - len(way.places) + 1)
        return any(all(map(_share, way.places, said.places[start:])) for start in starts)
    among = {"words": said.words, "parts": said.parts, "either": said.words | said.parts}[way.reach]
    return bool(way.places) and not any(among.isdisjoint(terms) for terms in way.places)


def _share(terms: Terms, others: Terms) -> bool:
    return not set(terms).isdisjoint(others)


@lru_cache(maxsize=50_000)
def _said(phrase: str, german: German) -> _Said:
    tokens = list(german.tokens(clean(phrase)))
    return _Said(
        tuple(token.terms for token in tokens),
        frozenset(term for token in tokens for term in token.terms),
        frozenset(part for token in tokens for part in token.parts),
    )
