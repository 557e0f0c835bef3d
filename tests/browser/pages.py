"""Every page a person can meet, by name: who opens it and what they do to get there."""

# ruff: noqa: E501 - the list of pages reads best with one page a line

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page
from sqlalchemy import select

from forum import clock
from forum.db import db, transaction
from forum.mail.addresses import addresses
from forum.members.queries import members_by_uid, viewer_of
from forum.notifications.helping import HelpRequest, request_of
from forum.threads.models import Thread
from tests.browser.conftest import Visitor
from tests.paper import photograph

# Sends the last form of the page that posts to this address, as the browser would without the script's help.
_SEND = """
([action, fields]) => {
  const form = document.querySelector(`form[method=post][action^="${action}"]`);
  for (const [name, value] of Object.entries(fields)) {
    const known = form.elements[name], hidden = Object.assign(document.createElement('input'), { type: 'hidden', name });
    (known && known.type !== 'submit' ? known : form.appendChild(hidden)).value = value;
  }
  form.dataset.sent = 'yes';
  form.submit();
}
"""


@dataclass(frozen=True)
class Place:
    """One page: its status, who opens it, the way there."""

    who: str
    way: Callable[[Visitor], object]
    status: int = 200

    def opened_by(self, visitor: Visitor) -> Page:
        """Go there; the answer's status is as expected."""
        answers: list[int] = []
        visitor.page.on(
            "response",
            lambda answer: answers.append(answer.status) if answer.request.is_navigation_request() else None,
        )
        self.way(visitor)
        visitor.page.wait_for_load_state("load")
        assert answers[-1] == self.status, answers
        return visitor.page


def at(path: str) -> Callable[[Visitor], object]:
    """Simply open the address."""
    return lambda visitor: visitor.opens(path)


def post(uid: str, number: int, act: str) -> Callable[[Visitor], object]:
    """What can be done with a post."""
    return lambda visitor: visitor.opens(f"{visitor.site.post(uid, number)}/{act}")


def thread(uid: str, rest: str = "") -> Callable[[Visitor], object]:
    """A thread of the demonstration."""
    return lambda visitor: visitor.opens(visitor.site.thread(uid) + rest)


def send(first: Callable[[Visitor], object], action: str, **fields: str) -> Callable[[Visitor], object]:
    """Open a page, fill the form that posts to this address and send it, without the browser's own checks."""

    def way(visitor: Visitor) -> None:
        first(visitor)
        with visitor.page.expect_navigation():
            visitor.page.evaluate(_SEND, [action, fields])

    return way


def _welcome(visitor: Visitor) -> None:
    visitor.opens(visitor.site.demo.welcome)


def _stop_mails(visitor: Visitor) -> None:
    with visitor.site.app.app_context():
        link = addresses().unsubscribe_token(1, "all")
    visitor.opens(f"/unsubscribe/{link}")


def _more(visitor: Visitor) -> None:
    thread("t-045")(visitor)
    visitor.page.locator("#p2").get_by_role("button", name="Mehr").click()
    visitor.page.wait_for_selector(".panel")


def _asked(visitor: Visitor) -> None:
    thread = visitor.site.thread("t-051").partition("-")[0]
    with visitor.site.app.app_context(), transaction():
        frieda = members_by_uid(["frieda"])[0]
        number = int(thread.rpartition("/")[2])
        if request_of(viewer_of(frieda), number) is None:
            db.session.add(HelpRequest(thread_id=number, place=1, member_id=frieda.id, at=clock.now()))
    visitor.opens(f"{thread}/asked")


def _without_a_name(visitor: Visitor) -> None:
    visitor.opens("/areas/organisation/new")
    visitor.page.check("#protected")


def _nameless(path: str) -> Callable[[Visitor], object]:
    """The demonstration's question without a name, or a page about it."""

    def way(visitor: Visitor) -> None:
        with visitor.site.app.app_context():
            number = db.session.scalars(select(Thread.id).where(Thread.protected)).one()
        visitor.opens((path or "/threads/%d") % number)

    return way


def _try_out(visitor: Visitor) -> None:
    visitor.opens("/moderation/thesaurus/new")
    visitor.page.fill("#words", "Treppenhaus\nKeller")
    with visitor.page.expect_navigation():
        visitor.page.click("button[formaction]")


