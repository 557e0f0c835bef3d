"""Commands that make a network: a real one, or one of invented people."""

import json
from datetime import timedelta
from pathlib import Path

import click

from forum import clock, config, create_app, i18n, migrations, outbox
from forum.areas.actions import allow_protected, create_area
from forum.areas.models import Area
from forum.areas.queries import readable_area
from forum.areas.trade import AREAS
from forum.cli import named
from forum.cli.doors import forum, settings
from forum.cli.people import link_for
from forum.cli.running import served_at
from forum.db import db, transaction
from forum.members import actions as members
from forum.members.models import Member
from forum.members.queries import members_by_uid, network, viewer_of
from forum.moderation.actions import publish
from forum.notifications import digests, handlers, news
from forum.search import handlers as index
from forum.search.thesaurus import add_starter
from forum.serving import serve
from forum.threads.asking import as_it_reads, ask_protected
from forum.threads.models import Post
from forum.threads.queries import open_thread
from forum.threads.templates import add_starters
from forum.transfer import ndjson
from forum.transfer.progress import progress

PROFILES = Path(__file__).parents[1] / "demo" / "profiles.json"
DEMO = Path(__file__).parents[1] / "demo" / "network.ndjson"


@forum.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
def demo(host: str, port: int) -> None:
    """Serve a demonstration with invented people, in a folder of its own."""
    folder = config.instance_folder() / "demo"
    terms = config.load(
        instance=folder, demo=True, database_url="", mail_short_name="Fachkreis", served_at=served_at(host, port)
    )
    app = create_app(terms)
    with app.app_context():
        migrations.upgrade()
        if network() is None:
            load_demo()
    click.echo(f"Demonstration at {terms.address} – one click signs you in.")
    serve(terms, host, port)


def load_demo() -> None:
    """Load the invented network, its newest post of today or yesterday; everybody was here last a week ago.

    What was written since stands in inboxes and in the digests to come. Whole days only: people who write at night
    would look odd.
    """
    shift = timedelta(days=(clock.now() - ndjson.newest(DEMO)).days)
    load = ndjson.NdjsonImport(DEMO, shift)
    with progress("demo", load.outline.lines) as bar:
        for step in load.steps():
            with transaction():
                bar.advance(step())
    week_ago = clock.now() - timedelta(days=7)
    began = db.select(db.func.min(Post.created_at)).where(Post.author_id == Member.id).scalar_subquery()
    with transaction():
        joined = {"caught_up_at": week_ago, "joined_at": db.func.coalesce(began, week_ago)}
        db.session.execute(db.update(Member).values(joined))
    with transaction():
        _introduce_people()
        for area_id in db.session.scalars(db.select(Area.id).where(Area.access == "open")):
            add_starters(area_id)
        _ask_without_a_name()
    digests.begin_due()
    with transaction():
        fresh = db.select(Post.id, Post.author_id).where(Post.created_at > week_ago).order_by(Post.id)
        events = [outbox.record("post.created", *row) for row in db.session.execute(fresh)]
    news.note_news(events)
    handlers.tell_of_posts(events)
    index.rebuild()
    with transaction():
        outbox.forget_jobs()


def _introduce_people() -> None:
    """What the invented people say of themselves: the file that is exchanged has no place for it."""
    said = json.loads(PROFILES.read_text())
    for member in members_by_uid(list(said)):
        members.describe(viewer_of(member), **said[member.uid])


_TITLE = "Mein Vorgesetzter verlangt Notizen aus vertraulichen Gesprächen. Was tun?"
_BODY = (
    "Er möchte wissen, was Mieterinnen und Mieter mir erzählen, „damit wir besser planen können“. Ich habe auf die "
    "Schweigepflicht verwiesen, aber der Ton wird schärfer.\n\nWie habt ihr das geklärt, ohne dass es zum Bruch kam?"
)


def _ask_without_a_name() -> None:
    """What one of the invented people asks without a name: the file has no place for that either."""
    asker, facilitator = map(viewer_of, members_by_uid(["frieda", "robert"]))
    allow_protected(None, named.area("organisation"), True)
    area = readable_area(asker, "organisation")
    opened = area and open_thread(facilitator, ask_protected(asker, area, "question", _TITLE, _BODY).id)
    if opened:
        publish(facilitator, opened, as_it_reads(_TITLE, (), 1))


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
        if network() is not None:
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
                    made = create_area(None, area.slug, i18n.gettext(area.title), i18n.gettext(area.description))
                    add_starters(made.id)
            add_starter(None, language or "")
            link = link_for(administrator, terms)
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
