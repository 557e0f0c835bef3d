"""What counts as unread, as conditions on what these joins add to a statement on Thread."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, case

from forum.areas.rules import VIEWER
from forum.db import AnySelect, UTCDateTime
from forum.keys import LONG_AGO
from forum.members.models import Viewer
from forum.threads.models import CaughtUp, ReadMarker, Thread

# So far back one looks for what is unread: a count must cost the same in a network of any age.
NEWEST = 100

CAUGHT_UP_AT = bindparam("caught_up_at", type_=UTCDateTime())
# What came before counts as read: since the viewer caught up with all areas, or with this one.
HORIZON = case((CaughtUp.at > CAUGHT_UP_AT, CaughtUp.at), else_=CAUGHT_UP_AT)


def unread_posts(thread: Any = Thread, horizon: ColumnElement[Any] = HORIZON) -> ColumnElement[int]:
    """How many posts the viewer has not read: exact where a marker says it, at least 1 where something is new."""
    read = ReadMarker.number
    return case(
        (read >= thread.last_number, 0),
        (ReadMarker.kept_until > horizon, thread.last_number - read),
        (thread.last_post_at <= horizon, 0),
        (ReadMarker.read_at > horizon, thread.last_number - read),
        (thread.created_at > horizon, thread.last_number),
        else_=1,
    )


def with_marker(statement: AnySelect, thread: Any = Thread) -> AnySelect:
    """Join how far the viewer has read."""
    mine = (ReadMarker.thread_id == thread.id) & (ReadMarker.member_id == VIEWER)
    return statement.outerjoin(ReadMarker, mine)


def with_horizon(statement: AnySelect) -> AnySelect:
    """Join up to when the viewer has caught up with the area."""
    return statement.outerjoin(CaughtUp, (CaughtUp.area_id == Thread.area_id) & (CaughtUp.member_id == VIEWER))


def of_viewer(viewer: Viewer) -> dict[str, object]:
    """What these conditions ask of the viewer."""
    return {"viewer_id": viewer.id, "caught_up_at": viewer.caught_up_at or LONG_AGO}
