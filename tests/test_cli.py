"""The operator's commands, as typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forum import cli, create_app
from forum.config import load
from forum.db import db
from forum.members.queries import member_by_email
from tests.cast import Person


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for a network."""
    monkeypatch.setenv("FORUM_INSTANCE", str(tmp_path / "network"))
    return tmp_path / "network"


def typed(*words: str, answers: str | None = None) -> Result:
    """Type a command."""
    return CliRunner().invoke(cli.forum, words, input=answers)


def made(**options: str) -> Result:
    """A network made without questions."""
    given = {
        "name": "Probe",
        "language": "de",
        "admin-name": "Anke Verwey",
        "admin-email": "anke@weserufer.example",
        "areas": "senioren",
    }
    return typed("init", *(part for key, value in (given | options).items() for part in (f"--{key}", value)))


def test_a_network_is_made_by_five_answers_and_ends_with_a_link(instance: Path) -> None:
    answers = "Netzwerk Nord\nde\nAnke Verwey\nanke@weserufer.example\n1,3\n"
    said = typed("init", answers=answers)
    assert said.exit_code == 0, said.output
    link = said.output.strip().split()[-1]
    assert link.startswith("http://127.0.0.1:5000/welcome/")
    app = create_app(load(instance=instance))
    administrator = Person("stranger", app.test_client())
    path = link.removeprefix("http://127.0.0.1:5000")
    administrator.reads(path)
    administrator.sends(path, password="ein gutes Kennwort", repeated="ein gutes Kennwort")
    assert administrator.reads("/areas/mietschulden").status_code == 200
    assert administrator.reads("/areas/nachbarschaft").status_code == 200
    assert administrator.reads("/areas/senioren").status_code == 404


def test_a_second_network_is_refused(instance: Path) -> None:
    made()
    again = made()
    assert again.exit_code == 1
    assert "already" in again.output or "bereits" in again.output
    assert instance.exists()


@pytest.mark.usefixtures("instance")
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("areas", "wald", "unknown area 'wald'"),
        ("language", "xx", "xx"),
        ("admin-email", "keine", "keine"),
        ("name", " ", ""),
    ],
)
def test_wrong_answers_make_nothing(option: str, value: str, said: str) -> None:
    refused = made(**{option: value})
    assert refused.exit_code != 0
    assert said in refused.output + str(refused.exception)
    assert made().exit_code == 0


@pytest.mark.usefixtures("instance")
def test_check_prints_all_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    monkeypatch.setenv("FORUM_SECRET_KEY", "a-very-secret-key-that-nobody-should-see")
    said = typed("check")
    assert said.exit_code == 0, said.output
    assert "(given)" in said.output
    assert "a-very-secret-key" not in said.output
    assert "all is well" in said.output
    report = json.loads(typed("check", "--json").output)
    assert report["problems"] == []
    assert "SQLite" in report["state"]


@pytest.mark.usefixtures("instance")
def test_check_without_a_network_says_what_to_do() -> None:
    typed("db", "upgrade")
    said = typed("check")
    assert said.exit_code == 1
    assert "forum init" in said.output


def test_check_finds_counts_that_drifted(instance: Path) -> None:
    made()
    app = create_app(load(instance=instance))
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE area SET thread_count = 7")
    said = typed("check")
    assert said.exit_code == 1
    assert "1 areas show counts" in said.output


def test_members_are_added_promoted_and_suspended(instance: Path) -> None:
    made()
    added = typed("member", "add", "jonas@leine.example", "--name", "Jonas Brandt", "--organisation", "Leinewohnen")
    assert "/welcome/" in added.output
    secret = typed(
        "member",
        "add",
        "aylin@oker.example",
        "--name",
        "Aylin Kaya",
        "--password-stdin",
        answers="ein langes Kennwort\n",
    )
    assert secret.output.strip() == "Aylin Kaya <aylin@oker.example>"
    assert typed("member", "role", "jonas@leine.example", "facilitator").exit_code == 0
    assert typed("member", "suspend", "aylin@oker.example").exit_code == 0
    assert typed("member", "link", "aylin@oker.example").exit_code != 0
    app = create_app(load(instance=instance))
    with app.app_context():
        jonas, aylin = member_by_email("jonas@leine.example"), member_by_email("aylin@oker.example")
        assert jonas is not None
        assert aylin is not None
        assert (jonas.role, aylin.state) == ("facilitator", "suspended")
    assert typed("member", "role", "nobody@leine.example", "member").exit_code == 1


@pytest.mark.usefixtures("instance")
def test_a_database_that_is_behind_is_said_so() -> None:
    said = typed("check")
    assert said.exit_code == 1
    assert "forum db upgrade" in said.output


def test_a_closed_area_is_made_and_a_member_let_in_and_out(instance: Path) -> None:
    made()
    typed(
        "member",
        "add",
        "bernd@leine.example",
        "--name",
        "Bernd Ahlers",
        "--password-stdin",
        answers="ein langes Kennwort\n",
    )
    assert typed("area", "add", "leitung", "--title", "Leitungskreis", "--access", "closed").exit_code == 0
    app = create_app(load(instance=instance))
    bernd = Person("bernd", app.test_client())
    bernd.reads("/sign-in")
    bernd.sends("/sign-in", email="bernd@leine.example", password="ein langes Kennwort")
    assert bernd.reads("/areas/leitung").status_code == 404
    assert typed("area", "name", "leitung", "bernd@leine.example").exit_code == 0
    assert bernd.reads("/areas/leitung").status_code == 200
    assert typed("area", "name", "leitung", "bernd@leine.example", "--undo").exit_code == 0
    assert bernd.reads("/areas/leitung").status_code == 404
    assert "there is no area 'wald'" in typed("area", "name", "wald", "bernd@leine.example").output
    assert typed("area", "add", "Ärger!", "--title", "x").exit_code == 1
