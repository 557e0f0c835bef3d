"""Threads that may be about the same, for whoever reads one or is about to start one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from forum.areas.queries import readable_areas
from forum.db import AnyRow
from forum.members.models import Viewer
from forum.search import german
from forum.search.engine import Asked, Clause, Filters, Found, Query, Sight, Way
from forum.search.handlers import engine
from forum.search.thesaurus import meanings
from forum.search.understanding import LIGHT, respelt, understand
from forum.search.vectors import vectors
from forum.threads.queries import readable_posts

MOST_WORDS = 20
WEIGHT_OF_OTHERS = 0.3
SHORTEST_WORD = 3
SHORTEST_HALF = 4
POSTS_LOOKED_AT = 150
WEIGHT_OF_RECOMMENDED = 1.3
# What is far less like than the best one is noise; in a small network most threads share some word.
LEAST_OF_THE_BEST = 0.4
# The same where meaning is compared too: there a score is a likeness, and all of them are high.
FARTHEST_FROM_BEST = 0.05
NEARER_IF_RECOMMENDED = 0.01

_EMPTY = """
allem allen allgemein andere anderen anfang beispiel bereits danke darf davon drei dürfen eigene eigenen eigentlich
einfach ende erfahrung erfahrungen ersten etwas frage fragen geben gehen geht gemacht gerne geworden gut gute guten habt
hallo hat hattet hätte heute hilfe hilft idee ideen immer inzwischen jahr jahre jahren jemand keine kennt kommen kommt
lange lassen leider leute liebe machen macht mehr mensch menschen monat monate monaten möchte neben neu neue neuen neuer
nichts nie niemand nur oft sache sagen sagt schon sehr seit selbst sowie stand statt stunden stück tag tage tagen teil
thema tipp tipps trotz tun uhr umgang umgehen viel viele vielen vielleicht vier weiter weitere wenig wieder wissen woche
wochen während wäre würde würden zeit zurzeit zwei
anyone experience experiences hello help idea ideas know like more new please question questions thanks tips very
"""
_SAYS_NOTHING = LIGHT | frozenset(_EMPTY.split())


def similar(
    viewer: Viewer,
    title: str,
    body: str = "",
    but_thread: int | None = None,
    opening: int | None = None,
    most: int = 5,
    typing: bool = False,
) -> list[AnyRow]:
    """The readable threads most like this, each by its best post; what is recommended comes before chatter.

    With the number of its opening post, what a thread means need not be computed. Of a title that is being typed, the
    last word may be a half one.
    """
    words = _words(title, body)
    areas = readable_areas(viewer)
    if not words or not areas:
        return []
    near = vectors().similar_to(opening) if opening else vectors().similar(title)
    sight = Sight(frozenset(area.id for area in areas), viewer.organisation_id)
    filters = Filters(sight, per_page=POSTS_LOOKED_AT)
    begun = _begun(title, sight) if typing else {}
    best = _best_of_each(viewer, engine().find(_asked(words, begun), filters, near), but_thread, near is not None)
    ranked = sorted(best.values(), key=lambda pair: -pair[0])[:most]
    least = 0.0 if not ranked else ranked[0][0] - FARTHEST_FROM_BEST if near else ranked[0][0] * LEAST_OF_THE_BEST
    return [row for score, row in ranked if score >= least]


def _begun(title: str, sight: Sight) -> dict[str, list[str]]:
    """What the last word may become, unless something stands behind it."""
    last = german.words(german.clean(title))[-1:]
    half = [word for word in last if len(word) >= SHORTEST_HALF and title.endswith(word)]
    return {word: engine().begun(word, sight) for word in half}


def _asked(words: Mapping[str, float], begun: Mapping[str, Sequence[str]]) -> Asked:
    """A sentence of these words, of which any will do; their order says nothing."""
    asked = understand(Query(words=tuple(words)), engine().german, meanings())
    asked = respelt(asked, begun, engine().german)
    clauses = tuple(_weighed(clause, words[clause.asked]) for clause in asked.clauses)
    return replace(asked, clauses=clauses, sentence=True, neighbours=())


def _weighed(clause: Clause, weight: float) -> Clause:
    return replace(clause, ways=tuple(_broader(replace(way, weight=way.weight * weight)) for way in clause.ways))


def _broader(way: Way) -> Way:
    """Noise shared by "Lärmprotokoll" and "Kinderlärm" is reason enough here."""
    return replace(way, reach="either", firm=True) if way.how == "piece" else way


def _best_of_each(
    viewer: Viewer, found: Found, but_thread: int | None, by_meaning: bool
) -> dict[int, tuple[float, AnyRow]]:
    rows = readable_posts(viewer, [hit.key for hit in found.hits])
    best: dict[int, tuple[float, AnyRow]] = {}
    for hit in found.hits:
        row = rows.get(hit.key)
        if row is None or row.thread_id == but_thread:
            continue
        better = WEIGHT_OF_RECOMMENDED if row.recommended and not by_meaning else 1.0
        score = hit.score * better + (NEARER_IF_RECOMMENDED if row.recommended and by_meaning else 0.0)
        best[row.thread_id] = max(best.get(row.thread_id, (0.0, row)), (score, row), key=lambda pair: pair[0])
    return best


def _words(title: str, body: str) -> dict[str, float]:
    """All telling words of the title, then of the text those that most likely say what it is about: word → weight."""
    named = list(dict.fromkeys(_telling(title)))
    capital = any(map(_is_noun, named))
    weights = {word: WEIGHT_OF_OTHERS if capital and not _is_noun(word) else 1.0 for word in named[:MOST_WORDS]}
    counts = Counter(word for word in _telling(body) if word not in weights and _is_noun(word))
    # German's rare words are long.
    ranked = sorted(counts, key=lambda word: (-counts[word], -len(word), word))
    return weights | dict.fromkeys(ranked[: MOST_WORDS - len(weights)], WEIGHT_OF_OTHERS)


def _is_noun(word: str) -> bool:
    """What German writes with a capital says what it is about; a number does so as well."""
    return not word[0].islower()


def _telling(text: str) -> Iterator[str]:
    for word in german.words(german.clean(text)):
        if word.casefold() not in _SAYS_NOTHING and (len(word) >= SHORTEST_WORD or word.isdigit()):
            yield word
