"""The texts with which new threads begin, as facilitators keep them."""

from flask import Response

from forum.areas.queries import readable_area, runs_any
from forum.errors import Conflict, Invalid, Missing
from forum.i18n import sentence
from forum.threads import templates
from forum.threads.rules import kinds_of
from forum.web.door import route
from forum.web.pages import found, go, number, page, said, sent
from forum.web.session import viewer

_LIST = "/moderation/templates"


@route("/moderation/templates", allow="member")
def index() -> Response:
    """The areas the viewer facilitates, each with its kinds, and which have a text."""
    if not runs_any(viewer()):
        raise Missing
    rows = templates.areas_with_templates(viewer())
    written = {(row.id, row.kind) for row in rows}
    areas = {row.id: row for row in rows}.values()
    return page(
        "moderation/templates.html", here="moderation",
        areas=[(area, [(kind, (area.id, kind) in written) for kind in kinds_of(area.access)]) for area in areas],
    )  # fmt: skip


@route("/moderation/templates/<slug>/<kind>", allow="member")
def edit(slug: str, kind: str) -> Response:
    """The form with the text of one kind in one area."""
    return _form(slug, kind)


@route("/moderation/templates/<slug>/<kind>", allow="member", methods=("POST",))
def write(slug: str, kind: str) -> Response:
    """Keep the text, unless somebody has changed it meanwhile."""
    area = found(readable_area(viewer(), slug))
    try:
        templates.write_template(viewer(), area, kind, sent("text"), number(sent("version")))
    except Invalid as problem:
        return _form(slug, kind, said(problem), 422)
    except Conflict as problem:
        return _form(slug, kind, {"text": sentence(problem)}, 409)
    return go(_LIST)


def _form(slug: str, kind: str, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    area = found(readable_area(viewer(), slug))
    template = templates.template_to_write(viewer(), area, kind)
    theirs = template.text if status == 409 else None
    return page(
        "moderation/template.html", status, here="moderation", area=area, kind=kind, errors=errors or {}, theirs=theirs,
        text=sent("text") if errors else template.text, longest=templates.LONGEST,
        # After a conflict the form speaks of the version that is shown beside it.
        version=sent("version") if errors and theirs is None else template.version,
    )  # fmt: skip
