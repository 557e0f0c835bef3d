"""What is new, on every device and without searching for it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit
from tests.browser.test_journeys import article, in_sight, replies


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
    frieda.opens(site.thread("t-045"))
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


def test_more_opens_below_the_post_and_gives_the_focus_back(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.opens(site.thread("t-045"))
    more = article(page, 2).get_by_role("button", name="Mehr")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Link zu diesem Beitrag")).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Kopiert")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").endswith(site.post("t-045", 2))
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_have_count(0)
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")


def test_a_post_is_kept_and_colleagues_are_pointed_to_it(site: Site, visit: Visit, js: bool) -> None:
    frieda, robert = visit(site, "frieda", js=js), visit(site, "robert", js=js)
    page = frieda.opens(site.thread("t-045"))
    role = "button" if js else "link"
    article(page, 2).get_by_role(role, name="Mehr").click()
    expect(page.get_by_label("Link zu diesem Beitrag")).to_have_value(re.compile(f"{site.post('t-045', 2)}$"))
    page.get_by_label("Merken, mit einer Notiz").fill("Für den Januar")
    page.get_by_role("button", name="Merken").click()
    expect(article(page, 2)).to_contain_text("Gemerkt")
    article(page, 2).get_by_role(role, name="Mehr").click()
    page.get_by_role("link", name="Andere darauf hinweisen").click()
    if js:
        page.get_by_label("Wen möchten Sie").fill("Aylin Kaya, Rob")
        expect(page.locator("#members option")).to_have_attribute("value", "Aylin Kaya, Robert Tamm")
    page.get_by_label("Wen möchten Sie").fill("Robert Tamm")
    page.get_by_label("Eine Zeile von Ihnen").fill("Das passt zu eurem Fall.")
    page.get_by_role("button", name="Senden").click()
    expect(page.get_by_text("Der Hinweis steht im Posteingang")).to_be_visible()
    entry = robert.opens("/inbox").locator(".rows li").first
    expect(entry).to_contain_text("Das passt zu eurem Fall.")
    entry.get_by_role("link").first.click()
    expect(robert.page).to_have_url(re.compile(r"#p2$"))
    expect(frieda.opens("/inbox/bookmarks").get_by_text("Für den Januar")).to_be_visible()
