"""Builds the word lists the search ships: bench/wordlist.py [FOLDER], from the German dictionary of simplemma.

Words are counted at the front and at the end of the dictionary's own compounds. They are first found where two
known words touch, then by the splitter itself with the counts so far, which settles after two rounds. What is no
compound is kept as a word that parts are made of.
"""

import argparse
import lzma
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simplemma.strategies.dictionaries import DefaultDictionaryFactory

from forum.search import compounds, stems
from forum.search.compounds import NEVER, Part
from forum.search.stems import fold, fold_marks

WORDS = Path(stems.__file__).parent / "words"
# How much more often than others a word is taken to be met that is no compound though it looks like one.
OWN = 256

ROUNDS, LEAST_FRONTS, LEAST_FORMS = 2, 2, 2

# Prefixes of verbs and nouns: what they make are words of their own.
PREFIXES = frozenset(
    re.findall(
        r"\w+",
        """ab all am an anti auf aus be bei da dabei daran dar das de der des die dis durch ein empor ent entgegen epi
    er ex fehl fort fruh ge gegen her herab heran herauf heraus herbei herein herum herunter hervor hin hinab
    hinauf hinaus hinein hinter hinunter hinzu hoch im in innen inter ist ko kon miss mit mittels multi nach nahe nieder
    ohne par para per poly pra pro re ruck sch sein seit sub super sym syn tele trans uber uberein um umher un unter ur
    ver voll vom von vor voran voraus vorbei vorher wider wieder zer zu zum zur zuruck zusammen zwischen""",
    )
)
# Suffixes and endings that the dictionary has as words, too.
SUFFIXES = frozenset(
    re.findall(
        r"\w+",
        """ade age ane ant anz ation ationen bar ben chen ein elle eln en ende ent enz er erei erin ern ess ett eur gen
    ger grafie graphie haft heit ier igkeit barkeit iker in ine ing ion is isch ische isten istik ist ismus ite itis
    ium keit lein len ler lich ling linge logie ner ologie ose rei ren rin sam schaft sche sen ster stag tat ten ter
    tion tionen tum turen ung ungen us utter""",
    )
)
_LETTERS = re.compile(r"[a-zäöüß]{3,}", re.IGNORECASE)


@dataclass(frozen=True)
class Dictionary:
    """The dictionary's words, plainly written: nouns with their forms, verbs, and other words in small letters."""

    nouns: Mapping[str, set[str]]
    verbs: frozenset[str]
    others: frozenset[str]


