"""Commands that keep a network running: serve, work off, look after it."""

import sys
from dataclasses import asdict

import click
from flask import current_app

from forum import config, create_app, migrations, outbox
from forum.checks import examine
from forum.cli.doors import as_json, forum, in_app, said, settings
from forum.db import transaction
from forum.mail import delivery
from forum.members import queries as people
from forum.serving import serve, serve_worker
from forum.worker import work_off


@forum.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
@click.option("--without-worker", is_flag=True, help="Serve pages only; run `forum worker` beside it.")
def run(host: str, port: int, without_worker: bool) -> None:
    """Serve the network: web and worker on this machine."""
    app = create_app(config.load(served_at=served_at(host, port)))
    with app.app_context():
        migrations.upgrade()
        if people.network() is None:
            raise click.ClickException("there is no network here yet; please run: forum init")
    serve(settings(app), host, port, with_worker=not without_worker)


def served_at(host: str, port: int) -> str:
    """How this machine reaches what it serves; who listens on all addresses listens on its own too."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not listened on
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


@forum.command()
def worker() -> None:
    """Work off jobs without serving pages, beside other processes."""
    app = create_app()
    with app.app_context():
        if not migrations.is_current():
            raise click.ClickException("the database is not up to date; please run: forum db upgrade")
    serve_worker(app)


@forum.command()
@as_json
@in_app
def check(as_json: bool) -> None:
    """Print every setting and the state of database, index and jobs; exit 1 if something is wrong."""
    report = examine(settings(current_app))
    said(asdict(report), as_json, report.lines())
    if report.problems:
        sys.exit(1)


@forum.group("db")
def database() -> None:
    """The database."""


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the database up to date."""
    with create_app().app_context():
        migrations.upgrade()
    click.echo("database is up to date")


@forum.group()
def jobs() -> None:
    """What waits to be done."""


@jobs.command("retry")
@in_app
def jobs_retry() -> None:
    """Give every job and every mail that was given up another chance."""
    with transaction():
        count, mails = outbox.retry_dead(), delivery.retry_dead()
    click.echo(f"{count} jobs will be tried again")
    click.echo(f"{mails} mails will be tried again")


@jobs.command("work-off")
@in_app
def jobs_work_off() -> None:
    """Do all jobs and send all mails that are due now, and end."""
    click.echo(f"{work_off(settings(current_app))} jobs done")
