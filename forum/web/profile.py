"""What a member says of themselves to colleagues."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from forum import files
from forum.areas.queries import readable_areas
from forum.db import transaction
from forum.errors import Invalid
from forum.members import actions, queries
from forum.members.models import Profile, initials
from forum.pictures import picture
from forum.search.people import in_use
from forum.web.door import route
from forum.web.pages import go, page, said, sent
from forum.web.session import settings, viewer
from forum.web.uploads import content_of, room

MOST_PROPOSED, PHOTO_PIXELS = 12, 256
_BETWEEN = re.compile(r"[,;\n]")


@route("/settings/profile", allow="member")
def profile() -> Response:
    """The form."""
    return _form(_values(queries.member(viewer().id).profile))


@route("/settings/profile", allow="member", methods=("POST",))
def save() -> Response:
    """Say it."""
    expertise = [*_BETWEEN.split(sent("expertise")), *request.form.getlist("also")]
    form: dict[str, Any] = {
        "function": sent("function"),
        "about": sent("about"),
        "telephone": sent("telephone"),
        "takes_messages": bool(sent("takes_messages")),
        "takes_questions": bool(sent("takes_questions")),
    }
    try:
        actions.describe(viewer(), expertise=expertise, **form)
    except Invalid as problem:
        return _form(form | {"expertise": ", ".join(filter(None, map(str.strip, expertise)))}, said(problem), 422)
    return go(f"/members/{viewer().id}")


@route("/settings/profile/photo", allow="member", methods=("POST",), own_transaction=True, with_files=True)
def photo() -> Response:
    """Show another photo, or none."""
    digest = None
    if not sent("remove"):
        file = request.files.get("photo")
        try:
            with room("photo"):
                if not file:
                    raise Invalid("picture_missing", "photo")
                made = picture(content_of(file, "photo"), PHOTO_PIXELS, "photo", square=True)
                digest = files.store(settings().instance / "files", made.content)
        except Invalid as problem:
            return _form(_values(queries.member(viewer().id).profile), said(problem), 422)
    with transaction():
        actions.show_photo(viewer(), digest)
    return go("/settings/profile?saved")


def _values(known: Profile | None) -> dict[str, Any]:
    known = known or Profile(
        function="", expertise=[], about="", telephone="", takes_messages=True, takes_questions=True
    )
    return {
        "function": known.function,
        "expertise": ", ".join(known.expertise),
        "about": known.about,
        "telephone": known.telephone,
        "takes_messages": known.takes_messages,
        "takes_questions": known.takes_questions,
    }


def _form(values: Mapping[str, Any], errors: dict[str, str] | None = None, status: int = 200) -> Response:
    member = queries.member(viewer().id)
    return page(
        "settings/profile.html",
        status,
        here="settings",
        member=member,
        photo=member.profile.photo if member.profile else None,
        initials=initials(member.name),
        form=values,
        proposed=_proposed(values["expertise"]),
        longest=actions.LONGEST_ABOUT,
        most=actions.MOST_EXPERTISE,
        errors=errors or {},
        saved="saved" in request.args,
    )


def _proposed(named: str) -> list[str]:
    """What others say they know, and the areas everybody sees: a closed one's title must not get about."""
    open_areas = [area.title for area in readable_areas(viewer()) if area.access == "open"]
    own = {phrase.strip().casefold() for phrase in _BETWEEN.split(named)}
    proposed = dict.fromkeys([*in_use(viewer()), *open_areas])
    return [phrase for phrase in proposed if phrase.casefold() not in own][:MOST_PROPOSED]
