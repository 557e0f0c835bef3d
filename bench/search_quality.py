"""Measures the search on collections of questions with known answers, each as a network of its own.

    python bench/search_quality.py [FOLDER…] [--keep DIR]

A collection is a folder with docs.jsonl {id, title, text}, queries.jsonl {id, text} and qrels.txt. Without FOLDER all
collections of shared/data beside the checkout are measured. With --keep the networks stay in DIR and are used
again, the index built anew.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prepare import BIN, ROOT, command, environment

LONGEST_TITLE, LONGEST_BODY = 200, 64_000
EVERYBODY = {"type": "person", "id": "author", "name": "Alle Fragenden"}


def main() -> None:
    """Measure and print one table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folders", nargs="*", type=Path)
    asked.add_argument("--keep", type=Path)
    wanted = asked.parse_args()
    reports = {}
    with tempfile.TemporaryDirectory() as scratch:
        for folder in wanted.folders or collections():
            reports[folder.name] = measure(folder, (wanted.keep or Path(scratch)) / folder.name)
    print(table(reports))


def collections() -> list[Path]:
    """All collections beside the checkout."""
    shared = next((above / "shared" / "data" for above in ROOT.parents if (above / "shared" / "data").is_dir()), None)
    if shared is None:
        sys.exit("shared/data was not found in any folder above this checkout; please name a collection.")
    return sorted(path.parent for path in shared.glob("*/qrels.txt"))


def measure(collection: Path, place: Path) -> dict[str, Any]:
    """Import a collection, or build the index of one anew, and ask its questions."""
    instance, network, questions = place / "instance", place / "network.ndjson", place / "queries.tsv"
    if questions.exists():
        command(instance, "db", "upgrade")
        command(instance, "search-index", "rebuild")
    else:
        instance.mkdir(parents=True)
        network.write_text("".join(json.dumps(thing) + "\n" for thing in things(collection)))
        command(instance, "db", "upgrade")
        command(instance, "import", "ndjson", str(network))
        questions.write_text("".join(f"{one['id']}\t{one['text'].strip()}\n" for one in read(collection, "queries")))
    words = ("--queries", questions, "--qrels", collection / "qrels.txt", "--run", place / "run.txt", "--json")
    said = subprocess.run(
        [BIN / "forum", "search-eval", *words], env=environment(instance), check=True, stdout=subprocess.PIPE
    )
    return dict(json.loads(said.stdout))


def things(collection: Path) -> Iterator[dict[str, Any]]:
    """A network in which each document is a question with one post."""
    yield {"type": "network", "name": collection.name, "language": "de"}
    yield EVERYBODY
    yield {"type": "area", "slug": "collection", "title": "Collection"}
    documents = [*read(collection, "docs")]
    for one in documents:
        title = " ".join(one["title"].split())[:LONGEST_TITLE] or "–"
        yield {"type": "thread", "id": one["id"], "area": "collection", "kind": "question", "title": title}
    for one in documents:
        yield {
            "type": "post", "id": one["id"], "thread": one["id"], "author": EVERYBODY["id"],
            "created_at": "2026-01-01T12:00:00Z", "body": one["text"].strip()[:LONGEST_BODY] or "–",
        }  # fmt: skip


def read(collection: Path, name: str) -> Iterator[dict[str, Any]]:
    """The objects of one of its files."""
    with (collection / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def table(reports: dict[str, dict[str, Any]]) -> str:
    """The measures as Markdown."""
    names = [*next(iter(reports.values()))["measures"]]
    rows = [["collection", *names, "questions", "ms median", "ms p95"]]
    rows.append(["---"] * len(rows[0]))
    for name, report in reports.items():
        figures = [f"{report['measures'][one]:.3f}" for one in names]
        pace = [f"{report['milliseconds'][one]:.0f}" for one in ("median", "p95")]
        rows.append([name, *figures, str(report["judged"]), *pace])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
