"""What a query may be met by: forms of its words, parts of compounds, words of the thesaurus, other spellings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from forum.search import german as g
from forum.search.engine import Asked, Clause, How, Query, Way
from forum.search.german import German
from forum.search.synonyms import Thesaurus

# Found by bench/ranking.py.
WEIGHTS: Mapping[How, float] = {
    "word": 1.0,
    "part": 0.5,
    "split": 0.5,
    "piece": 0.3,
    "equal": 0.8,
    "narrower": 0.6,
    "similar": 0.4,
}
SHORTEST_PIECE = 4
# With more words than this somebody describes what is wanted, and no post need have all of them.
MOST_KEYWORDS = 3

_LIGHT = """
aber alle alles als also am an auch auf aus bei beim bin bis bitte da damit dann das dass dem den denn der des dich die
dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es euch für gegen gibt
hab habe haben hat hatte hier ich ihm ihn ihnen ihr ihre im in ins ist ja jede jeder jedes kann kannst können könnte man
mein meine meinem meinen meiner mich mir mit muss müssen nach nicht noch nun nur ob oder ohne sein seine sich sie sind
so soll sollen sollte sollten über um und uns unser unsere unter vom von vor wann war waren warum was welche welchem
welchen welcher welches wem wen wenn wer werden wie wieso wieviel wird wirst wo woher wohin worauf wurde wurden zu zum
zur zwischen
a about all am an and any are as at be been but by can could did do does doing done for from get had has have how i if
in into is it its me my no not of on one or our shall should so some than that the their them then there these they this
those to too up use using was way we were what when where which who whom whose why will with without would you your
"""
LIGHT = frozenset(_LIGHT.split())


def understand(query: Query, german: German, thesaurus: Thesaurus | None = None) -> Asked:
    """All the ways in which each word may be met; phrases and excluded words only as they stand."""
    clauses = [Clause(word, tuple(_ways(word, german)), light=word.casefold() in LIGHT) for word in query.words]
    if thesaurus:
        clauses = _with_other_words(clauses, query.words, german, thesaurus)
    keywords = sum(not clause.light for clause in clauses)
    return Asked(
        clauses=(*clauses, *map(_phrase, query.phrases)),
        excluded=tuple(map(_phrase, query.excluded)),
        author=g.sequence(query.author or ""),
        kind=query.kind,
        after=query.after,
        before=query.before,
        sentence=keywords > MOST_KEYWORDS or 0 < keywords < len(clauses),
        neighbours=g.sequence(" ".join(query.words)),
    )


def respelt(asked: Asked, spellings: Mapping[str, Sequence[str]], german: German) -> Asked:
    """The same, with words that are spelt alike, or begin so, beside those that nobody has written."""

    def also(clause: Clause) -> Clause:
        ways = [
            _lesser(way, "similar", word) for word in spellings.get(clause.asked, ()) for way in _ways(word, german)
        ]
        return replace(clause, ways=(*clause.ways, *ways))

    return replace(asked, clauses=tuple(map(also, asked.clauses)))


def _ways(word: str, german: German) -> Iterator[Way]:
    """ "E-Mail" by "email", or by "e" and "mail"; "Schulden" also by "Mietschulden", and that by its parts apart."""
    pieces = g.hyphenated(word)
    if len(pieces) > 1:
        yield Way(tuple(g.terms(piece) for piece in pieces))
        word = g.joined(word)
    terms = g.terms(word)
    yield Way((terms,))
    yield Way((terms,), "part", WEIGHTS["part"], "parts")
    if parts := german.apart(word):
        yield Way(tuple((part,) for part in parts), "split", WEIGHTS["split"], "either", firm=False)
        if pieces_alone := tuple(part for part in parts if len(part) >= SHORTEST_PIECE):
            yield Way((pieces_alone,), "piece", WEIGHTS["piece"], firm=False)


def _phrase(text: str) -> Clause:
    """As it stands: one word may have another ending, several must follow each other."""
    ways = [Way(g.sequence(text))]
    if "-" in text and " " not in text:
        ways.append(Way((g.terms(g.joined(text)),)))
    return Clause(text, tuple(ways), phrase=True)


def _with_other_words(
    clauses: Sequence[Clause], words: Sequence[str], german: German, thesaurus: Thesaurus
) -> list[Clause]:
    """A stretch of the query that the thesaurus knows may be met by its other words."""
    found = list(clauses)
    for also in thesaurus.of(words):
        how: How = "equal" if also.equal else "narrower"
        ways = [_lesser(way, how, other) for other in also.words for way in _ways_of_entry(other, german)]
        for place in range(also.start, also.start + also.length):
            found[place] = replace(found[place], ways=(*found[place].ways, *ways))
    return found


def _ways_of_entry(entry: str, german: German) -> Iterator[Way]:
    if " " in entry:
        yield Way(g.sequence(entry))
    else:
        yield from (way for way in _ways(entry, german) if way.how in ("word", "part"))


def _lesser(way: Way, how: How, entry: str) -> Way:
    return replace(way, how=how, weight=way.weight * WEIGHTS[how], entry=entry)
