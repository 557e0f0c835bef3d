"""UX 25 and 39 in a browser: an edit shows in the history, a deletion is taken back; the queue in two clicks."""

from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit


def test_a_flag_is_decided_in_one_click_and_the_next_follows(site: Site, visit: Visit, js: bool) -> None:
    """UX 39."""
    frieda, robert = visit(site, "frieda", js=js), visit(site, "robert", js=js)
    page = frieda.opens(f"{site.post('t-045', 3)}/flag")
    page.get_by_label("Unfreundlich oder verletzend").check()
    page.locator("#words").fill("Das tut weh.")
    page.get_by_role("button", name="Beitrag melden").click()
    expect(page.get_by_text("Vielen Dank.")).to_be_visible()
    page = robert.opens("/moderation/queue")
    expect(page.get_by_text("Das Gesetz hat sich geändert.")).to_be_visible()
    page.locator("#reason").fill("Es gilt noch bis Jahresende.")
    page.get_by_role("button", name="So lassen").click()
    expect(page.get_by_text("Das tut weh.")).to_be_visible()
    page.get_by_role("link", name="Beitrag bearbeiten").click()
    page.locator("#body").fill("Freundlicher gesagt.")
    page.locator("#reason").fill("Der Ton.")
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(page.get_by_text("Es wartet nichts auf eine Entscheidung.")).to_be_visible()
    page.goto(f"{site.address}/moderation/log")
    expect(page.locator(".diff ins").first).to_contain_text("Freundlicher gesagt.")


def test_an_edit_has_a_history_and_a_deletion_is_taken_back(site: Site, visit: Visit, js: bool) -> None:
    """UX 25."""
    frieda = visit(site, "frieda", js=js)
    post = site.post("t-045", 1)
    page = frieda.opens(f"{post}/edit")
    page.locator("#body").fill("Ganz neu gesagt.")
    page.get_by_role("button", name="Speichern", exact=True).click()
    page.locator("#p1").get_by_role("link", name="bearbeitet").click()
    expect(page.locator(".diff ins").last).to_contain_text("Ganz neu gesagt.")
    page = frieda.opens(f"{post}/delete")
    page.get_by_role("button", name="Beitrag löschen").click()
    page.locator("#p1 a[href$='/restore']").click()
    page.get_by_role("button", name="Beitrag wiederherstellen").click()
    expect(page.locator("#p1")).to_contain_text("Ganz neu gesagt.")
