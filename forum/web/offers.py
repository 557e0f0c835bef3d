"""What the editor and some fields offer while one writes, for their scripts."""

from flask import Response, jsonify, request

from forum.i18n import gettext
from forum.practices import offers
from forum.text import escaped
from forum.web.door import route
from forum.web.session import viewer

LONGEST = 60


@route("/offer", allow="member")
def show() -> Response:
    """Members for @, threads and recommended practice for #: what to show, what to write, and what in a plain field."""
    sign, place, text = (request.args.get(name, "")[:LONGEST] for name in ("sign", "in", "text"))
    found = _members(place, text) if sign == "@" else _practices(place, text) + _threads(place, text)
    return jsonify(offers=found)


def _members(place: str, text: str) -> list[dict[str, str]]:
    rows = offers.members_to_mention(viewer(), place, text)
    return [
        {"value": f"@{row.handle}", "words": row.name, "more": row.organisation_name or "", "plain": row.name}
        for row in rows
    ]


def _practices(place: str, text: str) -> list[dict[str, str]]:
    return [
        {
            "value": f"[{escaped(row.for_what)}](/posts/{row.id})",
            "words": f"✓ {row.for_what}",
            "more": gettext("Recommended practice, %(area)s", area=row.area_title),
        }
        for row in offers.practices_to_link(viewer(), place, text)
    ]


def _threads(place: str, text: str) -> list[dict[str, str]]:
    rows = offers.threads_to_link(viewer(), place, text)
    return [
        {
            "value": f"[{escaped(row.title)}](/threads/{row.id})",
            "words": row.title,
            "more": row.area_title,
            "plain": f"{row.title} – /threads/{row.id}",
        }
        for row in rows
    ]
