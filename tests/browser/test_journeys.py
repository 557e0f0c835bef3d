"""The main job in a browser: ask, answer, recommend, find again; with and without JavaScript, and by keyboard."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Site, Visit, Visitor

QUESTION = "Mieterin sammelt Zeitungen bis unter die Decke – wer hat Erfahrung?"
REPLY = "Zuerst **ein Raum**, dann der nächste. Wir nennen das Quadratmeterabsprache.\n\n- Brief\n- Besuch"


def asks(visitor: Visitor) -> str:
    """Frieda asks from the home page; return the thread's address."""
    page = visitor.opens("/")
    page.get_by_text("Frage stellen").click()
    page.get_by_label("In welchem Themenbereich?").get_by_role("link", name="Verwahrlosung und Vermüllung").click()
    page.get_by_label("Titel").fill(QUESTION)
    page.get_by_role("textbox", name="Text").fill("Wir kommen kaum noch durch den Flur.")
    page.get_by_role("button", name="Thema veröffentlichen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    return page.url.removeprefix(visitor.site.address)


def replies(visitor: Visitor, address: str, text: str = REPLY) -> str:
    """Answer; return the address with the reply's place."""
    page = visitor.opens(address)
    page.get_by_label("Ihre Antwort").fill(text)
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    return page.url


def article(page: Page, number: int) -> Locator:
    return page.locator(f"#p{number}")


def in_sight(page: Page, place: Locator) -> bool:
    box, size = place.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    return 0 <= box["y"] < size["height"] - 40


def test_sign_in_with_one_click_and_sign_out(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, js=js)
    page = visitor.opens("/")
    page.get_by_role("main").get_by_role("link", name="Anmelden").click()
    page.get_by_role("button", name="Als Frieda Moor").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Neu für Sie")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")
    assert "Frieda" not in visitor.opens("/").locator("main").inner_text()


def test_a_guest_gets_where_they_wanted_to_go(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, js=js).opens("/practices?area=verwahrlosung")
    page.get_by_role("button", name="Als Frieda Moor").click()
    expect(page).to_have_url(re.compile(r"/practices\?area=verwahrlosung$"))


def test_from_a_question_to_recommended_practice_that_is_found(site: Site, visit: Visit, js: bool) -> None:
    frieda, robert = visit(site, "frieda", js=js), visit(site, "robert", js=js)
    address = asks(frieda)

    page = robert.opens(address)
    page.get_by_label("Ihre Antwort").fill(REPLY)
    if not js:
        page.get_by_role("button", name="Vorschau").click()
    preview = page.locator(".preview .text")
    expect(preview.locator("strong")).to_have_text("ein Raum")
    if not js:
        assert in_sight(page, preview)
    promised = preview.inner_html()
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p2$"))
    assert article(page, 2).locator(".text").inner_html() == promised
    assert in_sight(page, article(page, 2))

    page = frieda.opens("/")
    row = page.get_by_role("listitem").filter(has_text=QUESTION)
    expect(row).to_contain_text("1 neu")
    row.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"#p2$"))
    expect(page.locator(".newline")).to_have_text(re.compile("Neu seit heute, "))
    article(page, 2).get_by_role("button", name="Danke").click()
    expect(article(page, 2).get_by_role("button", name="Danke · 1")).to_have_attribute("aria-pressed", "true")
    article(page, 2).get_by_role("button", name="Hat geholfen").click()
    expect(article(page, 2).locator(".helped")).to_be_visible()
    article(page, 2).get_by_role("link", name="Empfehlen").click()
    page.get_by_label("Empfohlen für").fill("den ersten Quadratmeter")
    page.get_by_label("Warum").fill("Sie hat selbst weitergeräumt.")
    page.get_by_role("button", name="Als Praxis empfehlen").click()
    expect(article(page, 2).locator(".mark")).to_contain_text("Empfohlen für: den ersten Quadratmeter")
    expect(page.locator(".practice")).to_contain_text("Quadratmeterabsprache")

    site.work()
    page.get_by_role("searchbox", name="Suchen").fill("quadratmeterabsprache")
    page.keyboard.press("Enter")
    hit = page.locator(".hits li").first
    expect(hit).to_contain_text("✓ empfohlen")
    hit.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"#p2$"))
    assert in_sight(page, article(page, 2))

    article(page, 2).get_by_role("link", name="Empfehlung zurücknehmen").click()
    page.locator("#withdrawn_reason").fill("Doch nur ein Einzelfall.")
    page.get_by_role("button", name="Zurücknehmen").click()
    expect(article(page, 2)).to_be_visible()
    expect(page.locator(".mark, .practice")).to_have_count(0)
    article(page, 2).get_by_role("button", name="Danke · 1").click()
    expect(article(page, 2).get_by_role("button", name="Danke")).to_have_attribute("aria-pressed", "false")


