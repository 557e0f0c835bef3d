"""Networks beside the test's own, to carry things from one to another, and processes that die."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from forum import create_app, i18n, migrations
from forum.checks import examine
from forum.config import Settings
from forum.db import db, transaction
from forum.threads.models import Post
from forum.transfer.archive import Step
from forum.transfer.export import export
from forum.transfer.ndjson import NdjsonImport

FORUM = Path(sys.executable).with_name("forum")


def fresh(settings: Settings) -> Flask:
    """A new installation without a network."""
    settings.instance.mkdir(parents=True, exist_ok=True)
    app = create_app(settings)
    with app.app_context():
        migrations.upgrade()
    return app


def do(steps: Iterable[Step], most: int | None = None) -> None:
    """Do the steps of an import as the command does, or only so many."""
    for step in islice(steps, most):
        with transaction():
            step()


def take(app: Flask, file: Path) -> dict[str, int]:
    """Import a file; return what was added."""
    with app.app_context():
        load = NdjsonImport(file)
        do(load.steps())
        return load.added


def give(app: Flask, file: Path) -> bytes:
    """Export everything; return the file's bytes."""
    with app.app_context():
        i18n.speak("de")
        for _ in export(file):
            pass
    return file.read_bytes()


def drift(app: Flask, settings: Settings) -> list[str]:
    """What `forum check` says of counters that differ from what they count."""
    with app.app_context():
        return [problem for problem in examine(settings).problems if "differ from" in problem]


def count(app: Flask, *models: Any) -> int:
    """How many rows there are."""
    with app.app_context():
        return sum(db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)


def command(settings: Settings, *words: str | Path) -> "subprocess.Popen[str]":
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [FORUM, *words],
        env=os.environ | {"FORUM_INSTANCE": str(settings.instance), "FORUM_DATABASE_URL": settings.database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    out: str
    errors: str
    code: int


def typed(settings: Settings, *words: str | Path) -> Answer:
    """Do a command to its end."""
    process = command(settings, *words)
    out, errors = process.communicate(timeout=240)
    return Answer(out, errors, process.returncode)


def kill_again_and_again(app: Flask, start: Callable[[], "subprocess.Popen[str]"], seed: int, kills: int) -> int:
    """Start, `kill -9` when some posts more are in, and so on; return how many were killed before their end."""
    chance, killed = random.Random(seed), 0
    for _ in range(kills):
        process, before = start(), count(app, Post)
        for _moment in _until_more(app, process, before):
            pass
        time.sleep(chance.random() * 0.3)
        killed += process.poll() is None
        process.kill()
        process.communicate()
    return killed


def _until_more(app: Flask, process: "subprocess.Popen[str]", before: int) -> Iterator[None]:
    while process.poll() is None and count(app, Post) == before:
        time.sleep(0.01)
        yield
