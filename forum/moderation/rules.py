"""Who decides on flags."""

from sqlalchemy import ColumnElement, SQLColumnExpression, or_, select
from sqlalchemy.orm import aliased

from forum.areas.rules import VIEWER, runs
from forum.members.models import Member
from forum.threads.models import Post
from forum.threads.rules import may_see

_another = aliased(Member, name="another")


def judges(viewer_id: SQLColumnExpression[int] = VIEWER) -> ColumnElement[bool]:
    """The condition on Post, Thread and Area under which the viewer hears of flags of the post, and decides on them.

    Nobody does on the own post, as long as somebody else runs the area.
    """
    runs_too = (_another.state == "active") & runs(_another.id) & may_see(_another.id)
    others = select(_another.id).where(_another.id != viewer_id, runs_too).correlate_except(_another)
    return runs(viewer_id) & or_(Post.author_id != viewer_id, ~others.exists())
