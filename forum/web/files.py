"""Files of posts: sent only to those who may read the post, and never run by the browser."""

from flask import Response, send_file

from forum import files
from forum.threads.models import Attachment, Upload
from forum.threads.queries import readable_attachment, uploads_of
from forum.web.door import route
from forum.web.pages import found
from forum.web.session import settings, viewer

# The one date of all stored files: their own would tell when somebody brought one, or the same again elsewhere.
UNDATED = 0


@route("/files/<int:attachment_id>/<name>", allow="member")
def show(attachment_id: int, name: str) -> Response:  # noqa: ARG001 - the name is for the browser and the reader
    """A file of a post."""
    return _sent(found(readable_attachment(viewer(), attachment_id)))


@route("/uploads/<int:upload_id>/<name>", allow="member")
def waiting(upload_id: int, name: str) -> Response:  # noqa: ARG001 - the name is for the browser and the reader
    """A file that waits for its post: for who brought it alone."""
    return _sent(found(next(iter(uploads_of(viewer(), [upload_id])), None)))


def _sent(file: Attachment | Upload) -> Response:
    """Send a file to be saved; only a picture that we made anew is shown by the browser."""
    path = files.location(settings().instance / "files", file.digest)
    found(path.is_file() or None)
    picture = file.width is not None
    answer = send_file(
        path, file.media_type, as_attachment=not picture, download_name=file.name, etag=file.digest,
        last_modified=UNDATED,
    )  # fmt: skip
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    # A picture may be kept, but whether it may be read is asked each time.
    answer.headers["Cache-Control"] = "private, no-cache" if picture else "no-store"
    return answer
