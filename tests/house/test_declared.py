"""What must be said somewhere: who is allowed, who hears of an event, what a setting or command means."""

import ast
from pathlib import Path

import click
import pytest
from flask import Flask

from forum import cli, create_app
from forum.config import Settings, load
from forum.outbox import HANDLERS, HEARS
from forum.web.door import ROUTES, add_routes

ROOT = Path(__file__).parents[2]
DOCS = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))


def test_a_route_that_does_not_say_who_is_allowed_must_not_start(tmp_path: Path) -> None:
    app = create_app(load(instance=tmp_path))
    app.add_url_rule("/open-door", "open_door", lambda: "come in")
    with pytest.raises(RuntimeError, match="/open-door does not say who is allowed"):
        add_routes(app, demo=False)


def test_the_demonstration_is_not_in_a_real_network(tmp_path: Path) -> None:
    app = create_app(load(instance=tmp_path))
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint in ("access.demo_sign_in", "gallery.show")]


def rendered_templates() -> set[str]:
    """Every template that some view names."""
    named = set()
    for path in (ROOT / "forum" / "web").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".html"):
                named.add(node.value)
    return named


def test_every_view_has_its_template_and_every_template_its_view() -> None:
    there = {
        path.relative_to(ROOT / "templates").as_posix()
        for path in (ROOT / "templates").rglob("*.html")
        # Those of mails are found by the kind of mail, in tests/mail/test_templates.py.
        if not path.parent.name.startswith("_") and path.name != "base.html" and path.parent.name != "mail"
    }
    assert rendered_templates() == there


def recorded_events() -> set[str]:
    """The names of all events that some action records."""
    names = set()
    for path in (ROOT / "forum").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "outbox.record":
                names |= {
                    part.value
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return names


def test_every_event_is_heard_or_said_to_be_unheard(tmp_path: Path) -> None:
    create_app(load(instance=tmp_path))
    assert recorded_events() == set(HEARS)
    assert all(handler in HANDLERS for heard in HEARS.values() for handler in heard)


@pytest.mark.parametrize("event", sorted(recorded_events()))
def test_every_event_is_documented(event: str) -> None:
    assert f"`{event}`" in DOCS


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert Settings.model_fields[name].description
    assert f"`FORUM_{name.upper()}`" in DOCS


def commands(group: click.Group = cli.forum, before: str = "forum") -> list[str]:
    """Every command as one types it."""
    found = []
    for name, command in group.commands.items():
        whole = f"{before} {name}"
        found += commands(command, whole) if isinstance(command, click.Group) else [whole]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}" in DOCS


def test_every_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    listed = (ROOT / "setup.cfg").read_text().partition("install_requires =")[2].partition("\n\n")[0].split()
    development = (ROOT / "requirements-dev.in").read_text().split()
    for line in (*listed, *(name for name in development if not name.startswith(("-", "requirements")))):
        name = line.partition("=")[0].partition(">")[0].partition("[")[0]
        assert f"`{name}" in reasons, f"{name} has no reason"


def test_routes_are_unique() -> None:
    addresses = [(entry.rule, method) for entry in ROUTES for method in entry.methods]
    assert len(addresses) == len(set(addresses))


def test_the_app_has_routes(tmp_path: Path) -> None:
    app: Flask = create_app(load(instance=tmp_path))
    assert len(list(app.url_map.iter_rules())) > 30


def test_every_package_is_shipped() -> None:
    listed = (ROOT / "setup.cfg").read_text().partition("packages =\n")[2].partition("package_dir")[0].split()
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "forum").rglob("__init__.py")}
    assert set(listed) == there | {"forum.templates", "forum.static"}
