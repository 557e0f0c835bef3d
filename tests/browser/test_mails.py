"""Every kind of mail as a mail program shows it: light and dark, at 320 and 600 pixels, accessible, and by itself."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser

from forum.config import load
from forum.mail import kinds
from forum.mail.addresses import Addresses
from forum.mail.kinds import Place, Shown
from forum.mail.letter import House, List
from forum.mail.samples import samples
from forum.text import render
from tests.browser.prepared import RICH, TITLE
from tests.browser.test_pages import AXE, CHECK, TOO_WIDE

LOOKS = [("light", 600, True), ("dark", 600, True), ("dark", 320, True), ("light", 320, True)]
NAMES = [
    *("post", "question", "notice", "digest", "invitation", "new-password", "sign-in", "recommended", "helped"),
    *("decision", "shared", "contact", "asked", "outcome", "opening", "test"),
]
Looked = Callable[[str], dict[str, Any]]


@pytest.fixture
def looked(browser: Browser) -> Iterator[Looked]:
    """Show a mail in all looks; return what is wrong with it, look by look."""
    context = browser.new_context(locale="de-DE", reduced_motion="reduce")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def looked(html: str) -> dict[str, Any]:
        page.set_content(html)
        page.evaluate(AXE)
        found: dict[str, Any] = {}
        for theme, width, whole in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            found[f"{theme}, {width}"] = page.evaluate(CHECK, whole) + page.evaluate(TOO_WIDE)
        found["asked for"] = asked
        return {look: wrong for look, wrong in found.items() if wrong}

    yield looked
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_accessible_and_stays_within_its_width(app: Flask, looked: Looked, name: str) -> None:
    with app.app_context():
        mail = next(sample for sample in samples("de") if sample.name == name)
    assert looked(mail.seen.html) == {}


def test_all_kinds_are_looked_at(app: Flask) -> None:
    with app.app_context():
        assert [sample.name for sample in samples("en") if sample.seen.html] == NAMES


def test_a_post_with_all_there_is_stays_within_its_width(looked: Looked, tmp_path: Path) -> None:
    home = House("Fachkreis", Addresses(load(instance=tmp_path, public_url="https://forum.example"), "s" * 40))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    long = "Wohnungsgenossenschaftsverbandsvorsitzendenstellvertreterin"
    html = render(RICH + f"\n\n{long * 3}\n\n![{long}](/files/3/{long}.png)")
    shown = Shown(1, "p1", None, long, long, at, html, f"{home.url}/posts/1", long, [(long, f"{home.url}/files/1/a")])
    place = Place(1, List("area", long, "open"), 1, TITLE, "question", chain=["<a@b>"])
    assert looked(kinds.post(home, shown, place, "notify").html) == {}
