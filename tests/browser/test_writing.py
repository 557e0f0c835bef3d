"""Writing in a browser: nothing that was typed is lost, nothing is sent twice, and what is shown is what will be."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import delete, select

from forum.db import db, transaction
from forum.members.models import Member, SignIn
from forum.members.passwords import hashed
from tests.browser.conftest import Site, Visit, Visitor
from tests.search.papers import pdf

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
    page.get_by_text("Der ganze Text").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Wir suchen einen für die erste Begehung.")
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


NO_SERVER = "void (window.fetch = () => Promise.reject())"


@pytest.mark.parametrize("reachable", [True, False], ids=["server there", "server away"])
def test_all_of_a_form_is_there_after_a_crash(site: Site, visit: Visit, reachable: bool) -> None:
    """Who wanted to ask without a name still does."""
    visitor = visit(site, "frieda")
    page = visitor.opens("/areas/organisation/new")
    page.evaluate(NO_SERVER)
    page.get_by_label("Dateien").set_input_files(
        {"name": "Plan.pdf", "mimeType": "application/pdf", "buffer": pdf("x")}
    )
    expect(page.get_by_role("link", name="Plan.pdf")).to_be_visible()
    page.get_by_role("radio", name="Strategie").check()
    page.get_by_role("checkbox", name="Ohne Namen fragen").check()
    page.get_by_label("Titel").fill("Wohin damit?")
    page.get_by_role("textbox", name="Text").fill("Noch nirgends gespeichert.")
    page.close(run_before_unload=False)
    page = visitor.context.new_page()
    if not reachable:
        page.add_init_script(NO_SERVER)
    page.goto(site.address + "/areas/organisation/new")
    expect(page.get_by_role("textbox", name="Text")).to_have_value("Noch nirgends gespeichert.")
    expect(page.get_by_label("Titel")).to_have_value("Wohin damit?")
    expect(page.get_by_role("radio", name="Strategie")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Ohne Namen fragen")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Auch vor Kolleg")).not_to_be_checked()
    if reachable:
        expect(page.get_by_role("link", name="Plan.pdf")).to_be_visible()
        expect(page.locator(".draft")).to_have_text(DRAFT)


def posts_of(visitor: Visitor, words: str) -> int:
    """How many posts of Frieda's thread say this by now."""
    return visitor.opens(visitor.site.thread("t-045")).locator(".post .text").filter(has_text=words).count()


def test_nothing_that_was_written_stays_in_the_browser_after_signing_out(site: Site, visit: Visit) -> None:
    """A desk may be shared."""
    visitor = visit(site, "frieda")
    visitor.page.route("**/drafts", lambda route: route.abort())
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    page = visitor.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").press_sequentially("Nur für mich.")
    assert page.evaluate("Object.values(localStorage).join()").count("Nur für mich.") == 1
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Abmelden").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    assert page.evaluate("localStorage.length") == 0


def test_the_own_post_is_there_at_once_and_becomes_the_real_one(site: Site, visit: Visit) -> None:
    """UX 18: it is shown before the server has answered."""
    visitor = visit(site, "frieda")
    page = visitor.opens(site.thread("t-045"))
    held: list[Route] = []
    page.route("**/threads/*/posts", lambda route: held.append(route), times=1)  # noqa: PLW0108 - Playwright looks at it
    page.get_by_label("Ihre Antwort").fill("Sofort zu sehen.")
    page.get_by_role("button", name="Antwort senden").click()
    pending = page.locator(".pending")
    expect(pending).to_contain_text("Wird gesendet …")
    expect(pending).to_contain_text("Sofort zu sehen.")
    held[0].continue_()
    own = page.locator(".post").last
    expect(own.locator(".text")).to_have_text("Sofort zu sehen.")
    expect(own).to_be_focused()
    expect(pending).to_have_count(0)
    expect(page.get_by_label("Ihre Antwort")).to_have_value("")
    page.get_by_label("Ihre Antwort").fill("Und gleich noch einer.")
    page.get_by_label("Ihre Antwort").press("Control+Enter")
    expect(page.locator(".post").last.locator(".text")).to_have_text("Und gleich noch einer.")
    assert posts_of(visitor, "Sofort zu sehen.") == 1


