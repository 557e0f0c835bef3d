"""Who may see threads and posts, and do what with them. `may_see` is the one place that decides who sees a thread."""

from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, or_

from forum import clock
from forum.areas.rules import VIEWER, can_facilitate, may_read
from forum.members.models import Viewer
from forum.threads.models import Thread
from forum.threads.protection import sees_guarded


class InArea(Protocol):
    """An area as a page has read it."""

    @property
    def access(self) -> str:
        """open, closed or announcement."""

    @property
    def facilitates(self) -> bool:
        """Whether the viewer is named as facilitator here."""


class OfThread(InArea, Protocol):
    """A thread as a page has read it, with its area."""

    @property
    def kind(self) -> str:
        """question, strategy or announcement."""

    @property
    def locked(self) -> bool:
        """Whether replies have ended."""

    @property
    def held(self) -> bool:
        """Whether it waits for a facilitator."""

    @property
    def author_id(self) -> int:
        """Who started it."""


def may_see(viewer_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """The condition on Thread and its Area under which the viewer sees the thread and all that is in it.

    The viewer is bound as `viewer_id`; for many at once, as when a post is mailed, it is the column that holds them.
    A question without a name may be held until a facilitator has looked at it, or hidden from the asker's colleagues.
    """
    return and_(may_read(viewer_id), or_(is_common(), sees_guarded(viewer_id)))


def is_common() -> ColumnElement[bool]:
    """Whether everybody sees a Thread who sees its area: what is counted or indexed for all alike."""
    return and_(~Thread.held, ~Thread.hidden)


def kinds_of(access: str) -> tuple[str, ...]:
    """The kinds of threads there are in such an area."""
    return ("announcement",) if access == "announcement" else ("question", "strategy", "announcement")


def kinds_to_start(viewer: Viewer, area: InArea) -> tuple[str, ...]:
    """The kinds of threads the viewer may start here: announcements are the facilitators'."""
    facilitates = can_facilitate(viewer, area.facilitates)
    return tuple(kind for kind in kinds_of(area.access) if facilitates or kind != "announcement")


def can_moderate(viewer: Viewer, area: InArea) -> bool:
    """Edit, delete, restore, move, pin and lock."""
    return can_facilitate(viewer, area.facilitates)


def kinds_to_protect(viewer: Viewer, area: InArea, allowed: bool) -> tuple[str, ...]:
    """The kinds of threads the viewer may start here without a name: questions, where the area allows it."""
    return tuple(kind for kind in kinds_to_start(viewer, area) if kind == "question") if allowed else ()


def can_reply(viewer: Viewer, thread: OfThread) -> bool:
    """Everyone who reads may reply, until the thread is locked, and not before it is published."""
    return not thread.held and (not thread.locked or can_moderate(viewer, thread))


def can_share(thread: OfThread) -> bool:
    """Whoever reads may point colleagues to it, once it is published: before, only the asker and facilitators could."""
    return not thread.held


def can_edit(viewer: Viewer, thread: OfThread, author_id: int) -> bool:
    """Authors edit their own posts while the thread is open; facilitators all."""
    return can_moderate(viewer, thread) or (viewer.id == author_id and not thread.locked)


def can_delete(viewer: Viewer, thread: OfThread, author_id: int) -> bool:
    """The same as editing."""
    return can_edit(viewer, thread, author_id)


def can_restore(viewer: Viewer, thread: OfThread, deleted_by_id: int | None, deleted_at: datetime, hours: int) -> bool:
    """Facilitators restore all; who deleted the own post takes it back for some hours."""
    in_time = clock.now() - deleted_at <= timedelta(hours=hours)
    return can_moderate(viewer, thread) or (viewer.id == deleted_by_id and in_time)


def can_see_history(viewer: Viewer, thread: OfThread, author_id: int) -> bool:
    """Earlier versions may hold what was taken out on purpose: the author and the facilitators see them."""
    return viewer.id == author_id or can_moderate(viewer, thread)


def can_tell_outcome(viewer: Viewer, thread: OfThread) -> bool:
    """How a published question ended is for the person to say who asked it, also after it was closed for replies."""
    return thread.kind == "question" and viewer.id == thread.author_id and not thread.held
