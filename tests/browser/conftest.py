"""A real browser on the demonstration: one Chromium and one loaded network for each worker.

`site` is a copy of the network for a test that changes something, `standing` the one that all tests of
reading share. `visit` opens a page as somebody, and fails the test when the browser had reason to complain.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import waitress
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import select

from forum import config, create_app, i18n, migrations
from forum.cli.starting import load_demo
from forum.db import db, transaction
from forum.outbox import run_due
from forum.threads.models import Post, Thread
from forum.transfer import ndjson
from tests.browser import prepared
from tests.cast import link

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PEOPLE = ("frieda", "robert", "administrator")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing = f"there is no Chromium at {CHROMIUM}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


def _settings(folder: Path) -> config.Settings:
    return config.load(instance=folder, demo=True, database_url="", request_megabytes=1)


@dataclass(frozen=True)
class Demo:
    """The loaded network as a folder, and the cookies with which its people are signed in."""

    folder: Path
    cookies: dict[str, str]
    welcome: str
    reset: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demonstration, with what a network looks like after some months of use."""
    folder = tmp_path_factory.mktemp("demo") / "instance"
    app = create_app(_settings(folder))
    with app.app_context():
        i18n.speak("de", "Europe/Berlin")
        migrations.upgrade()
        load_demo()
        for step in ndjson.NdjsonImport(prepared.write(folder / "more.ndjson")).steps():
            with transaction():
                step()
    clients = {key: _client(app, key) for key in PEOPLE}
    with app.app_context():
        posts = {(row.uid, number): post for row, number, post in db.session.execute(
            select(Thread, Post.number, Post.id).join(Post, Post.thread_id == Thread.id)
        )}  # fmt: skip
    prepared.use(clients, posts)
    with app.app_context():
        while run_due():
            pass
        db.engine.dispose()
    cookies = {who: client.get_cookie("fachkreis").value for who, client in clients.items()}
    return Demo(folder, cookies, link(app, "aylin"), link(app, "aylin", "reset"))


def _client(app: Flask, who: str) -> Any:
    client = app.test_client()
    token = prepared.token(client.get("/sign-in").text)
    answer = client.post("/demo/sign-in", data={"csrf_token": token, "person": who})
    assert answer.status_code == 303, answer.text
    return client


@dataclass(frozen=True)
class Site:
    """A running network."""

    app: Flask
    address: str
    demo: Demo

    def work(self) -> None:
        """Do what the worker would do: above all, make new posts findable."""
        with self.app.app_context():
            while run_due():
                pass

    def thread(self, uid: str) -> str:
        """The address of a thread by its import id."""
        with self.app.app_context():
            row = db.session.scalars(select(Thread).where(Thread.uid == uid)).one()
            return f"/threads/{row.id}-{row.slug}"

    def post(self, uid: str, number: int) -> str:
        """The address of a post by its place."""
        with self.app.app_context():
            thread = select(Thread.id).where(Thread.uid == uid).scalar_subquery()
            wanted = select(Post.id).where(Post.thread_id == thread, Post.number == number)
            return f"/posts/{db.session.scalars(wanted).one()}"


def _serve(demo: Demo, folder: Path) -> Iterator[Site]:
    shutil.copytree(demo.folder, folder)
    app = create_app(_settings(folder))
    app.add_url_rule("/broken", "broken", _broken)
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=6, max_request_body_size=2**21)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Site(app, f"http://127.0.0.1:{server.effective_port}", demo)
    # In the server's own thread, so that it does not wait on sockets that are gone.
    server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map, ignore_all=True))
    thread.join(10)
    server.task_dispatcher.shutdown()
    with app.app_context():
        db.engine.dispose()


def _broken() -> str:
    raise RuntimeError("broken on purpose")


@pytest.fixture
def site(demo: Demo, tmp_path: Path) -> Iterator[Site]:
    """A network of the test's own."""
    yield from _serve(demo, tmp_path / "instance")


@pytest.fixture(scope="session")
def standing(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A network to read in, shared by all tests."""
    yield from _serve(demo, tmp_path_factory.mktemp("standing") / "instance")


@dataclass
class Visitor:
    """Somebody's browser: its pages begin with the site's address, and every complaint is noted."""

    site: Site
    context: BrowserContext
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: Any) -> None:
        # What a page answers is for the test to judge; the browser calls every 4xx a failure.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def opens(self, path: str) -> Page:
        self.page.goto(self.site.address + path)
        return self.page

    def foreign(self) -> list[str]:
        """Requests that left the site."""
        return [url for url in self.requests if not url.startswith((self.site.address, "data:"))]


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open a browser as somebody: visit(site, "frieda", width=390, theme="dark", js=False)."""
    visitors: list[Visitor] = []

    def visit(site: Site, who: str = "", *, width: int = 1280, theme: str = "light", js: bool = True) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 844 if width < 500 else 800},
            color_scheme=theme,  # type: ignore[arg-type]
            locale="de-DE",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            java_script_enabled=js,
        )
        context.set_default_timeout(10_000)
        if who:
            context.add_cookies([{"name": "fachkreis", "value": site.demo.cookies[who], "url": site.address}])
        visitor = Visitor(site, context, context.new_page())
        visitors.append(visitor)
        return visitor

    yield visit
    for visitor in visitors:
        visitor.context.close()
        assert visitor.complaints == []
        assert visitor.foreign() == []


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def js(request: pytest.FixtureRequest) -> bool:
    """With and without JavaScript."""
    return bool(request.param)
