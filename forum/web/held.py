"""Questions without a name before they are published: a facilitator publishes them, or returns them to the asker."""

from flask import Response

from forum.errors import Conflict, Invalid, require
from forum.moderation import actions as moderation
from forum.practices.models import LONGEST_REASON
from forum.threads import asking, rules
from forum.threads.queries import Opened, open_thread
from forum.web.door import route
from forum.web.pages import found, go, page, said, sent
from forum.web.session import viewer
from forum.web.threads import show_changed


@route("/threads/<int:thread_id>/publish", allow="member", methods=("POST",))
def publish(thread_id: int) -> Response:
    """Let everybody see a question that was held; one that was changed meanwhile is looked at anew."""
    opened = found(open_thread(viewer(), thread_id))
    try:
        moderation.publish(opened.actor, opened, sent("seen"))
    except Conflict as problem:
        return show_changed(thread_id, problem)
    return go(_place(opened))


@route("/threads/<int:thread_id>/return", allow="member")
def give_back(thread_id: int) -> Response:
    """The form that asks why."""
    return _return_form(thread_id)


@route("/threads/<int:thread_id>/return", allow="member", methods=("POST",))
def do_give_back(thread_id: int) -> Response:
    """Return a question to its asker, with a reason."""
    opened = found(open_thread(viewer(), thread_id))
    try:
        moderation.give_back(opened.actor, opened, sent("reason"))
    except Invalid as problem:
        return _return_form(thread_id, said(problem), 422)
    return go("/moderation/queue")


def _return_form(thread_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened = found(open_thread(viewer(), thread_id))
    require(rules.can_moderate(opened.actor, opened))
    require(opened.held, "not_waiting")
    return page(
        "threads/return.html", status, here="moderation", thread=opened.thread, errors=errors or {},
        reason=sent("reason"), longest_reason=LONGEST_REASON,
    )  # fmt: skip


@route("/threads/<int:thread_id>/send-again", allow="member", methods=("POST",))
def send_again(thread_id: int) -> Response:
    """The asker has changed a question that was returned."""
    opened = found(open_thread(viewer(), thread_id))
    asking.send_again(opened.actor, opened)
    return go(_place(opened))


def _place(opened: Opened) -> str:
    return f"/threads/{opened.thread.id}-{opened.thread.slug}"
