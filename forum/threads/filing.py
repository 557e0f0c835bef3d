"""What is done with files of posts: those that wait for their post, and those that hang on one."""

from collections.abc import Collection, Mapping
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
    outbox.record("file.uploaded", kept.id, None)  # the file may come with a question without a name
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


def hang(member: Viewer, post: Post, files: Files, protected: bool = False) -> bool:
    """Hang a member's own uploads on a post, each once; whether there were any. None tells who asked without a name."""
    uploads = uploads_of(member, files.added)
    if len(uploads) < len(files.added):
        raise Invalid("upload_gone", "files")
    here = attachments_of(post.id) if uploads else ()
    if len(here) + len(uploads) > files.most:
        raise Invalid("files_many", "files", most=files.most)
    known = {(one.digest, one.name) for one in here}
    for one in uploads:
        if (one.digest, one.name) not in known:
            known.add((one.digest, one.name))
            alt = files.added[one.id]
            attach(post.id, one.name, one.media_type, one.size, one.digest, alt, one.width, one.height)
        if protected:
            db.session.delete(one)
    return bool(uploads)


def refile(post: Post, files: Files) -> bool:
    """Take files from a post and say anew what its pictures show; whether anything changed."""
    here = attachments_of(post.id) if files.removed or files.described else ()
    for one in here:
        if one.id in files.removed:
            db.session.delete(one)
        else:
            one.alt = checked_alt(files.described.get(one.id, one.alt))
    changed = any(db.session.is_modified(one) or one in db.session.deleted for one in here)
    db.session.flush()
    return changed
