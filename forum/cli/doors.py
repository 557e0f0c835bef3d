"""What all commands share: how they begin, answer and fail."""

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from flask import Flask

from forum import config, create_app, i18n, migrations
from forum.errors import Problem
from forum.i18n import sentence
from forum.search import evaluation
from forum.transfer.format import WrongLine

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


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