def test_a_reply_to_a_thread_that_was_merged_meanwhile_leads_to_where_it_stands(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens(site.thread("t-045"))
    into, facilitator = site.thread("t-046"), visit(site, "robert")
    merging = facilitator.opens(site.thread("t-045").partition("-")[0] + "/merge")
    merging.fill("#other", site.address + into)
    merging.fill("#reason", "Dieselbe Frage.")
    merging.get_by_role("main").locator("button[type=submit]").click()
    expect(merging).to_have_url(re.compile(into))
    page.get_by_label("Ihre Antwort").fill("Noch hier geschrieben.")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(into + r"\?page=\d+#p\d+$"))
    expect(page.locator(".post").last.locator(".text")).to_have_text("Noch hier geschrieben.")
    expect(page.get_by_role("heading", level=1)).to_have_text(merging.get_by_role("heading", level=1).inner_text())


@pytest.mark.parametrize("trouble", ["offline", "500", "503", "answer lost"])
def test_what_fails_is_kept_and_goes_out_once(site: Site, visit: Visit, trouble: str) -> None:
    """UX 16, 18, 47: nothing lost, nothing double."""
    visitor = visit(site, "frieda")
    page = visitor.opens(site.thread("t-045"))

    def break_it(route: Route) -> None:
        if trouble == "answer lost":
            route.fetch(max_redirects=0)
        if trouble in ("500", "503"):
            route.fulfill(status=int(trouble), body="")
        else:
            route.abort()

    page.route("**/threads/*/posts", break_it, times=1)
    page.get_by_label("Ihre Antwort").fill("Darf nicht verloren gehen.")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".pending")).to_contain_text("Nicht gesendet. Ihr Text bleibt erhalten.")
    expect(page.get_by_label("Ihre Antwort")).to_have_value("Darf nicht verloren gehen.")
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(page.locator(".post").last.locator(".text")).to_have_text("Darf nicht verloren gehen.")
    assert posts_of(visitor, "Darf nicht verloren gehen.") == 1
    expect(page.get_by_label("Ihre Antwort")).to_have_value("")


def test_a_new_thread_that_does_not_go_out_stays_in_its_form(site: Site, visit: Visit) -> None:
    visitor = visit(site, "frieda")
    page = visitor.opens("/areas/verwahrlosung/new")
    page.get_by_label("Titel").fill("Ohne Netz gefragt")
    page.get_by_role("textbox", name="Text").fill("Im Keller ist kein Empfang.")
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Thema veröffentlichen").click()
    expect(page.locator(".pending")).to_contain_text("Nicht gesendet. Ihr Text bleibt erhalten.")
    visitor.context.set_offline(False)
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ohne Netz gefragt")


def test_a_lost_session_keeps_the_text_through_the_sign_in(site: Site, visit: Visit, js: bool) -> None:
    """UX 16: sent after the session ended, it waits behind the sign-in, and is one post in the end."""
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Über Nacht geschrieben.")
    with site.app.app_context(), transaction():
        db.session.execute(delete(SignIn))
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.get_by_role("main")).to_contain_text("Über Nacht geschrieben.")
    with site.app.app_context(), transaction():
        frieda = db.session.scalars(select(Member).where(Member.uid == "frieda")).one()
        frieda.password = hashed("ein langes Kennwort")
        address = frieda.email
    page.get_by_label("E-Mail-Adresse").fill(address)
    page.get_by_label("Kennwort").fill("ein langes Kennwort")
    page.get_by_role("button", name="Anmelden", exact=True).click()
    page.get_by_role("button", name="Noch einmal senden").click()
    expect(page.locator(".post").last.locator(".text")).to_have_text("Über Nacht geschrieben.")
    assert posts_of(visitor, "Über Nacht geschrieben.") == 1
    expect(page.get_by_label("Ihre Antwort")).to_have_value("")


