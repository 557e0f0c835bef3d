"""With what text a new thread of a kind begins in an area: facilitators write it, those who ask fill it in."""

from collections.abc import Mapping, Sequence

from sqlalchemy import CheckConstraint, ForeignKey, and_, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from forum import outbox
from forum.areas.models import Area
from forum.areas.rules import VIEWER, can_facilitate, may_read, runs
from forum.db import AnyRow, Base, db, lock, read
from forum.errors import N_, Conflict, Invalid, Missing, require
from forum.i18n import gettext
from forum.members.models import Viewer
from forum.text import tidy
from forum.threads.actions import StartableArea
from forum.threads.rules import kinds_to_start

LONGEST = 4_000
# What helps to answer, without asking for more than one knows.
STARTERS = {
    "question": (N_("Situation"), N_("What was tried?"), N_("Question")),
    "strategy": (N_("Situation"), N_("What we did"), N_("What came of it")),
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


_OF_AREA = select(ThreadTemplate.kind, ThreadTemplate.text).where(ThreadTemplate.area_id == bindparam("area_id"))
_TO_WRITE = (
    select(Area.id, Area.slug, Area.title, Area.access, ThreadTemplate.kind, ThreadTemplate.text)
    .outerjoin(ThreadTemplate, and_(ThreadTemplate.area_id == Area.id, ThreadTemplate.text != ""))
    .where(may_read(), runs(VIEWER))
    .order_by(Area.position, Area.id)
)


def templates_of(area: StartableArea) -> Mapping[str, str]:
    """The texts of an area that was found readable: kind → text."""
    return {row.kind: row.text for row in read(_OF_AREA, {"area_id": area.id}) if row.text}


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
    for kind, headings in STARTERS.items():
        text = "\n\n\n".join(f"**{gettext(heading)}**" for heading in headings)
        db.session.add(ThreadTemplate(area_id=area_id, kind=kind, text=text, version=1))
