"""What one has written and not sent: saved from the form, opened again in it, or put away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, make_response, request

from forum.areas.queries import readable_areas
from forum.db import AnyRow, transaction
from forum.errors import Problem
from forum.i18n import gettext, sentence, when
from forum.text import tidy
from forum.threads import drafts
from forum.threads.drafts import Draft
from forum.web import uploads
from forum.web.door import route
from forum.web.pages import by_script, fresh_key, go, number, page, sent
from forum.web.session import settings, viewer


@route("/inbox/drafts", allow="member")
def index() -> Response:
    """All of the viewer's own, each with where it belongs, as far as that is still there for the viewer."""
    rows = drafts.drafts(viewer())
    places = drafts.titles_of(viewer(), [row.place for row in rows])
    places |= {f"area:{area.slug}": area.title for area in readable_areas(viewer())}
    return page(
        "drafts/index.html", here="inbox", drafts=[(row, address_of(row.place, row.id)) for row in rows],
        places=places, days=settings().draft_days, hours=settings().undo_hours,
    )  # fmt: skip


@route("/drafts", allow="member", methods=("POST",), own_transaction=True, receive=uploads.receive)
def save() -> Response:
    """Keep what a form holds: the script is told how it stands, without it one is led back to the form.

    That a file was not taken is told when all else is kept.
    """
    fields = dict(request.form.items()) | uploads.to_keep()
    try:
        with transaction():
            draft = drafts.save_draft(viewer(), sent("place"), tidy(sent("send_key")), sent("draft"), fields)
            told, place = _told(draft), draft.place if draft else sent("place")
    except Problem as problem:
        if not by_script():
            raise
        return make_response(jsonify(sentence=sentence(problem)), problem.status)
    if by_script():
        return jsonify(told)
    uploads.tell_refused()
    return go(address_of(place))


@route("/drafts/<int:draft_id>/discard", allow="member", methods=("POST",), with_files=True)
def discard(draft_id: int) -> Response:
    """Put a draft away; where it was written, this can be taken back."""
    return _back(drafts.discard_draft(viewer(), draft_id))


@route("/drafts/<int:draft_id>/restore", allow="member", methods=("POST",), with_files=True)
def restore(draft_id: int) -> Response:
    """Have a draft again."""
    return _back(drafts.take_back_draft(viewer(), draft_id))


@dataclass(frozen=True)
class Writing:
    """A form in which one writes: where it belongs, its own key, and the draft that it goes on with."""

    place: str
    send_key: str
    seen: str
    draft: AnyRow | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def writing(place: str, fresh: bool = True) -> Writing:
    """The form of this place. One that comes back has its text already, and knows which draft it was."""
    if request.method == "POST" or not fresh:
        return Writing(place, sent("send_key") or fresh_key(), sent("draft"))
    draft = drafts.draft_here(viewer(), place, number(request.args.get("draft", "")))
    goes_on = draft is not None and draft.discarded_at is None
    return Writing(
        place, fresh_key(), f"{draft.id}:{draft.version}" if draft and goes_on else "", draft,
        draft.fields if draft and goes_on else {},
    )  # fmt: skip


def sent_from_here(place: str) -> None:
    """With what is sent its draft goes."""
    drafts.forget_sent(viewer(), place, tidy(sent("send_key")), sent("draft"))


def address_of(place: str, draft_id: int = 0) -> str:
    """Where the form of this place is, with this draft or the newest."""
    what, _, where = place.partition(":")
    path = {"thread": f"/threads/{where}", "area": f"/areas/{where}/new", "post": f"/posts/{where}/edit"}[what]
    asked = {"page": "last" if what == "thread" else "", "draft": draft_id or ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}#body".replace("?#", "#")


def _back(draft: Draft) -> Response:
    return go("/inbox/drafts" if sent("list") else address_of(draft.place))


def _told(draft: Draft | None) -> dict[str, Any]:
    if draft is None:
        return {"sentence": ""}
    words = gettext("Draft of %(when)s", when=when(draft.changed_at))
    return {"sentence": words, "id": draft.id, "seen": draft.seen, "others": drafts.has_others(draft)}
