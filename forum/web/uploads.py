"""Files that come with a form: taken in before its transaction, kept while the form comes back, hung on the post."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

from flask import Response, g, request
from werkzeug.datastructures import FileStorage

from forum import files
from forum.db import transaction
from forum.errors import Invalid
from forum.i18n import sentence
from forum.papers import ACCEPT, paper
from forum.threads import filing
from forum.threads.filing import Files
from forum.threads.models import LONGEST_ALT, Attachment, Upload
from forum.threads.queries import uploads_of
from forum.web.door import route
from forum.web.pages import number, reader
from forum.web.session import settings, viewer
from forum.web.templating import rendered

MEGABYTE = 1024 * 1024
_NO_DRAFT: Mapping[str, str] = {}


def receive() -> None:
    """Take in the files of the form; what is not taken is told by `tell_refused` or in the form that comes back."""
    g.received, g.refused = [], []
    for file in request.files.getlist("files"):
        if file.filename:
            try:
                g.received.append(_taken(file))
            except Invalid as problem:
                reader()
                g.refused.append(f"{files.safe_name(file.filename)}: {sentence(problem)}")


def _taken(file: FileStorage) -> int:
    """The number of the upload that a file became."""
    most = settings().files_per_post
    if len(g.received) + len(g.refused) >= most:
        raise Invalid("files_many", "files", most=most)
    most_a_day = settings().files_megabytes_a_day * MEGABYTE
    content = content_of(file)
    filing.require_room(viewer(), 0, most_a_day)  # how large it is, is known later: a picture gets smaller
    with room():
        one = paper(file.filename or "", content)
        with files.aside(settings().instance / "files", one.content) as (digest, put), transaction():
            kept = filing.upload(viewer(), one, digest, most_a_day)
            put()
            return kept.id


def content_of(file: FileStorage, field: str = "files") -> bytes:
    """What a file holds; one that is too large does not get into memory."""
    most = settings().file_megabytes
    if file.stream.seek(0, 2) > most * MEGABYTE:
        raise Invalid("file_large", field, most=most)
    file.stream.seek(0)
    return file.stream.read()


@contextmanager
def room(field: str = "files") -> Iterator[None]:
    """Say so when a file cannot be stored: the disk is full, or its folder is not ours."""
    try:
        yield
    except OSError as error:
        raise Invalid("no_room", field) from error


def form_files() -> Files:
    """What the form says about its files; raises Invalid when one that came with it was not taken."""
    tell_refused()
    return _chosen()


def tell_refused() -> None:
    """Raise Invalid when a file that came with the form was not taken."""
    if g.refused:
        raise Invalid("files_refused", "files", sentences=" ".join(g.refused))


def _chosen() -> Files:
    gone = set(request.form.getlist("remove"))
    added = [*map(number, request.form.getlist("upload")), *g.get("received", ())]
    described = {name[5:]: text for name, text in request.form.items() if name.startswith("alt-a")}
    return Files(
        {one: request.form.get(f"alt-u{one}", "") for one in added if one and f"u{one}" not in gone},
        {number(one): text for one, text in described.items()},
        {number(one[1:]) for one in gone if one.startswith("a")},
        settings().files_per_post,
    )


def to_keep() -> dict[str, str]:
    """What a draft keeps of the files in its form, in place of whatever that says itself."""
    added = _chosen().added
    return {"upload": " ".join(map(str, added)), "alts": json.dumps(added, ensure_ascii=False)}


def shown(draft: Mapping[str, str] = _NO_DRAFT, attachments: Sequence[Attachment] = ()) -> SimpleNamespace:
    """The file field as a form wants it: the post's own files, and those that came with the form or its draft."""
    chosen = _chosen()
    alts = json.loads(draft.get("alts", "{}"))
    added = chosen.added or {number(one): alts.get(one, "") for one in draft.get("upload", "").split()}
    own = [
        _row("a", one, "files", chosen.described.get(one.id, one.alt), one.id in chosen.removed) for one in attachments
    ]
    new = [_row("u", one, "uploads", added[one.id]) for one in uploads_of(viewer(), added)]
    return SimpleNamespace(
        rows=own + new, gone=len(new) < len(added), refused=" ".join(g.get("refused", ())), accept=ACCEPT,
        longest_alt=LONGEST_ALT, most=settings().files_per_post, megabytes=settings().file_megabytes,
    )  # fmt: skip


def _row(letter: str, file: Attachment | Upload, folder: str, alt: str, removed: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        key=f"{letter}{file.id}", id=file.id, upload=letter == "u", name=file.name, size=file.size, alt=alt,
        address=f"/{folder}/{file.id}", width=file.width, height=file.height, removed=removed,
    )  # fmt: skip


@route("/uploads", allow="member", methods=("POST",), own_transaction=True, receive=receive)
def add() -> Response:
    """Take in files while the post is still being written; answer with their rows in the form."""
    if g.refused:
        return Response(" ".join(g.refused), 422, mimetype="text/plain")
    return Response(rendered("threads/_uploads.html", files=shown()), mimetype="text/html")
