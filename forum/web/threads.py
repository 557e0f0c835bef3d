"""A thread: reading it page by page, replying, and what facilitators do to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import Response, request

from forum.areas.queries import readable_areas
from forum.db import AnyRow
from forum.errors import Conflict, Invalid, require
from forum.i18n import sentence
from forum.members.models import Viewer, initials
from forum.moderation import actions as moderation
from forum.moderation.queries import state_of_held
from forum.notifications.inbox import counts, mark_thread_read
from forum.notifications.queries import thread_level
from forum.practices.queries import MarksOfThread, marks_of_thread
from forum.practices.rules import is_answer
from forum.text import MAX_SOURCE, quote
from forum.threads import actions, rules
from forum.threads.asking import as_it_reads
from forum.threads.models import POSTS_A_PAGE, page_of
from forum.threads.protection import acting
from forum.threads.queries import (
    Opened,
    attachments_of_page,
    first_moved,
    first_unread_number,
    is_read,
    marked,
    open_post,
    open_thread,
    posts_of_page,
    readable_thread,
)
from forum.web import uploads
from forum.web.door import route
from forum.web.drafts import sent_from_here, writing
from forum.web.later import later
from forum.web.moderation import chosen_area
from forum.web.pages import found, go, go_to_what_was_written, number, page, said, sent, with_openings
from forum.web.posts import place_of, rendered
from forum.web.session import settings, viewer


@dataclass(frozen=True)
class May:
    """What the viewer may do in this thread."""

    reply: bool
    recommend: bool
    helpful: bool
    moderate: bool
    tell_outcome: bool


@route("/threads/<int:thread_id>", allow="member")
def show(thread_id: int) -> Response:
    """A page of a thread by number alone."""
    return _show(thread_id)


@route("/threads/<int:thread_id>-<slug>", allow="member")
def show_named(thread_id: int, slug: str) -> Response:
    """A page of a thread at its readable address; a former title leads to the present one."""
    return _show(thread_id, slug)


def show_changed(thread_id: int, problem: Conflict) -> Response:
    """The thread as it reads now, for whoever acted on what it was."""
    return _show(thread_id, changed=sentence(problem), status=409)


def _show(thread_id: int, slug: str = "", **form: Any) -> Response:
    reader = viewer()
    thread = found(readable_thread(reader, thread_id))
    if thread.merged_into_id and form:
        return _show(thread.merged_into_id, **form)
    if thread.merged_into_id:
        return go(f"/posts/{found(first_moved(thread.id))}")
    if slug and slug != thread.slug and not form:
        return go(f"/threads/{thread.id}-{thread.slug}?{request.query_string.decode(errors='replace')}".rstrip("?"))
    if "unread" in request.args:
        return _to_first_unread(thread)
    pages = page_of(max(thread.last_number, 1))
    last = bool(form) or request.args.get("page") == "last"  # a reply that is not sent yet belongs below the last post
    current = pages if last else min(number(request.args.get("page", ""), 1) or 1, pages)
    return _page(reader, thread, current, pages, **form)


def _page(
    reader: Viewer,
    thread: AnyRow,
    current: int,
    pages: int,
    body: str = "",
    shown: str = "",
    error: str = "",
    files_error: str = "",
    changed: str = "",
    status: int = 200,
) -> Response:
    first = (current - 1) * POSTS_A_PAGE + 1
    rows = posts_of_page(reader, thread, current)
    me = acting(reader, thread)
    marks = marks_of_thread(me, thread.id, first, first + POSTS_A_PAGE - 1)
    last = rows[-1].number if rows else 0
    unread = counts(reader)
    if last > (thread.read_number or 0) or unread.entries:
        later(lambda: mark_thread_read(reader, thread, last))
    watched = thread_level(reader, thread.id)
    moderates = rules.can_moderate(me, thread)
    asks = thread.kind == "question" and thread.author_id == me.id
    new_from, new_since = _newline(thread, rows)
    may_reply = rules.can_reply(me, thread)
    form = writing(f"thread:{thread.id}", fresh=may_reply)
    return page(
        "threads/show.html",
        status,
        here="threads",
        unread=unread,
        thread=thread,
        me=me,
        posts=_posts(me, thread, rows, marks, attachments_of_page(thread, current)),
        recommended=with_openings(marks.recommended, 200) if current == 1 else (),
        page_number=current,
        pages=pages,
        new_from=new_from,
        new_since=new_since,
        watched=watched,
        saved="watched" in request.args,
        held=state_of_held(thread.id) if thread.held else None,
        seen=as_it_reads(thread.title, (thread.tags or "").splitlines(), rows[0].version) if thread.held else "",
        changed=changed,
        may=May(may_reply, True, asks, moderates, rules.can_tell_outcome(me, thread)),
        body=body or "\n\n".join(filter(None, (form.fields.get("body"), _quotation(reader, thread.id)))),
        reply_to=request.args.get("quote", "") or sent("reply_to") or form.fields.get("reply_to", ""),
        form=form,
        shown=shown,
        error=error,
        files=uploads.shown(form.fields),
        files_error=files_error,
        longest_body=MAX_SOURCE,
    )


def _newline(thread: AnyRow, rows: Sequence[AnyRow]) -> tuple[int, datetime | None]:
    """Where the line "new since" stands: where the reader stopped, and none when nothing or all of it is new."""
    if is_read(thread):
        return 0, None
    if marked(thread):
        return thread.read_number + 1, thread.read_at
    if not rows or rows[0].created_at > thread.horizon:
        return 0, None
    return next((row.number for row in rows if row.created_at > thread.horizon), 0), thread.horizon


def _posts(
    me: Viewer,
    thread: AnyRow,
    rows: Sequence[AnyRow],
    marks: MarksOfThread,
    attachments: dict[int, list[AnyRow]],
) -> list[SimpleNamespace]:
    """The rows as the post macro wants them."""
    recommended: dict[int, list[Any]] = {}
    pending: dict[int, list[Any]] = {}
    for mark in marks.recommended:
        recommended.setdefault(mark.post_id, []).append(mark)
    for mark in marks.pending:
        pending.setdefault(mark.post_id, []).append(mark)
    mine = {mark.post_id for mark in (*marks.recommended, *marks.pending) if mark.member_id == me.id}
    hours, columns = settings().undo_hours, rows[0]._fields if rows else ()
    return [
        SimpleNamespace(
            **dict(zip(columns, row, strict=True))
            | {
                "initials": initials(row.author_name),
                "deleted": row.deleted_at is not None,
                "recommended": recommended.get(row.id, ()),
                "pending": pending.get(row.id, ()),
                "takes_back": row.id in mine,
                "thanked": row.id in marks.thanked,
                "attachments": attachments.get(row.id, ()),
                "editable": rules.can_edit(me, thread, row.author_id),
                "markable": is_answer(thread.kind, row.number),
                "restorable": row.deleted_at is not None
                and row.moved_to_id is None
                and rules.can_restore(me, thread, row.deleted_by_id, row.deleted_at, hours),
                "deleted_by_me": row.deleted_by_id == me.id,
            }
        )
        for row in rows
    ]


def _quotation(reader: Viewer, thread_id: int) -> str:
    """The post to be quoted, if it stands in this thread."""
    wanted = number(request.args.get("quote", ""))
    opened = open_post(reader, wanted) if wanted else None
    if opened is None or opened[0].thread.id != thread_id or opened[1].deleted_at is not None:
        return ""
    return quote(opened[1].body, opened[1].author.name)


def _to_first_unread(thread: AnyRow) -> Response:
    unread = min(first_unread_number(thread), max(thread.last_number, 1))
    return go(f"/threads/{thread.id}-{thread.slug}?page={page_of(unread)}#p{unread}")


@route("/threads/<int:thread_id>/posts", allow="member", methods=("POST",), previews=True, receive=uploads.receive)
def create_post(thread_id: int) -> Response:
    """Reply."""
    body = sent("body")
    if sent("preview"):
        return _show(thread_id, body=body, shown=rendered(body))
    opened = found(open_thread(viewer(), thread_id))
    try:
        files = uploads.form_files()
        post = actions.reply(opened.actor, opened, body, number(sent("reply_to")) or None, sent("send_key"), files)
    except Invalid as problem:
        field = "files_error" if problem.field == "files" else "error"
        return _show(opened.thread.id, body=body, status=422, **{field: sentence(problem)})
    sent_from_here(f"thread:{opened.thread.id}")
    return go_to_what_was_written(place_of(opened, post))


@route("/threads/<int:thread_id>/moderate", allow="member")
def moderate(thread_id: int) -> Response:
    """Pin, lock, move: for facilitators, each with a reason."""
    return _moderate(thread_id)


@route("/threads/<int:thread_id>/moderate", allow="member", methods=("POST",))
def do_moderate(thread_id: int) -> Response:
    """Pin, lock or move a thread."""
    _required_to_moderate(thread_id)
    opened = found(open_thread(viewer(), thread_id))
    try:
        _act(opened, sent("act"), sent("reason"))
    except Invalid as problem:
        return _moderate(thread_id, said(problem), 422)
    return go(f"/threads/{thread_id}-{opened.thread.slug}")


def _act(opened: Opened, act: str, reason: str) -> None:
    actor = opened.actor
    if act in ("pin", "unpin"):
        moderation.pin(actor, opened, act == "pin", reason)
    elif act in ("lock", "unlock"):
        moderation.lock(actor, opened, act == "lock", reason)
    elif act == "move":
        moderation.move(actor, opened, chosen_area().id, reason)
    else:
        raise Invalid("act_unknown", "act")


def _moderate(thread_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    thread = _required_to_moderate(thread_id)
    others = [area for area in readable_areas(viewer()) if area.id != thread.area_id]
    return page(
        "threads/moderate.html", status, here="threads", thread=thread, areas=others, errors=errors or {},
        act=sent("act"), reason=sent("reason"),
    )  # fmt: skip


def _required_to_moderate(thread_id: int) -> AnyRow:
    thread = found(readable_thread(viewer(), thread_id))
    require(rules.can_moderate(acting(viewer(), thread), thread))
    return thread
