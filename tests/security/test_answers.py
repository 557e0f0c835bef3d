"""S10, S11, S12, S29: what every answer carries, and where no answer ever leads."""

import itertools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from forum import create_app
from forum.config import Settings
from forum.db import db
from forum.members import passwords
from forum.web.access import _kept
from tests.cast import PASSWORD, Person
from tests.security import scene
from tests.security.scene import Visitor
from tests.security.test_matrix import FORMS, address

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
    "font-src": "'self'", "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'",
    "frame-ancestors": "'none'",
}  # fmt: skip
# A mail's HTML, shown alone: it has its looks in itself, and can do nothing else at all.
LETTER = {
    "sandbox": "", "default-src": "'none'", "style-src": "'unsafe-inline'", "form-action": "'none'",
    "base-uri": "'none'", "frame-ancestors": "'none'",
}  # fmt: skip
LETTERS = re.compile(r"(GET|HEAD) /(admin/mail/kinds/\w+|settings/mail/preview)/html")
MISSING = (
    "/gibtsnicht",
    "/threads/987",
    "/threads/abc",
    "/areas/gibtsnicht",
    "/static/x.css",
    "/threads/-1",
    "/wp-login.php",
)


def answers(app: Flask, somebody: Visitor) -> Iterator[tuple[str, TestResponse]]:
    """Every route and method, found and missing, good and bad."""
    made = scene.things(app)
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            for state in ("open", "closed", "missing"):
                form = {**FORMS.get(rule.endpoint, {}), "csrf_token": somebody.token} if method == "POST" else None
                where = address(app, rule, made[state], state)
                yield f"{method} {where}", somebody.asks(method, where, data=form)
    for path in MISSING:
        yield path, somebody.asks("GET", path)
    yield "no token", somebody.asks("POST", "/preview", data={"body": "x"})
    yield "too large", somebody.asks("POST", "/preview", data={"csrf_token": somebody.token, "body": "x" * 3_000_000})
    yield "wrong method", somebody.asks("DELETE", "/")
    yield "no method", somebody.asks("BREW", "/")
    made_up = next(iter(app.extensions["forum.assets"].by_address))
    yield "packed", somebody.asks("GET", made_up, headers={"Accept-Encoding": "gzip"})
    yield "again", somebody.asks("GET", f"/files/{made['open'].attachment}/x", headers={"Range": "bytes=0-1"})


