"""What templates can say: words of the language, dates, addresses of static files, and posts as they were made.

There is one Jinja environment for each language, so that a template is translated once and not on each page.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app
from flask_wtf.csrf import generate_csrf
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.environment import TemplateModule
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup

from forum import i18n
from forum.threads.models import tag_slug
from forum.web.assets import Assets

_SAID = re.compile(r"""\b_\(('[^'\\]*'|"[^"\\]*")(\)|,)""")
_END = {")": "", ",": "|format("}


class Translated(Extension):
    """Translates a template before it is compiled: a page looks nothing up, and most sentences are plain text by then.

    `_('Sign out')` becomes the words, and `_('by %(name)s', name=…)` becomes `"von %(name)s"|format(name=…)`.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
        """The template with the sentences of the environment's language in it."""
        with i18n.speaking(str(self.environment.globals["language"])):
            return _SAID.sub(lambda said: json.dumps(i18n.gettext(said[1][1:-1])) + _END[said[2]], source)


class PlainCalls(Context):
    """Calls functions and macros straight away: none of ours wants the context, and a list makes hundreds of calls."""

    def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        _loop_vars: object = None,
        _block_vars: object = None,
        **named: Any,
    ) -> Any:
        """What the function says."""
        return function(*args, **named)


class OwnMacros(Template):
    """Macros know the globals alone, which all templates share: nothing is compared when a page imports them."""

    def _get_default_module(self, _context: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


def prepare(app: Flask, folder: Path) -> None:
    """Give each language its environment; a name that a view forgot is an error, not an empty place.

    url_for, request, session and current_user stay out: a page says what its view gave it.
    """
    assets: Assets = app.extensions["forum.assets"]

    @cache
    def environment(language: str) -> Environment:
        env = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            auto_reload=app.debug, extensions=[Translated],
        )  # fmt: skip
        env.context_class, env.template_class = PlainCalls, OwnMacros
        env.globals.update(_=i18n.gettext, ngettext=i18n.ngettext, language=language)
        env.globals.update(asset=assets.address, csrf_token=generate_csrf)
        env.filters.update(
            tag_slug=tag_slug, when=i18n.when, day=i18n.day, iso=i18n.exact, markup_of_post=_markup_of_post
        )
        return env

    app.extensions["forum.templates"] = environment


def rendered(template: str, **context: Any) -> str:
    """The template in the language that is being spoken."""
    environment = current_app.extensions["forum.templates"]
    return cast(Environment, environment(i18n.language())).get_template(template).render(context)


def _markup_of_post(html: str) -> Markup:
    """The one place where HTML goes out unescaped: what `text.render` made and cleaned when the post was written."""
    return Markup(html)  # noqa: S704 - see above
