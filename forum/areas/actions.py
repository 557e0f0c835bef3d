"""What is done with areas."""

import re

from sqlalchemy import delete, func, select

from forum import outbox
from forum.areas.models import ACCESSES, Area, AreaMember
from forum.areas.queries import area_by_slug
from forum.areas.rules import can_administer
from forum.db import db
from forum.errors import Invalid, require
from forum.members.models import Viewer
from forum.text import tidy

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")

outbox.nobody_hears("area.created", "area.protection_changed", "area.member_named", "area.member_removed")


def create_area(actor: Viewer | None, slug: str, title: str, description: str = "", access: str = "open") -> Area:
    """Add an area behind the others; without actor it is the operator's command or an import."""
    require(actor is None or can_administer(actor))
    if not _SLUG.fullmatch(slug):
        raise Invalid("slug_invalid", "slug", value=slug[:60])
    if area_by_slug(slug):
        raise Invalid("slug_taken", "slug", value=slug)
    if access not in ACCESSES:
        raise Invalid("access_unknown", "access", value=access[:60])
    area = Area(
        slug=slug,
        title=tidy(title).strip() or slug,
        description=tidy(description).strip(),
        access=access,
        position=(db.session.scalar(select(func.max(Area.position))) or 0) + 1,
        thread_count=0,
    )
    db.session.add(area)
    db.session.flush()
    outbox.record("area.created", area.id, actor.id if actor else None)
    return area


def allow_protected(actor: Viewer | None, area: Area, allowed: bool) -> None:
    """Let questions be asked here without a name, or no longer; those that were asked stay protected."""
    require(actor is None or can_administer(actor))
    area.protected_allowed = allowed
    outbox.record("area.protection_changed", area.id, actor.id if actor else None)


def name_member(actor: Viewer | None, area: Area, member_id: int, facilitates: bool = False) -> None:
    """Name a member for an area; twice is once."""
    require(actor is None or can_administer(actor))
    named = db.session.get(AreaMember, (area.id, member_id)) or AreaMember(area_id=area.id, member_id=member_id)
    named.facilitates = facilitates
    db.session.add(named)
    outbox.record("area.member_named", area.id, actor.id if actor else None, member_id=member_id)


def remove_member(actor: Viewer | None, area: Area, member_id: int) -> None:
    """No longer name a member for an area: from the next page on a closed one is not there for them."""
    require(actor is None or can_administer(actor))
    db.session.execute(delete(AreaMember).where(AreaMember.area_id == area.id, AreaMember.member_id == member_id))
    outbox.record("area.member_removed", area.id, actor.id if actor else None, member_id=member_id)
