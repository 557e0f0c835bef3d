"""`forum check`: every setting, and whether database, index and jobs are as they should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, or_, select, text

from forum import clock, migrations, outbox
from forum.areas.models import Area
from forum.config import Settings
from forum.db import SAFE_SQLITE, db, on_postgres, sqlite_version
from forum.mail import delivery
from forum.members.queries import network
from forum.practices.actions import amounts
from forum.search.documents import standing_by_area
from forum.search.engine import IndexDamaged
from forum.search.handlers import engine, index_posts, leave_no_words
from forum.threads.actions import facts, shown_threads
from forum.threads.models import Post, Thread

LAG = timedelta(minutes=5)


@dataclass(frozen=True)
class Report:
    """What was found; `problems` are sentences that say what to do."""

    settings: dict[str, str]
    state: dict[str, str]
    problems: list[str]

    def lines(self) -> Iterator[str]:
        """For people."""
        for name, value in {**self.settings, **self.state}.items():
            yield f"{name:<24} {value}"
        yield ""
        yield from (f"WRONG: {problem}" for problem in self.problems)
        if not self.problems:
            yield "all is well"


def examine(settings: Settings) -> Report:
    """Look at everything."""
    state: dict[str, str] = {}
    problems: list[str] = []
    for look in (_database, _schema, _index, _jobs, partial(_mails, settings), _kept_facts):
        found, wrong = look()
        state.update(found)
        problems += wrong
    return Report(_shown(settings), state, problems)


def _shown(settings: Settings) -> dict[str, str]:
    """All settings; of a secret only whether it was given, of a database address no password."""
    shown = {name: _hidden(name, getattr(settings, name)) for name in type(settings).model_fields}
    shown["database_url"] = db.engine.url.render_as_string(hide_password=True)
    return shown


def _hidden(name: str, value: Any) -> str:
    if not isinstance(value, SecretStr):
        return str(value)
    kept = "(kept in the instance folder)" if name == "secret_key" else ""
    return "(given)" if value.get_secret_value() else kept


def _database() -> tuple[dict[str, str], list[str]]:
    if on_postgres():
        return {"PostgreSQL": str(db.session.scalar(text("SHOW server_version")))}, []
    version = ".".join(map(str, sqlite_version()))
    problems = []
    if sqlite_version() < SAFE_SQLITE:
        problems.append(f"SQLite {version} can corrupt the database; please update: pip install pysqlite3")
    if db.session.scalar(text("PRAGMA quick_check")) != "ok":
        problems.append("the database file is damaged; please restore a backup")
    return {"SQLite": version}, problems


def _schema() -> tuple[dict[str, str], list[str]]:
    found = network()
    problems = [] if migrations.is_current() else ["the database is not up to date; please run: forum db upgrade"]
    if found is None:
        problems.append("there is no network here yet; please run: forum init")
    return {"network": found.name if found else "none"}, problems


def _index() -> tuple[dict[str, str], list[str]]:
    status = engine().status()
    state = {"index": f"{status.documents} posts, {status.segments} parts, {status.bytes // 1000} kB"}
    if outbox.anything_for(leave_no_words):
        state["index"] += ", to be built anew without what was taken out"
    if not status.healthy:
        return state, [f"the search index is {status.problem}; the worker rebuilds it, or: forum search-index rebuild"]
    try:
        differs = engine().count_by_area() != standing_by_area() and not outbox.anything_for(index_posts)
    except IndexDamaged as damage:
        return state, [f"the search index is {damage.problem}; please run: forum search-index rebuild"]
    return state, ["index and database hold different posts; please run: forum search-index rebuild"] if differs else []


def _jobs() -> tuple[dict[str, str], list[str]]:
    backlog = outbox.backlog()
    problems = []
    if backlog.dead:
        dead = outbox.dead_jobs()[0]
        problems.append(
            f"{backlog.dead} jobs were given up, the first of {dead.handler} ({dead.error}); forum jobs retry"
        )
    if backlog.oldest_due and clock.now() - backlog.oldest_due > LAG:
        problems.append(f"jobs have been waiting since {backlog.oldest_due:%Y-%m-%d %H:%M} UTC; is a worker running?")
    return {"jobs": f"{backlog.waiting} waiting, {backlog.failed} to be tried again, {backlog.dead} given up"}, problems


def _mails(settings: Settings) -> tuple[dict[str, str], list[str]]:
    """How mails go out, and whether they do."""
    way = f"{settings.mail_server}:{settings.mail_port}" if settings.mail_server else "files in the folder outbox"
    report = delivery.report()
    problems = []
    if report.died_today:
        why = " ".join(report.given_up.split())
        problems.append(f"{report.died_today} mails were given up since yesterday, the last: {why}; forum jobs retry")
    if report.oldest_due and clock.now() - report.oldest_due > LAG:
        why = " ".join(report.waits.split()) or "is a worker running?"
        problems.append(f"mails have been waiting since {report.oldest_due:%Y-%m-%d %H:%M} UTC; {why}")
    counts = f"{report.waiting} waiting, {report.retried} to be tried again, {report.dead} given up"
    digest = f"{report.last_digest:%Y-%m-%d %H:%M} UTC" if report.last_digest else "none"
    return {"mails go to": way, "mails": counts, "last digest": digest}, problems


def _kept_facts() -> tuple[dict[str, str], list[str]]:
    """What lists show must be what the posts say."""
    wrong = {
        "threads": _differing(Thread, facts()),
        "posts": _differing(Post, amounts()),
        "areas": _differing(Area, {"thread_count": shown_threads()}),
    }
    problems = [f"{count} {name} show counts that differ from what they hold" for name, count in wrong.items() if count]
    return {}, problems


def _differing(model: Any, truth: dict[str, Any]) -> int:
    differs = or_(*[getattr(model, name) != value for name, value in truth.items()])
    return db.session.scalar(select(func.count()).select_from(model).where(differs)) or 0
