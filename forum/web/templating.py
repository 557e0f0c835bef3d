"""What templates can say: words of the language, dates, addresses of static files, and posts as they were made."""

from pathlib import Path
from typing import Any

from flask import Flask
from flask_wtf.csrf import generate_csrf
from jinja2 import FileSystemLoader, StrictUndefined
from markupsafe import Markup

from forum import i18n
from forum.web.assets import Assets


def prepare(app: Flask, folder: Path) -> None:
    """Give Jinja its loader and its words; a name that a view forgot is an error, not an empty place."""
    app.jinja_options = {"extensions": ["jinja2.ext.i18n"], "undefined": StrictUndefined, "trim_blocks": True}
    env: Any = app.jinja_env
    env.loader = FileSystemLoader(folder)
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)
    assets: Assets = app.extensions["forum.assets"]
    env.globals.update(asset=assets.address, csrf_token=generate_csrf)
    env.filters.update(when=i18n.when, day=i18n.day, iso=i18n.exact, markup_of_post=_markup_of_post)
    env.autoescape = True
    # url_for, request, session and current_user stay out: a page says what its view gave it.
    app.template_context_processors[None].clear()


def _markup_of_post(html: str) -> Markup:
    """The one place where HTML goes out unescaped: what `text.render` made and cleaned when the post was written."""
    return Markup(html)  # noqa: S704 - see above
