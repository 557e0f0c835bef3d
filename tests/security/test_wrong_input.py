"""Whatever is sent: a sentence in the reader's language, the text kept where there was one, and never a 500."""

import html
import io
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from werkzeug.test import TestResponse

from forum import i18n
from forum.db import db, transaction
from forum.errors import SENTENCES
from forum.members.models import Member, SignIn
from forum.text import MAX_SOURCE
from forum.threads.models import LONGEST_TITLE, Post
from tests.cast import PASSWORD, Person, post_id
from tests.security import scene
from tests.security.scene import Thing
from tests.security.test_matrix import FORMS, address

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TEXT = "Mein langer Text, der nicht verloren gehen darf."
_FIELD = re.compile(r'<(?:input[^>]*? name="(?P<name>[^"]+)"[^>]*? value="(?P<value>[^"]*)"|'
                    r'textarea[^>]*? name="(?P<area>[^"]+)"[^>]*>\n?(?P<text>.*?)</textarea>)', re.DOTALL)  # fmt: skip
_FORM = re.compile(r'<form[^>]* action="(?P<action>[^"]*)"[^>]*>(?P<inside>.*?)</form>', re.DOTALL)


def said(code: str, language: str = "de", **values: object) -> str:
    with i18n.speaking(language):
        return i18n.gettext(SENTENCES[code], **values)


def german(answer: TestResponse) -> str:
    """The words of a page that is complete and German."""
    assert answer.status_code < 500, answer.text
    assert '<html lang="de"' in answer.text
    return html.unescape(answer.text)


def form_to(answer: TestResponse, action: str) -> dict[str, str]:
    """What a browser would send with the form of this page that leads there."""
    for form in _FORM.finditer(answer.text):
        if html.unescape(form["action"]) == action:
            return {
                html.unescape(field["name"] or field["area"]): html.unescape(field["value"] or field["text"] or "")
                for field in _FIELD.finditer(form["inside"])
            }
    raise AssertionError(f"no form to {action}:\n{answer.text}")


def kept_text(answer: TestResponse) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.text, re.DOTALL)]


def count_posts(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Post)) or 0


@pytest.fixture
def thing(app: Flask) -> Thing:
    scene.more_people(app)
    return scene.things(app)["open"]


