"""Who may see and run an area. `may_read` is the one place that decides; `threads.rules.may_see` builds on it."""

from sqlalchemy import ColumnElement, Integer, SQLColumnExpression, bindparam, or_, select
from sqlalchemy.orm import aliased

from forum.areas.models import Area, AreaMember
from forum.members.models import Member, Viewer

# Who reads, to be bound.
VIEWER: SQLColumnExpression[int] = bindparam("viewer_id", type_=Integer)

_runner = aliased(Member, name="runner")


def may_read(viewer_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """The condition on Area under which the viewer, bound as `viewer_id`, sees it and all that is in it.

    For many viewers at once, as when a post is mailed, `viewer_id` is the column that holds them.

    A closed area shows to its named members alone: not to facilitators, not to administrators. An
    administrator who needs to see one has to be named for it, which is written down.
    """
    named = select(AreaMember.area_id).where(AreaMember.member_id == viewer_id)
    return or_(Area.access != "closed", Area.id.in_(named))


def facilitates(viewer_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """Whether the viewer is named as facilitator of this very Area."""
    named = (AreaMember.member_id == viewer_id) & (AreaMember.area_id == Area.id) & AreaMember.facilitates
    return select(AreaMember.area_id).where(named).correlate_except(AreaMember).exists()


def runs(viewer_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """The condition on Area under which `can_facilitate` holds for the viewer there, if they see it at all."""
    # Not as a list: SQLAlchemy writes a list into the statement anew each time, and this stands in nearly all of them.
    for_all = or_(_runner.role == "facilitator", _runner.role == "administrator")
    everywhere = select(_runner.id).where(_runner.id == viewer_id, for_all)
    return or_(everywhere.correlate_except(_runner).exists(), facilitates(viewer_id))


def can_facilitate(viewer: Viewer, named_here: bool) -> bool:
    """Facilitators run every area they can see; others those for which they are named."""
    return viewer.is_facilitator or named_here


def can_administer(actor: Viewer) -> bool:
    """Areas are made and changed by administrators."""
    return actor.is_administrator
