"""Questions nobody has answered: what who was asked says, and the list from which a meeting takes them."""

from flask import Response, request

from forum.areas.queries import runs_any
from forum.db import AnyRow
from forum.notifications import helping
from forum.threads.queries import readable_thread
from forum.web.door import route
from forum.web.pages import found, go, number, page, sent
from forum.web.session import settings, viewer


@route("/threads/<int:thread_id>/asked", allow="member")
def asked(thread_id: int) -> Response:
    """The question one was asked to help with, and what one can say."""
    thread = _asked_about(thread_id)
    return page("threads/asked.html", here="threads", thread=thread, asked=helping.request_of(viewer(), thread_id))


@route("/threads/<int:thread_id>/asked", allow="member", methods=("POST",))
def answer(thread_id: int) -> Response:
    """Go and answer, or let somebody else be asked."""
    thread = _asked_about(thread_id)
    if sent("answer") == "yes":
        helping.answer(viewer(), thread_id, "yes")
        return go(f"/threads/{thread_id}-{thread.slug}#reply")
    helping.answer(viewer(), thread_id, "no")
    return go(f"/threads/{thread_id}/asked")


def _asked_about(thread_id: int) -> AnyRow:
    thread = found(readable_thread(viewer(), thread_id))
    found(helping.request_of(viewer(), thread_id))
    return thread


@route("/moderation/unanswered", allow="member")
def unanswered() -> Response:
    """Questions without an answer for seven working days, in the areas the viewer runs; empty for others."""
    rows = helping.waiting_long(viewer(), settings().time_zone, number(request.args.get("before", "")))
    shown = rows[: helping.QUESTIONS_A_PAGE]
    older = f"/moderation/unanswered?before={shown[-1].id}" if len(rows) > len(shown) else ""
    return page(
        "moderation/unanswered.html", here="moderation", threads=shown, older=older,
        newer="/moderation/unanswered" if "before" in request.args else "", runs=runs_any(viewer()),
    )  # fmt: skip