def _with_files(visitor: Visitor) -> None:
    visitor.opens(visitor.site.thread("t-045"))
    film = {"name": "Film.mp4", "mimeType": "video/mp4", "buffer": b"\0\0\0\x18ftypmp42"}
    picture = {"name": "Haus.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    visitor.page.locator("#files").set_input_files([picture, film])
    visitor.page.locator(".upload img").wait_for()
    visitor.page.locator(".upload .wrong").wait_for()


_NEW = "/areas/verwahrlosung/new"
_BODY = "Frau M. öffnet **nicht** mehr.\n\n- [ ] Brief\n\n| a | b |\n|---|---|\n| 1 | 2 |"

PLACES = {
    "landing": Place("", at("/")),
    "sign-in": Place("", at("/sign-in?next=/practices")),
    "sign-in, wrong": Place("", send(at("/sign-in"), "/sign-in", email="frieda@weserufer.example", password="x"), 422),
    "welcome": Place("", _welcome),
    "welcome, wrong": Place("", send(_welcome, "/welcome", password="kurz", repeated="anders"), 422),
    "welcome, used up": Place("", at("/welcome/gibt-es-nicht"), 422),
    "forgotten": Place("", at("/sign-in/forgotten")),
    "forgotten, asked": Place("", send(at("/sign-in/forgotten"), "/sign-in/forgotten", email="frieda@weserufer.example")),
    "reset": Place("", lambda visitor: visitor.opens(visitor.site.demo.reset)),
    "home": Place("frieda", at("/")),
    "home of the administration": Place("administrator", at("/")),
    "area": Place("frieda", at("/areas/verwahrlosung")),
    "area, nothing such": Place("frieda", at("/areas/mitteilungen?state=unanswered")),
    "area of announcements, new": Place("frieda", at("/areas/mitteilungen/new"), 403),
    "area, narrowed and sorted": Place("frieda", at("/areas/verwahrlosung?kind=question&tag=erstkontakt&sort=thanked")),
    "area, nothing of mine": Place("administrator", at("/areas/verwahrlosung?state=mine&sort=newest")),
    "tag": Place("frieda", at("/tags/erstkontakt")),
    "tag, none": Place("frieda", at("/tags/gibt-es-nicht"), 404),
    "unread": Place("frieda", at("/unread")),
    "unread in an area": Place("frieda", at("/unread?area=verwahrlosung")),
    "unread, nothing further back": Place("frieda", at("/unread?before=1-1")),
    "unread, a thread just read": Place("frieda", at("/unread?thread=1&from=1")),
    "thread": Place("frieda", thread("t-045")),
    "thread without a name": Place("robert", _nameless("")),
    "thread without a name, the asker's own view": Place("frieda", _nameless("")),
    "thread, ask without a name": Place("frieda", at("/areas/organisation/new")),
    "thread, ask without a name, refused": Place("frieda", send(_without_a_name, "/areas/organisation/new", kind="strategy", title="Ohne Namen", body="Geht das?"), 422),
    "opened names": Place("administrator", at("/admin/protected")),
    "open a name": Place("administrator", _nameless("/admin/protected/%d")),
    "who opened my name": Place("frieda", _nameless("/threads/%d/opened")),
    "thread for facilitators": Place("robert", thread("t-045")),
    "thread of two pages": Place("frieda", thread("t-027")),
    "thread, last page": Place("frieda", thread("t-027", "?page=last")),
    "similar threads": Place("frieda", lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/similar")),
    "thread, closed": Place("frieda", thread("t-029")),
    "thread from a mailing list": Place("frieda", thread("liste")),
    "thread with a gap": Place("frieda", thread("t-018")),
    "thread with a gap, for facilitators": Place("robert", thread("t-018")),
    "new thread": Place("frieda", at(_NEW)),
    "new thread, with a title": Place("frieda", at(_NEW + "?title=L%C3%A4rm+in+der+Nacht")),
    "new thread, empty": Place("frieda", send(at(_NEW), _NEW, title="", body=""), 422),
    "new thread, preview": Place("frieda", send(at(_NEW), _NEW, title="Titel", body=_BODY, preview="1")),
    "new thread of facilitators": Place("robert", at(_NEW)),
    "reply, quoting": Place("frieda", lambda visitor: visitor.opens(f"{visitor.site.thread('t-045')}?quote={visitor.site.post('t-045', 4)[7:]}#body")),
    "reply, preview": Place("frieda", send(thread("t-045"), "/threads/", body=_BODY, preview="1")),
    "reply, empty": Place("frieda", send(thread("t-045"), "/threads/", body=" "), 422),
    "edit": Place("frieda", post("t-045", 1, "edit")),
    "reply with files": Place("frieda", _with_files),
    "edit, for facilitators": Place("robert", post("t-045", 1, "edit")),
    "edit, somebody was faster": Place("frieda", send(post("t-045", 5, "edit"), "/posts/", body="Anders", version="1"), 409),
    "delete": Place("frieda", post("t-045", 1, "delete")),
    "delete, without reason": Place("robert", send(post("t-045", 1, "delete"), "/posts/", reason=""), 422),
    "restore": Place("frieda", post("t-018", 4, "restore")),
    "restore, for facilitators": Place("robert", post("t-018", 4, "restore")),
    "history": Place("frieda", post("t-045", 5, "history")),
    "history of what nobody changed": Place("frieda", post("t-045", 1, "history")),
    "recommend": Place("frieda", post("t-045", 3, "recommend")),
    "recommend, without reason": Place("frieda", send(post("t-045", 3, "recommend"), "/posts/", for_what="", reason=""), 422),
    "withdraw": Place("frieda", post("t-045", 2, "recommend")),
    "practices": Place("frieda", at("/practices")),
    "practices of an area": Place("frieda", at("/practices?area=mitteilungen")),
    "search": Place("frieda", at("/search")),
    "search, found": Place("frieda", at("/search?q=geruch+treppenhaus")),
    "search, nothing found": Place("frieda", at("/search?q=xylophonkonzert")),
    "search, narrowed": Place("frieda", at("/search?q=wohnung&kind=question&sort=date")),
    "search, by parts": Place("frieda", at("/search?q=schulden")),
    "search, spelt otherwise": Place("frieda", at("/search?q=verwarlosung")),
    "search, nothing left": Place("frieda", at("/search?q=wohnung&year=1999&area=gibt-es-nicht&organisation=2")),
    "search, broken": Place("frieda", at("/search?q=%22geruch+kind:nichts+after:morgen")),
    "member": Place("frieda", at("/members/2")),
    "member without organisation": Place("frieda", lambda visitor: visitor.opens(thread("liste")(visitor) and visitor.page.locator(".post h2 a").first.get_attribute("href"))),
    "members": Place("frieda", at("/members")),
    "members, who know about something": Place("frieda", at("/members?q=Wer+kennt+sich+mit+Verm%C3%BCllung+aus%3F")),
    "members of a city": Place("frieda", at("/members?city=Hannover")),
    "members, none": Place("frieda", at("/members?q=Kernfusion&city=Hannover")),
    "organisations": Place("frieda", at("/organisations")),
    "organisation": Place("frieda", at("/organisations/1")),
    "message to write": Place("frieda", at("/members/2/write")),
    "message, empty": Place("frieda", send(at("/members/2/write"), "/members/2/messages", subject=" ", body=" "), 422),
    "message": Place("frieda", send(at("/members/2/write"), "/members/2/messages", subject="Eine Frage", body="Darf ich einmal anrufen?")),
    "outcome": Place("frieda", lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/outcome")),
    "outcome, nothing chosen": Place("frieda", send(lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/outcome"), "/threads/", outcome=""), 422),
    "asked to help": Place("frieda", _asked),
    "asked to help, cannot": Place("frieda", send(_asked, "/threads/", answer="no")),
    "without an answer": Place("robert", at("/moderation/unanswered")),
    "without an answer, none": Place("frieda", at("/moderation/unanswered")),
    "profile": Place("frieda", at("/settings/profile")),
    "profile, wrong": Place("frieda", send(at("/settings/profile"), "/settings/profile", telephone="später"), 422),
    "inbox": Place("frieda", at("/inbox")),
    "bookmarks": Place("frieda", at("/inbox/bookmarks")),
    "bookmarks, none": Place("robert", at("/inbox/bookmarks")),
    "own threads": Place("frieda", at("/inbox/threads")),
    "own threads, none": Place("administrator", at("/inbox/threads")),
    "what one gave": Place("frieda", at("/inbox/given")),
    "what one gave, nothing": Place("administrator", at("/inbox/given")),
    "more about a post": Place("frieda", post("t-045", 2, "more")),
    "more about a kept post, for facilitators": Place("robert", post("t-045", 5, "more")),
    "more, opened below the post": Place("frieda", _more),
    "more, note too long": Place("frieda", send(post("t-045", 2, "more"), "/posts/", note="x" * 501), 422),
    "point to a post": Place("frieda", post("t-045", 2, "share")),
    "point to a post, to nobody": Place("frieda", send(post("t-045", 2, "share"), "/posts/", to="Niemand"), 422),
    "inbox, nothing new": Place("administrator", at("/inbox")),
    "settings": Place("frieda", at("/settings/account")),
    "settings, wrong": Place("frieda", send(at("/settings/account"), "/settings/account/password", password="x", repeated="y"), 422),
    "reading": Place("frieda", at("/settings/reading")),
    "keys": Place("frieda", at("/settings/keys")),
    "notification": Place("frieda", at("/settings/mail")),
    "notification, wrong": Place("frieda", send(at("/settings/mail"), "/settings/mail", rhythm="hourly"), 422),
    "next digest": Place("frieda", at("/settings/mail/preview")),
    "stop mails": Place("", _stop_mails),
    "mails stopped": Place("", send(_stop_mails, "/unsubscribe")),
    "outgoing mail": Place("administrator", at("/admin/mail")),
    "outgoing mail, tried out": Place("administrator", send(at("/admin/mail"), "/admin/mail/test")),
    "kinds of mail": Place("administrator", at("/admin/mail/kinds")),
    "kind of mail": Place("administrator", at("/admin/mail/kinds/post")),
    "coming digest": Place("robert", at("/moderation/digest")),
    "coming digest, empty line": Place("robert", send(at("/moderation/digest"), "/moderation/digest", text=" "), 422),
    "flag": Place("frieda", post("t-045", 3, "flag")),
    "flag, without reason": Place("frieda", send(post("t-045", 3, "flag"), "/posts/", why="", words=""), 422),
    "flag, thanked": Place("frieda", post("t-045", 3, "flag?done")),
    "to decide": Place("robert", at("/moderation/queue")),
    "take out a passage": Place("frieda", post("t-045", 1, "redact")),
    "take out a passage, not there": Place("robert", send(post("t-045", 1, "redact"), "/posts/", passage="xylophon", instead="-", reason="-"), 422),
    "merge": Place("robert", lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/merge")),
    "merge, no such thread": Place("robert", send(lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/merge"), "/threads/", into="x", reason="-"), 422),
    "split": Place("robert", lambda visitor: visitor.opens(visitor.site.thread("t-027").partition("-")[0] + "/split")),
    "split, nothing chosen": Place("robert", send(lambda visitor: visitor.opens(visitor.site.thread("t-027").partition("-")[0] + "/split"), "/threads/", title="", reason=""), 422),
    "moderation log, narrowed": Place("robert", at("/moderation/log?act=pin")),
    "moderation log": Place("robert", at("/moderation/log")),
    "moderation log, empty": Place("frieda", at("/moderation/log")),
    "thesaurus": Place("robert", at("/moderation/thesaurus")),
    "thesaurus, a word": Place("robert", at("/moderation/thesaurus?q=messie")),
    "thesaurus, no such word": Place("robert", at("/moderation/thesaurus?q=xylophon")),
    "thesaurus, new group": Place("robert", at("/moderation/thesaurus/new?words=Schmutz")),
    "thesaurus, group": Place("robert", at("/moderation/thesaurus/1")),
    "thesaurus, one word only": Place("robert", send(at("/moderation/thesaurus/new"), "/moderation/thesaurus/new", words="Messie"), 422),
    "thesaurus, a word twice": Place("robert", send(at("/moderation/thesaurus/new"), "/moderation/thesaurus/new", words="Messie\nUnrat"), 422),
    "thesaurus, somebody was faster": Place("robert", send(at("/moderation/thesaurus/1"), "/moderation/thesaurus/1", words="Messie\nUnrat", version="0"), 409),
    "thesaurus, tried out": Place("robert", _try_out),
    "searches that found nothing": Place("robert", at("/moderation/searches")),
    "saved searches, none": Place("robert", at("/search/saved")),
    "saved searches": Place("frieda", at("/search/saved")),
    "saved search": Place("frieda", at("/search/saved/1/edit")),
    "drafts": Place("administrator", at("/inbox/drafts")),
    "drafts, none": Place("robert", at("/inbox/drafts")),
    "edit with a draft": Place("administrator", post("t-045", 1, "edit")),
    "new thread with a draft": Place("administrator", at(_NEW)),
    "templates": Place("robert", at("/moderation/templates")),
    "template": Place("robert", at("/moderation/templates/verwahrlosung/question")),
    "template, too long": Place("robert", send(at("/moderation/templates/verwahrlosung/question"), "/moderation/templates/", text="x" * 4001), 422),
    "template, somebody was faster": Place("robert", send(at("/moderation/templates/verwahrlosung/question"), "/moderation/templates/", text="Anders", version="7"), 409),
    "moderate": Place("robert", lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/moderate")),
    "moderate, without reason": Place("robert", send(lambda visitor: visitor.opens(visitor.site.thread("t-045").partition("-")[0] + "/moderate"), "/threads/", act="pin", reason=""), 422),
    "not found": Place("frieda", at("/threads/99999-vermuellung-und-kuendigung"), 404),
    "not found, for guests": Place("", at("/nichts-da"), 404),
    "not allowed": Place("frieda", post("t-045", 2, "edit"), 403),
    "broken": Place("frieda", at("/broken"), 500),
    "expired": Place("frieda", send(thread("t-045"), "/threads/", csrf_token="alt", body=_BODY), 400),
    "too large": Place("frieda", send(post("t-045", 1, "delete"), "/posts/", more="x" * 1_100_000), 413),
    "design": Place("frieda", at("/design")),
}  # fmt: skip
