"""The commands: doors for the operator. Each takes the instance folder from FORUM_INSTANCE."""

import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import click
from flask import Flask, current_app
from sqlalchemy.exc import IntegrityError

from forum import clock, config, create_app, i18n, migrations, outbox
from forum.areas import queries as areas
from forum.areas.actions import create_area, name_member, remove_member
from forum.areas.models import ACCESSES, Area
from forum.areas.trade import AREAS
from forum.checks import examine
from forum.db import db, transaction
from forum.errors import Problem
from forum.i18n import sentence
from forum.mail import bounces, delivery
from forum.mail import samples as mail_samples
from forum.mail.archive import read_mbox
from forum.mail.delivery import deliver_some
from forum.mail.parts import MAIL_BYTES
from forum.members import actions as members
from forum.members import queries as people
from forum.members.models import ROLES, Member, Organisation, SignInLink, Viewer
from forum.notifications import digests, news
from forum.search import evaluation
from forum.search import handlers as index
from forum.search.documents import all_documents, standing_by_area
from forum.search.queries import Wish
from forum.search.queries import search as find
from forum.search.thesaurus import add_starter
from forum.search.vectors import vectors
from forum.serving import serve, serve_worker
from forum.threads.models import Post
from forum.transfer import export as outgoing
from forum.transfer import ndjson
from forum.transfer.archive import Step
from forum.transfer.format import WrongLine
from forum.transfer.mbox import MboxImport
from forum.transfer.progress import progress
from forum.worker import work_off

DEMO = Path(__file__).parent / "demo" / "network.ndjson"
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


class WrongFile(click.ClickException):
    """A file that was named cannot be used."""

    exit_code = 2


class Door(click.Command):
    """A command: a wrong setting, line or act is one clear sentence and an exit code, never a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, and put into words what went wrong."""
        try:
            return super().invoke(ctx)
        except (config.WrongSetting, WrongLine) as error:
            raise click.ClickException(str(error)) from error
        except evaluation.WrongFile as error:
            raise WrongFile(str(error)) from error
        except Problem as problem:
            raise click.ClickException(sentence(problem)) from problem


class Doors(click.Group):
    """A group of such commands."""

    command_class = Door
    group_class = type


@click.group(cls=Doors)
def forum() -> None:
    """Forum and mailing list in one for closed professional circles."""


def main() -> None:
    """The console script."""
    forum()


def in_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command inside the app, on a database that is up to date."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        app = create_app()
        with app.app_context():
            i18n.speak("de", settings(app).time_zone)
            if not migrations.is_current():
                raise click.ClickException("the database is not up to date; please run: forum db upgrade")
            return command(*args, **kwargs)

    return run


def settings(app: Flask) -> config.Settings:
    """The settings the app was made with."""
    found: config.Settings = app.extensions["forum.settings"]
    return found


