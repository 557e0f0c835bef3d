"""How a question ended, said by the person who asked it."""

from flask import Response

from forum.db import AnyRow
from forum.errors import Invalid, require
from forum.threads import actions, rules
from forum.threads.models import LONGEST_NOTE
from forum.threads.protection import acting
from forum.threads.queries import open_thread, readable_thread
from forum.web.door import route
from forum.web.pages import found, go, page, said, sent
from forum.web.session import viewer


@route("/threads/<int:thread_id>/outcome", allow="member")
def show(thread_id: int) -> Response:
    """The form."""
    thread = _own_question(thread_id)
    return _form(thread, thread.outcome or "", thread.outcome_note)


@route("/threads/<int:thread_id>/outcome", allow="member", methods=("POST",))
def tell(thread_id: int) -> Response:
    """Say it."""
    opened = found(open_thread(viewer(), thread_id))
    try:
        actions.tell_outcome(opened.actor, opened, sent("outcome"), sent("note"))
    except Invalid as problem:
        return _form(_own_question(thread_id), sent("outcome"), sent("note"), said(problem), 422)
    return go(f"/threads/{thread_id}-{opened.thread.slug}")


def _own_question(thread_id: int) -> AnyRow:
    thread = found(readable_thread(viewer(), thread_id))
    require(rules.can_tell_outcome(acting(viewer(), thread), thread), "not_the_asker")
    return thread


def _form(thread: AnyRow, chosen: str, note: str, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    return page(
        "threads/outcome.html", status, here="threads", thread=thread, chosen=chosen, note=note,
        longest=LONGEST_NOTE, errors=errors or {},
    )  # fmt: skip
