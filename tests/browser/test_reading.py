"""Reading on: first unread, back to the list, all read and undo, keys, appearance; with and without JavaScript."""

import re
from io import BytesIO

import pytest
from playwright.sync_api import Locator, Page, expect
from pypdf import PdfReader

from tests.browser.conftest import Site, Visit
from tests.browser.test_journeys import article, in_sight, reaches, replies

LISTS = {
    "home": "/",
    "area": "/areas/verwahrlosung",
    "unread": "/unread",
    "tag": "/tags/erstkontakt",
}
TITLE = "Mieter öffnet nicht mehr"


def row(page: Page, title: str = TITLE) -> Locator:
    return page.get_by_role("listitem").filter(has_text=title).first


@pytest.mark.parametrize("where", LISTS)
def test_a_list_leads_to_the_first_unread_post_and_back(site: Site, visit: Visit, js: bool, where: str) -> None:
    """UX 8: the line says since when, and Back returns to the same place in the list."""
    frieda = visit(site, "frieda", js=js, width=390)
    replies(visit(site, "robert"), site.thread("t-045"), "Ganz frisch.")
    page = frieda.opens(LISTS[where])
    link = row(page).get_by_role("link").first
    link.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    link.click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    number = int(page.url.rpartition("#p")[2])
    line = page.locator(".newline")
    expect(line).to_have_text(re.compile(r"^Neu seit (heute, |gestern, |\d+\. \w+)"))
    assert line.evaluate("line => line.nextElementSibling.id") == f"p{number}"
    assert in_sight(page, line)
    page.go_back()
    expect(page).to_have_url(site.address + LISTS[where])
    assert abs(page.evaluate("scrollY") - before) < 5


def test_all_read_is_undone_exactly(site: Site, visit: Visit, js: bool) -> None:
    """UX 10."""
    page = visit(site, "frieda", js=js).opens("/unread")
    titles = page.locator(".rows h2").all_inner_texts()
    assert len(titles) > 3
    page.get_by_role("button", name="Alles gelesen").click()
    expect(page.locator(".empty")).to_contain_text("auf dem Laufenden")
    expect(page.locator(".bar [data-count=threads]")).to_be_hidden()
    expect(page.locator("#said")).to_be_focused()
    page.get_by_role("button", name="Rückgängig machen").click()
    expect(page.locator(".rows h2").first).to_be_visible()
    assert page.locator(".rows h2").all_inner_texts() == titles
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ungelesen")


def test_one_thread_is_read_and_unread_again(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens("/unread?area=verwahrlosung")
    title = page.locator(".rows h2").first.inner_text()
    count = page.locator(".rows h2").count()
    page.locator(".rows li").first.get_by_role("button", name="Als gelesen").click()
    expect(page.locator("#said")).to_be_focused()
    expect(page.locator(".rows h2")).to_have_count(count - 1)
    page.get_by_role("button", name="Rückgängig machen").click()
    expect(page.locator(".rows h2").first).to_have_text(title)
    expect(page).to_have_url(re.compile(r"/unread\?area=verwahrlosung$"))


def test_a_thread_is_unread_from_a_post_on(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(site.thread("t-045"))
    article(page, 6).get_by_text("Mehr", exact=True).click()
    page.get_by_role("button", name="Ab hier ungelesen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ungelesen")
    page.get_by_role("link", name=TITLE).click()
    expect(page).to_have_url(re.compile("#p6$"))
    expect(page.locator(".newline + #p6")).to_be_visible()


def test_the_home_page_says_what_is_new_at_once(standing: Site, visit: Visit, js: bool) -> None:
    """UX 7: without scrolling, and two clicks to any unread thread."""
    page = visit(standing, "frieda", width=390, js=js).opens("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Neu für Sie")
    assert in_sight(page, page.locator(".rows li").first.locator("h2"))
    page.locator("main").get_by_role("link", name=re.compile("Ungelesene durchsehen|mit Neuem")).click()
    listed = page.locator(".rows h2").count()
    page.goto(standing.address + "/")
    assert int(page.locator(".bar .count").first.inner_text().split()[0]) == listed


def test_an_area_is_narrowed_and_sorted(standing: Site, visit: Visit, js: bool) -> None:
    page = visit(standing, "frieda", js=js).opens("/areas/verwahrlosung")
    page.get_by_text("Eingrenzen und ordnen").click()
    page.get_by_label("Art").select_option(label="Frage")
    page.get_by_label("Schlagwort").fill("Erstkontakt")
    page.get_by_label("Geordnet nach").select_option(label="Dank")
    page.get_by_role("button", name="Anwenden").click()
    expect(page).to_have_url(re.compile(r"kind=question&state=&tag=Erstkontakt&sort=thanked$"))
    expect(row(page)).to_be_visible()
    page.locator(".chosen").get_by_role("link", name="nach Dank").click()
    expect(page).to_have_url(re.compile(r"\?kind=question&tag=erstkontakt$"))
    page.get_by_role("link", name="in allen Themenbereichen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Schlagwort: erstkontakt")
    page.goto(standing.address + "/areas/mitteilungen?state=unanswered")
    expect(page.locator(".empty").get_by_role("link")).to_be_visible()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def test_keys_go_from_post_to_post(standing: Site, visit: Visit) -> None:
    """UX 31."""
    page = visit(standing, "frieda").opens(standing.thread("t-045"))
    for key, there in (("j", "p1"), ("j", "p2"), ("j", "p3"), ("k", "p2")):
        page.keyboard.press(key)
        assert focused(page) == there
    look = article(page, 2).evaluate("item => getComputedStyle(item).outlineStyle")
    assert look == "solid"
    assert in_sight(page, article(page, 2))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.post').id") == "p2"
    page.keyboard.press("r")
    expect(page.get_by_label("Ihre Antwort")).to_be_focused()
    page.keyboard.type("jkr/?")
    expect(page.get_by_label("Ihre Antwort")).to_have_value("jkr/?")


def test_from_a_place_in_a_thread_the_keys_go_on_there(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("t-045") + "#p5")
    page.keyboard.press("j")
    assert focused(page) == "p6"


@pytest.mark.parametrize("where", ["/", "/areas/verwahrlosung", "/unread", "/search?q=geruch"])
def test_keys_go_from_row_to_row(standing: Site, visit: Visit, where: str) -> None:
    page = visit(standing, "frieda").opens(where)
    first, second = (page.locator(".rows :is(h2, h3) a").nth(n) for n in (0, 1))
    page.keyboard.press("j")
    expect(first).to_be_focused()
    page.keyboard.press("j")
    expect(second).to_be_focused()
    page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".post").first).to_be_visible()


