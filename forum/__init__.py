"""Fachkreis: forum and mailing list in one for closed professional circles. Start reading in docs/architecture.md."""

from flask import Flask

from forum import config, db, web
from forum.notifications import contact, handlers, helping, news  # noqa: F401 - who hears of what hears of it when imported
from forum.search import meaning
from forum.search.engine import Engine
from forum.search.postgres_engine import PostgresEngine
from forum.search.vectors import Vectors
from forum.search.whoosh_engine import WhooshEngine


def create_app(settings: config.Settings | None = None) -> Flask:
    """Put the network together: settings, database, search, pages."""
    settings = settings or config.load()
    settings.instance.mkdir(parents=True, exist_ok=True)
    app = Flask("forum", static_folder=None, template_folder=None, instance_path=str(settings.instance))
    app.secret_key = config.secret_key(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.request_megabytes * 1024 * 1024
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.request_megabytes * 1024 * 1024
    app.config["TRUSTED_HOSTS"] = settings.hosts
    app.extensions["forum.settings"] = settings
    db.connect(app, settings)
    app.extensions["forum.search"] = _engine(app, settings)
    app.extensions["forum.vectors"] = Vectors(app, meaning.model() if settings.meaning else None)
    web.open_doors(app, settings)
    return app


def _engine(app: Flask, settings: config.Settings) -> Engine:
    """The index is on the own disk as SQLite is; in PostgreSQL it is shared by all hosts as the database is."""
    if settings.on_sqlite:
        return WhooshEngine(settings.instance / "index")
    with app.app_context():
        return PostgresEngine(db.db.engine)