def main() -> None:
    """Read, count, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, default=WORDS)
    folder: Path = options.parse_args().folder
    pairs = dict(DefaultDictionaryFactory().get_dictionary("de"))
    endings = kept_endings(pairs)
    (folder / "endings.txt").write_text(
        "".join(f"{'+' if kept else '-'}{ending}\n" for ending, kept in sorted(endings.items()))
    )
    words = counted(read(pairs))
    packed = lzma.compress(as_text(words).encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    (folder / "german.txt.xz").write_bytes(packed)
    print(f"{len(endings):,} endings; {len(words):,} words in {len(packed):,} bytes")


def read(pairs: Mapping[str, str]) -> Dictionary:
    """The dictionary without abbreviations and signs."""
    nouns: dict[str, set[str]] = defaultdict(set)
    small = set()
    for form, lemma in pairs.items():
        if not _LETTERS.fullmatch(form) or not _LETTERS.fullmatch(lemma):
            continue
        if form[0].isupper() and lemma[0].isupper() and form[1:].islower():
            nouns[fold_marks(lemma)].add(fold_marks(form))
        elif form == lemma and form.islower():
            small.add(fold_marks(form))
    nouns = {lemma: forms for lemma, forms in nouns.items() if lemma in forms}
    verbs = frozenset(word for word in small if word.endswith(("en", "ln", "rn")) and len(word) > 4)
    return Dictionary(nouns, verbs, frozenset(small))


def counted(dictionary: Dictionary) -> dict[str, Part]:
    """What each word that is no compound, and each front of compounds, costs."""
    fronts, ends = _touching(dictionary)
    wholes = dict.fromkeys(dictionary.others, 1) | dict.fromkeys(dictionary.nouns, 1)
    for _ in range(ROUNDS):
        parts = _costs(fronts, ends, {word: 1 + fronts[word] + ends[word] for word in wholes}, dictionary)
        fronts, ends, wholes = _split_all(parts, dictionary)
    return _costs(fronts, ends, wholes, dictionary)


def _touching(dictionary: Dictionary) -> tuple[Counter[str], Counter[str]]:
    """Fronts and ends of nouns that another noun ends."""
    fronts: Counter[str] = Counter()
    for word in dictionary.nouns:
        fronts.update(word[:at] for at in range(3, len(word) - 2) if _may_end(word[at:], dictionary))
    fronts = Counter({
        front: count for front, count in fronts.items()
        if count >= LEAST_FRONTS and front not in PREFIXES and _is_word(front, dictionary)
    })  # fmt: skip
    ends: Counter[str] = Counter()
    for word in dictionary.nouns:
        ends.update(word[at:] for at in range(3, len(word) - 2) if word[:at] in fronts)
    return fronts, ends


def _may_end(word: str, dictionary: Dictionary) -> bool:
    if word in SUFFIXES or word in PREFIXES:
        return False
    if word in dictionary.nouns:
        return len(word) > 4 or len(dictionary.nouns[word]) >= LEAST_FORMS
    return word in dictionary.others and word not in dictionary.verbs and len(word) > 4


def _is_word(front: str, dictionary: Dictionary) -> bool:
    """Whether a front is a word, with or without what links it."""
    bases = {front.removesuffix(link) for link in ("", "s", "es", "n", "en", "er", "e", "ens", "ns")}
    bases |= {front + "e", front.removesuffix("s") + "e"}
    return (
        any(base in dictionary.nouns and len(base) > 2 for base in bases)
        or front in dictionary.others
        or front + "en" in dictionary.verbs
        or front + "n" in dictionary.verbs
    )


def _split_all(parts: Mapping[str, Part], dictionary: Dictionary) -> tuple[Counter[str], Counter[str], dict[str, int]]:
    """Fronts and ends as the splitter finds them, and the words it leaves whole."""
    costs = compounds.Costs(parts, frozenset())
    fronts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    whole = {word: 1 for word in dictionary.verbs if word not in dictionary.nouns}
    for word in sorted({*dictionary.nouns, *(dictionary.others - dictionary.verbs)}):
        starts = compounds.cheapest(costs, word)
        if not starts:
            whole[word] = 1
            continue
        if _is_own(word, dictionary):
            whole[word] = OWN
            continue
        if word in dictionary.nouns:
            fronts.update(word[start:end] for start, end in zip((0, *starts), starts, strict=False))
        ends[costs.base(word[starts[-1] :])] += 1
    fronts = Counter({front: count for front, count in fronts.items() if count >= LEAST_FRONTS})
    return fronts, ends, {word: count + fronts[word] + ends[word] for word, count in whole.items()}


def _is_own(word: str, dictionary: Dictionary) -> bool:
    """Verwahrlosung is of "verwahrlosen", and no "Losung"."""
    stem = word.removesuffix("ung")
    prefixed = stem != word and stem.startswith(("be", "ent", "er", "miss", "ver", "zer"))
    return prefixed and not dictionary.verbs.isdisjoint((stem + "en", stem + "n"))


def _costs(
    fronts: Counter[str], ends: Counter[str], wholes: Mapping[str, int], dictionary: Dictionary
) -> dict[str, Part]:
    all_fronts = math.log2(sum(fronts.values()) + 1)
    all_ends = math.log2(sum(ends.values()) + len(wholes))

    def cost(word: str, count: int, of_all: float) -> float:
        short = compounds.SHORT if len(word) == compounds.SHORTEST else 0
        return float(round(of_all - math.log2(count) + short)) if count else NEVER

    return {
        word: Part(
            cost(word, fronts[word], all_fronts),
            cost(word, 1 + ends[word], all_ends) if word in wholes and _may_end(word, dictionary) else NEVER,
            round(all_ends - math.log2(wholes[word])) if word in wholes else NEVER,
        )
        for word in {*fronts, *wholes}
    }


def as_text(words: Mapping[str, Part]) -> str:
    """The list as it is shipped: words of the same costs share a line."""
    alike: dict[Part, list[str]] = defaultdict(list)
    for word, part in sorted(words.items()):
        alike[part].append(word)
    return "".join(
        f"{part.front:.0f} {part.end:.0f} {part.whole:.0f} {' '.join(group)}\n" for part, group in sorted(alike.items())
    )


def kept_endings(pairs: Mapping[str, str], least: int = 2) -> dict[str, bool]:
    """The endings by which "Mieter" is told from "kleiner", and "Kollegin" from "Termin": the longest decides."""
    small = defaultdict(set)
    forms = defaultdict(set)
    for form, lemma in pairs.items():
        (forms[lemma] if form[:1].isupper() else small[fold(form)]).add(form if form[:1].isupper() else lemma)
    kept = {fold(form): False for form in pairs if fold(form).endswith(("er", "in")) and len(form) > 4}
    for lemma in (form for form, lemma in pairs.items() if form == lemma and form[:1].isupper()):
        plain = fold(lemma)
        agent = plain.endswith("er") and forms[lemma] & {lemma + "n", lemma + "s"} and not small[plain] - {lemma}
        if plain in kept and (agent or (plain.endswith("in") and lemma + "nen" in forms[lemma])):
            kept[plain] = True
    return _longest_endings(kept, least)


def _longest_endings(kept: Mapping[str, bool], least: int) -> dict[str, bool]:
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for word, is_kept in kept.items():
        for at in range(len(word) - 1):
            counts[word[at:]][is_kept] += 1
    endings: dict[str, bool] = {}
    for ending in sorted(counts, key=len):
        shorter = next((endings[ending[at:]] for at in range(1, len(ending)) if ending[at:] in endings), False)
        yes, no = counts[ending][True], counts[ending][False]
        verdict = yes > no and len(ending) > 3
        if yes + no >= least and yes != no and verdict != shorter:
            endings[ending] = verdict
    return endings


if __name__ == "__main__":
    main()
