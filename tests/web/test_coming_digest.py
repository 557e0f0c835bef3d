"""The coming digest: what a member and a facilitator see of it, and the lines that facilitators add."""

from collections.abc import Callable

import pytest
from flask import Flask

from forum.notifications import digests
from tests.cast import Person

HINT = "Am 3. Dezember ist Treffen in Oldenburg."


@pytest.fixture
def begun(app: Flask) -> None:
    """Everybody's digests have begun."""
    with app.app_context():
        digests.begin_due()


@pytest.mark.usefixtures("begun")
def test_frieda_sees_what_her_next_digest_would_say(frieda: Person, jonas: Person, work: Callable[[], int]) -> None:
    assert frieda.reads("/settings/mail/preview/html").status_code == 404
    frieda.reads("/settings/mail/preview")
    assert not frieda.sees('href="/settings/mail/preview/html"')
    jonas.asks("Wer zahlt den Container?", "Drei Kubikmeter <b>Hausrat</b>.")
    work()
    frieda.reads("/settings/mail/preview")
    assert frieda.sees("Wer zahlt den Container?")
    assert frieda.sees("Drei Kubikmeter")
    shown = frieda.reads("/settings/mail/preview/html")
    assert "Drei Kubikmeter" in shown.text
    assert "<style" in shown.text
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    jonas.reads("/settings/mail/preview")
    assert not jonas.sees("Container"), "one's own posts are no news to oneself"


@pytest.mark.usefixtures("begun")
def test_looking_at_it_tells_nothing_yet(frieda: Person, jonas: Person, work: Callable[[], int]) -> None:
    jonas.asks("Wer zahlt den Container?")
    work()
    for _ in range(3):
        frieda.reads("/settings/mail/preview")
        assert frieda.sees("Wer zahlt den Container?")


@pytest.mark.usefixtures("begun")
def test_who_takes_text_only_gets_no_html_to_look_at(frieda: Person, jonas: Person, work: Callable[[], int]) -> None:
    jonas.asks("Wer zahlt den Container?")
    work()
    frieda.reads("/settings/mail")
    frieda.sends("/settings/mail", level="digest", rhythm="weekly", weekday="0", hour="7", plain="1")
    frieda.reads("/settings/mail/preview")
    assert frieda.sees("Wer zahlt den Container?")
    assert frieda.reads("/settings/mail/preview/html").status_code == 404


def test_who_takes_no_digest_reads_why_there_is_none(frieda: Person) -> None:
    frieda.reads("/settings/account")
    frieda.sends("/settings/account/language", language="en")
    frieda.reads("/settings/mail/preview")
    assert frieda.sees("nothing was written")
    frieda.reads("/settings/mail")
    frieda.sends("/settings/mail", level="digest", rhythm="off", weekday="0", hour="7")
    frieda.reads("/settings/mail/preview")
    assert frieda.sees("You chose to get no digest")


@pytest.mark.usefixtures("begun")
def test_robert_adds_a_line_and_takes_it_back(
    frieda: Person, robert: Person, jonas: Person, work: Callable[[], int]
) -> None:
    jonas.asks("Wer zahlt den Container?")
    work()
    robert.reads("/moderation/digest")
    robert.sends("/moderation/digest", text=HINT)
    assert robert.sees(HINT)
    assert robert.sees("Robert Tamm")
    frieda.reads("/settings/mail/preview")
    assert frieda.sees(HINT)
    line = robert.reads("/moderation/digest").text.partition('name="line" value="')[2].partition('"')[0]
    robert.sends("/moderation/digest/remove", line=line)
    assert not robert.sees(HINT)
    frieda.reads("/settings/mail/preview")
    assert not frieda.sees(HINT)
    robert.sends("/moderation/digest/remove", line=line)
    assert robert.page is not None
    assert robert.page.status_code == 200


def test_a_line_that_cannot_be_is_kept_in_the_form(robert: Person) -> None:
    robert.reads("/moderation/digest")
    assert robert.sends("/moderation/digest", text=" ").status_code == 422
    long = "Sehr lang. " * 60
    assert robert.sends("/moderation/digest", text=long).status_code == 422
    assert robert.sees(long.strip())


def test_the_way_there_is_for_facilitators_of_the_network(robert: Person, jonas: Person) -> None:
    robert.reads("/moderation/log")
    assert robert.sees('href="/moderation/digest"')
    assert jonas.reads("/moderation/digest").status_code == 404
