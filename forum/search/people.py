"""Who knows about something: members by name, organisation, city and what they know, in German as the search reads it.

Members are few enough to look at each of them: what they say of themselves is short, and its terms are remembered.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from forum.db import AnyRow
from forum.members.models import Viewer
from forum.members.queries import everybody, who_said_something
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


@dataclass(frozen=True, slots=True)
class Known:
    """A member who was found, and the phrases of their expertise that were met."""

    person: AnyRow
    score: float
    met: tuple[str, ...]


def directory(viewer: Viewer, text: str) -> list[AnyRow]:
    """The members who are met by these words, best first; without words all of them, by their last names."""
    people = sorted(everybody(viewer), key=_by_name)
    query = parse(text)
    # Nobody writes sentences about themselves that could be cited, so quotation marks do not count here.
    asked = Query(words=(*query.words, *(word for phrase in query.phrases for word in phrase.split())))
    if not asked.words:
        return people
    return [known.person for known in _met(people, understand(asked, engine().german, meanings()), WEIGHTS)]


def knowing(viewer: Viewer, asked: Asked) -> list[Known]:
    """A few members who know about what was searched for."""
    if not asked.clauses:
        return []
    found = _met(sorted(who_said_something(viewer), key=_by_name), asked, _EXPERTISE)
    return [known for known in found if known.score >= NEAR_THE_BEST * found[0].score][:MOST_NAMED]


def fitting(people: Sequence[AnyRow], text: str) -> list[Known]:
    """Those of these people who know about what a text says, best first."""
    query = Query(words=tuple(dict.fromkeys(words(clean(text)))))
    found = _met(people, understand(query, engine().german, meanings()), _EXPERTISE)
    return [known for known in found if known.score >= NEAR_THE_BEST * found[0].score]


def in_use(viewer: Viewer) -> list[str]:
    """What members say they know about, the most frequent first."""
    said = Counter(phrase for person in who_said_something(viewer) for phrase in person.expertise)
    return [phrase for phrase, _ in sorted(said.items(), key=lambda pair: (-pair[1], pair[0]))]


def _by_name(person: AnyRow) -> tuple[str, str, int]:
    return *_order(person.name), person.id


@lru_cache(maxsize=10_000)
def _order(name: str) -> tuple[str, str]:
    return slug(name.rsplit(maxsplit=1)[-1]), slug(name)


def _met(people: Sequence[AnyRow], asked: Asked, fields: Collection[Field]) -> list[Known]:
    """Who has all the words, or where nobody does or a sentence was asked, some; a rare word counts more."""
    needed = [clause for clause in asked.clauses if not clause.light] or list(asked.clauses)
    said = [[(phrase, WEIGHTS[field]) for field in fields for phrase in _phrases(one, field)] for one in people]
    # Phrases come again and again, and few are met: each is looked at once, and only whom they belong to after that.
    phrases = {phrase for of_one in said for phrase, _ in of_one}
    german = engine().german
    worth = [_worth(clause, phrases, german) for clause in needed]
    met = set().union(*worth)
    found = [
        (person, [max((weight * of.get(phrase, 0.0) for phrase, weight in of_one), default=0.0) for of in worth])
        for person, of_one in zip(people, said, strict=True)
        if not met.isdisjoint(phrase for phrase, _ in of_one)
    ]
    whole = [(person, values) for person, values in found if all(values)]
    rarity = [math.log(1 + len(people) / (1 + sum(map(bool, of)))) for of in zip(*(v for _, v in found), strict=True)]
    known = [
        Known(
            person,
            sum(value * rare for value, rare in zip(values, rarity, strict=True)),
            tuple(phrase for phrase in person.expertise or () if phrase in met),
        )
        for person, values in (whole if whole and not asked.sentence else found)
    ]
    return sorted(known, key=lambda one: -one.score)


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
