"""Which level holds for a member, and whether mails may say what was written: one rule for mails, digests and pages.

These are conditions on the rows that `with_choices` joins; a row that is not there counts as its defaults.
"""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, or_

from forum.areas.models import Area
from forum.db import AnySelect
from forum.notifications.models import AreaWatch, Level, MailChoice, ThreadWatch
from forum.threads.models import Thread

DEFAULT_LEVEL: Level = "digest"


def with_choices(statement: AnySelect, member_id: SQLColumnExpression[int]) -> AnySelect:
    """Join what the member chose to a statement on Thread and Area.

    For one member `member_id` is a bound number, for many the column that holds them.
    """
    of_thread = and_(ThreadWatch.member_id == member_id, ThreadWatch.thread_id == Thread.id)
    return with_area_choices(statement.outerjoin(ThreadWatch, of_thread), member_id)


def with_area_choices(statement: AnySelect, member_id: SQLColumnExpression[int]) -> AnySelect:
    """The same for a statement on Area alone."""
    of_area = and_(AreaWatch.member_id == member_id, AreaWatch.area_id == Area.id)
    return statement.outerjoin(AreaWatch, of_area).outerjoin(MailChoice, MailChoice.member_id == member_id)


def level_of_area() -> ColumnElement[Any]:
    """The level that holds in an area: what was chosen for it, before the member's own."""
    return func.coalesce(AreaWatch.level, MailChoice.level, DEFAULT_LEVEL)


def level_of() -> ColumnElement[Any]:
    """The level that holds in a thread: what was chosen for it, before the area's, before the member's own."""
    return func.coalesce(ThreadWatch.level, AreaWatch.level, MailChoice.level, DEFAULT_LEVEL)


def muted() -> ColumnElement[bool]:
    """Whether the member wants nothing of this very thread, or of its area."""
    return func.coalesce(ThreadWatch.level, AreaWatch.level, "") == "off"


def tells_content() -> ColumnElement[bool]:
    """Whether a mail may say what was written; of a closed area only where the member said so for that very area."""
    return and_(~func.coalesce(MailChoice.notice, False), ~func.coalesce(AreaWatch.notice, Area.access == "closed"))


def asks_for_mail(held_before: ColumnElement[bool], concerned: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the level asks for a mail about a post in which the member is, or is not, mentioned or answered.

    What was held before comes by the level of the area: who follows the thread already has seen it, or asked it.
    """
    each = and_(level_of() == "notify", or_(~held_before, level_of_area() == "notify"))
    return or_(each, and_(level_of() != "off", concerned))


def takes_mail() -> ColumnElement[bool]:
    """Whether the member has not stopped all mail."""
    return ~func.coalesce(MailChoice.stopped, False)
