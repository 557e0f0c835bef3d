"""What is done with files of posts: those that wait for their post, and those that hang on one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete

from forum import clock, outbox
from forum.db import db
from forum.errors import Invalid
from forum.members.models import Viewer
from forum.papers import Paper
from forum.text import tidy
from forum.threads.models import (
    LONGEST_ALT,
    Attachment,
    Post,
    Upload,
)
from forum.threads.queries import at_least, attachments_of, size_of_uploads, uploads_of

outbox.nobody_hears("file.uploaded")


@dataclass(frozen=True)
class Files:
    """What is to become of a post's files: uploads and attachments by number, with what their pictures show."""

    added: Mapping[int, str] = field(default_factory=dict)
    described: Mapping[int, str] = field(default_factory=dict)
    removed: Collection[int] = ()
    most: int = 0


NO_FILES = Files()


def upload(actor: Viewer, paper: Paper, digest: str, most_a_day: int) -> Upload:
    """Keep a file that was stored, for a post that is yet to be sent."""
    size = len(paper.content)
    if size_of_uploads(actor.id, clock.now() - timedelta(days=1)) + at_least(size) > most_a_day:
        raise Invalid("files_day", "files")
    kept = Upload(member_id=actor.id, name=paper.name, media_type=paper.media_type, size=size, digest=digest)
    kept.width, kept.height, kept.created_at = paper.width, paper.height, clock.now()
    db.session.add(kept)
    db.session.flush()
    outbox.record("file.uploaded", kept.id, actor.id)
    return kept


def forget_uploads(days: int) -> None:
    """Let go of files that waited for their post for so long; those that hang on one stay with it."""
    db.session.execute(delete(Upload).where(Upload.created_at < clock.now() - timedelta(days=days)))


def attach(
    post_id: int,
    name: str,
    media_type: str,
    size: int,
    digest: str,
    alt: str = "",
    width: int | None = None,
    height: int | None = None,
) -> Attachment:
    """Hang a stored file on a post; a picture that we made anew has a size."""
    attachment = Attachment(post_id=post_id, name=name, media_type=media_type, size=size, digest=digest)
    attachment.alt, attachment.width, attachment.height = checked_alt(alt), width, height
    db.session.add(attachment)
    outbox.record("post.attached", post_id, None)
    return attachment


def checked_alt(alt: str) -> str:
    """What a picture shows, in one line."""
    return " ".join(tidy(alt).split())[:LONGEST_ALT]


@dataclass(frozen=True)
class Refiling:
    """What was found possible with a post's files, and is not done yet."""

    files: Files = NO_FILES
    here: Sequence[Attachment] = ()
    uploads: Sequence[Upload] = ()


def checked_files(member: Viewer, files: Files, post: Post | None = None) -> Refiling:
    """What is to become of a post's files, if all of it can; a form that comes back finds them as they were."""
    uploads = uploads_of(member, files.added)
    if len(uploads) < len(files.added):
        raise Invalid("upload_gone", "files")
    here = attachments_of(post.id) if post and (files.added or files.described or files.removed) else ()
    if uploads and len(uploads) + sum(one.id not in files.removed for one in here) > files.most:
        raise Invalid("files_many", "files", most=files.most)
    return Refiling(files, here, uploads)


def refile(post: Post, wanted: Refiling, protected: bool = False) -> bool:
    """Take files from a post, say anew what its pictures show, and hang uploads on it, each once.

    Whether anything changed. Of uploads, none is left that tells who asked without a name.
    """
    for one in wanted.here:
        if one.id in wanted.files.removed:
            db.session.delete(one)
        else:
            one.alt = checked_alt(wanted.files.described.get(one.id, one.alt))
    changed = any(db.session.is_modified(one) or one in db.session.deleted for one in wanted.here)
    db.session.flush()  # a file that was taken away may come again
    known = {(one.digest, one.name) for one in wanted.here if one.id not in wanted.files.removed}
    for upload in wanted.uploads:
        if (upload.digest, upload.name) not in known:
            known.add((upload.digest, upload.name))
            _hang(post, upload, wanted.files.added[upload.id])
        if protected:
            db.session.delete(upload)
    return changed or bool(wanted.uploads)


def _hang(post: Post, one: Upload, alt: str) -> None:
    attach(post.id, one.name, one.media_type, one.size, one.digest, alt, one.width, one.height)
