"""Who may mark what, and when marks recommend a post."""

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from forum.members.models import Viewer
from forum.practices.models import Mark
from forum.threads.models import Post
from forum.threads.queries import Opened
from forum.threads.rules import can_moderate

GIVEN = aliased(Mark, name="given")


def recommends(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether those marks of which this holds, as conditions on GIVEN, recommend: one that decides, or two houses."""
    standing = (GIVEN.kind == "recommended", GIVEN.withdrawn_at.is_(None), *which)
    houses = select(func.count(GIVEN.organisation_id.distinct())).where(*standing)
    deciding = select(GIVEN.id).where(*standing, GIVEN.decides)
    return or_(deciding.correlate_except(GIVEN).exists(), houses.correlate_except(GIVEN).scalar_subquery() > 1)


def is_answer(kind: str, number: int) -> bool:
    """A question cannot be recommended, its answers can; a strategy is offered by its first post already."""
    return number > 1 or kind == "strategy"


def can_mark(actor: Viewer, opened: Opened, post: Post) -> bool:
    """Every reader may mark what another wrote and what still stands."""
    return post.author_id != actor.id and post.deleted_at is None and is_answer(opened.thread.kind, post.number)


def decides(actor: Viewer, opened: Opened) -> bool:
    """The asker's and a facilitator's mark recommends by itself; others need a second house."""
    return actor.id == opened.author_id or can_moderate(actor, opened)


def can_say_helpful(actor: Viewer, opened: Opened) -> bool:
    """What helped is for the person who asked to say."""
    return actor.id == opened.author_id and opened.thread.kind == "question"
