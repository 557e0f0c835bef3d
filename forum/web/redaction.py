"""Taking a passage out of a post for good."""

import re

from flask import Response, request

from forum.errors import Conflict, Invalid, require
from forum.i18n import sentence
from forum.moderation import flags, redaction
from forum.moderation.redaction import LONGEST_INSTEAD, LONGEST_PASSAGE, Elsewhere
from forum.practices.models import LONGEST_REASON
from forum.search import missed
from forum.threads import rules
from forum.threads.models import Post
from forum.threads.queries import Opened, open_post
from forum.web.door import route
from forum.web.moderation import QUEUE
from forum.web.pages import found, go, number, page, said, sent
from forum.web.session import viewer


@route("/posts/<int:post_id>/redact", allow="member")
def redact(post_id: int) -> Response:
    """Ask which passage, beside the text to copy it from."""
    return _form(*_to_change(post_id))


@route("/posts/<int:post_id>/redact", allow="member", methods=("POST",))
def do_redact(post_id: int) -> Response:
    """Take the passage out; where it may stand elsewhere too, ask first what else is to be cleared."""
    opened, post = _to_change(post_id)
    try:
        passage = redaction.passage_of(sent("passage"))
        there = redaction.elsewhere(opened, post, passage)
        if (there.posts or there.files) and not sent("asked"):
            return _form(opened, post, there=there)
        _redact(opened, post, passage)
    except Invalid as problem:
        return _form(opened, post, said(problem), 422)
    except Conflict as problem:
        return _form(opened, post, {"passage": sentence(problem)}, 409)
    missed.forget_words(sent("passage"))
    return go(QUEUE if _seen() else f"/posts/{post_id}")


def _redact(opened: Opened, post: Post, passage: re.Pattern[str]) -> None:
    actor, instead, reason, seen = opened.actor, sent("instead"), sent("reason"), _seen()
    also, files = _ticked("also"), _ticked("files")
    if seen:
        flags.decide(
            actor, opened, post, seen, reason,
            lambda: redaction.redact(actor, opened, post, passage, instead, reason, also, files),
        )  # fmt: skip
    else:
        redaction.redact(actor, opened, post, passage, instead, reason, also, files)


def _ticked(name: str) -> set[int]:
    return {number(value) for value in request.form.getlist(name)}


def _seen() -> int:
    """The newest flag that the facilitator saw who came from the queue."""
    return number(request.values.get("queue", ""))


def _to_change(post_id: int) -> tuple[Opened, Post]:
    opened, post = found(open_post(viewer(), post_id))
    require(rules.can_edit(opened.actor, opened, post.author_id))
    return opened, post


def _form(
    opened: Opened, post: Post, errors: dict[str, str] | None = None, status: int = 200, there: Elsewhere | None = None
) -> Response:
    return page(
        "posts/redact.html", status, here="threads", thread=opened.thread, post=post, errors=errors or {}, there=there,
        passage=sent("passage"), instead=sent("instead"), reason=sent("reason"), queue=0 if status == 409 else _seen(),
        others=post.author_id != opened.actor.id, longest_passage=LONGEST_PASSAGE, longest_instead=LONGEST_INSTEAD,
        longest_reason=LONGEST_REASON,
    )  # fmt: skip
