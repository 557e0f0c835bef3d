"""Writing in a browser: nothing that was typed is lost, nothing is sent twice, and what is shown is what will be."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit, Visitor

DRAFT = re.compile(r"^Entwurf von heute, \d+:\d\d")


def test_a_draft_follows_to_another_device_and_vanishes_when_sent(site: Site, visit: Visit) -> None:
    """UX 15."""
    office, phone = visit(site, "frieda"), visit(site, "frieda", width=390)
    page = office.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").press_sequentially("Wir klingeln nicht mehr, wir schreiben.")
    expect(page.locator(".draft")).to_have_text(DRAFT, timeout=5_000)
    page.close(run_before_unload=False)

    page = phone.opens(site.thread("t-045"))
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Wir klingeln nicht mehr, wir schreiben.")
    expect(page.locator(".draft")).to_have_text(DRAFT)
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    page = phone.opens("/inbox/drafts")
    expect(page.get_by_role("main")).to_contain_text("Hier liegt nichts, was Sie nicht gesendet haben.")
    expect(phone.opens(site.thread("t-045")).get_by_label("Ihre Antwort")).to_have_value("")


def test_what_was_typed_last_is_saved_when_the_tab_is_left(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda")
    page = visitor.opens("/areas/verwahrlosung/new")
    page.get_by_label("Titel").fill("Wer hat einen Vordruck?")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("textbox", name="Text").fill("Wir suchen einen für die erste Begehung.")
    page.goto(site.address + "/")
    draft = page.get_by_role("link", name="Wer hat einen Vordruck?")
    for _ in range(50):  # what a tab sends while it is left arrives when it does
        visitor.opens("/inbox/drafts")
        if draft.count():
            break
    draft.click()
    expect(page.get_by_label("Titel")).to_have_value("Wer hat einen Vordruck?")
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Wir suchen einen für die erste Begehung.")


def test_a_draft_without_script(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda", js=False).opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Später mehr.")
    page.get_by_role("button", name="Als Entwurf speichern").click()
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Später mehr.")
    page.get_by_role("button", name="Verwerfen").click()
    expect(page.get_by_label("Ihre Antwort")).to_have_value("")
    page.get_by_role("button", name="Zurückholen").click()
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Später mehr.")


def crashes(visitor: Visitor) -> Page:
    """The tab dies while nothing reaches the server; a new one comes up."""
    visitor.context.set_offline(True)
    visitor.page.get_by_label("Ihre Antwort").press_sequentially("Noch nirgends gespeichert.")
    expect(visitor.page.locator(".draft")).to_contain_text("Ihr Text bleibt auf diesem Gerät.")
    visitor.page.close(run_before_unload=False)
    visitor.context.set_offline(False)
    return visitor.context.new_page()


def test_what_the_server_never_got_is_there_after_a_crash(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda")
    visitor.opens(site.thread("t-045"))
    page = crashes(visitor)
    page.goto(site.address + site.thread("t-045"))
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Noch nirgends gespeichert.")
    expect(page.locator(".draft")).to_have_text(DRAFT)
