"""Stems: Räumung, Räumungen, Raeumung and Raumung meet, as do Mieter, Mieterin and Mieterinnen.

The rules are those of CISTEM (Weissweiler and Fraser, "Developing a Stemmer for German Based on a Comparative
Analysis of Publicly Available Stemmers", 2017), worked out further: written in any case, a word has one stem;
participles meet their verbs ("ausgezogen", "auszuziehen"), nouns in -ung too; Mieter is kept from Miete by a
short list of endings; and of English the commonest endings go.
"""

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

# Another stemmer makes other terms, so an index made with it is another index.
VERSION = 1

LONGEST = 64

# "ue" after a vowel or q is mostly no umlaut and must not swallow an ending: neue, Mauer, Quelle; but geuebt.
_DIGRAPH = re.compile(r"(a|o)e+|(?:(?<![aeoq])|(?<=^[bg]e))(u)e+")

# From how many letters on an ending goes, how many letters of it, and what comes instead.
_ENDINGS = (
    (6, ("em", "er", "end", "lnd", "rnd"), 2, ""),
    (5, ("neuer", "neuem", "fr%er", "fr%em"), 2, ""),
    (8, ("ung",), 3, ""),
    (6, ("nis*",), 1, ""),
    (4, ("ium",), 3, "&"),
    (4, ("eum",), 2, "*"),
)

# What belongs together is one letter while endings are cut off: no "n" is cut from "Mann", no "e" from "Knie".
_KNOT = str.maketrans({"$": "sch", "%": "ei", "&": "ie"})
_DOUBLED = re.compile(r"([^u])\1")

_SEPARABLE = (
    "ab|an|auf|aus|auseinander|bei|bevor|bereit|da|dabei|dagegen|daher|dahin|daneben|dar|davon|dazu|durch|ein|einher"
    "|empor|entgegen|entlang|fehl|fern|fest|fort|frei|gegen|gegenuber|gleich|heim|her|herab|heran|herauf|heraus|herbei"
    "|herein|herum|herunter|hervor|hin|hinab|hinauf|hinaus|hinein|hinter|hinunter|hinweg|hinzu|hoch|kennen|klar|los"
    "|mit|nach|nahe|nieder|preis|ruck|sicher|still|stand|statt|teil|tot|uber|uberein|um|unter|voll|vor|voran|voraus"
    "|vorbei|vorher|vorweg|weg|weiter|wider|wieder|zu|zuruck|zusammen|zuvor|zwischen"
)
_BEFORE_A_VERB = re.compile(rf"^(?:(?:({_SEPARABLE})(?:ge|zu))|ge)(?=.{{3}})")

# Stems of strong verbs, as far as no noun has them ("Gang", "Stand").
_STRONG = dict(
    re.findall(
        r"(\w+)=(\w+)",
        """
        ging=geh gegang=geh kam=komm sproch=sprech sprich=sprech nahm=nehm nimm=nehm nomm=nehm half=helf
        hilf=helf holf=helf gib=geb traf=treff troff=treff triff=treff fand=find gefund=find getrunk=trink
        schrieb=schreib sah=seh sieh=seh lief=lauf liess=lass hiel=hal blieb=bleib stieg=steig schlief=schlaf
        rief=ruf lor=lier zog=zieh wuss=wiss wurd=werd wird=werd word=werd gann=ginn gonn=ginn schwieg=schweig
        starb=sterb storb=sterb stirb=sterb warf=werf worf=werf wirf=werf fiel=fall fohl=fehl fiehl=fehl
        litt=leid lies=les floh=flieh geflog=flieg geschloss=schliess trog=trug hob=heb schob=schieb sass=sitz
        gesess=sitz giss=gess
        """,
    )
)
_STRONG_FORM = re.compile(rf"^({_SEPARABLE}|be|ent|er|ge|miss|uber|ver|zer)?({'|'.join(_STRONG)})$")

# Schuldner is to be found by Schulden, Rentner by Rente.
_TRADE = re.compile(r"(?<!part)(?<=[dt])ner$")

_ENGLISH = re.compile(r"(?=.*[aeiouy].*(?:ing|ed)s?$)(.{3,}(?:[^l]|[aeiouyl]l))(?:ings?|(?<!i)ed)")


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Case, umlauts, ß and inflection taken off."""
    bare = _prefixes_off(_endings_off(_english_off(fold(word)[:LONGEST])))
    return bare.replace("ue", "u")  # geübt and geuebt, with nothing left that could be swallowed


def fold(word: str) -> str:
    """Small letters without marks, and an umlaut typed with two letters as one."""
    return _DIGRAPH.sub(lambda found: found[1] or found[2], fold_marks(word))


def fold_marks(word: str) -> str:
    """Small letters without marks."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _english_off(word: str) -> str:
    """Meetings and delivered by meet and deliver, companies by company: German has few such words."""
    found = _ENGLISH.fullmatch(word)
    if found:
        return found[1]
    if word.endswith(("ies", "y", "ys")) and len(word) > 4:
        word = re.sub("(?:ies|ys?)$", "ie", word)
    return word


def _endings_off(word: str) -> str:
    word = _person(word)
    if _TRADE.search(word):
        word = word[:-3]
    elif _is_kept(word):
        return word
    knotted = word.replace("sch", "$").replace("ei", "%").replace("ie", "&")
    knotted = _DOUBLED.sub(r"\1*", knotted)
    while len(knotted) > 3:
        shorter = _shorter(knotted)
        if shorter == knotted:
            break
        knotted = shorter
    return re.sub(r"(.)\*", r"\1\1", knotted).translate(_KNOT)


def _person(word: str) -> str:
    """Mieterinnen, Mieterin, Mietern and Mieters as Mieter."""
    woman = word[:-3] if word.endswith("innen") else word
    if len(woman) > 5 and woman.endswith("in") and _is_kept(woman):
        word = woman[:-2]
    if word.endswith(("ern", "ers")) and _is_kept(word[:-1]):
        word = word[:-1]
    return word


def _shorter(word: str) -> str:
    """Without one more ending, as long as there is one."""
    for least, ending, cut, instead in _ENDINGS:
        if len(word) >= least and word.endswith(ending):
            return word[:-cut] + instead
    may_lose_n = len(word) > 4 or word[-2] in "erl&"
    return word[:-1] if word[-1] in "est" or (word[-1] == "n" and may_lose_n) else word


def _prefixes_off(word: str) -> str:
    strong = _STRONG_FORM.match(word)
    bare = _BEFORE_A_VERB.sub(lambda found: found[1] or "", word)
    strong = _STRONG_FORM.match(word) or _STRONG_FORM.match(bare)
    return (strong[1] or "").removeprefix("ge") + _STRONG[strong[2]] if strong else bare


def _is_kept(word: str) -> bool:
    """Whether -er belongs to the word, or -in makes a woman of it, judged by the longest ending that is known."""
    kept = _kept_endings()
    return next((kept[word[at:]] for at in range(len(word) - 1) if word[at:] in kept), False)


@cache
def _kept_endings() -> dict[str, bool]:
    lines = (files("forum.search") / "words" / "endings.txt").read_text(encoding="ascii").split()
    return {line[1:]: line[0] == "+" for line in lines}