BODIES = {
    "empty": ("", "body_empty"),
    "white": (" \n\t\r\n ", "body_empty"),
    "controls": ("\x01\x02\x7f\u202e", "body_empty"),
    "NUL": ("\x00", "body_empty"),
    "too long": ("x" * (MAX_SOURCE + 1), "body_long"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_text_that_cannot_be_taken(app: Flask, thing: Thing, kind: str) -> None:
    body, code = BODIES[kind]
    frieda = scene.visitor(app, "frieda")
    before = scene.snapshot(app, ("read_marker",))
    for where, fields in (
        (f"/threads/{thing.thread}/posts", {}), ("/areas/vermuellung/new", {"kind": "question", "title": "Titel"}),
        (f"/posts/{thing.post}/edit", {"version": "1"}),
    ):  # fmt: skip
        answer = frieda.asks("POST", where, data={"csrf_token": frieda.token, "body": body, **fields})
        assert answer.status_code == 422, where
        assert said(code, most=MAX_SOURCE) in german(answer)
        if code == "body_long":
            assert body in kept_text(answer)
    assert not scene.differences(before, scene.snapshot(app, ("read_marker",)))


def test_bytes_that_are_no_text(app: Flask, thing: Thing) -> None:
    """Werkzeug leaves them as they were typed, %FF and all; the sign for "could not be read" is asked about."""
    frieda = scene.visitor(app, "frieda")
    kind = "application/x-www-form-urlencoded"
    for raw in (b"%FF%FE", b"%ED%A0%80", b"%ED%B0%80x", b"%C3", b"%F8%88%80%80%80", b"%C0%80"):
        body = f"csrf_token={frieda.token}&send_key={raw.hex()}&body={quote(TEXT)}".encode() + raw
        where = f"/threads/{thing.thread}/posts"
        answer = frieda.asks("POST", where, data=body, content_type=kind, follow_redirects=True)
        assert answer.status_code == 200
        assert TEXT in german(answer)
    # No browser sends bytes that are not percent-encoded; then there is no form to be read, nor a token in it.
    assert frieda.asks("POST", "/preview", data=b"body=\xff&" + body, content_type=kind).status_code == 400
    for where, somebody, fields in (
        (f"/threads/{thing.thread}/posts", frieda, {"body": f"{TEXT}\ufffd"}),
        ("/areas/vermuellung/new", frieda, {"body": f"{TEXT}\ufffd", "title": "Titel", "kind": "question"}),
        (f"/posts/{thing.post}/edit", frieda, {"body": f"{TEXT}\ufffd", "version": "1"}),
    ):
        answer = somebody.asks("POST", where, data={"csrf_token": somebody.token, **fields})
        assert answer.status_code == 422
        assert said("broken_text") in german(answer)
        assert any(TEXT in text for text in kept_text(answer))


def test_a_title_that_cannot_be_taken(app: Flask) -> None:
    frieda = scene.visitor(app, "frieda")
    for title in ("", "   ", "\t\n", "\x00", "\u202e", "x" * (LONGEST_TITLE + 1)):
        form = {"csrf_token": frieda.token, "body": TEXT, "kind": "question", "title": title}
        answer = frieda.asks("POST", "/areas/vermuellung/new", data=form)
        assert answer.status_code == 422
        assert said("title_long" if len(title) > 200 else "title_empty", most=LONGEST_TITLE) in german(answer)
        assert TEXT in kept_text(answer)


def test_a_title_of_anything_leads_to_its_thread(app: Flask, frieda: Person) -> None:
    """Also where no letter of it fits into an address."""
    for title in ("???", "„“", "…", "日本語", "😀", "../..", "a" * LONGEST_TITLE, "-", "<b>", "%2e%2e", "🏚️ ?"):
        thread = frieda.asks(title)
        assert frieda.reads(f"/threads/{thread}").status_code == 200
        assert frieda.sees(title)
        form = {"kind": "question", "title": title, "body": "Text", "send_key": title}
        assert frieda.sends("/areas/vermuellung/new", **form).status_code == 200
        edit = f"/posts/{post_id(app, thread, 1)}/edit"
        frieda.reads(edit)
        assert frieda.sends(edit, body="Neu", title=f"{title[:-1]}!", version="1").status_code == 200


NUMBERS = [
    "0",
    "-1",
    "1.5",
    "x",
    "",
    " ",
    str(2**31),
    str(2**63),
    str(2**64),
    "9" * 5000,
    "1e9",
    "0x1",
    "١",
    "%00",
    "1;--",
    "../1",
    "1%0a",
]


def test_numbers_that_no_row_has(app: Flask, thing: Thing) -> None:
    frieda = scene.visitor(app, "frieda")
    for number in NUMBERS:
        shown = number
        paths = (f"/threads/{shown}", f"/posts/{shown}", f"/files/{shown}/x", f"/members/{shown}",
                 f"/posts/{shown}/edit",                  f"/threads/{shown}/similar")  # fmt: skip
        for path in paths:
            answer = frieda.asks("GET", path)
            assert answer.status_code == 404, (path, answer.status)
            assert said("missing") in german(answer)
        for query in ("page", "quote", "after", "before", "unread", "next", "area", "kind", "state", "sort", "q"):
            for path in (
                f"/threads/{thing.thread}",
                f"/inbox/counts?thread={thing.thread}",
                "/inbox",
                "/areas/vermuellung",
                "/search",
                "/moderation/log",
                "/",
            ):
                answer = frieda.asks("GET", f"{path}?{query}={number}")
                assert answer.status_code in (200, 303), (path, query, number)
        for field, where in (("reply_to", f"/threads/{thing.thread}/posts"), ("device", "/settings/account/devices")):
            form = {"csrf_token": frieda.token, "body": f"Antwort {number[:9]}", field: number}
            assert frieda.asks("POST", where, data=form).status_code == 303
        version = {"csrf_token": frieda.token, "body": TEXT, "version": number}
        answer = frieda.asks("POST", f"/posts/{thing.post}/edit", data=version)
        assert answer.status_code == 409
        assert TEXT in kept_text(answer)
        move = {
            "csrf_token": (robert := scene.visitor(app, "robert")).token,
            "act": "move",
            "area": number,
            "reason": "x",
        }
        assert robert.asks("POST", f"/threads/{thing.thread}/moderate", data=move).status_code == (
            404 if number else 422
        )


def test_an_answer_to_a_post_of_another_thread_is_an_answer_to_none(app: Flask) -> None:
    scene.more_people(app)
    made = scene.things(app)
    jonas = scene.visitor(app, "jonas")
    for foreign in (made["announcement"].post, made["closed"].post, made["deleted"].post, 987):
        form = {"csrf_token": jonas.token, "body": f"zu {foreign}", "reply_to": str(foreign)}
        assert jonas.asks("POST", f"/threads/{made['open'].thread}/posts", data=form).status_code == 303
    with app.app_context():
        replies = select(Post.reply_to_id).where(Post.thread_id == made["open"].thread)
        assert not any(db.session.scalars(replies))


def test_missing_fields(app: Flask, thing: Thing) -> None:
    """A form without any of its fields: a sentence, nothing done."""
    for key in ("frieda", "jonas", "robert", "stranger"):
        somebody = scene.visitor(app, key)
        for rule in app.url_map.iter_rules():
            if "POST" not in (rule.methods or ()) or rule.endpoint in ("access.sign_out", "posts.do_delete"):
                continue
            answer = somebody.asks("POST", address(app, rule, thing, "open"), data={"csrf_token": somebody.token})
            # Forms that are fine without fields: an empty preview, thanks taken back, the network's language …
            fine = rule.endpoint in (
                "access.ask_for_reset",  # which answers everybody alike
                "mail.works",
                "unsubscribe.stop",
                "watch.area",
                "watch.thread",
                "posts.preview",
                "posts.helpful",
                "posts.thanks",
                "settings.language",
                "settings.end_device",
                "posts.do_restore",
                "saved.delete",
                "thesaurus.starter",
                "inbox.note_read",
                "more.bookmark",
                "profile.save",
                "settings.choose_reading",
                "uploads.add",
                "templates.write",
                "unread.read",
                "unread.keep_unread",
            )
            assert answer.status_code >= 400 or fine, rule.rule
            assert answer.status_code < 500, rule.rule
            if answer.status_code >= 400:
                german(answer)


def test_unknown_choices(app: Flask, thing: Thing) -> None:
    frieda, robert = scene.visitor(app, "frieda"), scene.visitor(app, "robert")
    for choice in ("", "case", "<b>", "QUESTION", "x" * 5000, "\x00x", "ä"):
        form = {"csrf_token": frieda.token, "title": "Titel", "body": TEXT, "kind": choice}
        answer = frieda.asks("POST", "/areas/vermuellung/new", data=form)
        assert answer.status_code == 422
        assert TEXT in kept_text(answer)
        act = {"csrf_token": robert.token, "act": choice, "reason": "Grund"}
        assert robert.asks("POST", f"/threads/{thing.thread}/moderate", data=act).status_code == 422
        language = {"csrf_token": frieda.token, "language": choice}
        assert frieda.asks("POST", "/settings/account/language", data=language).status_code == (422 if choice else 303)
        for query in ("kind", "state", "sort", "area", "page", "before", "after", "q", "unbekannt"):
            for path in (
                "/areas/vermuellung",
                "/search",
                "/practices",
                "/moderation/log",
                f"/threads/{thing.thread}",
                "/",
            ):
                answer = frieda.asks("GET", f"{path}?q=Ding&{query}={quote(choice)}")
                assert answer.status_code == (404 if path == "/practices" and query == "area" and choice else 200)
                german(answer)


KEYS = ["-", "--", "1", "1-", "-1", "1-2", "1-2-3", "1-2-3-4", "x-y-z", "0-0-0", "1-1--1", f"{2**63}-{2**63}-{2**63}",
        "1-99999999999999999999-1",
        f"0-1-{2**63 - 1}", f"0-1-{2**63}", "9" * 5000, "1_0-1_0-1_0", "٣-٣-٣", "+1-+1-+1", " 1- 1- 1",
        "1-1e9-1", "nan-nan-nan", "\x00", "%ff",
        "0-253402300800000000-1", "0-253402300799999999-1", f"{2**63 - 1}-{2**63 - 1}"]  # fmt: skip


@pytest.mark.usefixtures("thing")
def test_keys_of_further_pages_that_are_none(app: Flask) -> None:
    robert = scene.visitor(app, "robert")
    for key in KEYS:
        for path in ("/areas/vermuellung", "/practices", "/moderation/log"):
            answer = robert.asks("GET", f"{path}?before={key if '%' in key else quote(key)}")
            assert answer.status_code == 200, (path, key)
            german(answer)


NOWHERE = ("/tags/%00", "/areas/%00", "/areas/%00/new", "/areas/%00/similar?title=x", "/areas/a%00", "/%00",
           "/moderation/templates/%00/question", "/files/1/%00", "/members/1%00", "/threads/1-%00")  # fmt: skip
ASKED = ("/offer?sign=%23&in=area:%00&text=a", "/offer?sign=%23&in=thread:1&text=a%00b", "/offer?sign=@&text=%00",
         "/organisations?after=%00", "/moderation/log?act=%00", "/members?q=%00", "/search?q=a%00b&area=%00",
         "/unread?area=%00", "/?%00=%00", "/areas/vermuellung?tag=%00", "/search?q=a&author=%00")  # fmt: skip


@pytest.mark.usefixtures("thing")
def test_a_character_that_no_database_takes(app: Flask) -> None:
    """PostgreSQL refuses NUL in any text: an address with it leads nowhere, and elsewhere it is not there."""
    robert, stranger = scene.visitor(app, "robert"), scene.visitor(app, "stranger")
    for path in NOWHERE:
        for somebody in (robert, stranger):
            answer = somebody.asks("GET", path)
            assert answer.status_code == 404, path
            assert said("missing") in german(answer)
    for path in ASKED:
        answer = robert.asks("GET", path)
        assert answer.status_code in (200, 404), path
    assert robert.asks("POST", "/areas/%00/watch", data={"csrf_token": robert.token}).status_code == 404
    for where, fields in (
        ("/unread", {"area": "\0"}), ("/unread", {"\0": "\0"}), ("/settings/profile", {"function": "a\0b"}),
        ("/search/saved", {"query": "a\0b", "name": "\0"}), ("/drafts", {"place": "area:\0", "body": "x"}),
        ("/sign-in", {"email": "a\0b@c.example", "password": "\0"}),
    ):  # fmt: skip
        answer = robert.asks("POST", where, data={"csrf_token": robert.token, **fields})
        assert answer.status_code < 500, where


def test_a_very_long_question_in_the_address(app: Flask, thing: Thing) -> None:
    length = 50_000
    frieda = scene.visitor(app, "frieda")
    for path in (
        "/search",
        "/areas/vermuellung",
        "/areas/vermuellung/new",
        "/practices",
        f"/threads/{thing.thread}",
        "/",
    ):
        many = "&".join(f"a{n}=1" for n in range(length // 8))
        for query in ("q=" + "x" * length, "q=" + "a+" * (length // 2), many, "title=" + "%C3%BC" * (length // 6)):
            answer = frieda.asks("GET", f"{path}?{query}")
            assert answer.status_code == 200, path
    assert scene.visitor(app, "stranger").asks("GET", "/search?q=" + "x" * length).status_code == 303


def test_three_megabytes_are_too_much(app: Flask, thing: Thing) -> None:
    frieda = scene.visitor(app, "frieda")
    big = {"csrf_token": frieda.token, "body": "x" * 3_000_000}
    for where in (f"/threads/{thing.thread}/posts", "/areas/vermuellung/new", "/preview", "/sign-in"):
        answer = frieda.asks("POST", where, data=big)
        assert answer.status_code == 413
        assert said("too_large") in german(answer)
        many = {"csrf_token": frieda.token, **{f"f{n}": "x" for n in range(2000)}}
        assert frieda.asks("POST", where, data=many, content_type="multipart/form-data").status_code == 413


def test_only_a_members_form_may_be_large(app: Flask, thing: Thing) -> None:
    """Of anybody else's no more is read than of any other form; a member whose session has ended keeps the text."""
    frieda, stranger = scene.visitor(app, "frieda"), scene.visitor(app, "stranger")
    with app.app_context(), transaction():
        db.session.execute(delete(SignIn))
    for where in ("/uploads", f"/threads/{thing.thread}/posts", "/settings/profile/photo"):
        for somebody, status in ((stranger, 413), (frieda, 401)):
            form = {"csrf_token": somebody.token, "body": TEXT, "files": (io.BytesIO(b"x" * 3_000_000), "a.txt")}
            answer = somebody.asks("POST", where, data=form)
            assert answer.status_code == status, where
            assert (TEXT in html.unescape(answer.text)) == (somebody is frieda)
            answer.request.environ["wsgi.input"].close()


KINDS = ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "x", "image/png",
         "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=utf-16"]  # fmt: skip


def test_bodies_of_another_kind(app: Flask, thing: Thing) -> None:
    frieda = scene.visitor(app, "frieda")
    bodies = (b'{"body": "x"}', b"\x00\xff" * 100, b"", b"--x\r\n\r\n", b"[" * 10_000)
    for kind, body in itertools.product(KINDS, bodies):
        for where in (f"/threads/{thing.thread}/posts", "/preview", "/sign-in"):
            answer = frieda.asks("POST", where, data=body, content_type=kind)
            assert 400 <= answer.status_code < 500, (where, answer.status)
            german(answer)


def posted(app: Flask, body: str) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).where(Post.body == body)) or 0


def test_a_double_click_is_one_post_and_another_thread_is_another(app: Flask, thing: Thing) -> None:
    """The key belongs to one form: brought along into another thread it swallows nothing."""
    made = {**scene.things(app), "first": thing}
    frieda = scene.visitor(app, "frieda")
    for place in ("first", "open", "announcement"):
        form = {"csrf_token": frieda.token, "body": f"Text {place}", "send_key": "derselbe"}
        once = frieda.asks("POST", f"/threads/{made[place].thread}/posts", data=form)
        twice = frieda.asks("POST", f"/threads/{made[place].thread}/posts", data=form)
        assert once.status_code == twice.status_code == 303
        assert once.location == twice.location
        assert posted(app, f"Text {place}") == 1
    for place in ("vermuellung", "leitungskreis"):
        form = {
            "csrf_token": frieda.token,
            "kind": "question",
            "title": "T",
            "body": f"Neu {place}",
            "send_key": "derselbe",
        }
        once, twice = (frieda.asks("POST", f"/areas/{place}/new", data=form) for _ in range(2))
        assert once.location == twice.location
        assert posted(app, f"Neu {place}") == 1


def test_a_form_key_of_anything(app: Flask, thing: Thing) -> None:
    frieda = scene.visitor(app, "frieda")
    for number, key in enumerate(("\x00k", "x" * 100_000, "ä", "x ", "\ufffd")):
        form = {"csrf_token": frieda.token, "body": f"Schlüssel {number}", "send_key": key}
        for _ in range(2):
            assert frieda.asks("POST", f"/threads/{thing.thread}/posts", data=form).status_code == 303
        assert posted(app, f"Schlüssel {number}") == 1


EXPIRING = {
    "reply": ("/threads/{thread}/posts", {"body": TEXT, "send_key": "k", "reply_to": ""}),
    "question": ("/areas/vermuellung/new", {"body": TEXT, "title": "Titel", "kind": "question", "send_key": "k"}),
    "edit": ("/posts/{post}/edit", {"body": TEXT, "version": "1", "title": ""}),
}


@pytest.mark.parametrize("kind", EXPIRING)
def test_a_form_that_was_open_too_long_is_sent_again(app: Flask, thing: Thing, kind: str) -> None:
    """Over lunch the token expires: the page shows the text and one button that posts it."""
    where, fields = EXPIRING[kind]
    where = where.format(thread=thing.thread, post=thing.post)
    with time_machine.travel(NOW, tick=False) as clock:
        frieda = scene.visitor(app, "frieda")
        clock.shift(timedelta(hours=3))
        answer = frieda.asks("POST", where, data={"csrf_token": frieda.token, **fields})
        assert answer.status_code == 400
        assert TEXT in kept_text(answer)
        german(answer)
        assert posted(app, TEXT) == 0
        form = form_to(answer, where)
        assert form["body"] == TEXT
        again = frieda.asks("POST", where, data=form)
        assert again.status_code == 303
        assert posted(app, TEXT) == 1
        frieda.asks("POST", where, data=form)
        assert posted(app, TEXT) == 1, "sent twice is sent once"


def test_an_expired_recommendation_keeps_its_reason_where_it_can_be_changed(app: Flask, thing: Thing) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        jonas = scene.visitor(app, "jonas")
        clock.shift(timedelta(hours=3))
        where = f"/posts/{thing.post}/recommend"
        answer = jonas.asks("POST", where, data={"csrf_token": jonas.token, "for_what": "wofür", "reason": TEXT})
        form = form_to(answer, where)
        assert form == {"csrf_token": form["csrf_token"], "for_what": "wofür", "reason": TEXT}
        assert kept_text(answer) == [TEXT]
        assert jonas.asks("POST", where, data=form).status_code == 303


def test_an_expired_sign_in_asks_for_the_password_again(app: Flask) -> None:
    """The form stood open over night. A password is never put into a page; what else was there is kept."""
    with time_machine.travel(NOW, tick=False) as clock:
        guest = scene.visitor(app, "stranger")
        clock.shift(timedelta(hours=3))
        kept = json.dumps({"action": "/threads/1/posts", "fields": [["body", TEXT]]})
        form = {
            "csrf_token": guest.token,
            "email": "jonas@weserufer.example",
            "password": PASSWORD,
            "resend": kept,
            "next": "/",
        }
        answer = guest.asks("POST", "/sign-in", data=form)
        assert answer.status_code == 400
        assert PASSWORD not in answer.text
        again = form_to(answer, "/sign-in")
        assert again["password"] == ""
        assert (again["email"], again["resend"]) == (form["email"], kept)
        browser = guest.browser()
        after = browser.post("/sign-in", data={**again, "password": PASSWORD})
        assert after.status_code == 200
        assert kept_text(after) == [TEXT]


def lost(app: Flask, how: str) -> None:
    with app.app_context(), transaction():
        if how == "signed out elsewhere":
            db.session.execute(db.delete(SignIn))
        else:
            db.session.execute(update(SignIn).values(seen_at=datetime(2020, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("how", ["signed out elsewhere", "idle"])
@pytest.mark.parametrize("kind", EXPIRING)
def test_a_session_lost_while_writing(app: Flask, thing: Thing, kind: str, how: str) -> None:
    """Signed out in the middle of a text: sign in, and it is offered to be sent; then it is posted, once."""
    where, fields = EXPIRING[kind]
    where = where.format(thread=thing.thread, post=thing.post)
    frieda = scene.visitor(app, "frieda")
    lost(app, how)
    browser = frieda.browser()
    page = browser.post(where, data={"csrf_token": frieda.token, **fields})
    assert page.status_code == 401
    assert TEXT in kept_text(page)
    german(page)
    wrong = browser.post(
        "/sign-in", data={**form_to(page, "/sign-in"), "email": "frieda@weserufer.example", "password": "daneben"}
    )
    assert wrong.status_code == 422
    form = {**form_to(wrong, "/sign-in"), "email": "frieda@weserufer.example", "password": PASSWORD}
    offered = browser.post("/sign-in", data=form)
    assert offered.status_code == 200
    assert TEXT in kept_text(offered)
    assert "Frieda Moor" in offered.text, "the page knows who signed in"
    assert posted(app, TEXT) == 0
    done = browser.post(where, data=form_to(offered, where), follow_redirects=True)
    assert done.status_code == 200
    assert TEXT in done.text
    assert posted(app, TEXT) == 1


def test_a_lost_cookie_while_writing(app: Flask, thing: Thing) -> None:
    """Cookies cleared: neither session nor token is there any more, and still the text arrives."""
    frieda = scene.visitor(app, "frieda")
    browser = app.test_client()
    where = f"/threads/{thing.thread}/posts"
    expired = browser.post(where, data={"csrf_token": frieda.token, "body": TEXT, "send_key": "k"})
    assert expired.status_code == 400
    page = browser.post(where, data=form_to(expired, where))
    assert page.status_code == 401
    form = {**form_to(page, "/sign-in"), "email": "frieda@weserufer.example", "password": PASSWORD}
    offered = browser.post("/sign-in", data=form)
    assert browser.post(where, data=form_to(offered, where)).status_code == 303
    assert posted(app, TEXT) == 1


RESENDS = ["", "x", "[]", "null", "1", '"x"', "{}", '{"action": 1}', '{"action": "/x", "fields": 1}',
           '{"action": "/x", "fields": [1]}',
           '{"action": "/x", "fields": [["a"]]}', '{"action": "/x", "fields": [[1, 2]]}',
           '{"action": "/x", "fields": {"ab": 1}}',
           "[" * 100_000,
           '{"action": ["/x"], "fields": [["a", "b"]]}', '{"action": null, "fields": null}', "{\x00}",
           '{"action": "/x", "fields": [["a", {}]]}',
           '{"action": "/x", "fields": [["\\ud800", "\\udfff"]]}',
           '{"action": "/\\ud800", "fields": [["a", "b"]]}', "9" * 5000]  # fmt: skip


def test_a_kept_form_of_anything_hinders_nobody(app: Flask) -> None:
    guest = scene.visitor(app, "stranger")
    for resend in RESENDS:
        form = {"csrf_token": guest.token, "email": "jonas@weserufer.example", "password": PASSWORD, "resend": resend}
        answer = guest.asks("POST", "/sign-in", data=form)
        assert answer.status_code in (200, 303), resend[:80]


def test_texts_that_are_refused_are_kept(app: Flask) -> None:
    """Locked, deleted, not the author, gone in the meantime: the text is in the page, to be copied."""
    scene.more_people(app)
    made = scene.things(app)
    jonas = scene.visitor(app, "jonas")
    for where, fields in (
        (f"/threads/{made['locked'].thread}/posts", {}), (f"/posts/{made['open'].post}/edit", {"version": "1"}),
        (f"/posts/{made['deleted'].post}/edit", {"version": "1"}),
        ("/areas/mitteilungen/new", {"kind": "question", "title": "T"}),
        (f"/threads/{made['closed'].thread}/posts", {}), ("/threads/987/posts", {}),
        ("/areas/gibtsnicht/new", {"title": "T"}),
        ("/gibtsnicht", {}),
    ):  # fmt: skip
        answer = jonas.asks("POST", where, data={"csrf_token": jonas.token, "body": TEXT, **fields})
        assert answer.status_code in (403, 404)
        german(answer)
        assert TEXT in kept_text(answer), where


def speaks(app: Flask, key: str, language: str) -> None:
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.uid == key).values(language=language))


def test_error_pages_speak_the_language_of_the_reader(app: Flask, thing: Thing) -> None:
    """A German network with an English reader: every word is English, also where nobody had asked who reads."""
    speaks(app, "jonas", "en")
    jonas, frieda = scene.visitor(app, "jonas"), scene.visitor(app, "frieda")
    for where, method, code in (
        ("/gibtsnicht", "GET", "missing"), ("/threads/987", "GET", "missing"), ("/threads/abc", "POST", "missing"),
        ("/", "DELETE", "method"), (f"/posts/{thing.post}/edit", "GET", "not_allowed"),
    ):  # fmt: skip
        for somebody, language in ((jonas, "en"), (frieda, "de")):
            answer = somebody.asks(method, where)
            if somebody is frieda and code == "not_allowed":
                continue
            assert f'<html lang="{language}">' in answer.text
            assert said(code, language) in html.unescape(answer.text), (where, language)
    big = {"csrf_token": jonas.token, "body": "x" * 3_000_000}
    assert said("too_large", "en") in html.unescape(jonas.asks("POST", "/preview", data=big).text)
    assert '<html lang="en">' in jonas.asks("POST", "/preview", data={"body": "x"}).text


def test_guests_are_spoken_to_in_the_language_of_the_network(app: Flask) -> None:
    from forum.members.models import Network

    with app.app_context(), transaction():
        db.session.execute(update(Network).values(language="en"))
    guest = scene.visitor(app, "stranger")
    form = {"csrf_token": guest.token, "email": "x@weserufer.example", "password": "falsch"}
    for answer, code in (
        (guest.asks("GET", "/gibtsnicht"), "missing"), (guest.asks("POST", "/sign-in", data=form), "sign_in_failed"),
        (guest.asks("GET", "/welcome/x"), "link_used_up"), (guest.asks("DELETE", "/"), "method"),
    ):  # fmt: skip
        assert '<html lang="en">' in answer.text
        assert said(code, "en") in html.unescape(answer.text)
    one = {"csrf_token": guest.token, "email": "jonas@weserufer.example", "password": PASSWORD}
    kept = json.dumps({"action": "/threads/1/posts", "fields": [["body", TEXT]]})
    speaks(app, "jonas", "de")
    assert '<html lang="de">' in guest.asks("POST", "/sign-in", data={**one, "resend": kept}).text


def test_anything_in_any_field(app: Flask, thing: Thing) -> None:
    """Hypothesis fills every form of every route; the answer is a page."""
    robert = scene.visitor(app, "robert")
    routes = [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint != "access.sign_out"
    ]
    names = ["body", "title", "kind", "reason", "for_what", "withdrawn_reason", "send_key", "reply_to", "version", "on",
             "act", "area", "email", "password",
             "present", "repeated", "resend", "next", "language", "device", "preview"]  # fmt: skip
    value = st.one_of(
        st.text(max_size=40),
        st.sampled_from(["1", "0", "-1", "\x00", "\ufffd", "\ud7ff", "%00", "9" * 30, "{}", "/", "//x"]),
    )

    @settings(derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(rule=st.sampled_from(routes), form=st.dictionaries(st.sampled_from(names), value, max_size=8))
    def try_out(rule: Any, form: dict[str, str]) -> None:
        filled = {**FORMS.get(rule.endpoint, {}), **form, "csrf_token": robert.token}
        answer = robert.asks("POST", address(app, rule, thing, "open"), data=filled)
        assert answer.status_code < 500, (rule.rule, form, answer.text)

    try_out()


@pytest.mark.usefixtures("thing")
def test_anything_in_any_address(app: Flask) -> None:
    robert = scene.visitor(app, "robert")
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    keys = ["q", "area", "kind", "state", "sort", "page", "before", "after", "quote", "unread", "next", "title"]

    @settings(derandomize=True, max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        rule=st.sampled_from(rules), piece=st.text(max_size=20),
        query=st.dictionaries(st.sampled_from(keys), st.text(max_size=30), max_size=4),
    )  # fmt: skip
    def try_out(rule: Any, piece: str, query: dict[str, str]) -> None:
        path = re.sub(
            r"<(\w+:)?\w+>", lambda match: "1" if match[1] == "int:" else quote(piece or "x", safe=""), rule.rule
        )
        answer = robert.asks("GET", path, query_string=query)
        assert answer.status_code < 500, (path, query, answer.text)

    try_out()
