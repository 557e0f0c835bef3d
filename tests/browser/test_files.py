"""Files in a browser: chosen, pasted or dropped, with script and without (UX 16 and 21)."""

import io
import re
import shutil
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site, Visit, Visitor
from tests.paper import SECRET, photograph
from tests.search.papers import pdf

PICTURE = {"name": "Tür.jpg", "mimeType": "image/jpeg", "buffer": photograph(orientation=6)}
PAPER = {"name": "Merkblatt.pdf", "mimeType": "application/pdf", "buffer": pdf("Merkblatt")}
FILM = {"name": "Film.mp4", "mimeType": "video/mp4", "buffer": b"\0\0\0\x18ftypmp42" + bytes(90)}
# Chromium lets no test use the clipboard or the mouse with files: the events are made as it makes them.
_HANDS_OVER = """([how, name, bytes]) => {
  const carried = new DataTransfer(), field = document.querySelector('#body');
  carried.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/jpeg' }));
  field.focus();
  const event = how === 'drop' ? new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true })
    : new ClipboardEvent('paste', { clipboardData: carried, bubbles: true, cancelable: true });
  return field.dispatchEvent(event);
}"""


def hands_over(page: Page, how: str, file: dict[str, Any] = PICTURE) -> bool:
    """Drop a file onto the text, or paste it there; whether the browser would go on and put it in itself."""
    return bool(page.evaluate(_HANDS_OVER, [how, file["name"], list(file["buffer"])]))


def held(page: Page, address: str) -> list[Route]:
    """What is asked for there from now on stays on its way."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(address, hold)
    return waiting


def shown(visitor: Visitor, page: Page) -> None:
    """The picture is in the newest post: upright, in its own size, with its words, and without what it hid."""
    picture = page.locator(".post figure img").last
    expect(picture).to_have_attribute("alt", "Die Tür mit der Karte")
    assert (picture.get_attribute("width"), picture.get_attribute("height")) == ("320", "480")
    stored = visitor.context.request.get(visitor.site.address + str(picture.get_attribute("src"))).body()
    with Image.open(io.BytesIO(stored)) as image:
        assert (image.size, image.getexif()) == ((400, 600), {})
    assert SECRET not in stored


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped_onto_the_text(site: Site, visit: Visit, how: str) -> None:
    visitor = visit(site, "frieda")
    page = visitor.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("So sieht es aus.")
    held(page, "**/uploads")
    assert not hands_over(page, how)
    expect(page.get_by_role("progressbar", name="Tür.jpg")).to_be_visible()
    expect(page.locator(".upload li")).to_have_text("Tür.jpg wird hinzugefügt")
    page.reload()
    page.unroute("**/uploads")
    page.get_by_label("Ihre Antwort").fill("So sieht es aus.")
    assert not hands_over(page, how)
    expect(page.locator(".upload [role=status]")).to_have_text("Tür.jpg ist hinzugefügt.")
    page.get_by_label("Was zeigt das Bild?").fill("Die Tür mit der Karte")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    shown(visitor, page)
    expect(page.locator(".upload li")).to_have_count(0)


def test_files_are_chosen_and_taken_out_again(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Beides anbei.")
    page.get_by_label("Dateien").set_input_files([PICTURE, PAPER])
    if not js:
        page.get_by_role("button", name="Vorschau").click()
    expect(page.locator(".upload [name=upload]")).to_have_count(2)
    page.get_by_label("Was zeigt das Bild?").fill("Die Tür mit der Karte")
    page.get_by_label("Entfernen Merkblatt.pdf").click()
    if js:
        expect(page.locator(".upload [role=status]")).to_have_text("Merkblatt.pdf ist entfernt.")
        expect(page.get_by_label("Dateien")).to_be_focused()
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    shown(visitor, page)
    expect(page.locator(".post").last).not_to_contain_text("Merkblatt.pdf")


def test_by_keyboard_one_gets_from_the_file_to_its_words(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens(site.thread("t-045"))
    page.get_by_label("Dateien").focus()
    page.get_by_label("Dateien").set_input_files([PICTURE])
    expect(page.get_by_label("Was zeigt das Bild?")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator(".upload li")).to_have_count(0)


def test_sending_waits_for_the_files(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda")
    page = visitor.opens(site.thread("t-045"))
    waiting = held(page, "**/uploads")
    page.get_by_label("Ihre Antwort").fill("Mit Bild.")
    page.get_by_label("Dateien").set_input_files([PICTURE])
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".upload [role=status]")).to_have_text("Gesendet wird, sobald die Dateien da sind.")
    waiting[0].continue_()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    expect(page.locator(".post figure img").last).to_have_attribute("alt", "Tür.jpg")


def test_what_is_not_taken_says_why_and_the_text_stays(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Ein langer Text.")
    page.get_by_label("Dateien").set_input_files([FILM])
    if not js:
        page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".upload .wrong")).to_contain_text("Film.mp4: Möglich sind Bilder")
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Ein langer Text.")


def test_when_the_disk_is_full_the_text_is_there_again(site: Site, visit: Visit, js: bool) -> None:
    folder = site.app.extensions["forum.settings"].instance / "files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.touch()  # no file can be stored below a file
    page = visit(site, "frieda", js=js).opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Ein langer Text.")
    page.get_by_label("Dateien").set_input_files([PAPER])
    if not js:
        page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".upload .wrong")).to_contain_text("Merkblatt.pdf: Gerade ist kein Platz für Dateien.")
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Ein langer Text.")
    if not js:
        page.get_by_label("Dateien").set_input_files([])
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))


def test_nothing_moves_when_pictures_come(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda", width=390)
    page = visitor.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Ein Bild.")
    page.get_by_label("Dateien").set_input_files([PICTURE])
    expect(page.locator(".upload [name=upload]")).to_have_count(1)
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    waiting = held(page, "**/files/**")
    page.reload()
    picture = page.locator(".post figure img").last
    picture.scroll_into_view_if_needed()
    before = picture.bounding_box()
    assert before is not None
    assert before["height"] / before["width"] == pytest.approx(1.5, abs=0.02)
    waiting[0].continue_()
    expect(picture).to_have_js_property("complete", True)
    assert picture.bounding_box() == before


def test_a_file_is_taken_from_a_post(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(f"{site.post('t-045', 1)}/edit")
    page.get_by_label("Dateien").set_input_files([PAPER])
    if not js:
        page.get_by_role("button", name="Vorschau").click()
    expect(page.locator(".upload [name=upload]")).to_have_count(1)
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(page.locator("#p1 .files")).to_contain_text("Merkblatt.pdf")
    visitor.opens(f"{site.post('t-045', 1)}/edit")
    page.get_by_label("Entfernen Merkblatt.pdf").check()
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(page).to_have_url(re.compile(r"#p1$"))
    expect(page.locator("#p1 .files")).to_have_count(0)


def test_a_long_name_of_a_file_makes_no_page_wider(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda", width=360).opens(site.thread("t-045"))
    page.locator("#files").set_input_files([{**PAPER, "name": f"{'Wohnungsgenossenschaftssatzung' * 4}.pdf"}])
    expect(page.locator(".upload li a")).to_be_visible()
    page.locator("#body").fill("Anbei die Satzung.")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".files a")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
