"""With what text a new thread of a kind begins in an area: facilitators write it, those who ask fill it in."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, and_, bindparam, func, literal, null, select, union_all
from sqlalchemy.orm import Mapped, mapped_column

from forum import outbox
from forum.areas.models import Area
from forum.areas.rules import VIEWER, can_facilitate, may_read, runs
from forum.db import AnyRow, Base, at_most, db, lock, read
from forum.errors import N_, Conflict, Invalid, Missing, require
from forum.i18n import gettext
from forum.members.models import Viewer
from forum.text import tidy
from forum.threads.actions import StartableArea
from forum.threads.models import Thread, ThreadTag, tag_slug
from forum.threads.rules import kinds_to_start, may_see

LONGEST = 4_000
TAGS_TO_CHOOSE = 40
# What helps to answer, without asking for more than one knows.
STARTERS = {
    "question": (N_("Situation:"), N_("What was tried?"), N_("Question:")),
    "strategy": (N_("Situation:"), N_("What we did:"), N_("What came of it:")),
}

outbox.nobody_hears("template.written")


class ThreadTemplate(Base):
    """The text for one kind in one area; none is an empty one."""

    __tablename__ = "thread_template"

    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    version: Mapped[int]

    __table_args__ = (CheckConstraint("kind IN ('question', 'strategy', 'announcement')", name="kind"),)


class Beginnings(NamedTuple):
    """What helps to begin a thread: the texts, kind → text, and the tags of the area, the most frequent first."""

    texts: Mapping[str, str]
    tags: Sequence[str]


_OF_AREA = select(ThreadTemplate.kind, ThreadTemplate.text).where(ThreadTemplate.area_id == bindparam("area_id"))
_uses = func.count()
_TAGS = (
    select(null(), func.min(ThreadTag.name), _uses)
    .join(Thread, Thread.id == ThreadTag.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Thread.area_id == bindparam("area_id"), Thread.visible, may_see())
    .group_by(ThreadTag.slug)
    .order_by(_uses.desc(), ThreadTag.slug)
    .limit(at_most(TAGS_TO_CHOOSE))
)
# In one statement, since the form also asks what is alike.
_BEGINNINGS = select(union_all(_OF_AREA.add_columns(literal(0).label("uses")), select(_TAGS.subquery())).subquery())
_TO_WRITE = (
    select(Area.id, Area.slug, Area.title, Area.access, ThreadTemplate.kind, ThreadTemplate.text)
    .outerjoin(ThreadTemplate, and_(ThreadTemplate.area_id == Area.id, ThreadTemplate.text != ""))
    .where(may_read(), runs(VIEWER))
    .order_by(Area.position, Area.id)
)


def templates_of(area: StartableArea) -> Mapping[str, str]:
    """The texts of an area that was found readable: kind → text."""
    return {row.kind: row.text for row in read(_OF_AREA, {"area_id": area.id}) if row.text}


def beginnings(viewer: Viewer, area: StartableArea) -> Beginnings:
    """What helps to begin a thread in an area that was found readable."""
    rows = read(_BEGINNINGS, {"viewer_id": viewer.id, "area_id": area.id}).all()
    tags = sorted((row for row in rows if row.kind is None), key=lambda row: (-row.uses, tag_slug(row.text)))
    return Beginnings({row.kind: row.text for row in rows if row.kind and row.text}, [row.text for row in tags])


def areas_with_templates(viewer: Viewer) -> Sequence[AnyRow]:
    """The areas that the viewer facilitates, a row for each text there is."""
    return read(_TO_WRITE, {"viewer_id": viewer.id}).all()


def template_to_write(actor: Viewer, area: AnyRow, kind: str) -> ThreadTemplate:
    """The text as it is, for those who facilitate this readable area."""
    require(can_facilitate(actor, area.facilitates))
    if kind not in kinds_to_start(actor, area):
        raise Missing
    lock(select(ThreadTemplate.area_id).where(ThreadTemplate.area_id == area.id, ThreadTemplate.kind == kind))
    kept = db.session.get(ThreadTemplate, (area.id, kind), populate_existing=True)
    return kept or ThreadTemplate(area_id=area.id, kind=kind, text="", version=0)


def write_template(actor: Viewer, area: AnyRow, kind: str, text: str, version: int) -> None:
    """Have new threads begin with this text; `version` is the one the writer saw, so that nobody's work is lost."""
    template = template_to_write(actor, area, kind)
    text = tidy(text)
    if len(text) > LONGEST:
        raise Invalid("template_long", "text", most=LONGEST)
    if version != template.version:
        raise Conflict("template_changed")
    if text != template.text:
        template.text, template.version = text, template.version + 1
        db.session.add(template)
        outbox.record("template.written", area.id, actor.id, version=template.version)


def add_starters(area_id: int) -> None:
    """What an area of a new network begins with, in the language that is being spoken."""
    for kind, lines in STARTERS.items():
        text = "\n\n\n".join(gettext(line) for line in lines)
        db.session.add(ThreadTemplate(area_id=area_id, kind=kind, text=text, version=1))