def test_the_list_of_keys_comes_to_where_one_is(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("t-045"))
    page.keyboard.press("j")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog")
    expect(listed).to_contain_text("zum nächsten Beitrag")
    expect(listed.get_by_role("heading", name="Was Tasten tun")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "Schließen"
    page.keyboard.press("j")
    expect(listed).to_be_visible()
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    assert focused(page) == "p1"


def test_the_list_of_keys_is_a_page_too(standing: Site, visit: Visit, js: bool) -> None:
    page = visit(standing, "frieda", js=js).opens("/settings/reading")
    page.get_by_role("link", name="Liste der Tasten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasten")
    expect(page.get_by_role("button", name="Schließen")).to_have_count(0)


def test_single_keys_can_be_switched_off(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens("/settings/reading")
    page.get_by_label("Einzelne Tasten nutzen").uncheck()
    page.get_by_role("button", name="Speichern").click()
    page.goto(site.address + site.thread("t-045"))
    for key in "jkr/?":
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement === document.body")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Ihre Antwort").fill("Trotzdem mit Strg.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".post").last).to_contain_text("Trotzdem mit Strg.")


PAPER = {"light": "rgb(250, 248, 244)", "dark": "rgb(21, 25, 28)"}
# The paper at each moment at which something was painted, from the first on.
WATCH_PAPER = """
window.papers = new Set();
requestAnimationFrame(function look() {
  if (document.body) papers.add(getComputedStyle(document.body).backgroundColor);
  requestAnimationFrame(look);
});
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_look_is_the_devices_or_ones_own_from_the_first_moment(site: Site, visit: Visit, theme: str) -> None:
    """UX 29."""
    other = "dark" if theme == "light" else "light"
    visitor = visit(site, "frieda", theme=other)
    paper = "getComputedStyle(document.body).backgroundColor"
    page = visitor.opens("/settings/reading")
    assert page.evaluate(paper) == PAPER[other]
    page.get_by_label({"light": "hell", "dark": "dunkel"}[theme], exact=True).check()
    page.get_by_role("button", name="Speichern").click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.add_init_script(WATCH_PAPER)
    for path in ("/", "/unread", site.thread("t-045")):
        visitor.opens(path)
        assert page.evaluate("[...papers]") in ([PAPER[theme]], ["rgba(0, 0, 0, 0)", PAPER[theme]]), path


def test_unread_by_keyboard_alone(site: Site, visit: Visit) -> None:
    """UX 44: skip link, order, visible focus, and after each act the focus is where the work goes on."""
    page = visit(site, "frieda").opens("/unread")
    reaches(page, page.get_by_role("link", name="Zum Inhalt"), most=1)
    page.keyboard.press("Enter")
    reaches(page, page.get_by_role("button", name="Alles gelesen"), most=1)
    reaches(page, page.locator(".rows h2 a").first, most=1)
    titles = page.locator(".rows h2").all_inner_texts()
    reaches(page, page.locator(".rows li").first.get_by_role("button"), most=5)
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_be_focused()
    expect(page.locator(".rows h2").first).to_have_text(titles[1])
    reaches(page, page.get_by_role("button", name="Rückgängig machen"), most=1)
    reaches(page, page.locator(".rows h2 a").first, most=1)


def test_narrowing_by_keyboard_alone(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens("/areas/verwahrlosung")
    reaches(page, page.locator(".sift summary"))
    page.keyboard.press("Enter")
    for label in ("Art", "Stand", "Schlagwort", "Geordnet nach"):
        reaches(page, page.get_by_label(label), most=1)
    reaches(page, page.get_by_role("button", name="Anwenden"), most=1)
    page.keyboard.press("Enter")
    expect(page.locator(".rows li").first).to_be_visible()


# The lines of a post in characters, on the widest screen.
LINES = """
() => {
  const text = [...document.querySelectorAll('.text p')].sort((a, b) => b.textContent.length - a.textContent.length)[0];
  const range = document.createRange(); range.selectNodeContents(text);
  const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
  return [text.textContent.length / lines, parseFloat(getComputedStyle(text).fontSize), getComputedStyle(text).hyphens];
}
"""


def test_a_line_is_made_for_reading(standing: Site, visit: Visit, js: bool) -> None:
    """UX 28; that nothing is wider than 320 px is asked of every page in test_pages."""
    page = visit(standing, "frieda", width=1280, js=js).opens(standing.thread("t-045"))
    characters, size, hyphens = page.evaluate(LINES)
    assert 55 <= characters <= 78
    assert size >= 16
    assert hyphens == "auto"
    assert page.locator("html").get_attribute("lang") == "de"


TOLD = re.compile(
    r"(heute|gestern), \d{1,2}:\d\d|\d{1,2}\. (Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober"
    r"|November|Dezember)(, \d{1,2}:\d\d| 20\d\d)"
)


@pytest.mark.parametrize("path", ["/", "/unread", "/areas/verwahrlosung", "/search?q=geruch"])
def test_dates_are_said_in_german_and_exact_underneath(standing: Site, visit: Visit, js: bool, path: str) -> None:
    """UX 30; the switch days are in tests/test_i18n.py."""
    page = visit(standing, "frieda", js=js).opens(path)
    times = page.locator("main time").all()
    assert times
    for time in times:
        assert TOLD.fullmatch(time.inner_text()), time.inner_text()
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00", time.get_attribute("datetime") or "")


HEADINGS = """
() => [...document.querySelectorAll('h1, h2, h3, h4')].filter(item => item.checkVisibility())
  .map(item => +item.tagName[1])
"""


@pytest.mark.parametrize(
    "path", ["/", "/unread", "/areas/verwahrlosung", "/tags/erstkontakt", "/settings/reading", "thread"]
)
def test_a_page_says_where_one_is(standing: Site, visit: Visit, js: bool, path: str) -> None:
    """UX 14."""
    page = visit(standing, "frieda", js=js).opens(standing.thread("t-045") if path == "thread" else path)
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_count(1)
    place = title.inner_text().replace("\n", " ")
    assert page.title().startswith((place[:60], "Themen", "Wie ich lese")), page.title()
    if path not in ("/", "/unread", "/settings/reading"):
        expect(page.locator(".crumbs a").first).to_have_text("Themen")
    levels = page.evaluate(HEADINGS)
    assert all(below - above <= 1 for above, below in zip([0, *levels], levels, strict=False)), levels


EMPTY = ["/areas/verwahrlosung?tag=gibt-es-nicht", "/areas/mitteilungen?state=mine", "/unread?before=1-1"]


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_list_says_so_and_offers_one_way_on(standing: Site, visit: Visit, js: bool, path: str) -> None:
    """UX 13."""
    page = visit(standing, "frieda", js=js).opens(path)
    expect(page.locator(".empty p")).to_be_visible()
    page.locator(".empty").get_by_role("link").click()
    expect(page.locator(".rows li").first).to_be_visible()


def test_a_missing_page_offers_a_search_with_the_words_of_its_address(standing: Site, visit: Visit, js: bool) -> None:
    """UX 46."""
    page = visit(standing, "frieda", js=js).opens("/threads/99999-geruch-im-treppenhaus")
    field = page.get_by_role("main").get_by_role("searchbox")
    expect(field).to_have_value("geruch im treppenhaus")
    field.press("Enter")
    expect(page.locator(".hits li").first).to_be_visible()


@pytest.mark.parametrize("uid", ["t-045", "liste"])
def test_no_post_heading_stands_alone_at_the_end_of_a_paper(standing: Site, visit: Visit, uid: str) -> None:
    """UX 27, in the PDF itself: below the last heading of each page there is text of its post."""
    page = visit(standing, "frieda").opens(standing.thread(uid))
    names = {item.inner_text().split(chr(10))[0] for item in page.locator(".post h2 a").all()}
    papers = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True))).pages
    for paper in list(papers)[:-1]:
        last = [line for line in paper.extract_text().splitlines() if line.strip()][-2:]
        assert not any(name in line for line in last for name in names), last
