"""Who can be mailed, and how each wants it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

from flask import current_app
from sqlalchemy import ColumnElement, bindparam, func, select

from forum import clock
from forum.areas.models import Area
from forum.areas.rules import VIEWER, may_read
from forum.config import Settings
from forum.db import AnyRow, AnySelect, at_most, db, read
from forum.members.models import Member, Network, Viewer
from forum.notifications.models import SCOPES, AreaWatch, MailChoice, Scope, ThreadWatch
from forum.notifications.rules import (
    DEFAULT_LEVEL,
    level_of,
    level_of_area,
    tells_content,
    with_area_choices,
    with_choices,
)
from forum.notifications.schedule import next_digest
from forum.outbox import Event
from forum.threads.models import Thread
from forum.threads.rules import may_see

MOST_FOLLOWED = 100
# So long a stop can be taken back as if it had not been.
UNDO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """A member who can be mailed: as a viewer, with address and how the mails shall be."""

    viewer: Viewer
    email: str
    epoch: int
    zone: str | None = None
    html: bool = True
    notice: bool = False
    separate: bool = False
    stopped: bool = False


def reachable() -> ColumnElement[bool]:
    """The condition on Member under which mails can be sent: active, with an address that takes them."""
    return (Member.state == "active") & Member.email.is_not(None) & Member.bounced_at.is_(None)


def readers(member_ids: Iterable[int]) -> dict[int, Reader]:
    """Those of these members who can be mailed now: id → reader. One statement."""
    statement = (
        select(Member, MailChoice, Network.language)
        .outerjoin(MailChoice, MailChoice.member_id == Member.id)
        .join(Network, Network.id == 1)
        .where(Member.id.in_(set(member_ids)), reachable())
    )
    return {row.Member.id: _reader(*row) for row in db.session.execute(statement)}


def own_reader(viewer: Viewer) -> Reader:
    """The viewer as one who is mailed, to see what would be sent; also while nothing can be."""
    member, choice = db.session.get_one(Member, viewer.id), db.session.get(MailChoice, viewer.id)
    return _reader(member, choice, viewer.language)


def _reader(member: Member, choice: MailChoice | None, language: str) -> Reader:
    viewer = Viewer(
        member.id, member.name, member.role, member.language or language, member.organisation_id, member.caught_up_at
    )
    email = member.email or ""
    if choice is None:
        return Reader(viewer, email, member.mail_epoch)
    return Reader(
        viewer, email, member.mail_epoch, choice.zone, choice.html, choice.notice, choice.separate, choice.stopped
    )


@cache
def zones() -> tuple[str, ...]:
    """The time zones one may live in, by name."""
    return tuple(sorted(available_timezones()))


def choice(viewer: Viewer) -> MailChoice:
    """How the viewer wants to be mailed; what holds for everybody where nothing was chosen yet."""
    return choice_of(viewer.id)


def choice_of(member_id: int) -> MailChoice:
    """The same for a member who is not signed in."""
    return db.session.get(MailChoice, member_id) or fresh_choice(member_id)


def fresh_choice(member_id: int) -> MailChoice:
    """A choice with the defaults of its columns, which no database has filled in yet."""
    columns = MailChoice.__table__.columns
    return MailChoice(member_id=member_id, **{column.name: column.default.arg for column in columns if column.default})


def next_digest_of(choice: MailChoice | AnyRow, after: datetime) -> datetime | None:
    """When the member's first digest after this moment is due, on the member's own clock or the network's."""
    settings: Settings = current_app.extensions["forum.settings"]
    zone = choice.zone or settings.time_zone
    return next_digest(choice.rhythm, choice.weekday, choice.hour, zone, after, choice.last_digest_at)


_LEVELS: AnySelect = (
    with_area_choices(
        select(
            Area.id,
            Area.slug,
            Area.title,
            Area.access,
            AreaWatch.level.label("chosen"),
            level_of_area().label("level"),
            func.coalesce(MailChoice.level, DEFAULT_LEVEL).label("usual"),
            (~tells_content()).label("notice"),
            func.coalesce(AreaWatch.notice, Area.access == "closed").label("own_notice"),
        ).select_from(Area),
        VIEWER,
    )
    .where(may_read())
    .order_by(Area.position, Area.id)
)


