"""What is new, on every device and without searching for it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit
from tests.browser.test_journeys import in_sight, replies


def unread(page: Page, what: str = "threads") -> int:
    """What the bar says."""
    badge = page.locator(f"[data-count={what}]")
    return int(re.sub(r"\D", "", badge.text_content() or "")) if badge.is_visible() else 0


@pytest.mark.parametrize("width", [360, 390])
def test_the_home_page_says_at_once_what_is_new(standing: Site, visit: Visit, js: bool, width: int) -> None:
    page = visit(standing, "frieda", width=width, js=js).opens("/")
    first = page.locator(".rows .new a").first
    assert in_sight(page, page.get_by_role("heading", name="Neu für Sie"))
    assert in_sight(page, first)
    words = page.locator(".bar nav a:visible")
    assert len({round(word.bounding_box()["y"]) for word in words.all()}) == 1  # type: ignore[index]
    first.click()
    expect(page).to_have_url(re.compile(r"/threads/\d+"))


def test_two_devices_agree_within_five_seconds(site: Site, visit: Visit) -> None:
    one, other = visit(site, "frieda"), visit(site, "frieda")
    other.page.clock.install()
    page = other.opens("/practices")
    before = unread(page)
    assert before > 1
    one.opens(site.thread("t-045"))
    one.page.wait_for_load_state("networkidle")
    page.clock.run_for(5_000)
    expect(page.locator("[data-count=threads]")).to_have_text(re.compile(f"^{before - 1} "))


def test_the_link_of_a_mail_reads_exactly_its_thread(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens("/practices")
    before = unread(page)
    page.goto(site.address + site.post("t-045", 9))
    page.goto(site.address + "/practices")
    assert unread(page) == before - 1


def test_an_answer_reaches_the_inbox_and_goes_with_reading(site: Site, visit: Visit, js: bool) -> None:
    frieda, robert = visit(site, "frieda", js=js), visit(site, "robert")
    before = unread(frieda.opens("/practices"), "entries")
    replies(robert, site.thread("t-045"), "Fragt auch beim Landkreis.")
    site.work()
    page = frieda.opens("/practices")
    assert unread(page, "entries") == before + 1
    page.locator(".bar").get_by_role("link", name="Posteingang").click()
    page.get_by_role("link", name="Robert Tamm hat Ihnen geantwortet").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    assert in_sight(page, page.locator(".post:target"))
    assert unread(frieda.opens("/practices"), "entries") == before


def test_entries_can_be_noted_as_read_by_keyboard(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens("/inbox")
    page.get_by_role("button", name="Alles gelesen").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nichts Neues.")).to_be_visible()
    assert unread(page, "entries") == 0
