"""The thesaurus of the network: facilitators of any area keep it, and every search asks what it means.

Its version is the number of the newest change, so one small statement tells whether what a process knows still holds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from flask import current_app
from sqlalchemy import JSON, ForeignKey, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from forum import clock, outbox
from forum.areas.queries import runs_any
from forum.db import AnyRow, Base, UTCDateTime, db, lock, read, writing
from forum.errors import Conflict, Invalid, require
from forum.members.models import Member, Network, Viewer
from forum.search import starter
from forum.search.synonyms import Group, Thesaurus, united
from forum.text import slug

MOST_GROUPS = 1000
CHANGES_SHOWN = 12
_KEPT = "forum.thesaurus"

outbox.nobody_hears("thesaurus.changed")


class ThesaurusGroup(Base):
    """One group. `version` is the number of the change that made it what it is."""

    __tablename__ = "thesaurus_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    head: Mapped[str]
    words: Mapped[list[str]] = mapped_column(JSON)
    version: Mapped[int]

    @property
    def value(self) -> Group:
        """What the group says."""
        return Group(tuple(self.words), self.head)


class ThesaurusChange(Base):
    """Who changed what: the lines before and after, a group each; without actor it was the new network's start."""

    __tablename__ = "thesaurus_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    before: Mapped[str]
    after: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)


_VERSION = select(func.max(ThesaurusChange.id))
_WITH_VERSION = select(ThesaurusGroup, _VERSION.scalar_subquery().label("version")).order_by(ThesaurusGroup.id)
_HISTORY = (
    select(ThesaurusChange.before, ThesaurusChange.after, ThesaurusChange.at, Member.name.label("actor_name"))
    .outerjoin(Member, Member.id == ThesaurusChange.actor_id)
    .order_by(ThesaurusChange.id.desc())
    .limit(CHANGES_SHOWN)
)


def can_edit(viewer: Viewer) -> bool:
    """The thesaurus is everybody's, so whoever facilitates anything may work on it."""
    return runs_any(viewer)


def meanings() -> Thesaurus:
    """The thesaurus as it is saved, read anew when somebody has changed it."""
    known = cast(tuple[int, Thesaurus] | None, current_app.extensions.get(_KEPT))
    if known is None or known[0] != (read(_VERSION, {}).scalar() or 0):
        rows = db.session.execute(_WITH_VERSION).all()
        known = (rows[0].version or 0) if rows else 0, Thesaurus(tuple(group.value for group, _version in rows))
        if not writing():  # what is not committed yet may never be
            current_app.extensions[_KEPT] = known
    return known[1]


def groups(viewer: Viewer, containing: str = "") -> list[ThesaurusGroup]:
    """The groups that have these letters in one of their words, in the order of the alphabet."""
    require(can_edit(viewer))
    letters = slug(containing)
    rows = [row for row in _rows() if letters in slug(str(row.value), 10_000)]
    return sorted(rows, key=lambda row: slug(row.value.first))


def group(viewer: Viewer, group_id: int) -> ThesaurusGroup | None:
    """One group."""
    require(can_edit(viewer))
    return db.session.get(ThesaurusGroup, group_id)


def history(viewer: Viewer) -> Sequence[AnyRow]:
    """The latest changes, newest first."""
    require(can_edit(viewer))
    return read(_HISTORY, {}).all()


def clashing(draft: Group, group_id: int = 0) -> list[ThesaurusGroup]:
    """Other groups of the same sort that hold one of the draft's words."""
    return [row for row in _rows() if row.id != group_id and _clash(row.value, draft)]


def with_draft(draft: Group, group_id: int = 0) -> Thesaurus:
    """The thesaurus as it would be with this group saved in place of the one of that number."""
    clashes = [row.id for row in clashing(draft, group_id)]
    others = [row for row in _rows() if row.id != group_id]
    joined = united((draft, *(row.value for row in others if row.id in clashes)))
    return Thesaurus((*(row.value for row in others if row.id not in clashes), joined))


def save(actor: Viewer, draft: Group, group_id: int = 0, version: int = 0, join: bool = False) -> None:
    """Add a group, or change the one of this number; `join` takes in the groups that share a word with it."""
    require(can_edit(actor))
    _lock()
    present = _present(group_id, version) if group_id else ThesaurusGroup()
    clashes = clashing(draft, group_id)
    if clashes and not join:
        raise Invalid("word_elsewhere", "words", value="; ".join(str(row.value) for row in clashes))
    _leave_room(0 if group_id else 1)
    before = [row.value for row in ([present] if group_id else []) + clashes]
    merged = united((draft, *(row.value for row in clashes)))
    if before == [merged]:
        return
    present.head, present.words = merged.head, list(merged.words)
    present.version = _note(actor, before, [merged])
    db.session.add(present)
    for row in clashes:
        db.session.delete(row)


def remove(actor: Viewer, group_id: int, version: int) -> None:
    """Delete a group."""
    require(can_edit(actor))
    _lock()
    present = _present(group_id, version)
    _note(actor, [present.value], [])
    db.session.execute(delete(ThesaurusGroup).where(ThesaurusGroup.id == group_id))


def add_starter(actor: Viewer | None, language: str) -> None:
    """Add what a new network starts with, as far as none of its words is here; without actor the network is new."""
    require(actor is None or can_edit(actor))
    _lock()
    added = lacking(language)
    _leave_room(len(added))
    if added:
        version = _note(actor, [], added)
        db.session.add_all(ThesaurusGroup(head=new.head, words=list(new.words), version=version) for new in added)


def lacking(language: str) -> list[Group]:
    """What of a network's start is not here: groups none of whose words stands in one of the same sort."""
    here = [row.value for row in _rows()]
    return [new for new in starter.groups(language) if not any(_clash(old, new) for old in here)]


def _clash(one: Group, other: Group) -> bool:
    return bool(one.head) == bool(other.head) and not one.keys.isdisjoint(other.keys)


def _present(group_id: int, version: int) -> ThesaurusGroup:
    found = db.session.get(ThesaurusGroup, group_id)
    if found is None:
        raise Conflict("group_gone")
    if found.version != version:
        raise Conflict("group_changed")
    return found


def _leave_room(more: int) -> None:
    if len(_rows()) + more > MOST_GROUPS:
        raise Invalid("thesaurus_full", "words", most=MOST_GROUPS)


def _note(actor: Viewer | None, before: Iterable[Group], after: Iterable[Group]) -> int:
    """Write down what changed; return the thesaurus's new version."""
    change = ThesaurusChange(
        actor_id=actor.id if actor else None,
        before="\n".join(map(str, before)),
        after="\n".join(map(str, after)),
        at=clock.now(),
    )
    db.session.add(change)
    db.session.flush()
    outbox.record("thesaurus.changed", change.id, change.actor_id)
    return change.id


def _rows() -> Sequence[ThesaurusGroup]:
    return db.session.scalars(select(ThesaurusGroup).order_by(ThesaurusGroup.id)).all()


def _lock() -> None:
    """One change after the other: else a process could know the later one and never hear of the earlier."""
    lock(select(Network.id))
