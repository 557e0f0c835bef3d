"""The name behind a protected thread: two administrators open it together, and the asker sees who did and why."""

from flask import Response

from forum.errors import Invalid, Missing
from forum.members.queries import administrators
from forum.threads import opening
from forum.threads.queries import Opened, open_thread
from forum.web.door import route
from forum.web.pages import found, go, page, said, sent
from forum.web.session import viewer


@route("/admin/protected", allow="administrator")
def index() -> Response:
    """All requests, and what became of them."""
    return page("admin/openings.html", here="administration", openings=opening.openings(viewer()))


@route("/admin/protected/<int:thread_id>", allow="administrator")
def show(thread_id: int) -> Response:
    """Ask for the name, agree to another's request, or see it for some days."""
    return _page(_protected(thread_id))


@route("/admin/protected/<int:thread_id>/ask", allow="administrator", methods=("POST",))
def ask(thread_id: int) -> Response:
    """Ask for the name, with a reason."""
    opened = _protected(thread_id)
    try:
        opening.ask_for_name(viewer(), opened, sent("reason"))
    except Invalid as problem:
        return _page(opened, said(problem), 422)
    return go(f"/admin/protected/{thread_id}")


@route("/admin/protected/<int:thread_id>/agree", allow="administrator", methods=("POST",))
def agree(thread_id: int) -> Response:
    """Agree, with a reason: the name is open."""
    opened = _protected(thread_id)
    try:
        opening.open_name(viewer(), opened, sent("reason"))
    except Invalid as problem:
        return _page(opened, said(problem), 422)
    return go(f"/admin/protected/{thread_id}")


@route("/threads/<int:thread_id>/opened", allow="member")
def told(thread_id: int) -> Response:
    """For the asker alone: who opened the name, when and why."""
    opened = _protected(thread_id)
    if opened.actor.id != opened.author_id:
        raise Missing
    done = [row for row in opening.openings(viewer(), thread_id) if row.agreed_at]
    return page("threads/opened.html", here="threads", thread=opened.thread, openings=done)


def _protected(thread_id: int) -> Opened:
    opened = found(open_thread(viewer(), thread_id))
    found(opened.thread.protected or None)
    return opened


def _page(opened: Opened, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    who, thread = viewer(), opened.thread
    waiting = opening.pending(thread.id)
    return page(
        "admin/opening.html", status, here="administration", thread=thread, waiting=waiting, errors=errors or {},
        own=waiting is not None and waiting.asked_by_id == who.id, name=opening.opened_name(who, thread.id),
        openings=opening.openings(who, thread.id), reason=sent("reason"), longest=opening.LONGEST_REASON,
        days=opening.LASTS.days, alone=administrators() < 2,
    )  # fmt: skip
