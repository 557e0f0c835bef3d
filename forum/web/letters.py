"""Mails on pages, for those who want to see what would be sent."""

from dataclasses import dataclass

from flask import Response, make_response

from forum.i18n import speaking
from forum.mail.compose import coming_digest
from forum.mail.letter import Seen
from forum.members.models import Viewer
from forum.notifications.queries import own_reader

# The looks of a mail stand in its text. This one document may have them, and nothing else that a page can do: it is
# shut off from our pages, in no frame, and loads and runs nothing.
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def as_document(html: str) -> Response:
    """The HTML of a mail, as a mail program would show it."""
    answer = make_response(html)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@dataclass(frozen=True)
class Coming:
    """The viewer's next digest as it would be now, and whether the HTML goes with it."""

    mail: Seen | None
    as_html: bool


def coming(viewer: Viewer) -> Coming:
    """What would be sent to the viewer, in that member's language and time zone."""
    reader = own_reader(viewer)
    with speaking(viewer.language, reader.zone):
        letter = coming_digest(reader)
        return Coming(letter.seen_by(viewer) if letter else None, reader.html and not reader.separate)
