"""Files of posts: sent only to those who may read the post, and never run by the browser."""

from flask import Response, send_file

from forum import files
from forum.threads.queries import readable_attachment
from forum.web.door import route
from forum.web.pages import found
from forum.web.session import settings, viewer


@route("/files/<int:attachment_id>/<name>", allow="member")
def show(attachment_id: int, name: str) -> Response:  # noqa: ARG001 - the name is for the browser and the reader
    """Send a file to be saved."""
    attachment = found(readable_attachment(viewer(), attachment_id))
    path = files.location(settings().instance / "files", attachment.digest)
    found(path.is_file() or None)
    answer = send_file(path, attachment.media_type, as_attachment=True, download_name=attachment.name, max_age=0)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "no-store"
    return answer
