"""Fachkreis: forum and mailing list in one for closed professional circles. Start reading in docs/architecture.md."""

from flask import Flask

from forum import config, db, web
from forum.search import whoosh_engine


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
    app.extensions["forum.search"] = whoosh_engine.WhooshEngine(settings.instance / "index")
    web.open_doors(app, settings)
    return app
