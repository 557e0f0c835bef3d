"""A single post: its lasting address, editing, deleting, marking, and the preview of one not written yet."""

from dataclasses import replace
from itertools import pairwise

from flask import Response, request

from forum.errors import Conflict, Invalid, require
from forum.i18n import sentence
from forum.members.queries import people_by_handle
from forum.moderation import actions as moderation
from forum.moderation import flags
from forum.practices import actions as practices
from forum.practices.models import LONGEST_FOR, LONGEST_REASON
from forum.practices.queries import standing_marks
from forum.practices.rules import decides
from forum.text import MAX_SOURCE, mentioned, render, tidy
from forum.threads import actions, rules
from forum.threads.models import LONGEST_TITLE, Post
from forum.threads.queries import Opened, attachments_of, open_post, versions
from forum.web import uploads
from forum.web.differences import difference
from forum.web.door import route
from forum.web.drafts import sent_from_here, writing
from forum.web.moderation import QUEUE
from forum.web.pages import found, fresh_key, go, go_to_what_was_written, number, opening, page, said, sent
from forum.web.session import settings, viewer


def rendered(body: str) -> str:
    """The text as it will be shown: the very function that writes posts."""
    body = tidy(body)[:MAX_SOURCE]
    return render(body, people_by_handle(mentioned(body)))


@route("/preview", allow="member", methods=("POST",), own_transaction=True)
def preview() -> Response:
    """The text as it will be shown, for the preview beside it."""
    return Response(rendered(sent("body")), mimetype="text/html")


@route("/posts/<int:post_id>", allow="member")
def show(post_id: int) -> Response:
    """The lasting address of a post leads to its place in the thread."""
    opened, post = found(open_post(viewer(), post_id))
    return go(place_of(opened, post))


@route("/posts/<int:post_id>/edit", allow="member")
def edit(post_id: int) -> Response:
    """The form with the post's text."""
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_edit(opened.actor, opened, post.author_id))
    require(post.deleted_at is None, "post_deleted")
    return _edit_form(opened, post, queue=_flags())


@route("/posts/<int:post_id>/edit", allow="member", methods=("POST",), previews=True, receive=uploads.receive)
def update(post_id: int) -> Response:
    """Change a post; a facilitator who changes another's says why."""
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_edit(opened.actor, opened, post.author_id))
    body, title = sent("body"), sent("title") or opened.thread.title
    if sent("preview"):
        return _edit_form(opened, post, shown=rendered(body), queue=_flags())
    try:
        _save(opened, post, body, title if post.number == 1 else None)
    except Invalid as problem:
        return _edit_form(opened, post, errors=said(problem), status=422, queue=_flags())
    except Conflict as problem:
        faster = problem.code == "flag_answered"  # then the edit can still be saved, as one that answers nothing
        theirs, queue = ("", 0) if faster else (post.body, _flags())
        return _edit_form(opened, post, theirs=theirs, errors={"body": sentence(problem)}, status=409, queue=queue)
    sent_from_here(f"post:{post.id}")
    return go_to_what_was_written(QUEUE if _flags() else place_of(opened, post))


def _save(opened: Opened, post: Post, body: str, title: str | None) -> None:
    actor, version, reason, seen = opened.actor, number(sent("version")), sent("reason"), _flags()
    files, key = uploads.form_files(), sent("send_key")
    tags = sent("tags").split(",") if "tags" in request.form else None
    if seen:
        flags.decide(
            actor, opened, post, seen, reason,
            lambda: moderation.edit_post(actor, opened, post, body, version, reason, title, tags, files, key),
        )  # fmt: skip
    elif post.author_id == actor.id:
        actions.edit(actor, opened, post, body, version, title, tags, files, key)
    else:
        moderation.edit_post(actor, opened, post, body, version, reason, title, tags, files, key)


def _flags() -> int:
    """The newest flag that the facilitator saw who came from the queue: what is done here answers it."""
    return number(request.values.get("queue", ""))


def _edit_form(
    opened: Opened,
    post: Post,
    shown: str = "",
    theirs: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
    queue: int = 0,
) -> Response:
    form = writing(f"post:{post.id}")
    if status == 409:  # one that was sent before can be answered so too: from here on it is another
        form = replace(form, send_key=fresh_key())
    text = {
        "body": post.body, "title": opened.thread.title, "tags": ", ".join(tag.name for tag in opened.thread.tagged),
        "version": post.version, "reason": "",
    }  # fmt: skip
    text |= {**form.fields, **request.form}
    return page(
        "posts/edit.html", status, here="threads", thread=opened.thread, post=post, form=form, shown=shown, queue=queue,
        body=text["body"], title=text["title"], reason=text["reason"], tags=text["tags"],
        theirs=theirs, errors=errors or {}, others=post.author_id != opened.actor.id or queue,
        # After a conflict the form speaks of the version that is shown beside it.
        version=post.version if theirs else text["version"],
        longest_title=LONGEST_TITLE, longest_body=MAX_SOURCE, longest_reason=LONGEST_REASON,
        files=uploads.shown(form.fields, attachments_of(post.id)),
    )  # fmt: skip


@route("/posts/<int:post_id>/delete", allow="member")
def delete(post_id: int) -> Response:
    """Ask once before deleting."""
    return _delete_form(post_id)