@pytest.mark.parametrize("key", ["stranger", "jonas", "robert", "anke"])
def test_every_answer_keeps_the_browser_on_our_side(app: Flask, key: str) -> None:
    scene.more_people(app)
    for name, answer in answers(app, scene.visitor(app, key)):
        assert answer.status_code != 500, name
        head = answer.headers
        parts = (part.strip().partition(" ") for part in head["Content-Security-Policy"].split(";"))
        policy = {name: values for name, _, values in parts}
        is_letter = bool(LETTERS.fullmatch(name)) and answer.status_code == 200
        is_file = name.startswith(("GET /files/", "HEAD /files/", "again")) and answer.status_code in (200, 206)
        assert is_file or policy == (LETTER if is_letter else POLICY), name
        assert not is_file or head["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert is_letter or "unsafe" not in head["Content-Security-Policy"]
        assert head["X-Content-Type-Options"] == "nosniff", name
        assert head["Referrer-Policy"] == "same-origin"
        assert head["Cross-Origin-Opener-Policy"] == "same-origin"
        assert head["Cross-Origin-Resource-Policy"] == "same-origin"
        assert head["X-Frame-Options"] == "DENY"
        assert "camera=()" in head["Permissions-Policy"]
        assert head["X-Robots-Tag"].startswith("noindex")
        assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin"} & set(head.keys())
        is_static = "/static/" in name or name == "packed"
        if is_static and answer.status_code == 200 and not name.startswith("OPTIONS"):
            assert head["Cache-Control"] == "public, max-age=31536000, immutable", name
            assert "Set-Cookie" not in head, name
        else:
            assert head["Cache-Control"] == "no-store", name
        assert all("fachkreis=" in cookie for cookie in head.getlist("Set-Cookie"))


def test_a_broken_view_answers_with_all_headers_and_no_details(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """S26: an exception in any view is a page with a number, for guests and members, and nothing is let through."""
    scene.more_people(app)
    somebody = scene.visitor(app, "jonas")
    made = scene.things(app)["open"]

    def broken(**_values: object) -> None:
        raise RuntimeError("innere Angelegenheit")

    for rule in list(app.url_map.iter_rules()):
        monkeypatch.setitem(app.view_functions, rule.endpoint, broken)
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        form = {"csrf_token": somebody.token, "body": "Mein Text"} if method == "POST" else None
        caplog.clear()
        answer = somebody.asks(method, address(app, rule, made, "open"), data=form)
        assert answer.status_code == 500
        assert "innere" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        incident = re.search(r"incident (\w{8})", caplog.text)
        assert incident is not None
        assert incident[1] in answer.text
        assert method == "GET" or "Mein Text" in answer.text


class Parts(HTMLParser):
    """What a strict policy would refuse: code and looks inside the page, and addresses that are not ours."""

    FETCHED = ("src", "srcset", "poster", "data", "action", "formaction", "background", "ping", "manifest")

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.inside = tag if tag in ("script", "style") else ""
        if tag in ("style", "base", "object", "embed", "iframe", "meta") and given.get("http-equiv", tag) != "meta":
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not given.get("src"):
            self.wrong.append("<script> without src")
        for name, value in attributes:
            if name.startswith("on") or name == "style":
                self.wrong.append(f"{tag} {name}")
            fetched = name in self.FETCHED or (tag == "link" and name == "href")
            ours = (value or "").startswith("/") and not (value or "").startswith("//")
            if fetched and not ours and not (tag == "link" and (value or "").startswith("data:image/svg+xml,")):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.wrong.append(f"text in <{self.inside}>")

    def handle_endtag(self, _tag: str) -> None:
        self.inside = ""


@pytest.mark.parametrize("key", ["stranger", "jonas", "robert", "anke"])
def test_no_page_holds_code_or_fetches_from_elsewhere(app: Flask, key: str) -> None:
    """Also where members wrote pictures, scripts and links."""
    scene.more_people(app)
    frieda = Person("frieda", app.test_client())
    frieda.signs_in()
    body = "![x](https://evil.example/p.png) <script>1</script> <img src=x onerror=1> [l](javascript:1) <b style=x>"
    thread = frieda.asks('"><script src=//evil.example>', body)
    seen = 0
    for name, answer in [
        *answers(app, scene.visitor(app, key)),
        ("thread", scene.visitor(app, key).asks("GET", f"/threads/{thread}")),
        ("search", scene.visitor(app, key).asks("GET", "/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")),
        ("404", scene.visitor(app, key).asks("GET", "/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")),
    ]:
        if answer.mimetype == "text/html" and answer.data and "Content-Encoding" not in answer.headers:
            parts = Parts()
            parts.feed(answer.text)
            assert not parts.wrong, name
            seen += 1
    assert seen > 40


ORIGIN = "http://localhost"
NEXT = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example", "\t//evil.example", " //evil.example",
    "\n//evil.example", "\x00//evil.example", "/\x00/evil.example", "/\x0b/evil.example", "/\x1f/evil.example",
    "/ /evil.example", "/\x7f/evil.example", "http://evil.example", "https://evil.example", "HTTPS://EVIL.EXAMPLE",
    "http:evil.example", "http:/evil.example", "http:///evil.example", "https:evil.example", "ftp://evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
    "data:text/html,x", "vbscript:x", "mailto:a@evil.example", "evil.example", "evil.example/", "@evil.example",
    "/@evil.example", "//@evil.example", "http://localhost@evil.example", "//localhost@evil.example",
    "//localhost:80@evil.example", "http://localhost.evil.example", "//localhost\\@evil.example", "/\\/evil.example",
    "/\\\\evil.example", "%2f%2fevil.example", "/%2fevil.example", "/%2f%2fevil.example", "/%5cevil.example",
    "/%09/evil.example", "/%0d%0a/evil.example", "%09//evil.example", "/.//evil.example", "/..//evil.example",
    "/./../..//evil.example", "./", "../", "", "?x", "#x", "?//evil.example", "/\u2028/evil.example",
    "/\u3000/evil.example", "/\uff0fevil.example", "\uff0f\uff0fevil.example", "/\u2044evil.example",
    "/\u00a0/evil.example", "/\x85/evil.example", "/\xad/evil.example", "\u200b//evil.example",
    "/\u202e//evil.example", "/x\r\nLocation: //evil.example", "/x%0d%0aLocation:%20//evil.example",
    "/x\r\nSet-Cookie: a=b", "/sign-in?next=//evil.example", "/;//evil.example",
    "/x\ud800".encode("utf-8", "replace").decode(), "//[::1]", "//evil.example:80/x", "//xn--evl-5na.example",
    "//еvil.example", "/////", "//", "/\\", "\\", "/" + "a" * 3000,
]  # fmt: skip


def stays(location: str) -> bool:
    """Whether a browser that follows this stays with us: tabs and line ends are dropped, backslashes are slashes."""
    seen = re.sub(r"[\t\r\n]", "", location).strip("".join(map(chr, range(33)))).replace("\\", "/")
    parts = urlsplit(urljoin(f"{ORIGIN}/sign-in", seen))
    return (parts.scheme, parts.netloc) == ("http", "localhost")


def test_signing_in_never_leads_elsewhere(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "matches", lambda kept, password: kept is not None and password == PASSWORD)
    assert len(set(NEXT)) >= 60
    for wanted in NEXT:
        signs_in_and_wants(app, wanted)


def signs_in_and_wants(app: Flask, wanted: str) -> None:
    guest = Person("stranger", app.test_client())
    page = guest.reads(f"/sign-in?next={quote(wanted)}")
    (offered,) = re.findall(r'name="next" value="([^"]*)"', page.text)
    assert stays(offered), offered
    answer = guest.sends("/sign-in", False, email="frieda@weserufer.example", password=PASSWORD, next=wanted)
    assert answer.status_code == 303
    assert stays(answer.location), answer.location
    assert set(answer.headers.keys()) >= {"Location"}
    assert "a=b" not in str(answer.headers.getlist("Set-Cookie"))
    again = guest.reads(f"/sign-in?next={quote(wanted)}", follow=False)
    assert again.status_code == 303
    assert stays(again.location), again.location


def test_what_was_kept_of_a_lost_session_is_sent_to_us_only(app: Flask) -> None:
    guest = Person("stranger", app.test_client())
    for wanted in NEXT:
        resend = json.dumps({"action": wanted, "fields": [["body", "x"]]})
        guest.reads("/sign-in")
        page = guest.sends("/sign-in", email="x@weserufer.example", password="y" * 12, resend=resend)
        guest.client.delete_cookie("fachkreis")
        assert 'action="/sign-in"' in page.text or page.status_code == 429
    for wanted in NEXT:
        kept = _kept(json.dumps({"action": wanted, "fields": [["body", "x"]]}))
        assert kept is None or stays(kept["action"]), wanted


@pytest.mark.parametrize("path", [
    "/threads/1", "/search?q=a&area=b&sort=date", "/areas/verm%C3%BCll", "/threads/1?page=2", "/search?q=a%26b%3Dc",
    "/search?q=%C3%BCber+uns", "/threads/1-%0d%0aSet-Cookie:a=b", "/search?q=%0d%0aSet-Cookie:a=b",
    "/areas/%E2%80%A8",
])  # fmt: skip
def test_a_guest_comes_back_to_the_very_page(app: Flask, path: str) -> None:
    """Where one wanted to go survives the sign-in with all its parameters, and no line end gets into a header."""
    guest = Person("stranger", app.test_client())
    answer = guest.reads(path, follow=False)
    assert answer.status_code == 303
    assert stays(answer.location)
    assert "\n" not in answer.location
    page = guest.reads(answer.location)
    assert page.status_code == 200
    answer = guest.sends(
        "/sign-in", False, email="jonas@weserufer.example", password=PASSWORD,
        next=re.findall(r'name="next" value="([^"]*)"', page.text)[0].replace("&amp;", "&"),
    )  # fmt: skip
    assert stays(answer.location)
    if "%0" not in path and "%E2" not in path:
        wanted = urlsplit(path)
        led = urlsplit(answer.location)
        assert (led.path, led.query) == (wanted.path, wanted.query)


HOSTS = [
    "evil.example", "evil.example:80", "localhost.evil.example", "evil.example#localhost", "localhost@evil.example",
    "localhost, evil.example", "evil.example/localhost", "[::1]", "127.0.0.1.evil.example",
    "forum.example.org.evil.example", "evil.example?forum.example.org", "xforum.example.org",
    "forum.example.org@evil.example", "forum.example.org:80@evil.example", "", " ", "\\evil.example",
    "evil.example\t", "EVIL.EXAMPLE", "forum.example.org.", "forum_example.org",
    "fórum.example.org".encode().decode("latin-1"), "a" * 300, "%65vil.example", "..", "-",
]  # fmt: skip
FORWARDED = (
    "X-Forwarded-Host",
    "X-Host",
    "X-Forwarded-Server",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Forwarded",
    "X-HTTP-Host-Override",
)
PATHS = (
    "/", "/sign-in", "/threads/1", "/gibtsnicht", "", "//", "//sign-in", "/sign-in//", "/threads//1",
    "//areas//vermuellung", "//evil.example//x", "/static/x", "/welcome/x",
)  # fmt: skip


def path_as_it_is(path: str) -> dict[str, str]:
    """The test client would read "//x" as a host."""
    return {"PATH_INFO": path.replace("evil.example", "elsewhere")}


def foreign(answer: TestResponse) -> list[str]:
    """Traces of the other origin in an answer."""
    said = "\n".join([*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text]).lower()
    return re.findall(r".{0,40}evil\.example.{0,20}", said)


def test_no_answer_believes_the_host(app: Flask) -> None:
    """Without a public address every host is served, but none is ever named in an answer."""
    somebody = scene.visitor(app, "frieda")
    for host, path in itertools.product(HOSTS, PATHS):
        for cookie in ("", f"fachkreis={somebody.cookie}"):
            headers = {"Host": host, "Cookie": cookie}
            browser = app.test_client(use_cookies=False)
            answer = browser.get(headers=headers, buffered=True, environ_overrides=path_as_it_is(path))
            assert answer.status_code < 500
            assert not foreign(answer), (path, answer.status)
            assert "://" not in (answer.location or "")
            assert not (answer.location or "").startswith("//")


def test_no_answer_believes_a_proxy_that_is_not_ours(app: Flask) -> None:
    somebody = scene.visitor(app, "frieda")
    for path in PATHS:
        for name in FORWARDED:
            for value in ("evil.example", "host=evil.example;proto=https", "/settings/account"):
                answer = somebody.asks("GET", "/", headers={name: value}, environ_overrides=path_as_it_is(path))
                assert not foreign(answer)
                assert "://" not in (answer.location or "")
    form = {"csrf_token": somebody.token, "body": "x", "send_key": "x"}
    headers = {"Host": "evil.example", "Cookie": f"fachkreis={somebody.cookie}"}
    answer = app.test_client(use_cookies=False).post("/sign-out", data=form, headers=headers)
    assert answer.location == "/sign-in"


def test_with_a_public_address_a_foreign_host_is_a_bad_request(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://forum.example.org"}))
    app.testing = False
    for host, path in itertools.product(HOSTS, PATHS):
        answer = app.test_client().get(
            headers={"Host": host}, base_url="https://forum.example.org", environ_overrides=path_as_it_is(path)
        )
        assert answer.status_code == 400, (host, path)
        assert not foreign(answer)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for host in ("forum.example.org", "forum.example.org:443", "localhost", "127.0.0.1:5000"):
        assert app.test_client().get("/sign-in", headers={"Host": host}).status_code == 200, host
    with app.app_context():
        db.engine.dispose()


def test_a_guest_learns_nothing_from_what_is_missing(app: Flask) -> None:
    """What is there and what is not answers a guest alike: the way to the sign-in, or a page that says nothing."""
    scene.more_people(app)
    made = scene.things(app)
    guest = scene.visitor(app, "stranger")
    for there, not_there in (
        ("/threads/{0.thread}", "threads"), ("/posts/{0.post}", "posts"), ("/areas/{0.area}", "areas"),
        ("/files/{0.attachment}/plan.txt", "files"), ("/members/1", "/members/987"),
    ):  # fmt: skip
        real = guest.asks("GET", there.format(made["closed"]))
        none = guest.asks("GET", there.format(made["missing"]) if not_there[0] != "/" else not_there)
        assert real.status_code == none.status_code == 303
        assert real.location.startswith("/sign-in?next=")
    page = guest.asks("GET", "/gibtsnicht-leitungskreis-schimmel")
    assert page.status_code == 404
    for inside in ("Verwahrlosung", "Leitungskreis", "Frieda", "Weserufer", "/search"):
        assert inside not in page.text
    landing = guest.asks("GET", "/")
    for inside in ("Verwahrlosung", "Frieda", "Weserufer", "/areas/"):
        assert inside not in landing.text
    assert guest.asks("GET", "/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_two_members_through_one_cache(app: Flask) -> None:
    """S29: a cache that keeps what it may keep serves nobody another's page."""
    kept: dict[str, bytes] = {}
    frieda, jonas = scene.visitor(app, "frieda"), scene.visitor(app, "jonas")
    asset = next(iter(app.extensions["forum.assets"].by_address))
    for path in ("/", "/settings/account", "/members/1", "/practices", "/search?q=x", asset):
        answer = frieda.asks("GET", path)
        if "no-store" not in answer.headers["Cache-Control"]:
            kept[path] = answer.data
    assert set(kept) == {asset}
    assert "Frieda Moor" in frieda.asks("GET", "/settings/account").text
    assert "Frieda Moor" not in jonas.asks("GET", "/settings/account").text