def said(thing: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    """Print an answer: as JSON for machines, as lines for people."""
    if as_json:
        click.echo(json.dumps(thing, ensure_ascii=False, default=str))
    else:
        for line in lines:
            click.echo(line)


as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@forum.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
@click.option("--without-worker", is_flag=True, help="Serve pages only; run `forum worker` beside it.")
def run(host: str, port: int, without_worker: bool) -> None:
    """Serve the network: web and worker on this machine."""
    app = create_app(config.load(served_at=_served_at(host, port)))
    with app.app_context():
        migrations.upgrade()
        if people.network() is None:
            raise click.ClickException("there is no network here yet; please run: forum init")
    serve(settings(app), host, port, with_worker=not without_worker)


def _served_at(host: str, port: int) -> str:
    """How this machine reaches what it serves; who listens on all addresses listens on its own too."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not listened on
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


@forum.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
def demo(host: str, port: int) -> None:
    """Serve a demonstration with invented people, in a folder of its own."""
    folder = config.instance_folder() / "demo"
    terms = config.load(
        instance=folder, demo=True, database_url="", mail_short_name="Fachkreis", served_at=_served_at(host, port)
    )
    app = create_app(terms)
    with app.app_context():
        migrations.upgrade()
        if people.network() is None:
            _load_demo()
    click.echo(f"Demonstration at {terms.address} – one click signs you in.")
    serve(terms, host, port)


def _load_demo() -> None:
    """Load the invented network, its newest post of today or yesterday; everybody was here last a week ago.

    What was written since stands in the digests to come. Whole days only: people who write at night would look odd.
    """
    shift = timedelta(days=(clock.now() - ndjson.newest(DEMO)).days)
    load = ndjson.NdjsonImport(DEMO, shift)
    with progress("demo", load.outline.lines) as bar:
        for step in load.steps():
            with transaction():
                bar.advance(step())
    week_ago = clock.now() - timedelta(days=7)
    with transaction():
        db.session.execute(db.update(Member).values(caught_up_at=week_ago, joined_at=week_ago))
    digests.begin_due()
    with transaction():
        fresh = db.select(Post.id, Post.author_id).where(Post.created_at > week_ago).order_by(Post.id)
        events = [outbox.record("post.created", *row) for row in db.session.execute(fresh)]
    news.note_news(events)
    index.rebuild()
    with transaction():
        outbox.forget_jobs()


@forum.command()
def worker() -> None:
    """Work off jobs without serving pages, beside other processes."""
    app = create_app()
    with app.app_context():
        if not migrations.is_current():
            raise click.ClickException("the database is not up to date; please run: forum db upgrade")
    serve_worker(app)


@forum.command()
@click.option("--name", help="Name of the network.")
@click.option("--language", help="Language of the network: de or en.")
@click.option("--admin-name", help="The administrator's name.")
@click.option("--admin-email", help="The administrator's mail address.")
@click.option(
    "--areas",
    "wanted",
    help="Short names of areas to start with, separated by commas; all of the trade's by default.",
)
def init(
    name: str | None,
    language: str | None,
    admin_name: str | None,
    admin_email: str | None,
    wanted: str | None,
) -> None:
    """Make a real network: asks what it was not told, ends with the administrator's sign-in link."""
    app = create_app()
    terms = settings(app)
    with app.app_context():
        migrations.upgrade()
        if people.network() is not None:
            raise click.ClickException("there is a network here already")
        name = name or click.prompt("Name des Netzwerks / name of the network", default="Fachkreis")
        language = language or click.prompt("Sprache / language", default="de", type=click.Choice(i18n.languages()))
        i18n.speak(language)
        _ = i18n.gettext
        admin_name = admin_name or click.prompt(_("Your name"))
        admin_email = admin_email or click.prompt(_("Your mail address"))
        slugs = _chosen_areas(wanted)
        with transaction():
            members.create_network(name or "", language or "")
            administrator = members.add_member(admin_name or "", admin_email, "administrator")
            for area in AREAS:
                if area.slug in slugs:
                    create_area(None, area.slug, i18n.gettext(area.title), i18n.gettext(area.description))
            add_starter(None, language or "")
            link = _link(administrator, terms)
        index.rebuild()
        click.echo(_("%(name)s is ready. Start it with: forum run", name=name))
        click.echo(
            i18n.ngettext(
                "Your sign-in link (%(num)s day): %(link)s",
                "Your sign-in link (%(num)s days): %(link)s",
                terms.link_days,
                link=link,
            )
        )


def _link(member: Member, terms: config.Settings) -> str:
    """A new link for a member, to be handed over by the operator."""
    lasts = timedelta(days=terms.link_days)
    return _address_of(members.make_link(member, "welcome", lasts, config.secret_key(terms)), terms)


def _address_of(link: SignInLink, terms: config.Settings) -> str:
    return f"{terms.address}/welcome/{people.link_key(link, config.secret_key(terms))}"


def _chosen_areas(wanted: str | None) -> set[str]:
    known = [area.slug for area in AREAS]
    if wanted is None:
        for number, area in enumerate(AREAS, 1):
            click.echo(f"  {number} {i18n.gettext(area.title)}")
        answer = click.prompt(i18n.gettext("Areas to start with (numbers, separated by commas)"), default="1-8")
        wanted = answer if answer != "1-8" else ",".join(known)
    chosen = [part.strip() for part in wanted.split(",") if part.strip()]
    slugs = {known[int(part) - 1] if part.isdigit() and 0 < int(part) <= len(known) else part for part in chosen}
    if unknown := slugs - set(known):
        raise click.ClickException(f"unknown area {min(unknown)!r}; known are {', '.join(known)}")
    return slugs


@forum.command()
@as_json
@in_app
def check(as_json: bool) -> None:
    """Print every setting and the state of database, index and jobs; exit 1 if something is wrong."""
    report = examine(settings(_app()))
    said(asdict(report), as_json, report.lines())
    if report.problems:
        sys.exit(1)


def _app() -> Flask:
    return current_app


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
    click.echo(f"{work_off(settings(_app()))} jobs done")


@forum.group()
def member() -> None:
    """Members."""


@member.command("add")
@click.argument("address")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--organisation", help="Name of the organisation; made if it does not exist.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@in_app
def member_add(address: str, name: str, role: str, organisation: str | None, password_stdin: bool) -> None:
    """Add a member; without password ends with a sign-in link."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    terms = settings(_app())
    with transaction():
        house = _organisation(organisation) if organisation else None
        added = members.add_member(name, address, role, house, password)
        said_last = f"{added.name} <{added.email}>" if password else _link(added, terms)
    click.echo(said_last)


@member.command("invite")
@click.argument("address")
@click.option("--name", help="Needed for somebody who is not a member yet.")
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--organisation", help="Name of the organisation; made if it does not exist.")
@click.option("--as", "inviter", help="Invite in the name of this administrator; by default the network invites.")
@click.option("--print-link", is_flag=True, help="Print the link as well.")
@in_app
def member_invite(
    address: str, name: str | None, role: str, organisation: str | None, inviter: str | None, print_link: bool
) -> None:
    """Mail somebody an invitation; again for a member who never signed in, with a new link."""
    terms = settings(_app())
    with transaction():
        invited = people.member_by_email(address)
        if invited is None:
            if not name:
                raise click.UsageError(f"{address} is not a member yet; please give a --name")
            house = _organisation(organisation) if organisation else None
            invited = members.add_member(name, address, role, house)
        host, lasts = _eyes(inviter) if inviter else None, timedelta(days=terms.link_days)
        link = members.invite(host, invited, lasts, config.secret_key(terms))
        name, address = invited.name, _address_of(link, terms)
    click.echo(f"the invitation of {name} waits to be sent")
    if print_link:
        click.echo(address)


def _organisation(name: str) -> Organisation:
    return people.organisation_by_name(name) or members.add_organisation(name)


@member.command("link")
@click.argument("address")
@in_app
def member_link(address: str) -> None:
    """Make a new sign-in link for a member who lost the password."""
    terms = settings(_app())
    with transaction():
        link = _link(_member(address), terms)
    click.echo(link)


@member.command("role")
@click.argument("address")
@click.argument("role", type=click.Choice(ROLES))
@in_app
def member_role(address: str, role: str) -> None:
    """Make somebody member, facilitator or administrator."""
    with transaction():
        members.change_role(None, _member(address), role)


@member.command("suspend")
@click.argument("address")
@click.option("--undo", is_flag=True, help="Let the member in again.")
@in_app
def member_suspend(address: str, undo: bool) -> None:
    """Shut a member out, on every device at once."""
    with transaction():
        (members.reinstate if undo else members.suspend)(None, _member(address))


def _member(address: str) -> Member:
    found = people.member_by_email(address)
    if found is None:
        raise click.ClickException(f"no member has the address {address}")
    return found


@forum.group()
def area() -> None:
    """Areas."""


@area.command("add")
@click.argument("slug")
@click.option("--title", required=True)
@click.option("--description", default="", help="One sentence about what belongs here.")
@click.option("--access", type=click.Choice(ACCESSES), default="open", show_default=True)
@in_app
def area_add(slug: str, title: str, description: str, access: str) -> None:
    """Add an area: open to all, closed but for named members, or for announcements."""
    with transaction():
        create_area(None, slug, title, description, access)


@area.command("name")
@click.argument("slug")
@click.argument("address")
@click.option("--facilitates", is_flag=True, help="The member facilitates this very area.")
@click.option("--undo", is_flag=True, help="No longer name the member.")
@in_app
def area_name(slug: str, address: str, facilitates: bool, undo: bool) -> None:
    """Name a member for an area: lets into a closed one, and may facilitate any."""
    with transaction():
        if undo:
            remove_member(None, _area(slug), _member(address).id)
        else:
            name_member(None, _area(slug), _member(address).id, facilitates)


def _area(slug: str) -> Area:
    found = areas.area_by_slug(slug)
    if found is None:
        raise click.ClickException(f"there is no area {slug!r}")
    return found


@forum.group()
def mail() -> None:
    """Mails that go out and come back."""


@mail.command("preview")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@in_app
def mail_preview(folder: Path) -> None:
    """Write each kind of mail, with invented contents, into FOLDER to look at: index.html leads to all."""
    count = mail_samples.write(folder)
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


@forum.group("import")
def bring_in() -> None:
    """Bring something in. Twice is once; a killed import goes on where it stopped."""


@bring_in.command("ndjson")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
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
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--area", required=True, help="Short name of the area that takes the threads.")
@as_json
@in_app
def import_mbox(file: Path, area: str, as_json: bool) -> None:
    """Bring in a mailing list's archive from FILE."""
    load = MboxImport(file, _area(area).id, settings(_app()).instance / "files")
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


@forum.command("search")
@click.argument("query")
@click.option("--as", "address", help="Search with the eyes of this member; an administrator's by default.")
@as_json
@in_app
def search_command(query: str, address: str | None, as_json: bool) -> None:
    """Search as the page does."""
    results = find(_eyes(address), Wish(query))
    hits = [{"post": hit.post.post_id, "title": hit.post.title, "area": hit.post.area_slug} for hit in results.posts]
    lines = [f"{hit['post']:>8}  {hit['title']}  ({hit['area']})" for hit in hits]
    said({"total": results.found.total, "hits": hits}, as_json, [*lines, f"{results.found.total} found"])


def _eyes(address: str | None) -> Viewer:
    viewer = people.viewer_by_email(address) if address else people.first_administrator()
    if viewer is None:
        raise click.ClickException(f"no member has the address {address}" if address else "there is no administrator")
    return viewer


@forum.command("search-eval")
@click.option("--queries", required=True, type=READABLE, help="Questions, a line each: id, tab, question.")
@click.option("--qrels", type=READABLE, help="What answers them, a line each: question 0 thread grade.")
@click.option("--run", "out", type=click.File("w", "utf-8", lazy=False), help="Write what was found, for trec_eval.")
@click.option("--as", "address", help="Search with the eyes of this member; by default all that is not closed.")
@as_json
@in_app
def search_eval(queries: Path, qrels: Path | None, out: TextIO | None, address: str | None, as_json: bool) -> None:
    """Measure how good the search page is, by questions whose answers are known."""
    viewer = _eyes(address) if address else evaluation.ANYBODY
    questions = evaluation.read_questions(queries)
    judged = evaluation.read_judgements(qrels) if qrels else {}
    work_off(settings(_app()))
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
        index.engine().rebuild(all_documents(), bar.reach)
        bar.reach(total)
    click.echo(f"{index.engine().status().documents} posts indexed")


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


@forum.group()
def digest() -> None:
    """Digests."""


@digest.command("send")
@click.option("--now", "at", help="As if it were this moment: RFC 3339, or date and hour here (2026-11-23T07).")
@as_json
@in_app
def digest_send(at: str | None, as_json: bool) -> None:
    """Begin the digests that are due, and send all mails that are."""
    terms = settings(_app())
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
