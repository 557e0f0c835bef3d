"""S5: nothing changes without the page's own token, and reading changes nothing."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from forum.web.door import ROUTES
from tests.security import scene
from tests.security.scene import Thing, Visitor
from tests.security.test_matrix import FORMS, address

# What a visit leaves behind: how far one has read, when the device was last seen, which search found nothing.
VISITS = ("read_marker", "sign_in.seen_at", "guess", "missed_search")
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
# Sent by mail programs, without cookie or page (RFC 8058): a signed token in the address says who may, and what alone.
WITHOUT_FORM = {"unsubscribe.stop"}


def changing(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in CHANGING & (rule.methods or set()):
            if rule.endpoint not in WITHOUT_FORM:
                yield rule, method


@pytest.fixture
def thing(app: Flask) -> Thing:
    scene.more_people(app)
    return scene.things(app)["open"]


def tokens(app: Flask, somebody: Visitor) -> dict[str, str | None]:
    """None, empty, made up, another member's, a guest's, one's own cut short, one's own of another network."""
    return {
        "none": None,
        "empty": "",
        "made up": "x",
        "another member's": scene.visitor(app, "jonas").token,
        "a guest's": scene.visitor(app, "stranger").token,
        "cut short": somebody.token[:-1],
        "not ASCII": "ä\x00",
    }


def test_only_what_mail_programs_send_needs_no_form() -> None:
    assert {entry.endpoint for entry in ROUTES if entry.without_form} == WITHOUT_FORM


@pytest.mark.parametrize("key", ["robert", "frieda", "stranger"])
def test_no_form_works_without_its_token(app: Flask, thing: Thing, key: str) -> None:
    """Every changing route × every wrong token: refused, the text kept, nothing in the database changed."""
    somebody = scene.visitor(app, key)
    wrong = tokens(app, somebody)
    before = scene.snapshot(app, VISITS)
    routes = list(changing(app))
    assert len(routes) > 10
    for rule, method in routes:
        for name, token in wrong.items():
            form = {**FORMS.get(rule.endpoint, {}), **({} if token is None else {"csrf_token": token})}
            answer = somebody.asks(method, address(app, rule, thing, "open"), data=form)
            assert answer.status_code == 400, f"{method} {rule.rule} with {name} token: {answer.status}"
        after = scene.snapshot(app, VISITS)
        assert not scene.differences(before, after), rule.rule


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/xml", ""])
def test_no_other_kind_of_body_gets_around_the_token(app: Flask, thing: Thing, kind: str) -> None:
    """What a foreign page can send without asking: plain text that looks like a form, or like JSON."""
    somebody = scene.visitor(app, "robert")
    before = scene.snapshot(app, VISITS)
    for rule, method in changing(app):
        for body in (f"csrf_token={somebody.token}&body=x", f'{{"csrf_token": "{somebody.token}", "body": "x"}}'):
            where = f"{address(app, rule, thing, 'open')}?csrf_token={somebody.token}"
            answer = somebody.asks(method, where, data=body, content_type=kind)
            assert answer.status_code == 400, f"{method} {rule.rule} as {kind}"
    assert not scene.differences(before, scene.snapshot(app, VISITS))


def test_over_tls_a_foreign_page_is_refused_even_with_a_token(app: Flask, thing: Thing) -> None:
    somebody = scene.visitor(app, "frieda")
    form = {"csrf_token": somebody.token, "body": "x"}
    where = f"https://localhost/threads/{thing.thread}/posts"
    for referrer in ("https://evil.example/", "https://localhost.evil.example/", "http://localhost/", ""):
        headers = {"Referer": referrer} if referrer else {}
        assert somebody.asks("POST", where, data=form, headers=headers).status_code == 400
    assert somebody.asks("POST", where, data=form, headers={"Referer": "https://localhost/x"}).status_code == 303


def test_reading_changes_nothing(app: Flask, thing: Thing) -> None:
    """Every GET, HEAD and OPTIONS of every route, for a member and a facilitator: the database stays as it is."""
    made = [thing, scene.things(app)["deleted"]]
    for key in ("jonas", "robert", "stranger"):
        somebody = scene.visitor(app, key)
        before = scene.snapshot(app, VISITS)
        for rule in app.url_map.iter_rules():
            for method in (rule.methods or set()) - CHANGING:
                for one in made:
                    where = re.sub(r"\?.*", "", address(app, rule, one, "open"))
                    more = f"?quote={one.post}&on=1&body=x&title=x&preview=1&act=pin&reason=x&password=x&page=last"
                    for query in ("", more):
                        somebody.asks(method, where + query)
        after = scene.snapshot(app, VISITS)
        assert not scene.differences(before, after), key
        assert scene.digest(before) == scene.digest(after)
