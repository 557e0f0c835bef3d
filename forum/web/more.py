"""What else can be done with a post: its link, a bookmark, pointing colleagues to it, and what is seldom needed."""

from urllib.parse import urlencode

from flask import Response, make_response, request

from forum.errors import Invalid, require
from forum.members.queries import names
from forum.notifications.models import LONGEST_SHARED
from forum.notifications.sharing import share as share_post
from forum.threads import bookmarks, rules
from forum.threads.models import LONGEST_NOTE
from forum.threads.queries import open_post
from forum.web.door import route
from forum.web.pages import found, go, number, opening, page, reader, said, sent
from forum.web.session import settings, viewer
from forum.web.templating import rendered


@route("/posts/<int:post_id>/more", allow="member")
def show(post_id: int) -> Response:
    """A page of its own; with "part" only what the thread's page opens below the post."""
    return _more(post_id)


@route("/posts/<int:post_id>/bookmark", allow="member", methods=("POST",))
def bookmark(post_id: int) -> Response:
    """Keep the post, change the note, or keep it no longer."""
    if sent("remove"):
        bookmarks.remove(viewer(), post_id)
        return go("/inbox/bookmarks" if sent("list") else f"/posts/{post_id}")
    _opened, post = found(open_post(viewer(), post_id))
    try:
        bookmarks.bookmark(viewer(), post, sent("note"))
    except Invalid as problem:
        return _more(post_id, said(problem), 422)
    return go(f"/posts/{post_id}")


def _more(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    me, bookmark = opened.actor, bookmarks.bookmark_of(viewer(), post_id)
    require(post.deleted_at is None, "post_deleted")
    context = {
        "thread": opened.thread, "post": post, "bookmark": bookmark, "errors": errors or {},
        "note": sent("note") or (bookmark.note if bookmark else ""), "longest_note": LONGEST_NOTE,
        "address": f"{settings().address}/posts/{post_id}", "moderates": rules.can_moderate(me, opened),
        "may_share": rules.can_share(opened),
        "may_delete": rules.can_delete(me, opened, post.author_id), "own": post.author_id == me.id,
        "may_see_history": post.edited_at is not None and rules.can_see_history(me, opened, post.author_id),
    }  # fmt: skip
    if "part" in request.args:
        reader()
        return make_response(rendered("posts/_more.html", **context))
    return page("posts/more.html", status, here="threads", extract=opening(post.html), **context)


@route("/posts/<int:post_id>/share", allow="member")
def share(post_id: int) -> Response:
    """The form to point colleagues to a post."""
    return _share_form(post_id)


@route("/posts/<int:post_id>/share", allow="member", methods=("POST",))
def do_share(post_id: int) -> Response:
    """Tell them, in the inbox and by mail."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        told = share_post(opened.actor, opened, post, sent("to"), sent("line"))
    except Invalid as problem:
        return _share_form(post_id, said(problem), 422)
    return go(f"/posts/{post_id}/share?{urlencode([('told', one) for one in told])}")


def _share_form(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_share(opened))
    require(post.deleted_at is None, "post_deleted")
    return page(
        "posts/share.html", status, here="threads", thread=opened.thread, post=post, extract=opening(post.html),
        to=sent("to"), line=sent("line"), longest=LONGEST_SHARED, errors=errors or {},
        told=names(viewer(), {number(one) for one in request.args.getlist("told")}),
    )  # fmt: skip
