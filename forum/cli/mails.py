"""Commands for mails that go out and come back, and for digests."""

import itertools
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from flask import current_app

from forum import clock, config
from forum.cli.doors import READABLE, as_json, forum, in_app, said, settings
from forum.db import transaction
from forum.mail import bounces, samples
from forum.mail.archive import read_mbox
from forum.mail.delivery import deliver_some
from forum.mail.parts import MAIL_BYTES
from forum.notifications import digests
from forum.worker import work_off


@forum.group()
def mail() -> None:
    """Mails that go out and come back."""


@mail.command("preview")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@in_app
def mail_preview(folder: Path) -> None:
    """Write each kind of mail, with invented contents, into FOLDER to look at: index.html leads to all."""
    count = samples.write(folder)
    click.echo(f"{count} mails written to {folder}")


@mail.command("bounce")
@click.argument("files", nargs=-1, type=READABLE)
@as_json
@in_app
def mail_bounce(files: tuple[Path, ...], as_json: bool) -> None:
    """Read mails that came back from FILES, each one mail or an mbox, or one mail from standard input."""
    piped = [] if files else [sys.stdin.buffer.read(MAIL_BYTES + 1)]
    for raw in itertools.chain(piped, (found.raw for file in files for found in read_mbox(file))):
        with transaction():
            taken = bounces.take(raw)
        said(asdict(taken), as_json, [taken.line()])


@forum.group()
def digest() -> None:
    """Digests."""


@digest.command("send")
@click.option("--now", "at", help="As if it were this moment: RFC 3339, or date and hour here (2026-11-23T07).")
@as_json
@in_app
def digest_send(at: str | None, as_json: bool) -> None:
    """Begin the digests that are due, and send all mails that are."""
    terms = settings(current_app)
    moment = _moment(at, terms) if at else clock.now()
    work_off(terms)
    counts = {"begun": digests.begin_due(moment), "mails": 0}
    while done := deliver_some(terms):
        counts["mails"] += done
    said(counts, as_json, [f"{counts['begun']} digests begun, {counts['mails']} mails dealt with"])


def _moment(text: str, terms: config.Settings) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("is no time; an example is 2026-11-23T07:00", param_hint="--now") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(terms.time_zone))
