"""Every page, light and dark, small and large: accessible, within its width, quiet, and from one host."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Site, Visit
from tests.browser.pages import PLACES, thread

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
CHECK = """
async whole => {
  const found = await axe.run(document, whole ? {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    rules: { 'target-size': { enabled: true } },
    resultTypes: ['violations'],
  } : { runOnly: { type: 'rule', values: ['color-contrast'] }, resultTypes: ['violations'] });
  const said = node => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`;
  return found.violations.map(rule => `${rule.id}: ${rule.nodes.slice(0, 3).map(said).join(' | ')}`);
}
"""
WATCH_SHIFTS = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""
PAINTED = """
() => new Promise(done => new PerformanceObserver(list => {
  if (list.getEntriesByName('first-contentful-paint').length) done();
}).observe({ type: 'paint', buffered: true }))
"""
FONTS = """
async () => {
  await document.fonts.ready;
  return [...document.fonts].filter(face => face.status === 'loaded').map(face => face.family.replaceAll('"', ''));
}
"""
# What sticks out, so that the message names the culprit.
TOO_WIDE = """
() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll('body *')].filter(item => item.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map(item => item.outerHTML.slice(0, 120))
    .concat(`page is ${document.documentElement.scrollWidth} wide`)
"""
SAYS = "() => document.body.innerText"


# A theme changes colours, a width places: all rules at each width, contrast in each light as well.
LOOKS = [
    *(("light", 1280, True), ("dark", 1280, False)),
    *(("dark", 390, True), ("light", 390, False)),
    *(("light", 768, True), ("dark", 768, False)),
]


@pytest.mark.parametrize("name", PLACES)
def test_a_page_is_accessible_and_stays_within_its_width(standing: Site, visit: Visit, name: str) -> None:
    place = PLACES[name]
    visitor = visit(standing, place.who)
    page = place.opened_by(visitor)
    page.evaluate(AXE)
    found: dict[str, Any] = {}
    for theme, width, whole in LOOKS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        found[f"{theme}, {width}"] = page.evaluate(CHECK, whole)
    page.set_viewport_size({"width": 320, "height": 640})
    found["320"] = page.evaluate(TOO_WIDE)
    assert not any(found.values()), found
    assert page.title().endswith(f" – {standing_name(page)}")
    assert len(page.title()) < 130
    said = page.evaluate(SAYS)
    assert "None" not in said.split()
    assert "undefined" not in said


def standing_name(page: Page) -> str:
    return page.locator(".bar .brand").inner_text()


def test_a_thread_takes_five_requests_and_nothing_moves(standing: Site, visit: Visit) -> None:
    visitor = visit(standing, "frieda")
    visitor.page.add_init_script(WATCH_SHIFTS)
    page = thread("t-027")(visitor)
    assert {"Atkinson", "Source Serif"} <= set(page.evaluate(FONTS))
    # What is similar comes afterwards, when its place is in view, and what is unread now and then.
    later = ("?part", f"{visitor.site.address}/inbox/counts")
    asked = [url for url in visitor.requests if not url.startswith("data:") and not any(one in url for one in later)]
    assert len(asked) <= 5, asked
    assert page.evaluate("window.shift") < 0.05


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["/", "/search?q=geruch", "/practices", "/areas/verwahrlosung"])
def test_nothing_moves_while_a_page_loads(standing: Site, visit: Visit, path: str, width: int) -> None:
    visitor = visit(standing, "frieda", width=width)
    visitor.page.add_init_script(WATCH_SHIFTS)
    page = visitor.opens(path)
    page.evaluate(FONTS)
    assert page.evaluate("window.shift") < 0.05


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["/", "/areas/verwahrlosung", "thread", "/search?q=geruch", "/unread"])
def test_nothing_moves_when_the_fonts_come_late(standing: Site, visit: Visit, path: str, width: int) -> None:
    """UX 48: they come when the page has been painted with the stand-ins, as on a slow line."""
    visitor = visit(standing, "frieda", width=width)
    waiting: list[Route] = []
    visitor.page.route("**/*.woff2", lambda route, _request: waiting.append(route))
    visitor.page.add_init_script(WATCH_SHIFTS)
    visitor.page.goto(
        standing.address + (standing.thread("t-027") if path == "thread" else path), wait_until="domcontentloaded"
    )
    page = visitor.page
    page.evaluate(PAINTED)
    assert len(waiting) == 2
    for route in waiting:
        with page.expect_event("requestfinished"):
            route.continue_()
    page.wait_for_load_state()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.shift") < 0.05


def test_a_page_of_twenty_posts_is_60_kilobytes_in_all_but_fonts(standing: Site, visit: Visit) -> None:
    visitor = visit(standing, "frieda")
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    session.on("Network.responseReceived", lambda said: kinds.update({said["requestId"]: said["type"]}))
    session.on("Network.loadingFinished", lambda said: sizes.update({said["requestId"]: said["encodedDataLength"]}))
    page = thread("t-027")(visitor)
    page.wait_for_load_state("networkidle")
    assert page.locator(".post").count() == 20
    assert {"Document", "Stylesheet", "Script"} <= set(kinds.values())
    assert sum(size for number, size in sizes.items() if kinds.get(number) != "Font") <= 60_000


def test_a_page_of_twenty_posts_is_small(standing: Site, visit: Visit) -> None:
    visitor = visit(standing, "frieda")
    with visitor.page.expect_response(lambda answer: "/threads/" in answer.url) as caught:
        thread("t-027")(visitor)
    assert len(caught.value.body()) <= 40_000


@pytest.mark.parametrize("name", ["home", "thread", "search, found", "new thread", "landing", "sign-in"])
def test_what_can_be_acted_on_is_large_enough_for_a_finger(standing: Site, visit: Visit, name: str) -> None:
    place = PLACES[name]
    visitor = visit(standing, place.who, width=390)
    page = place.opened_by(visitor)
    session = visitor.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    session.send("Emulation.setEmulatedMedia", {"features": [{"name": "pointer", "value": "coarse"}]})
    small = page.evaluate(
        """() => [...document.querySelectorAll(
            'button, summary, .input, .post footer > a, .crumbs a, .pager a, .bar a, .side a')]
          .filter(item => item.checkVisibility() && item.offsetHeight && item.getBoundingClientRect().height < 43.5)
          .map(item => `${item.getBoundingClientRect().height} ${item.outerHTML.slice(0, 90)}`)"""
    )
    assert small == []
