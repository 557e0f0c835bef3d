"""The inbox: what a member is told, and how much of all is unread, for pages that stay open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, jsonify, request

from forum.db import AnyRow
from forum.errors import N_
from forum.i18n import gettext as _
from forum.i18n import ngettext
from forum.mail.kinds import DECISIONS
from forum.notifications import inbox
from forum.threads import bookmarks as kept
from forum.threads.given import given, what_helped
from forum.threads.lists import own_threads
from forum.threads.queries import posts_since
from forum.web.door import route
from forum.web.pages import go, number, opening, page, sent, with_openings
from forum.web.session import viewer

_EXTRACT = 160
# One sentence for each kind, and each kind of mark, as its line's link; acts of facilitators have that of the mail.
SENTENCES = {
    "mention": N_("%(name)s mentions you"),
    "answer": N_("%(name)s has answered you"),
    "followed": N_("%(name)s has written in a thread that you follow"),
    "helpful": N_("%(name)s says that your reply has helped"),
    "recommended": N_("Your post is recommended practice: %(what)s"),
    "shared": N_("%(name)s points you to a post"),
    "flagged": N_("A member asks the facilitators to look at a post"),
    "held": N_("A question without a name waits"),
    "flag answered": N_("The facilitators have looked at what you flagged"),
    "asked": N_("This question waits for an answer that you may know"),
    "outcome": N_("How did it end?"),
    "published": N_("Your question is published"),
    "returned": N_("Your question has come back to you"),
    "opening": N_("%(name)s wants to know who asked this question"),
    "opened": N_("Two administrators have opened your name"),
    "contact": N_("%(name)s has written to you"),
    "written": N_("Your copy of a message"),
}


@dataclass(frozen=True)
class Entry:
    """One line of the inbox: `words` are what somebody wrote along, or the first of the post."""

    id: int
    sentence: str
    href: str
    words: str
    thread: str
    area: str
    at: datetime
    new: bool


@route("/inbox", allow="member")
def show() -> Response:
    """What is unread, then what was read, the newest first."""
    before = number(request.args.get("before", ""))
    unread = [] if before else inbox.unread(viewer())
    read = inbox.inbox(viewer(), before)
    shown = read[: inbox.ENTRIES_A_PAGE]
    return page(
        "inbox/show.html", here="inbox", new=_entries(unread), read=_entries(shown),
        up_to=unread[0].id if unread else 0, older=shown[-1].id if len(read) > len(shown) else 0, paged=before,
    )  # fmt: skip


@route("/inbox/bookmarks", allow="member")
def bookmarks() -> Response:
    """The posts that were kept, the newest first."""
    before = number(request.args.get("before", ""))
    rows = kept.bookmarks(viewer(), before)
    shown = rows[: kept.BOOKMARKS_A_PAGE]
    return page(
        "inbox/bookmarks.html", here="inbox", rows=with_openings(shown, _EXTRACT), paged=before,
        older=shown[-1].id if len(rows) > len(shown) else 0,
    )  # fmt: skip


@route("/inbox/threads", allow="member")
def threads() -> Response:
    """The threads that one started, by last activity."""
    before = request.args.get("before", "")
    own = own_threads(viewer(), before)
    return page("inbox/threads.html", here="inbox", threads=own.rows, older=own.further, paged=bool(before))


@route("/inbox/given", allow="member")
def gave() -> Response:
    """What one gave, and what became of it."""
    posts = with_openings(what_helped(viewer()), _EXTRACT)
    return page("inbox/given.html", here="inbox", given=given(viewer()), posts=posts)


@route("/inbox/read", allow="member", methods=("POST",))
def note_read() -> Response:
    """Note one entry as read, or all that were shown."""
    only = number(sent("entry")) or None
    inbox.mark_read(viewer().id, number(sent("up_to")), only)
    return go("/inbox")


@route("/inbox/counts", allow="member")
def counts() -> Response:
    """How much is unread, and how many have written in the thread that lies open."""
    unread = inbox.counts(viewer())
    thread = number(request.args.get("thread", ""))
    came = posts_since(viewer(), thread, number(request.args.get("after", ""))) if thread else 0
    news = ngettext("%(num)s new reply. Show", "%(num)s new replies. Show", came) if came else ""
    return jsonify(threads=unread.threads, entries=unread.entries, news=news)


def _entries(rows: Sequence[AnyRow]) -> list[Entry]:
    return [
        Entry(
            row.id, _sentence(row), _address(row), row.line or row.reason or opening(row.html or "", _EXTRACT),
            row.title or "", row.area_title or "", row.at, row.read_at is None,
        )
        for row in rows
    ]  # fmt: skip


def _sentence(row: AnyRow) -> str:
    if row.kind == "decision" and not row.to_flag:
        return _(DECISIONS[row.act], area=row.area_title)
    own_copy = row.kind == "contact" and row.by_id == viewer().id
    held = row.kind == "flagged" and row.subject_id is None
    key = "flag answered" if row.to_flag else "written" if own_copy else "held" if held else row.mark or row.kind
    return _(SENTENCES[key], name=row.by_name, what=row.for_what)


def _address(row: AnyRow) -> str:
    """Where the entry leads: to the post, the thread, or who wrote; facilitators to what waits for them."""
    if row.kind == "flagged":
        return "/moderation/queue"
    if row.kind == "contact":
        return f"/messages/{row.subject_id}"
    if row.kind == "opening":
        return f"/admin/protected/{row.thread_id}"
    if row.kind in ("asked", "outcome", "opened"):
        return f"/threads/{row.thread_id}/{row.kind}"
    if row.post_id:
        return f"/posts/{row.post_id}"
    return f"/threads/{row.thread_id}" if row.thread_id else f"/members/{row.by_id}"