@route("/posts/<int:post_id>/delete", allow="member", methods=("POST",))
def do_delete(post_id: int) -> Response:
    """Delete a post; the gap offers to take it back."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        if post.author_id == opened.actor.id:
            actions.delete_post(opened.actor, opened, post)
        else:
            moderation.delete_post(opened.actor, opened, post, sent("reason"))
    except Invalid as problem:
        return _delete_form(post_id, said(problem), 422)
    return go(place_of(opened, post))


def _delete_form(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_delete(opened.actor, opened, post.author_id))
    require(post.deleted_at is None, "post_deleted")
    return page(
        "posts/delete.html", status, here="threads", thread=opened.thread, post=post, errors=errors or {},
        extract=opening(post.html), others=post.author_id != opened.actor.id, reason=sent("reason"),
        hours=settings().undo_hours, longest_reason=LONGEST_REASON,
    )  # fmt: skip


@route("/posts/<int:post_id>/restore", allow="member")
def restore(post_id: int) -> Response:
    """Ask a facilitator why; who deleted the own post just takes it back."""
    return _restore_form(post_id)


@route("/posts/<int:post_id>/restore", allow="member", methods=("POST",))
def do_restore(post_id: int) -> Response:
    """Bring a deleted post back."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        if opened.actor.id == post.author_id == post.deleted_by_id:
            actions.restore_post(opened.actor, opened, post, settings().undo_hours)
        else:
            moderation.restore_post(opened.actor, opened, post, sent("reason"))
    except Invalid as problem:
        return _restore_form(post_id, said(problem), 422)
    return go(place_of(opened, post))


def _restore_form(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    if post.deleted_at is None:
        return go(place_of(opened, post))
    hours = settings().undo_hours
    require(rules.can_restore(opened.actor, opened, post.deleted_by_id, post.deleted_at, hours), "undo_too_late")
    return page(
        "posts/restore.html", status, here="threads", thread=opened.thread, post=post, errors=errors or {},
        extract=opening(post.html), others=not opened.actor.id == post.author_id == post.deleted_by_id,
        reason=sent("reason"), longest_reason=LONGEST_REASON,
    )  # fmt: skip


@route("/posts/<int:post_id>/history", allow="member")
def history(post_id: int) -> Response:
    """What the post said before: for its author and the facilitators."""
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_see_history(opened.actor, opened, post.author_id))
    earlier = versions(post.id)
    bodies = [post.body, *(version.body for version in earlier)]
    changes = [difference(before, after) for after, before in pairwise(bodies)]
    return page(
        "posts/history.html", here="threads", thread=opened.thread, post=post,
        versions=list(zip(earlier, changes, strict=True)),
    )  # fmt: skip


@route("/posts/<int:post_id>/recommend", allow="member")
def recommend(post_id: int) -> Response:
    """The form to recommend a post, or to take a recommendation back."""
    return _recommend_form(post_id)


@route("/posts/<int:post_id>/recommend", allow="member", methods=("POST",))
def do_recommend(post_id: int) -> Response:
    """Recommend a post for something, with a reason."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        practices.recommend(opened.actor, opened, post, sent("for_what"), sent("reason"))
    except Invalid as problem:
        return _recommend_form(post_id, said(problem), 422)
    return go(place_of(opened, post))


@route("/posts/<int:post_id>/withdraw", allow="member", methods=("POST",))
def withdraw(post_id: int) -> Response:
    """Take a recommendation back, with a reason."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        practices.withdraw(opened.actor, opened, post, sent("withdrawn_reason"))
    except Invalid as problem:
        return _recommend_form(post_id, {"withdrawn_reason": sentence(problem)}, 422)
    return go(place_of(opened, post))


def _recommend_form(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    require(post.deleted_at is None, "post_deleted")
    marks = standing_marks(post.id, "recommended")
    mine = [mark for mark in marks if mark.member_id == opened.actor.id]
    if not mine and not (marks and rules.can_moderate(opened.actor, opened)):
        require(post.author_id != opened.actor.id, "own_post")
    return page(
        "posts/recommend.html", status, here="threads", thread=opened.thread, post=post, errors=errors or {},
        extract=opening(post.html), mine=bool(mine), standing=marks, decides=decides(opened.actor, opened),
        may_withdraw=bool(mine) or (bool(marks) and rules.can_moderate(opened.actor, opened)),
        for_what=sent("for_what") or (marks[0].for_what if marks else ""), reason=sent("reason"),
        withdrawn_reason=sent("withdrawn_reason"), own=post.author_id == opened.actor.id,
        longest_for=LONGEST_FOR, longest_reason=LONGEST_REASON,
    )  # fmt: skip


@route("/posts/<int:post_id>/helpful", allow="member", methods=("POST",))
def helpful(post_id: int) -> Response:
    """The asker says that this answer helped, or no longer."""
    opened, post = found(open_post(viewer(), post_id))
    practices.say_helpful(opened.actor, opened, post, helped=sent("on") == "1")
    return go(place_of(opened, post))


@route("/posts/<int:post_id>/thanks", allow="member", methods=("POST",))
def thanks(post_id: int) -> Response:
    """Thank for this post, or take the thanks back."""
    opened, post = found(open_post(viewer(), post_id))
    practices.thank(opened.actor, opened, post, thankful=sent("on") == "1")
    return go(place_of(opened, post))


def place_of(opened: Opened, post: Post) -> str:
    """Where the post stands; one that was split off is found by its own address, by who may see it there."""
    if post.thread_id != opened.thread.id:
        return f"/posts/{post.id}"
    return f"/threads/{opened.thread.id}-{opened.thread.slug}?page={post.page}#{post.anchor}"