def levels(viewer: Viewer) -> Sequence[AnyRow]:
    """Each area the viewer sees: the level chosen for it, if any, the one that holds, if mails are without content."""
    return read(_LEVELS, {"viewer_id": viewer.id}).all()


_OF_AREA = _LEVELS.where(Area.id == bindparam("area_id"))


def area_level(viewer: Viewer, area_id: int) -> AnyRow | None:
    """The same for one area."""
    return read(_OF_AREA, {"viewer_id": viewer.id, "area_id": area_id}).first()


_OF_THREAD: AnySelect = with_choices(
    select(ThreadWatch.level.label("chosen"), level_of_area().label("level_of_area"), level_of().label("level"))
    .select_from(Thread)
    .join(Area, Area.id == Thread.area_id),
    VIEWER,
).where(Thread.id == bindparam("thread_id"), may_see())


def thread_level(viewer: Viewer, thread_id: int) -> AnyRow | None:
    """The level chosen for a thread the viewer sees, if any, that of its area, and the one that holds."""
    return read(_OF_THREAD, {"viewer_id": viewer.id, "thread_id": thread_id}).first()


_FOLLOWED: AnySelect = (
    select(Thread.id, Thread.slug, Thread.title, Area.title.label("area_title"), ThreadWatch.level)
    .select_from(ThreadWatch)
    .join(Thread, Thread.id == ThreadWatch.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(ThreadWatch.member_id == VIEWER, Thread.visible, may_see())
    .order_by(Thread.last_post_at.desc(), Thread.id.desc())
    .limit(at_most(MOST_FOLLOWED + 1))
)


def followed(viewer: Viewer) -> Sequence[AnyRow]:
    """The threads for which the viewer chose a level, last active first; one more than is shown."""
    return read(_FOLLOWED, {"viewer_id": viewer.id}).all()


def last_stop(member_id: int, scope: Scope, number: int = 0) -> Event | None:
    """The last stop of this very thing, as long as the link can take it back: links last, and mails are forwarded."""
    of_late = (Event.name == "mail.stopped") & (Event.at > clock.now() - UNDO)
    stops = select(Event).where(of_late, Event.subject_id == member_id).order_by(Event.id.desc())
    this = {"scope": SCOPES.index(scope), "number": number}
    return next((event for event in db.session.scalars(stops) if event.ids.items() >= this.items()), None)


_THREAD_TITLE: AnySelect = with_choices(
    select(Thread.title).join(Area, Area.id == Thread.area_id).join(Member, Member.id == VIEWER), VIEWER
).where(Thread.id == bindparam("number"), Thread.visible, tells_content(), may_see(), Member.state == "active")
_AREA_TITLE: AnySelect = (
    select(Area.title)
    .join(Member, Member.id == VIEWER)
    .where(Area.id == bindparam("number"), may_read(), Member.state == "active")
)


def title_of(member_id: int, scope: Scope, number: int) -> str:
    """What a mail of the member may call the thread or the area; empty where it may not be named, or is neither.

    Who holds a mail without content must not learn from its links what it is about.
    """
    if scope not in ("thread", "area"):
        return ""
    titles = _THREAD_TITLE if scope == "thread" else _AREA_TITLE
    return read(titles, {"viewer_id": member_id, "number": number}).scalar() or ""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a member still gets by mail, in numbers: whoever holds a mail of theirs may see it, so it names nothing."""

    choice: MailChoice
    areas: Counter[str]
    threads: Counter[str]


_THREADS_BY_LEVEL: AnySelect = (
    select(ThreadWatch.level, func.count().label("number"))
    .join(Thread, Thread.id == ThreadWatch.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(ThreadWatch.member_id == VIEWER, Thread.visible, may_see())
    .group_by(ThreadWatch.level)
)


def remaining(member_id: int) -> Remaining:
    """What the member still gets: how many areas, and threads with a level of their own, have which level."""
    bound = {"viewer_id": member_id}
    areas = Counter(row.level for row in read(_LEVELS, bound))
    threads = Counter({row.level: row.number for row in read(_THREADS_BY_LEVEL, bound)})
    return Remaining(choice_of(member_id), areas, threads)
