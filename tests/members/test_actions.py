"""Members: names, roles, and who can come in."""

import pytest
from flask import Flask

from forum.db import transaction
from forum.errors import Invalid, Refused
from forum.i18n import gettext
from forum.members import actions, queries
from tests.cast import Person


@pytest.mark.parametrize("name", ["", "   ", "http://evil.example", "Anna www.evil.de", "a@b.de", "x" * 121])
def test_a_name_cannot_lead_elsewhere(app: Flask, name: str) -> None:
    with app.app_context(), pytest.raises(Invalid), transaction():
        actions.add_member(name, "anna@weserufer.example")


@pytest.mark.parametrize("name", ["Anna-Lena Öztürk", "Dr. Jan van der Berg", "Zoë O’Neill", "Đorđe"])
def test_real_names_are_fine(app: Flask, name: str) -> None:
    with app.app_context(), transaction():
        assert actions.add_member(name, "neu@weserufer.example").name == name


def test_the_second_of_a_name_has_another_handle(app: Flask) -> None:
    with app.app_context(), transaction():
        assert actions.add_member("Frieda Moor", "zweite@weserufer.example").handle == "frieda-moor-2"


def test_an_address_belongs_to_one_member(app: Flask) -> None:
    with app.app_context(), pytest.raises(Invalid, match="email_taken"), transaction():
        actions.add_member("Noch eine Frieda", "FRIEDA@weserufer.example")


def test_the_last_administrator_stays(app: Flask) -> None:
    with app.app_context():
        anke = queries.member_by_email("anke@weserufer.example")
        assert anke is not None
        number = anke.id
        for leaves in (
            lambda: actions.suspend(None, queries.member(number)),
            lambda: actions.change_role(None, queries.member(number), "member"),
        ):
            with pytest.raises(Refused, match="last_administrator"), transaction():
                leaves()


def test_a_suspended_member_is_told_so_only_with_the_right_password(stranger: Person) -> None:
    stranger.reads("/sign-in")
    wrong = stranger.sends("/sign-in", email="sven@weserufer.example", password="geraten geraten")
    assert wrong.status_code == 422
    right = stranger.sends("/sign-in", email="sven@weserufer.example", password="ein langes Kennwort")
    assert right.status_code == 403
    assert stranger.sees(gettext("Your access is suspended. Please ask the administrators."))


def test_one_speaks_the_language_one_chose(frieda: Person) -> None:
    frieda.sends("/settings/account/language", language="en")
    frieda.reads("/practices")
    assert frieda.sees("Recommended practice")
    assert '<html lang="en"' in frieda.page.text  # type: ignore[union-attr]
    assert frieda.sends("/settings/account/language", language="xx").status_code == 422
    frieda.sends("/settings/account/language", language="")
    frieda.reads("/practices")
    assert frieda.sees("Empfohlene Praxis")


def test_a_members_page_shows_what_the_reader_may_read(frieda: Person, bernd: Person, jonas: Person) -> None:
    frieda.asks("Offen gefragt")
    bernd.asks("Vertraulich gefragt", area="leitungskreis")
    bernd.asks("Offen von Bernd")
    jonas.reads(f"/members/{bernd.id}")
    assert jonas.sees("Offen von Bernd")
    assert not jonas.sees("Vertraulich gefragt")
    assert jonas.sees("Leinewohnen, Hannover")
