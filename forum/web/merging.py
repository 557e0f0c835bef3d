"""Facilitators merge a thread into another, or split posts off into one of their own."""

import re

from flask import Response, request

from forum.areas.queries import readable_areas
from forum.errors import Invalid, require
from forum.moderation import merging
from forum.practices.models import LONGEST_REASON
from forum.search.similar import similar
from forum.threads import rules
from forum.threads.models import LONGEST_TITLE, POSTS_A_PAGE, page_of
from forum.threads.queries import Opened, movable_posts, open_both, open_thread, posts_of_page, readable_thread
from forum.web.door import route
from forum.web.moderation import chosen_area
from forum.web.pages import found, go, number, page, said, sent, with_openings
from forum.web.session import viewer

_NUMBER = re.compile(r"(?:.*/threads/)?(\d{1,9})(?:-.*)?")


@route("/threads/<int:thread_id>/merge", allow="member")
def merge(thread_id: int) -> Response:
    """Ask into which thread, and why."""
    return _merge_form(thread_id)


@route("/threads/<int:thread_id>/merge", allow="member", methods=("POST",))
def do_merge(thread_id: int) -> Response:
    """Merge a thread into another; the address of its first post shows where it stands now."""
    typed = _NUMBER.fullmatch((sent("into") or sent("other")).strip())
    source, target = open_both(viewer(), thread_id, int(typed[1]) if typed else 0)
    opened = found(source)
    require(rules.can_moderate(opened.actor, opened))
    try:
        if target is None:
            raise Invalid("thread_unknown", "into")
        merging.merge(opened.actor, opened, target, sent("reason"))
    except Invalid as problem:
        return _merge_form(thread_id, said(problem), 422)
    return go(f"/threads/{thread_id}")


def _merge_form(thread_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    thread = _to_moderate(thread_id).thread
    return page(
        "threads/merge.html", status, here="threads", thread=thread, errors=errors or {}, into=sent("into"),
        other=sent("other"), reason=sent("reason"), longest_reason=LONGEST_REASON,
        similar=similar(viewer(), thread.title, but_thread=thread.id),
    )  # fmt: skip


@route("/threads/<int:thread_id>/split", allow="member")
def split(thread_id: int) -> Response:
    """Ask which posts, and what their thread is called."""
    return _split_form(thread_id)


@route("/threads/<int:thread_id>/split", allow="member", methods=("POST",))
def do_split(thread_id: int) -> Response:
    """Make a thread of its own of some posts."""
    opened = _to_moderate(thread_id)
    chosen = {number(value) for value in request.form.getlist("posts")}
    if sent("further"):
        chosen |= _behind(opened, chosen)
    try:
        entry = merging.split(opened.actor, opened, chosen, chosen_area(), sent("title"), sent("reason"))
    except Invalid as problem:
        return _split_form(thread_id, said(problem), 422, chosen)
    return go(f"/threads/{entry.thread_id}")


def _behind(opened: Opened, chosen: set[int]) -> set[int]:
    """All posts behind the last one that was chosen."""
    posts = movable_posts(opened)
    last = max((post.number for post in posts if post.id in chosen), default=0)
    return {post.id for post in posts if post.number > last > 0}


def _split_form(
    thread_id: int, errors: dict[str, str] | None = None, status: int = 200, chosen: set[int] | None = None
) -> Response:
    opened = _to_moderate(thread_id)
    thread = found(readable_thread(viewer(), opened.thread.id))
    asked = number(request.values.get("page", ""), 1)
    current = max(1, min(asked, page_of(max(thread.last_number, 1))))
    posts = [row for row in posts_of_page(viewer(), thread, current) if row.deleted_at is None]
    return page(
        "threads/split.html", status, here="threads", thread=thread, posts=with_openings(posts, 160),
        page_number=current, pages=page_of(max(thread.last_number, 1)), areas=readable_areas(viewer()),
        further=thread.last_number > current * POSTS_A_PAGE, chosen=chosen or {number(request.args.get("post", ""))},
        area=number(sent("area")) or thread.area_id, title=sent("title"), reason=sent("reason"), errors=errors or {},
        longest_title=LONGEST_TITLE, longest_reason=LONGEST_REASON,
    )  # fmt: skip


def _to_moderate(thread_id: int) -> Opened:
    opened = found(open_thread(viewer(), thread_id))
    require(rules.can_moderate(opened.actor, opened))
    return opened
