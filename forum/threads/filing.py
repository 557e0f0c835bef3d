"""What is done with files of posts: those that wait for their post, and those that hang on one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select

from forum import clock, outbox
from forum.db import db, lock
from forum.errors import Invalid
from forum.members.models import Member, Viewer
from forum.papers import Paper
from forum.text import tidy
from forum.threads.models import (
    LONGEST_ALT,
    Attachment,
    Post,
    Upload,
)
from forum.threads.queries import at_least, attachments_of, roughly, size_of_uploads, uploads_of

DAY = timedelta(days=1)

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
    lock(select(Member.id).where(Member.id == actor.id))  # of two at once, the second counts the first
    require_room(actor, size, most_a_day)
    kept = Upload(member_id=actor.id, name=paper.name, media_type=paper.media_type, size=size, digest=digest)
    kept.width, kept.height, kept.created_at = paper.width, paper.height, clock.now()
    db.session.add(kept)
    db.session.flush()
    outbox.record("file.uploaded", kept.id, None)  # the file may come with a question without a name
    return kept


def require_room(actor: Viewer, size: int, most_a_day: int) -> None:
    """Raise Invalid for a file that is more than a member may bring in a day."""
    if size_of_uploads(actor.id, clock.now() - DAY) + at_least(size) > most_a_day:
        raise Invalid("files_day", "files")


def forget_uploads(days: int) -> None:
    """Let go of files that waited for their post for so long, and of what only counts for the day."""
    waited, counted = clock.now() - timedelta(days=days), clock.now() - DAY
    old = or_(Upload.created_at < waited, and_(Upload.digest == "", Upload.created_at < counted))
    db.session.execute(delete(Upload).where(old))


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

    files: Files
    here: Sequence[Attachment]
    uploads: Sequence[Upload]


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
    for there in wanted.here:
        if there.id in wanted.files.removed:
            db.session.delete(there)
        else:
            there.alt = checked_alt(wanted.files.described.get(there.id, there.alt))
    changed = any(db.session.is_modified(one) or one in db.session.deleted for one in wanted.here)
    db.session.flush()  # a file that was taken away may come again
    known = {(one.digest, one.name) for one in wanted.here if one.id not in wanted.files.removed}
    for one in wanted.uploads:
        if (one.digest, one.name) not in known:
            known.add((one.digest, one.name))
            alt = wanted.files.added[one.id]
            attach(post.id, one.name, one.media_type, one.size, one.digest, alt, one.width, one.height)
        if protected:
            _forget_all_but_size(one)
    return changed or bool(wanted.uploads)


def _forget_all_but_size(upload: Upload) -> None:
    """Leave of an upload what counts for its day, and nothing that says which file it was."""
    upload.name = upload.media_type = upload.digest = ""
    upload.width = upload.height = None
    upload.size = roughly(upload.size)
