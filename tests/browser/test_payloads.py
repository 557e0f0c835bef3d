"""A real browser opens what thousands of attacks have become, with no content security policy to help."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from forum import text

# Counts what attacks call to show that they run. Set before any of them is on the page.
ALARM = """
window.__hit = 0;
for (const name of ['alert', 'confirm', 'prompt', 'print', 'open', 'fetch'])
  window[name] = () => { window.__hit++; };
"""

# Does to each element what a reader could do to it. A link leads nowhere, unless its target is a script.
READ = """
async () => {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    if (link && link.protocol !== 'javascript:') event.preventDefault();
  }, true);
  const events = ['mouseover', 'mouseenter', 'focus', 'pointerover', 'wheel', 'copy', 'keydown', 'toggle'];
  for (const element of document.body.querySelectorAll('*')) {
    for (const name of events) element.dispatchEvent(new Event(name));
    element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
  }
  await new Promise((done) => setTimeout(done, 50));
  return [window.__hit, location.href, document.body.querySelectorAll('*').length];
}
"""


def payloads() -> list[str]:
    """The attacks, from a folder of public data beside the repository."""
    for parent in Path(__file__).resolve().parents:
        file = parent / "shared" / "data" / "f-xss-payloads" / "payloads.txt"
        if file.is_file():
            return file.read_text(errors="replace").splitlines()
    pytest.skip("the attacks are not on this machine: no shared/data/f-xss-payloads above the tests")


def in_places(payload: str, number: int) -> str:
    """The payload as it is, and in every second of the places where Markdown takes one."""
    return "\n\n".join(
        [
            payload,
            *[
                f"[x]({payload})",
                f"![{payload}]({payload})",
                f"<{payload}>",
                f'[x](/x "{payload}")',
                f"| {payload} |\n|---|\n| {payload} |",
                f"https://a.de/{payload}[^1]\n\n[^1]: {payload}",
            ][number % 2 :: 2],
        ]
    )


class Reader:
    """Opens posts on one page and notes what they did: scripts run, addresses called, dialogs opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hits = self.elements = 0
        self.calls: list[str] = []
        self.dialogs: list[str] = []
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self.calls.append(request.url))
        page.route("**", lambda route: route.abort())
        page.add_init_script(ALARM)

    def read(self, html: str) -> None:
        self.page.goto("about:blank")
        self.page.set_content(html, wait_until="domcontentloaded")
        hits, address, elements = self.page.evaluate(READ)
        self.hits += hits
        self.elements += elements
        assert address == "about:blank"

    def _dismiss(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    page = browser.new_page()
    yield Reader(page)
    page.close()


def test_no_attack_runs_and_none_calls_anybody(reader):
    posts = [text.render(in_places(payload, number)) for number, payload in enumerate(payloads())]
    for start in range(0, len(posts), 400):
        reader.read("\n".join(posts[start : start + 400]))
    assert reader.elements > 5 * len(posts)
    assert (reader.hits, reader.calls, reader.dialogs) == (0, [], [])


@pytest.mark.parametrize(
    "attack",
    [
        "<img src=x: onerror=alert(1)>",
        "<script>prompt(1)</script>",
        '<a href="javascript:confirm(1)">x</a>',
        "<p onmouseover=alert(1)>x</p>",
        "<svg onload=alert(1)>",
    ],
)
def test_the_alarm_rings_for_an_attack_that_nobody_cleaned(reader, attack):
    reader.read(f"<p>Guten Tag</p>{attack}")
    assert reader.hits > 0


def test_the_alarm_rings_for_a_picture_from_elsewhere(reader):
    reader.read('<img src="http://127.0.0.1:9/pixel.png">')
    assert reader.calls == ["http://127.0.0.1:9/pixel.png"]
