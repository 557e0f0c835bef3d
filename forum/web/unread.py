"""What is unread: all of it by key, said to be read in one act that can be taken back, and thread by thread."""

from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Response, request

from forum.areas.queries import readable_area
from forum.db import AnyRow
from forum.keys import LONG_AGO, in_address, moment
from forum.notifications.inbox import mark_thread_read
from forum.threads import reading
from forum.threads.lists import areas_with_unread, threads_unread
from forum.threads.queries import first_unread_number, readable_thread
from forum.web.door import route
from forum.web.pages import found, go, number, page, sent
from forum.web.session import viewer


@route("/unread", allow="member")
def show() -> Response:
    """All threads with something new, in one area or in all."""
    areas = areas_with_unread(viewer())
    slug = request.args.get("area", "")
    area = found(next((area for area in areas if area.slug == slug), None)) if slug else None
    before = request.args.get("before", "")
    listed = threads_unread(viewer(), area.id if area else None, before)
    return page(
        "unread/show.html", here="unread", threads=listed.rows, areas=areas, area=area, paged=bool(before),
        older=listed.further and _address(slug, before=listed.further), path=_address(slug),
        until=_shown_until(area, areas, listed.rows), undo=_undo(area), back_at=number(request.args.get("from", "")),
        back_to=number(request.args.get("thread", "")),
    )  # fmt: skip


def _address(slug: str, **more: str) -> str:
    asked = {**({"area": slug} if slug else {}), **more}
    return f"/unread?{urlencode(asked)}" if asked else "/unread"


def _shown_until(area: AnyRow | None, areas: Sequence[AnyRow], threads: Sequence[AnyRow]) -> str:
    """Up to when all is read for those who are shown this page: what is written from now on is not."""
    horizons = [area.horizon] if area else [viewer().caught_up_at, *(each.horizon for each in areas)]
    return in_address(reading.beyond(LONG_AGO, *horizons, *(thread.last_post_at for thread in threads[:1])))


def _undo(area: AnyRow | None) -> str:
    """What was said to be read just now, while that can be taken back."""
    done = request.args.get("undo", "")
    horizon = area.horizon if area else viewer().caught_up_at
    return done if horizon is not None and done == in_address(horizon) else ""


@route("/unread", allow="member", methods=("POST",))
def catch_up() -> Response:
    """All that the page showed, and what is older, is read."""
    slug, until = sent("area"), found(moment(sent("until")))
    reading.catch_up(viewer(), until, _area_id(slug))
    return go(_address(slug, undo=sent("until")) + "#said")


@route("/unread/undo", allow="member", methods=("POST",))
def undo() -> Response:
    """Take that back."""
    slug, until = sent("area"), found(moment(sent("until")))
    reading.undo(viewer(), until, _area_id(slug))
    return go(_address(slug))


def _area_id(slug: str) -> int | None:
    return found(readable_area(viewer(), slug)).id if slug else None


@route("/threads/<int:thread_id>/read", allow="member", methods=("POST",))
def read(thread_id: int) -> Response:
    """This thread is read to its end."""
    thread = found(readable_thread(viewer(), thread_id))
    unread = first_unread_number(thread)
    mark_thread_read(viewer(), thread, thread.last_number)
    back = {"thread": str(thread_id), "from": str(unread)} if unread <= thread.last_number else {}
    return go(_address(sent("area"), **back) + "#said")


@route("/threads/<int:thread_id>/unread", allow="member", methods=("POST",))
def keep_unread(thread_id: int) -> Response:
    """This thread is unread, from a post on."""
    thread = found(readable_thread(viewer(), thread_id))
    reading.keep_unread(viewer(), thread, number(sent("number"), 1))
    return go(_address(sent("area")))
