"""A printed thread: a page one would hand to a colleague."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit

# What the style sheet adds after a link or a date.
ADDED = "item => getComputedStyle(item, '::after').content"
HIDDEN = [
    ".bar nav",
    ".bar form",
    ".menu",
    ".skip",
    ".demo",
    ".pager",
    ".post > footer",
    ".reply",
    ".page > aside",
    ".btn",
]


def printed(page: Page) -> Page:
    page.emulate_media(media="print", color_scheme="dark")
    return page


def test_paper_shows_the_thread_and_nothing_else(standing: Site, visit: Visit) -> None:
    page = printed(visit(standing, "frieda", theme="dark").opens(standing.thread("liste")))
    for selector in HIDDEN:
        for place in page.locator(selector).all():
            assert not place.is_visible(), selector
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert "https://www.example.org/einladung" in page.locator(".text a[href^=https]").first.evaluate(ADDED)


def test_every_post_on_paper_says_who_and_when(standing: Site, visit: Visit) -> None:
    page = printed(visit(standing, "frieda").opens(standing.thread("t-045")))
    for post in page.locator(".post").all():
        assert post.locator("h2").first.is_visible()
        date = post.locator("time").evaluate(ADDED)
        assert re.search(r"\d{1,2}\. \w+ 20\d\d", date), date


def test_the_paper_is_a4_and_the_thread_fills_a_few_pages(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("t-045"))
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    boxes = set(re.findall(rb"/MediaBox ?\[([^\]]+)\]", paper))
    sizes = {tuple(round(float(number)) for number in box.split()) for box in boxes}
    assert all(abs(width - 595) <= 1 and abs(height - 842) <= 1 for _, _, width, height in sizes), sizes
    assert 2 <= len(re.findall(rb"/Type ?/Page\b", paper)) <= 7


def test_paper_says_for_whom_it_is_and_where_it_comes_from(standing: Site, visit: Visit) -> None:
    page = printed(visit(standing, "frieda").opens(standing.thread("t-045")))
    expect(page.locator(".foot .help")).to_contain_text("Nur für Mitglieder")
    assert page.locator(".foot").evaluate(ADDED).endswith(f'{standing.thread("t-045")}"')
    assert not page.locator(".practice .hint").first.inner_text().endswith("·")