def test_what_was_sent_before_a_crash_is_not_offered_again(site: Site, visit: Visit) -> None:
    """The answer is lost and the tab dies: what the server has is a post, no draft."""
    visitor = visit(site, "frieda")
    page = visitor.opens(site.thread("t-045"))

    def lose_the_answer(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    page.route("**/threads/*/posts", lose_the_answer)
    page.route("**/drafts", lambda route: route.abort())
    page.get_by_label("Ihre Antwort").fill("Angekommen, ohne dass ich es weiß.")
    page.get_by_role("button", name="Antwort senden").click()
    expect(page.locator(".pending")).to_contain_text("Nicht gesendet.")
    page.close(run_before_unload=False)
    page = visitor.context.new_page()
    with page.expect_response("**/drafts"):
        page.goto(site.address + site.thread("t-045"))
    expect(page.locator(".post").last.locator(".text")).to_have_text("Angekommen, ohne dass ich es weiß.")
    expect(page.get_by_label("Ihre Antwort")).to_have_value("")


def test_enter_twice_starts_one_thread(site: Site, visit: Visit, js: bool) -> None:
    """UX 17."""
    visitor = visit(site, "frieda", js=js)
    page = visitor.opens("/areas/verwahrlosung/new")
    page.get_by_role("textbox", name="Text").fill("Einmal genügt.")
    page.get_by_label("Titel").fill("Zweimal Enter, ein Thema")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Zweimal Enter, ein Thema")
    page = visitor.opens("/areas/verwahrlosung")
    expect(page.get_by_role("link", name="Zweimal Enter, ein Thema")).to_have_count(1)


RICH = """Das **hilft**, siehe [Merkblatt](/files/1/x) und @jonas-brandt:

- [x] Brief
- [ ] Besuch

| a | b |
|---|---|
| 1 | ~~2~~ |

Dazu[^1].

[^1]: Fassung 2024.
"""


def test_the_preview_is_what_will_be(site: Site, visit: Visit, js: bool) -> None:
    """UX 19: byte for byte, beside the text on a wide screen."""
    page = visit(site, "frieda", js=js).opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill(RICH)
    if not js:
        page.get_by_role("button", name="Vorschau").click()
    preview = page.locator("#body-preview")
    expect(preview.locator("strong")).to_have_text("hilft")
    field, beside = page.get_by_label("Ihre Antwort").bounding_box(), preview.bounding_box()
    assert field is not None
    assert beside is not None
    assert beside["x"] >= field["x"] + field["width"]
    promised = preview.locator(".text").inner_html()
    page.get_by_role("button", name="Antwort senden").click()
    expect(page).to_have_url(re.compile(r"#p\d+$"))
    assert page.locator(".post").last.locator(".text").inner_html() == promised


def test_keys_and_toolbar_format_what_is_selected(site: Site, visit: Visit) -> None:
    """UX 20."""
    page = visit(site, "frieda").opens(site.thread("t-045"))
    field = page.get_by_label("Ihre Antwort")
    for key, result in (("b", "**Wort**"), ("i", "_Wort_"), ("k", "[Wort](url)")):
        field.fill("Wort")
        field.select_text()
        field.press(f"Control+{key}")
        expect(field).to_have_value(result)
    field.fill("Eins\nZwei")
    field.select_text()
    page.get_by_role("button", name="Nummerierte Liste").click()
    expect(field).to_have_value(re.compile(r"1\. Eins\n2\. Zwei"))
    field.press("Shift+Tab")
    expect(page.get_by_role("button", name="Fett (Strg+B)")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Kursiv (Strg+I)")).to_be_focused()


def begins(field: Locator) -> None:
    """What offers members and threads is loaded when somebody begins."""
    field.focus()
    field.page.evaluate("() => customElements.whenDefined('text-expander').then(() => true)")


def test_members_and_threads_are_offered_while_writing(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens(site.thread("t-045"))
    field = page.get_by_label("Ihre Antwort")
    begins(field)
    field.press_sequentially("Frag mal @jon")
    expect(page.get_by_role("option", name="Jonas Brandt")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Frag mal @jonas-brandt ")
    field.press_sequentially("und lies #Sperrmüll")
    expect(page.get_by_role("listbox", name="Vorschläge")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox", name="Vorschläge")).to_have_count(0)
    expect(field).to_have_value("Frag mal @jonas-brandt und lies #Sperrmüll")


def test_a_thread_is_linked_by_its_title(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens(site.thread("t-045"))
    field = page.get_by_label("Ihre Antwort")
    begins(field)
    with page.expect_response(lambda answer: answer.url.endswith("text=Sperrm%C3%BCll")):
        field.press_sequentially("#Sperrmüll")
    expect(page.locator(".offers").get_by_role("option", selected=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(field).to_have_value(re.compile(r"^\[.+\]\(/(threads|posts)/\d+\) $"))


SELECT = """
post => {
  const words = post.querySelector('.text p').firstChild, range = document.createRange();
  range.setStart(words, 0);
  range.setEnd(words, 12);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return words.data.slice(0, 12);
}
"""


@pytest.mark.parametrize("by", ["button", "link"])
def test_exactly_what_is_selected_is_quoted(site: Site, visit: Visit, by: str) -> None:
    page = visit(site, "frieda").opens(site.thread("t-045"))
    page.get_by_label("Ihre Antwort").fill("Vorweg:")
    post = page.locator("#p6")
    words = post.evaluate(SELECT).strip()
    if by == "button":
        page.locator(".quoter").click()
    else:
        post.get_by_role("link", name="Zitieren").click()
    author = post.locator("h2 a").inner_text()
    expect(page.get_by_label("Ihre Antwort")).to_have_value(f"Vorweg:\n\n> **{author}:**\n> {words}\n\n")
    expect(page.get_by_label("Ihre Antwort")).to_be_focused()


def test_similar_threads_come_while_the_title_is_typed(site: Site, visit: Visit) -> None:
    """UX 22."""
    site.work()
    page = visit(site, "frieda").opens("/areas/verwahrlosung/new")
    page.get_by_label("Titel").press_sequentially("Geruch im Treppenhaus")
    known = page.get_by_role("region", name="Gibt es das schon?").get_by_role("listitem")
    expect(known.nth(2)).to_be_visible()
    expect(page.locator("[data-similar] [role=status]")).to_have_text(re.compile(r"^\d ähnliche Themen$"))
    expect(page.get_by_label("Titel")).to_be_focused()
    page.keyboard.press("Tab")
    expect(known.get_by_role("link").first).to_be_focused()


def test_another_kind_begins_with_another_text_until_one_writes(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda").opens("/areas/verwahrlosung/new")
    field = page.get_by_role("textbox", name="Text")
    expect(field).to_have_value(re.compile("Was wurde versucht"))
    page.get_by_role("radio", name="Strategie").check()
    expect(field).to_have_value(re.compile("Was wir gemacht haben"))
    field.fill("Ein eigener Text.")
    page.get_by_role("radio", name="Frage").check()
    expect(field).to_have_value("Ein eigener Text.")


def test_without_script_a_link_brings_the_template(site: Site, visit: Visit) -> None:
    page = visit(site, "frieda", js=False).opens("/areas/verwahrlosung/new")
    page.get_by_role("main").get_by_role("link", name="Strategie").click()
    expect(page.get_by_role("textbox", name="Text")).to_have_value(re.compile("Was wir gemacht haben"))
    expect(page.get_by_role("radio", name="Strategie")).to_be_checked()
