"""How well German words are taken apart: bench/words.py, on CISTEM's gold standard 2 and the cdec compounds.

Prints B-cubed precision, recall and F1 of the stems beside Snowball's, the share of words split exactly as the
references say, and the time both take.
"""

import argparse
import json
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import Stemmer
from prepare import ROOT

from forum.search import stems
from forum.search.compounds import Lexicon, Splitter

Clusters = Sequence[Sequence[str]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options.add_argument("--wrong", action="store_true", help="print the words that are split otherwise")
    wishes = options.parse_args()
    _measure_stems(wishes.data / "h-cistem-stem-clusters" / "clusters.txt")
    _measure_compounds(wishes.data / "h-compounds" / "gold.jsonl", wishes.wrong)


def b_cubed(clusters: Clusters, stem: Callable[[str], str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the groups a stemmer makes, each word of each cluster counted once."""
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for number, cluster in enumerate(clusters):
        for word in cluster:
            groups[stem(word)][number] += 1
    precision = recall = 0.0
    for group in groups.values():
        for number, count in group.items():
            precision += count * count / group.total()
            recall += count * count / len(clusters[number])
    words = sum(map(len, clusters))
    precision, recall = precision / words, recall / words
    return precision, recall, 2 * precision * recall / (precision + recall)


def exact(split: Callable[[str], tuple[int, ...]], gold: Path) -> list[tuple[bool, str]]:
    """For each reference word whether it is split as a reference says, and how."""
    verdicts = []
    for line in gold.read_text().splitlines():
        reference = json.loads(line)
        word, starts = reference["word"], [0, *split(reference["word"])]
        parts = (word[start:end] for start, end in zip(starts, [*starts[1:], len(word)], strict=True))
        verdicts.append((starts in reference["starts"], "|".join(parts)))
    return verdicts


def _measure_stems(file: Path) -> None:
    clusters = [line.split() for line in file.read_text().splitlines()]
    snowball = Stemmer.Stemmer("german")
    for name, stem in (("stems.stem", stems.stem), ("Snowball", lambda word: snowball.stemWord(word.lower()))):
        started = time.perf_counter()
        figures = b_cubed(clusters, stem)
        each = (time.perf_counter() - started) / sum(map(len, clusters))
        print("{}: B-cubed P {:.4f} R {:.4f} F1 {:.4f}".format(name, *figures), f"{each * 1e6:.0f} µs a word")


def _measure_compounds(file: Path, wrong: bool) -> None:
    tracemalloc.start()
    lexicon = Lexicon.shipped()
    memory = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    Lexicon.shipped.__func__.__globals__["_shipped"].cache_clear()
    started = time.perf_counter()
    Lexicon.shipped()
    loaded = (time.perf_counter() - started) * 1000
    print(f"Lexicon: {len(lexicon.shipped_words):,} words, {memory:.1f} MiB, loaded in {loaded:.0f} ms")
    verdicts = exact(Splitter(lexicon).split, file)
    fresh = Splitter(lexicon)
    words = [line.replace("|", "") for _, line in verdicts]
    started = time.perf_counter()
    for word in words:
        fresh.split(word)
    each = (time.perf_counter() - started) / len(words)
    right = sum(is_right for is_right, _ in verdicts)
    print(f"Splitter: {right} of {len(verdicts)} exact ({right / len(verdicts):.3f}), {each * 1e6:.0f} µs a word")
    if wrong:
        print(*(split for is_right, split in verdicts if not is_right), sep="\n")


if __name__ == "__main__":
    main()
