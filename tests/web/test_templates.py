"""Templates: facilitators write with what text a new thread begins; nobody's work is lost."""

import json
import re
from html import unescape

import pytest
from flask import Flask

from forum.db import transaction
from forum.threads.templates import LONGEST, add_starters
from tests.cast import Person, area_id

FORM = "/moderation/templates/vermuellung/question"
_BODY = re.compile(r'<textarea[^>]* name="body"[^>]*>\n(.*?)</textarea>', re.DOTALL)


def begins_with(writer: Person, address: str = "/areas/vermuellung/new") -> str:
    found = _BODY.search(writer.reads(address).text)
    assert found is not None
    return unescape(found[1])


def test_a_new_thread_begins_with_the_text_of_its_kind(frieda: Person, robert: Person) -> None:
    robert.reads("/moderation/templates")
    assert robert.sees("Verwahrlosung und Vermüllung")
    for kind, text in (("question", "**Lage**\n\n**Frage**"), ("strategy", "**Was wir tun**")):
        address = f"/moderation/templates/vermuellung/{kind}"
        robert.reads(address)
        assert robert.sends(address, text=text, version="0").status_code == 200
    assert begins_with(frieda) == "**Lage**\n\n**Frage**"
    assert begins_with(frieda, "/areas/vermuellung/new?kind=strategy") == "**Was wir tun**"
    page = frieda.reads("/areas/vermuellung/new").text
    held = re.search(r'data-templates="([^"]+)"', page)
    assert held is not None
    assert json.loads(unescape(held[1])) == {"question": "**Lage**\n\n**Frage**", "strategy": "**Was wir tun**"}


def test_a_template_that_nobody_filled_in_is_no_text(frieda: Person, robert: Person) -> None:
    robert.reads(FORM)
    robert.sends(FORM, text="**Lage**", version="0")
    frieda.reads("/areas/vermuellung/new")
    for kind in ("question", "strategy"):
        answer = frieda.sends("/areas/vermuellung/new", kind=kind, title="Leer", body="**Lage**\r\n", send_key="k")
        assert answer.status_code == 422
        assert frieda.sees("Die Vorlage ist noch nicht ausgefüllt.")
    frieda.asks("Voll", "**Lage**\n\nEr öffnet nicht.")


def test_who_was_slower_sees_both_texts(robert: Person, anke: Person) -> None:
    robert.reads(FORM)
    robert.sends(FORM, text="**Von Robert**", version="0")
    anke.reads("/")
    answer = anke.sends(FORM, text="**Von Anke**", version="0")
    assert answer.status_code == 409
    assert anke.sees("**Von Robert**</textarea>")
    assert anke.sees("**Von Anke**</textarea>")
    version = re.search(r'name="version" value="(\d+)"', answer.text)
    assert version is not None
    assert anke.sends(FORM, text="**Von beiden**", version=version[1]).status_code == 200
    assert begins_with(robert) == "**Von beiden**"


@pytest.mark.parametrize("kind", ["nothing", "case"])
def test_there_is_no_template_of_no_kind(robert: Person, kind: str) -> None:
    assert robert.reads(f"/moderation/templates/vermuellung/{kind}").status_code == 404


def test_a_template_is_short(robert: Person) -> None:
    robert.reads(FORM)
    answer = robert.sends(FORM, text="x" * (LONGEST + 1), version="0")
    assert answer.status_code == 422
    assert "x" * LONGEST in answer.text


def test_a_new_network_begins_with_headings(app: Flask, frieda: Person) -> None:
    with app.app_context(), transaction():
        add_starters(area_id(app, "vermuellung"))
    assert begins_with(frieda) == "Situation:\n\n\nWas wurde versucht?\n\n\nFrage:"
