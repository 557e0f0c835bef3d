"""Reads of areas, viewer first. What the viewer may not see is not there."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from forum.areas.models import Area, AreaMember
from forum.areas.rules import facilitates, may_read, runs
from forum.db import AnyRow, at_most, db, read
from forum.members.models import Viewer

_COLUMNS = (Area.id, Area.slug, Area.title, Area.description, Area.access, Area.thread_count, Area.protected_allowed)
_READABLE = select(*_COLUMNS).where(may_read()).order_by(Area.position, Area.id)
_ONE = select(*_COLUMNS, facilitates().label("facilitates")).where(may_read())
_RUN = select(Area.id).where(may_read(), runs()).limit(at_most(1))
_BY_SLUG = _ONE.where(Area.slug == bindparam("slug"))


def readable_areas(viewer: Viewer) -> Sequence[AnyRow]:
    """The areas the viewer sees, in the order the administrators gave them."""
    return read(_READABLE, {"viewer_id": viewer.id}).all()


def readable_area(viewer: Viewer, slug: str) -> AnyRow | None:
    """One area by its short name, with whether the viewer facilitates it."""
    return read(_BY_SLUG, {"viewer_id": viewer.id, "slug": slug}).first()


def readable_area_by_id(viewer: Viewer, area_id: int) -> AnyRow | None:
    """One area by number, with whether the viewer facilitates it."""
    return db.session.execute(_ONE.where(Area.id == area_id), {"viewer_id": viewer.id}).first()


def runs_any(viewer: Viewer) -> bool:
    """Whether the viewer facilitates anything."""
    return viewer.is_facilitator or read(_RUN, {"viewer_id": viewer.id}).first() is not None


def area_by_slug(slug: str) -> Area | None:
    """The area of this short name, for the operator's commands."""
    return db.session.scalar(select(Area).where(Area.slug == slug))


def named_members(area_id: int) -> Sequence[int]:
    """Who is named for the area."""
    return db.session.scalars(
        select(AreaMember.member_id).where(AreaMember.area_id == area_id).order_by(AreaMember.member_id)
    ).all()
