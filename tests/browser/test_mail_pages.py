"""Pages around mail in a real browser: a mail shown as a document, stopping without scripts, mails that come back."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from forum.db import db, transaction
from forum.mail.addresses import addresses
from forum.members.models import Member
from forum.notifications.queries import choice_of
from tests.browser.conftest import Site, Visit
from tests.browser.test_pages import AXE, CHECK, LOOKS, TOO_WIDE


@pytest.mark.parametrize(("who", "path"), [
    ("frieda", "/settings/mail/preview"), ("administrator", "/admin/mail/kinds/digest"),
])  # fmt: skip
def test_a_mail_is_shown_with_its_looks_and_nothing_else(standing: Site, visit: Visit, who: str, path: str) -> None:
    """It loads nothing, runs nothing, and its links lead back to us; the browser has no reason to complain."""
    visitor = visit(standing, who)
    page = visitor.opens(path)
    page.click("main .act a")
    page.wait_for_url(re.compile("/html"))
    assert page.evaluate("document.body.querySelector('h1').checkVisibility()")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 248, 244)"
    assert page.evaluate("self.origin") == "null"
    assert [url for url in visitor.requests if "/html" in url] == [page.url]


def test_stopping_takes_one_click_and_one_more_takes_it_back(site: Site, visit: Visit, js: bool) -> None:
    with site.app.app_context():
        frieda = db.session.scalars(select(Member.id).where(Member.uid == "frieda")).one()
        address = f"/unsubscribe/{addresses().unsubscribe_token(frieda, 'digest')}"

    def rhythm() -> str:
        with site.app.app_context():
            return choice_of(frieda).rhythm

    page = visit(site, js=js).opens(address)
    assert rhythm() == "weekly"
    page.click("main form button")
    page.wait_for_selector("#remains")
    assert rhythm() == "off"
    page.click("main form button[value=resume]")
    page.wait_for_selector("main form button:not([name])")
    assert rhythm() == "weekly"


def test_who_gets_no_mails_reads_it_on_every_page_and_ends_it(site: Site, visit: Visit) -> None:
    with site.app.app_context(), transaction():
        robert = db.session.scalars(select(Member).where(Member.uid == "robert")).one()
        robert.bounced_at, email = datetime.now(UTC), robert.email or ""
    page = visit(site, "robert").opens("/practices")
    banner = page.locator("main .notice")
    assert email in banner.inner_text()
    page.evaluate(AXE)
    for theme, width, whole in LOOKS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert page.evaluate(CHECK, whole) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate(TOO_WIDE) == []
    banner.get_by_role("button").click()
    page.wait_for_url(re.compile("/settings/mail$"))
    assert page.locator("main .notice").count() == 0


def test_the_administrator_uses_an_address_again_with_a_click(site: Site, visit: Visit) -> None:
    """The row is a link to the member; its button stands above it."""
    with site.app.app_context(), transaction():
        robert = db.session.scalars(select(Member).where(Member.uid == "robert")).one()
        robert.bounced_at = datetime.now(UTC)
    page = visit(site, "administrator").opens("/admin/mail")
    page.get_by_role("button", name="Wieder benutzen").click()
    page.wait_for_load_state()
    assert page.url.endswith("/admin/mail")
    assert page.get_by_role("button", name="Wieder benutzen").count() == 0
