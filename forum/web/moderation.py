"""The pages of facilitators: what waits for them, and the log of what they did."""

from collections.abc import Callable
from urllib.parse import urlencode

from flask import Response, request

from forum.areas.queries import readable_area_by_id, readable_areas, runs_any
from forum.db import AnyRow
from forum.errors import Conflict, Invalid, Missing, require
from forum.i18n import sentence
from forum.moderation import actions, flags, queries
from forum.moderation.models import FLAG_REASONS, ModerationEntry
from forum.practices.models import LONGEST_REASON
from forum.threads import rules
from forum.threads.models import Post
from forum.threads.queries import Opened, open_post
from forum.web.differences import difference
from forum.web.door import route
from forum.web.pages import found, go, number, opening, page, said, sent
from forum.web.session import viewer

QUEUE = "/moderation/queue"


@route("/posts/<int:post_id>/flag", allow="member")
def flag(post_id: int) -> Response:
    """Ask the facilitators to look at a post."""
    return _flag_form(post_id)


@route("/posts/<int:post_id>/flag", allow="member", methods=("POST",))
def do_flag(post_id: int) -> Response:
    """Tell the facilitators, and nobody else."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        flags.flag(opened.actor, opened, post, sent("why"), sent("words"))
    except Invalid as problem:
        return _flag_form(post_id, said(problem), 422)
    return go(f"/posts/{post_id}/flag?done")


def _flag_form(post_id: int, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    opened, post = found(open_post(viewer(), post_id))
    require(post.deleted_at is None, "post_deleted")
    return page(
        "posts/flag.html", status, here="threads", thread=opened.thread, post=post, extract=opening(post.html),
        reasons=FLAG_REASONS, why=sent("why"), words=sent("words"), longest=LONGEST_REASON, errors=errors or {},
        done="done" in request.args,
    )  # fmt: skip


@route("/moderation", allow="member")
def index() -> Response:
    """Lead to the first page."""
    _admit()
    return go(QUEUE)


@route("/moderation/queue", allow="member")
def queue() -> Response:
    """What waits for the facilitators: one thing to decide on, and the others below."""
    return _queue(number(request.args.get("post", "")))


@route("/posts/<int:post_id>/flags", allow="member", methods=("POST",))
def decide(post_id: int) -> Response:
    """Decide on a flagged post; the next one follows."""
    opened, post = found(open_post(viewer(), post_id))
    try:
        flags.decide(opened.actor, opened, post, number(sent("seen")), sent("reason"), _act(opened, post))
    except Invalid as problem:
        return _queue(post_id, said(problem), 422)
    except Conflict as problem:
        return _queue(0, faster=sentence(problem))
    return go(QUEUE)


def _act(opened: Opened, post: Post) -> Callable[[], ModerationEntry | None] | None:
    """The act that was chosen, or none: the post is left as it is."""
    actor, reason, act = opened.actor, sent("reason"), sent("act")
    if act == "dismiss":
        return None
    if act == "move":
        area = chosen_area()
        return lambda: actions.move(actor, opened, area.id, reason)
    acts: dict[str, Callable[[], ModerationEntry | None]] = {
        "delete": lambda: actions.delete_post(actor, opened, post, reason),
        "lock": lambda: actions.lock(actor, opened, True, reason),
    }
    if act not in acts:
        raise Invalid("act_unknown", "act")
    return acts[act]


def chosen_area() -> AnyRow:
    """The area that was chosen, if the viewer may bring a thread there."""
    if not sent("area"):
        raise Invalid("area_missing", "area")
    area = found(readable_area_by_id(viewer(), number(sent("area"))))
    # Where only facilitators start threads, only those of that area bring one in.
    require(area.access != "announcement" or rules.can_moderate(viewer(), area), "area_announcements_only")
    return area


def _queue(post_id: int, errors: dict[str, str] | None = None, status: int = 200, faster: str = "") -> Response:
    _admit()
    waiting = queries.queue(viewer())
    flagged = [row for row in waiting if row.kind == "flag"]
    chosen = next((row for row in flagged if row.id == post_id), flagged[0] if flagged else None)
    item = queries.flagged(viewer(), chosen.id) if chosen else None
    others = [area for area in readable_areas(viewer()) if item and area.id != item.post.area_id]
    return page(
        "moderation/queue.html", 409 if faster else status, here="moderation", item=item, chosen=chosen,
        waiting=[row for row in waiting if row is not chosen], areas=others, errors=errors or {}, faster=faster,
        reason=sent("reason") if errors else "", longest=LONGEST_REASON,
    )  # fmt: skip


def _admit() -> None:
    """For those who facilitate anything; for others this page is not there."""
    if not runs_any(viewer()):
        raise Missing


@route("/moderation/log", allow="member")
def log() -> Response:
    """What was done by whom and why, in the areas the viewer runs; empty for others."""
    asked = request.args
    area, act, by = number(asked.get("area", "")), asked.get("act", ""), number(asked.get("by", ""))
    entries = queries.log(viewer(), number(asked.get("before", "")) or None, area, act, by)
    shown = entries[: queries.ENTRIES_A_PAGE]
    further = {"area": area, "act": act, "by": by, "before": shown[-1].id if len(entries) > len(shown) else 0}
    older = urlencode({name: value for name, value in further.items() if value}) if further["before"] else ""
    return page(
        "moderation/log.html", here="moderation", entries=shown, runs=runs_any(viewer()), area=area, act=act, by=by,
        older=older and f"/moderation/log?{older}", actors=queries.actors(viewer()),
        areas={one.id: one.title for one in readable_areas(viewer())},
        titles=queries.titles(viewer(), {thread for entry in shown for thread in _threads_of(entry)}),
        differences={key: difference(*texts) for key, texts in queries.bodies(shown).items()},
    )  # fmt: skip


def _threads_of(entry: AnyRow) -> set[int]:
    """The other threads that an act speaks of."""
    return {value["thread_id"] for value in (entry.before, entry.after) if "thread_id" in value}