def test_a_quotation_waits_in_the_form(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens(site.thread("t-045"))
    article(page, 6).get_by_role("link", name="Zitieren").click()
    field = page.get_by_label("Ihre Antwort")
    expect(field).to_have_value(re.compile(r"^(.|\n)*> .*Tür"))
    expect(field).to_be_focused()
    assert in_sight(page, field)


def test_edit_delete_and_take_back(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens(site.thread("t-045"))
    article(page, 8).get_by_role("link", name="Bearbeiten").click()
    page.get_by_role("textbox", name="Text").fill("Er hat aufgemacht.")
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(article(page, 8).locator(".text")).to_have_text("Er hat aufgemacht.")
    article(page, 8).get_by_role("link", name="bearbeitet").click()
    expect(page.locator(".source").nth(1)).to_contain_text("Zwischenstand")
    page.go_back()

    article(page, 8).get_by_role("button" if js else "link", name="Mehr").click()
    page.get_by_role("link", name="Löschen").click()
    page.get_by_role("button", name="Beitrag löschen").click()
    gap = article(page, 8)
    expect(gap).to_contain_text("Beitrag 8 wurde gelöscht.")
    gap.get_by_role("link", name="Löschen zurücknehmen").click()
    page.get_by_role("button", name="Beitrag wiederherstellen").click()
    expect(article(page, 8).locator(".text")).to_have_text("Er hat aufgemacht.")


def test_a_gap_offers_nothing_to_others(site: Site, visit: Visit) -> None:
    gap = article(visit(site, "frieda").opens(site.thread("liste")), 2)
    expect(gap).to_have_text("Beitrag 2 wurde gelöscht.")
    gap = article(visit(site, "robert").opens(site.thread("liste")), 2)
    gap.get_by_role("link").first.click()


def test_only_what_is_possible_is_offered(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("t-045"))
    for number in (1, 8):  # her question, her reply
        expect(article(page, number).get_by_role("link", name="Empfehl")).to_have_count(0)
        expect(article(page, number).locator("footer button")).to_have_count(0)
    page = visit(standing, "robert").opens(standing.thread("t-045"))
    expect(article(page, 1).get_by_role("link", name="Empfehl")).to_have_count(0)
    expect(article(page, 2).get_by_role("button", name="Hat geholfen")).to_have_count(0)
    page = visit(standing, "frieda").opens(standing.thread("t-029"))
    expect(page.get_by_label("Ihre Antwort")).to_have_count(0)
    expect(page.get_by_role("link", name="Zitieren")).to_have_count(0)


def test_a_member_without_organisation_leaves_no_hole(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("liste"))
    expect(article(page, 1).get_by_role("heading", level=2).first).to_have_text("Alte Liste")
    article(page, 1).get_by_role("link", name="Alte Liste").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alte Liste")
    expect(page.locator(".facts").first).to_have_text(re.compile("^Beiträge"))


def test_a_mistake_costs_nothing(site: Site, visit: Visit, js: bool) -> None:
    page = visit(site, "frieda", js=js).opens("/areas/verwahrlosung/new")
    page.get_by_label("Titel").fill(" ")
    page.get_by_role("textbox", name="Text").fill("Mühsam geschrieben.")
    page.get_by_role("button", name="Thema veröffentlichen").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link").first.click()
    expect(page.get_by_label("Titel")).to_be_focused()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Mühsam geschrieben.")


def test_an_expired_form_can_be_sent_again(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(site.thread("t-045"))
    visitor.context.clear_cookies()
    page.get_by_label("Ihre Antwort").fill("Lange darüber nachgedacht.")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.get_by_role("main")).to_contain_text("Lange darüber nachgedacht.")


def test_a_double_click_posts_once(site: Site, visit: Visit, js: bool) -> None:
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(site.thread("t-045"))
    before = page.locator(".post").count()
    page.get_by_label("Ihre Antwort").fill("Einmal genügt.")
    page.get_by_role("button", name="Antwort senden").dblclick(no_wait_after=True)
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    expect(visitor.opens(site.thread("t-045")).locator(".post")).to_have_count(before + 1)


def reaches(page: Page, place: Locator, most: int = 80) -> None:
    """Press Tab until the focus is there, and can be seen."""
    expect(place).to_be_visible()
    for _ in range(most):
        page.keyboard.press("Tab")
        if place.evaluate("item => item === document.activeElement"):
            shown = place.evaluate(
                "item => { const look = getComputedStyle(item); return look.outlineStyle + look.outlineWidth }"
            )
            assert shown == "solid3px", shown
            return
    raise AssertionError(f"Tab does not reach {place}")


def test_the_main_journey_by_keyboard_alone(site: Site, visit: Visit) -> None:
    page = visit(site).opens("/sign-in")
    reaches(page, page.get_by_role("button", name="Als Frieda Moor"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Neu für Sie")
    reaches(page, page.get_by_role("link", name="Zum Inhalt"))
    page.keyboard.press("Enter")
    reaches(page, page.locator(".ask summary"), most=1)
    page.keyboard.press("Enter")
    reaches(page, page.get_by_role("link", name="Nachbarschaftskonflikte").first)
    page.keyboard.press("Enter")
    reaches(page, page.get_by_role("radio", name="Strategie").or_(page.get_by_role("radio", name="Frage")).first)
    reaches(page, page.get_by_label("Titel"), most=1)
    page.keyboard.type("Wer moderiert bei euch?")
    reaches(page, page.get_by_role("textbox", name="Text"), most=6)  # past what is similar, if it is there already
    page.keyboard.type("Wir suchen noch.")
    reaches(page, page.get_by_role("button", name="Thema veröffentlichen"), most=6)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Wer moderiert bei euch?")
    reaches(page, page.get_by_label("Ihre Antwort"))
    page.keyboard.type("Nachtrag von mir.")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"#p2$"))
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Suchen")).to_be_focused()
    page.keyboard.type("geruch")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=geruch$"))
    reaches(page, page.locator(".hits h2 a").first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#p\d+$"))


@pytest.mark.parametrize("who", ["frieda", "robert"])
def test_the_menu_closes_with_escape(standing: Site, visit: Visit, who: str) -> None:
    page = visit(standing, who, width=390).opens("/")
    for menu in (page.locator(".menu"), page.locator(".ask")):
        menu.locator("summary").click()
        expect(menu.get_by_role("link").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(menu.get_by_role("link").first).to_be_hidden()
        expect(menu.locator("summary")).to_be_focused()


def test_others_who_write_meanwhile_are_announced(site: Site, visit: Visit) -> None:
    frieda, robert = visit(site, "frieda"), visit(site, "robert")
    frieda.page.clock.install()
    page = frieda.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Ich schreibe noch …")
    expect(page.locator(".news")).to_be_hidden()
    replies(robert, site.thread("t-045"), "Ich war schneller.")
    page.clock.run_for(31_000)
    expect(page.locator(".news")).to_have_text(re.compile("^1 neue Antwort"))
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Ich schreibe noch …")


def test_unsent_text_is_not_lost_by_leaving(standing: Site, visit: Visit) -> None:
    page = visit(standing, "frieda").opens(standing.thread("t-045"))
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    field = page.get_by_label("Ihre Antwort")
    field.press_sequentially("Noch nicht fertig")
    page.locator(".brand").click(no_wait_after=True)
    expect(field).to_have_value("Noch nicht fertig")
    assert asked == ["beforeunload"]
    field.fill("")
    page.locator(".brand").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Neu für Sie")
    assert asked == ["beforeunload"]


def test_the_second_page_can_be_reached_and_left(standing: Site, visit: Visit, js: bool) -> None:
    page = visit(standing, "robert", js=js).opens(standing.thread("t-027"))
    page.get_by_role("link", name="Weiter").first.click()
    expect(article(page, 21)).to_be_visible()
    expect(page).to_have_title(re.compile(r" \(2\) – "))
    page.get_by_role("link", name="Zurück").first.click()
    expect(article(page, 1)).to_be_visible()
