"""Commands that bring a network in and take it out."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from sqlalchemy.exc import IntegrityError

from forum.cli import named
from forum.cli.doors import READABLE, as_json, forum, in_app, said, settings
from forum.db import transaction
from forum.transfer import export as outgoing
from forum.transfer import ndjson
from forum.transfer.archive import Step
from forum.transfer.mbox import MboxImport
from forum.transfer.progress import progress


@forum.group("import")
def bring_in() -> None:
    """Bring something in. Twice is once; a killed import goes on where it stopped."""


@bring_in.command("ndjson")
@click.argument("file", type=READABLE)
@as_json
@in_app
def import_ndjson(file: Path, as_json: bool) -> None:
    """Bring in a network, or a part of one, from FILE."""
    load = ndjson.NdjsonImport(file)
    with progress(file.name, load.outline.lines) as bar:
        _take(load.steps(), bar.advance)
    counts = ", ".join(f"{count} {kind}" for kind, count in load.added.items() if count)
    said({"added": load.added, "lines": load.outline.lines}, as_json, [f"added: {counts or 'nothing new'}"])


@bring_in.command("mbox")
@click.argument("file", type=READABLE)
@click.option("--area", required=True, help="Short name of the area that takes the threads.")
@as_json
@in_app
def import_mbox(file: Path, area: str, as_json: bool) -> None:
    """Bring in a mailing list's archive from FILE."""
    load = MboxImport(file, named.area(area).id, settings(current_app).instance / "files")
    with progress(file.name, load.size) as bar:
        _take(load.steps(), bar.reach)
    said(asdict(load.report), as_json, load.report.lines())


def _take(steps: Iterable[Step], tell: Callable[[int], None]) -> None:
    """Do the steps of an import, each in one transaction."""
    for step in steps:
        try:
            with transaction():
                tell(step())
        except IntegrityError as error:
            raise click.ClickException("another import wrote the same just now; please run this one again") from error


@forum.group()
def export() -> None:
    """Take something out."""


@export.command("ndjson")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@in_app
def export_ndjson(path: Path) -> None:
    """Write the whole network to PATH."""
    try:
        with progress(path.name, outgoing.size()) as bar:
            for count in outgoing.export(path):
                bar.reach(count)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"{bar.done} lines written to {path}")
