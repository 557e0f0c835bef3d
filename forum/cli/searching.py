"""Commands that search, measure the search and look after its index."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import click
from flask import current_app

from forum.cli import named
from forum.cli.doors import READABLE, as_json, forum, in_app, said, settings
from forum.search import evaluation
from forum.search import handlers as index
from forum.search.documents import standing_by_area
from forum.search.queries import Wish
from forum.search.queries import search as find
from forum.search.vectors import vectors
from forum.transfer.progress import progress
from forum.worker import work_off


@forum.command("search")
@click.argument("query")
@click.option("--as", "address", help="Search with the eyes of this member; an administrator's by default.")
@as_json
@in_app
def search_command(query: str, address: str | None, as_json: bool) -> None:
    """Search as the page does."""
    results = find(named.eyes(address), Wish(query))
    hits = [{"post": hit.post.post_id, "title": hit.post.title, "area": hit.post.area_slug} for hit in results.posts]
    lines = [f"{hit['post']:>8}  {hit['title']}  ({hit['area']})" for hit in hits]
    said({"total": results.found.total, "hits": hits}, as_json, [*lines, f"{results.found.total} found"])


@forum.command("search-eval")
@click.option("--queries", required=True, type=READABLE, help="Questions, a line each: id, tab, question.")
@click.option("--qrels", type=READABLE, help="What answers them, a line each: question 0 thread grade.")
@click.option("--run", "out", type=click.File("w", "utf-8", lazy=False), help="Write what was found, for trec_eval.")
@click.option("--as", "address", help="Search with the eyes of this member; by default all that is not closed.")
@as_json
@in_app
def search_eval(queries: Path, qrels: Path | None, out: TextIO | None, address: str | None, as_json: bool) -> None:
    """Measure how good the search page is, by questions whose answers are known."""
    viewer = named.eyes(address) if address else evaluation.ANYBODY
    questions = evaluation.read_questions(queries)
    judged = evaluation.read_judgements(qrels) if qrels else {}
    work_off(settings(current_app))
    index.heal()
    meaning = vectors()
    with progress("meaning", meaning.still_missing()) as bar:
        while made := meaning.make_some(seconds=5, threads=os.cpu_count() or 1):
            bar.advance(made)
    meaning.wait()
    rankings = {}
    with progress("questions", len(questions)) as bar:
        for name, text in questions.items():
            rankings[name] = evaluation.rank(viewer, text)
            bar.advance()
    if out:
        out.writelines(evaluation.run_lines(rankings))
    report = evaluation.report(rankings, judged)
    said(asdict(report), as_json, report.lines())


@forum.group("search-index")
def search_index() -> None:
    """The search index."""


@search_index.command("rebuild")
@in_app
def index_rebuild() -> None:
    """Build the index anew beside the old one, and swap."""
    total = sum(tally.documents for tally in standing_by_area().values())
    with progress("index", total) as bar:
        posts = index.rebuild(bar.reach)
        bar.reach(total)
    click.echo(f"{posts} posts indexed")


@search_index.command("status")
@as_json
@in_app
def index_status(as_json: bool) -> None:
    """How the index is; exit 1 if it needs a rebuild."""
    status = index.engine().status()
    facts = {**asdict(status), "posts_without_vector": vectors().still_missing()}
    said(facts, as_json, [f"{name}: {value}" for name, value in facts.items()])
    if not status.healthy:
        sys.exit(1)
