"""How good the ranking is by words alone, on public questions with known answers; docs/ranking.md says more.

The collections are COVID-QA FAQ (German, answers of authorities), Stackfaq (English) and Cranfield (English abstracts).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from forum.search.engine import Document, Filters, Sight
from forum.search.evaluation import ndcg, read_judgements
from forum.search.query import parse
from forum.search.understanding import understand
from forum.search.whoosh_engine import WhooshEngine
from tests.conftest import shared_data


def read(collection: Path, name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, (collection / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("name", "least"), [("c-covidqa-faq-de", 0.37), ("c-stackfaq", 0.76), ("c-cranfield", 0.40)]
)  # fmt: skip
def test_the_right_answers_stand_first(name: str, least: float, tmp_path: Path) -> None:
    collection = shared_data(name)
    ids: list[str] = []

    def documents() -> Iterator[Document]:
        for key, one in enumerate(read(collection, "docs")):
            ids.append(one["id"])
            yield Document(
                key=key, thread_id=key, area_id=1, kind="question", title=" ".join(one["title"].split()),
                body=one["text"], author="", number=1, created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )  # fmt: skip

    engine = WhooshEngine(tmp_path / "index")
    engine.rebuild(documents())
    found = {}
    for question in read(collection, "queries"):
        asked = understand(parse(question["text"]), engine.german)
        hits = engine.find(asked, Filters(Sight(frozenset({1})), per_page=10)).hits
        found[question["id"]] = [ids[hit.key] for hit in hits]
    judged = read_judgements(collection / "qrels.txt")
    assert fmean(ndcg(found.get(question, ()), grades, 10) for question, grades in judged.items()) >= least
