"""An area: its threads, and starting one."""

from urllib.parse import urlencode

from flask import Response, request

from forum.areas.queries import readable_area
from forum.errors import Invalid
from forum.notifications.queries import area_level
from forum.search.similar import similar
from forum.text import MAX_SOURCE
from forum.threads.actions import start_thread
from forum.threads.models import LONGEST_TITLE
from forum.threads.queries import STATES, readable_thread, threads_of_area
from forum.threads.rules import kinds_to_start
from forum.web.door import route
from forum.web.pages import found, fresh_key, go, page, said, sent
from forum.web.posts import rendered
from forum.web.session import viewer


@route("/areas/<slug>", allow="member")
def show(slug: str) -> Response:
    """The threads of an area, by last activity, further ones by key."""
    area = found(readable_area(viewer(), slug))
    kinds = kinds_to_start(viewer(), area)
    kind = request.args.get("kind", "") if request.args.get("kind") in ("question", "strategy", "announcement") else ""
    state = request.args.get("state", "") if request.args.get("state") in STATES else ""
    before = request.args.get("before", "")
    threads = threads_of_area(viewer(), area.id, before, kind, state)
    chosen = {name: value for name, value in (("kind", kind), ("state", state)) if value}
    older = threads.further and f"/areas/{slug}?{urlencode({**chosen, 'before': threads.further})}"
    return page(
        "areas/show.html", here="threads", area=area, threads=threads.threads, older=older, kinds=kinds,
        kind=kind, state=state, paged=bool(before), chosen=urlencode(chosen), watched=area_level(viewer(), area.id),
    )  # fmt: skip


@route("/areas/<slug>/new", allow="member")
def new(slug: str) -> Response:
    """The form for a new thread; a search that found nothing can hand over its words as title."""
    return _form(slug, title=request.args.get("title", "")[:LONGEST_TITLE])


@route("/areas/<slug>/new", allow="member", methods=("POST",), previews=True)
def create(slug: str) -> Response:
    """Start a thread."""
    area = found(readable_area(viewer(), slug))
    kind, title, body = sent("kind"), sent("title"), sent("body")
    if sent("preview"):
        return _form(slug, kind, title, body, shown=rendered(body))
    try:
        thread = start_thread(viewer(), area, kind, title, body, sent("send_key"))
    except Invalid as problem:
        return _form(slug, kind, title, body, errors=said(problem), status=422)
    found(readable_thread(viewer(), thread.id))  # sent twice, it may have been moved out of sight in between
    return go(f"/threads/{thread.id}-{thread.slug}")


def _form(
    slug: str,
    kind: str = "",
    title: str = "",
    body: str = "",
    shown: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    area = found(readable_area(viewer(), slug))
    kinds = kinds_to_start(viewer(), area)
    if not kinds:
        return page("areas/announcements_only.html", 403, here="threads", area=area)
    return page(
        "areas/new.html", status, here="threads", area=area, kinds=kinds, kind=kind or kinds[0], title=title, body=body,
        shown=shown, errors=errors or {}, send_key=sent("send_key") or fresh_key(),
        longest_title=LONGEST_TITLE, longest_body=MAX_SOURCE, similar=[] if errors else similar(viewer(), title, body),
    )  # fmt: skip
