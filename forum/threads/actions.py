"""What is done with threads and posts. Pages, commands and later mail and API all come through here."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from forum import clock, i18n, outbox
from forum.areas.models import Area
from forum.db import AnyRow, db, lock
from forum.errors import Conflict, Invalid, require
from forum.members.actions import add_persona
from forum.members.models import Member, Viewer
from forum.members.queries import network, people_by_handle
from forum.papers import Paper
from forum.text import MAX_SOURCE, mentioned, render, slug, tidy
from forum.threads.models import (
    KINDS,
    LONGEST_ALT,
    LONGEST_NOTE,
    LONGEST_TITLE,
    OUTCOMES,
    Attachment,
    CaughtUp,
    Mention,
    Post,
    PostVersion,
    ReadMarker,
    Thread,
    ThreadTag,
    Upload,
    tag_slug,
)
from forum.threads.protection import note_sent, protect, sent_at, somebody_looks
from forum.threads.queries import Opened, at_least, attachments_of, post_sent, size_of_uploads, uploads_of
from forum.threads.rules import (
    InArea,
    can_delete,
    can_edit,
    can_moderate,
    can_reply,
    can_restore,
    can_tell_outcome,
    is_common,
    kinds_to_protect,
    kinds_to_start,
)
from forum.tokens import new_key

outbox.nobody_hears("thread.returned", "file.uploaded")

MOST_TAGS, LONGEST_TAG = 10, 40
_LONGEST_SEND_KEY = 100

outbox.nobody_hears("thread.tagged")


@dataclass(frozen=True)
class Files:
    """What is to become of a post's files: uploads and attachments by number, with what their pictures show."""

    added: Mapping[int, str] = field(default_factory=dict)
    described: Mapping[int, str] = field(default_factory=dict)
    removed: Collection[int] = ()
    most: int = 0


NO_FILES = Files()


class StartableArea(InArea, Protocol):
    """An area that was found readable, with its number."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def protected_allowed(self) -> bool:
        """Whether questions may be asked here without a name."""


def start_thread(
    actor: Viewer,
    area: StartableArea,
    kind: str,
    title: str,
    body: str,
    send_key: str = "",
    tags: list[str] | None = None,
    files: Files = NO_FILES,
) -> Thread:
    """Open a thread with its first post; sent twice with one key it is one thread."""
    send_key = own_key("area", area.id, send_key)
    if sent := post_sent(actor, send_key):
        return sent.thread
    if kind not in KINDS:
        raise Invalid("kind_unknown", "kind")
    require(
        kind in kinds_to_start(actor, area),
        "area_announcements_only" if area.access == "announcement" else "kind_not_here",
    )
    title, body, now = checked_title(title), checked_body(body), clock.now()
    thread = new_thread(area.id, kind, title, actor.id, now, checked_tags(tags or []))
    _hang(actor, _add_post(thread, actor.id, body, now, send_key), files)
    mark_read(actor.id, thread.id, 1)
    count_threads(area.id)
    outbox.record("thread.started", thread.id, actor.id)
    return thread


def ask_protected(
    actor: Viewer,
    area: StartableArea,
    kind: str,
    title: str,
    body: str,
    send_key: str = "",
    tags: list[str] | None = None,
    files: Files = NO_FILES,
    hidden: bool = False,
) -> Thread:
    """Ask without a name; a facilitator looks at it before others see it. `hidden`: colleagues never see it."""
    send_key = own_key("area", area.id, send_key)
    if sent := post_sent(actor, send_key):
        return sent.thread
    if kind not in kinds_to_protect(actor, area, area.protected_allowed):
        raise Invalid("not_without_name", "protected")
    if not somebody_looks(actor, area.id, hidden):
        raise Invalid("nobody_looks", "protected")
    title, body, now = checked_title(title), checked_body(body), clock.now()
    persona = add_persona(_persona_name())
    hides = hidden and actor.organisation_id is not None
    tagged = checked_tags(tags or [])
    thread = new_thread(area.id, kind, title, persona.id, now, tagged, protected=True, held=True, hidden=hides)
    protect(thread, persona.id, actor, hides, now, send_key)
    _hang(actor, _add_post(thread, persona.id, body, now, send_key), files, protected=True)
    mark_read(actor.id, thread.id, 1)
    outbox.record("thread.held", thread.id, persona.id)
    return thread


def _persona_name() -> str:
    """The same in every thread and in the network's language, so that neither tells anything of the asker."""
    here = network()
    with i18n.speaking(here.language if here else "de"):
        return i18n.gettext("Colleague A")


def publish(actor: Viewer, opened: Opened) -> None:
    """Let everybody have a question that was held. It begins now, and so it tells nothing of when it was asked."""
    _require_waiting(actor, opened)
    thread, now = opened.thread, clock.now()
    thread.held, thread.created_at = False, now
    db.session.execute(update(Post).where(Post.thread_id == thread.id).values(created_at=now, edited_at=None))
    refresh_facts(thread.id)
    count_threads(thread.area_id)
    outbox.record("thread.started", thread.id, thread.author_id)


def give_back(actor: Viewer, opened: Opened) -> None:
    """Leave a question that was held to its asker, to be changed and sent again."""
    _require_waiting(actor, opened)
    note_sent(opened.thread.id, None)
    outbox.record("thread.returned", opened.thread.id, actor.id)


def send_again(actor: Viewer, opened: Opened) -> None:
    """Have a question that was returned looked at anew; twice is once."""
    opened.acts(actor)
    require(actor.id == opened.author_id and opened.held)
    if sent_at(opened.thread.id) is None:
        note_sent(opened.thread.id, clock.now())
        outbox.record("thread.held", opened.thread.id, actor.id)


def _require_waiting(actor: Viewer, opened: Opened) -> None:
    opened.acts(actor)
    require(can_moderate(actor, opened))
    require(opened.held and sent_at(opened.thread.id) is not None, "not_waiting")


def reply(
    actor: Viewer,
    opened: Opened,
    body: str,
    reply_to_id: int | None = None,
    send_key: str = "",
    files: Files = NO_FILES,
) -> Post:
    """Add a post to a thread; sent twice with one key it is one post. Page, API and mail all come through here."""
    send_key = own_key("thread", opened.thread.id, send_key)
    opened.acts(actor)
    if sent := post_sent(actor, send_key):
        return sent
    require(can_reply(actor, opened), "thread_locked")
    post = _add_post(opened.thread, actor.id, checked_body(body), clock.now(), send_key, reply_to_id)
    _hang(opened.viewer, post, files, opened.thread.protected)
    mark_read(opened.viewer.id, opened.thread.id, post.number)
    outbox.record("post.created", post.id, actor.id, thread_id=opened.thread.id)
    return post


def edit(
    actor: Viewer,
    opened: Opened,
    post: Post,
    body: str,
    version: int,
    title: str | None = None,
    tags: Iterable[str] | None = None,
    files: Files = NO_FILES,
) -> Post:
    """Change a post, keeping what it said; `version` is the one the editor saw, so that nobody's edit is lost."""
    opened.acts(actor)
    require(can_edit(actor, opened, post.author_id))
    require(post.deleted_at is None, "post_deleted")
    if version != post.version:
        raise Conflict("edited_meanwhile")
    body = checked_body(body)
    if title is not None and post.number == 1:
        retitle(actor, opened, title)
    if tags is not None and post.number == 1:
        retag(actor, opened, tags)
    refiled = _refile(post, files) | _hang(opened.viewer, post, files, opened.thread.protected)
    if body == post.body and not refiled:
        return post
    if body != post.body:
        before = PostVersion(post_id=post.id, version=post.version, body=post.body, editor_id=actor.id)
        before.replaced_at = clock.now()
        db.session.add(before)
        post.body = body
        write_html(post)
    post.edited_at, post.version = clock.now(), post.version + 1
    outbox.record("post.edited", post.id, actor.id, thread_id=post.thread_id, version=post.version)
    return post


def retitle(actor: Viewer, opened: Opened, title: str) -> None:
    """Give the thread another title; its old address leads to the new one."""
    opened.acts(actor)
    require(can_edit(actor, opened, opened.author_id))
    title = checked_title(title)
    if title != opened.thread.title:
        opened.thread.title, opened.thread.slug = title, words_of(title)
        outbox.record("thread.retitled", opened.thread.id, actor.id)


def retag(actor: Viewer, opened: Opened, tags: Iterable[str]) -> None:
    """Tag the thread with these words and no others: what its author and the facilitators do."""
    opened.acts(actor)
    require(can_edit(actor, opened, opened.author_id))
    names = checked_tags(tags)
    if names != [tag.name for tag in opened.thread.tagged]:
        _write_tags(opened.thread, names)
        outbox.record("thread.tagged", opened.thread.id, actor.id)


def delete_post(actor: Viewer, opened: Opened, post: Post) -> None:
    """Take a post out of sight; a gap remains, and it can be restored. Twice is once."""
    opened.acts(actor)
    require(can_delete(actor, opened, post.author_id))
    if post.deleted_at is not None:
        return
    post.deleted_at, post.deleted_by_id = clock.now(), actor.id
    refresh_facts(post.thread_id)
    count_threads(opened.thread.area_id)
    outbox.record("post.deleted", post.id, actor.id, thread_id=post.thread_id)


def restore_post(actor: Viewer, opened: Opened, post: Post, undo_hours: int) -> None:
    """Bring a deleted post back."""
    opened.acts(actor)
    if post.deleted_at is None:
        return
    allowed = can_restore(actor, opened, post.deleted_by_id, post.deleted_at, undo_hours)
    require(allowed, "undo_too_late" if actor.id == post.deleted_by_id else "not_allowed")
    post.deleted_at = post.deleted_by_id = None
    refresh_facts(post.thread_id)
    count_threads(opened.thread.area_id)
    outbox.record("post.restored", post.id, actor.id, thread_id=post.thread_id)


def tell_outcome(actor: Viewer, opened: Opened, outcome: str, note: str = "") -> None:
    """Say how a question ended, or that it ended otherwise; replies stay possible."""
    opened.acts(actor)
    require(can_tell_outcome(actor, opened), "not_the_asker")
    if outcome not in OUTCOMES:
        raise Invalid("outcome_unknown", "outcome")
    note = tidy(note).strip()
    if len(note) > LONGEST_NOTE:
        raise Invalid("words_long", "note", most=LONGEST_NOTE)
    thread = opened.thread
    if (thread.outcome, thread.outcome_note) != (outcome, note):
        thread.outcome, thread.outcome_note, thread.outcome_at = outcome, note, clock.now()
        outbox.record("thread.outcome_told", thread.id, actor.id)


def mark_read(viewer_id: int, thread_id: int, number: int) -> None:
    """Remember how far the viewer has read; never backwards."""
    now = clock.now()
    mine = (ReadMarker.member_id == viewer_id) & (ReadMarker.thread_id == thread_id)
    moved = update(ReadMarker).where(mine, ReadMarker.number < number).values(number=number, read_at=now)
    if getattr(db.session.execute(moved), "rowcount", 0) == 0 and not db.session.get(
        ReadMarker, (viewer_id, thread_id)
    ):
        db.session.execute(
            insert(ReadMarker).values(member_id=viewer_id, thread_id=thread_id, number=number, read_at=now)
        )


def checked_title(title: str) -> str:
    """The title as it is kept; raises Invalid when it is empty or too long."""
    title = " ".join(tidy(title).split())
    if not _shows(title):
        raise Invalid("title_empty", "title")
    if len(title) > LONGEST_TITLE:
        raise Invalid("title_long", "title", most=LONGEST_TITLE)
    return title


def checked_tags(tags: Iterable[str]) -> list[str]:
    """The tags as they are kept, each once however it is spelt; raises Invalid when they are too many or too long."""
    found: dict[str, str] = {}
    for name in filter(None, map(_tag, tags)):
        found.setdefault(tag_slug(name), name)
    names = list(found.values())
    if len(names) > MOST_TAGS:
        raise Invalid("tags_many", "tags", most=MOST_TAGS)
    if long := next((name for name in names if len(name) > LONGEST_TAG), ""):
        raise Invalid("tag_long", "tags", most=LONGEST_TAG, value=long[:LONGEST_TAG])
    return names


def _tag(tag: str) -> str:
    return " ".join(tidy(tag).split())


def _write_tags(thread: Thread, names: Iterable[str]) -> None:
    db.session.execute(delete(ThreadTag).where(ThreadTag.thread_id == thread.id))
    db.session.add_all(
        ThreadTag(thread_id=thread.id, position=place, slug=tag_slug(name), name=name)
        for place, name in enumerate(names)
    )
    db.session.flush()
    db.session.expire(thread, ["tagged"])


def _shows(text: str) -> bool:
    """Whether there is anything to see: a text of invisible characters is as good as empty."""
    return any(character.isprintable() and not character.isspace() for character in text)


def words_of(title: str) -> str:
    """The title in the address; an address without any word, as of "???", would not be found."""
    return slug(title) or "thread"


def checked_body(body: str) -> str:
    """The text as it is kept; raises Invalid when it is empty, too long or could not be read."""
    if "\ufffd" in body:
        raise Invalid("broken_text", "body")
    body = tidy(body)
    if not _shows(body):
        raise Invalid("body_empty", "body")
    if len(body) > MAX_SOURCE:
        raise Invalid("body_long", "body", most=MAX_SOURCE)
    return body


def new_thread(
    area_id: int,
    kind: str,
    title: str,
    author_id: int,
    at: datetime,
    tags: list[str],
    uid: str = "",
    **facts: bool,
) -> Thread:
    """A thread without posts yet, in the present transaction."""
    thread = Thread(
        uid=uid or new_key()[:16],
        area_id=area_id,
        kind=kind,
        title=title,
        slug=words_of(title),
        author_id=author_id,
        created_at=at,
        last_post_at=at,
        last_author_id=author_id,
        last_number=0,
        reply_count=0,
        organisation_count=0,
        recommended_count=0,
        helpful_count=0,
        thanks_count=0,
        visible=True,
        **{fact: facts.get(fact, False) for fact in ("pinned", "locked", "protected", "held", "hidden")},
    )
    db.session.add(thread)
    db.session.flush()
    _write_tags(thread, [_tag(tag) for tag in tags])
    return thread


def move_posts(actor: Viewer, source: Thread, posts: Sequence[AnyRow], target: Thread) -> None:
    """Put posts behind those of another thread, in their order; each leaves its place behind.

    So a number is never given twice, nor does one lead to another post than before. How far somebody had read goes
    along: what is new for them stays new, and nothing else becomes so.
    """
    before = _Standing(target.last_number, _last_seen(target.id), target.last_post_at)
    now, left = clock.now(), source.last_post_at
    moved = [{"row": post.id, "to": target.id, "place": n} for n, post in enumerate(posts, before.last_number + 1)]
    by_row = update(Post).where(Post.id == bindparam("row"))
    db.session.flush()
    db.session.connection().execute(by_row.values(thread_id=bindparam("to"), number=bindparam("place")), moved)
    places = [
        {
            "uid": new_key()[:16], "thread_id": source.id, "number": post.number, "author_id": post.author_id,
            "created_at": post.created_at, "deleted_at": now, "deleted_by_id": actor.id, "moved_to_id": post.id,
            "body": "", "html": "",
        }
        for post in posts
    ]  # fmt: skip
    db.session.execute(insert(Post), places)
    target.last_number += len(moved)
    _carry_markers(source, target, before, [post.number for post in posts], left)
    db.session.expire_all()
    refresh_facts(source.id, target.id)
    _pass_gaps(source)


@dataclass(frozen=True)
class _Standing:
    """A thread before posts come into it: its last number, that of the last post to be seen, and when that was."""

    last_number: int
    last_seen: int
    last_post_at: datetime


def _last_seen(thread_id: int) -> int:
    seen = (Post.thread_id == thread_id) & Post.deleted_at.is_(None)
    return db.session.scalar(select(func.max(Post.number)).where(seen)) or 0


def _carry_markers(source: Thread, target: Thread, before: _Standing, numbers: list[int], left: datetime) -> None:
    """Whoever had nothing left to read in the target has read of what came in as much as where it was before."""
    here, there = aliased(ReadMarker, name="here"), aliased(ReadMarker, name="there")
    readers = (
        select(
            *(Member.id, here.number.label("here"), there.number.label("there"), there.kept_until),
            (here.kept_until > _horizon(target)).label("kept_here"),
            (there.kept_until > _horizon(source)).label("kept_there"),
            (_horizon(target) >= before.last_post_at).label("caught_up_here"),
            (_horizon(source) >= left).label("caught_up_there"),
        )
        .outerjoin(here, (here.member_id == Member.id) & (here.thread_id == target.id))
        .outerjoin(there, (there.member_id == Member.id) & (there.thread_id == source.id))
        .where(or_(here.number.is_not(None), there.number.is_not(None)))
    )
    for row in db.session.execute(readers).all():
        read_here = (row.here or 0) >= before.last_seen or (row.caught_up_here and not row.kept_here)
        all_there = row.caught_up_there and not row.kept_there
        read_there = len(numbers) if all_there else bisect_right(numbers, row.there or 0)
        if read_here and (read_there or row.kept_there):
            mark_read(row.id, target.id, before.last_number + read_there)
        if row.kept_there and not before.last_number:
            mine = (ReadMarker.member_id == row.id) & (ReadMarker.thread_id == target.id)
            db.session.execute(update(ReadMarker).where(mine).values(kept_until=row.kept_until))


def _horizon(thread: Thread) -> ColumnElement[datetime]:
    """What came before counts as read for the Member: since they caught up with all areas, or with that of a thread."""
    mine = (CaughtUp.member_id == Member.id) & (CaughtUp.area_id == thread.area_id)
    here = select(CaughtUp.at).where(mine).scalar_subquery()
    return case((here > Member.caught_up_at, here), else_=Member.caught_up_at)


def _pass_gaps(thread: Thread) -> None:
    """Behind whose marker only gaps are left has read all."""
    later = (Post.thread_id == thread.id) & (Post.number > ReadMarker.number) & Post.deleted_at.is_(None)
    behind = (ReadMarker.thread_id == thread.id) & (ReadMarker.number < thread.last_number)
    db.session.execute(
        update(ReadMarker).where(behind, ~select(Post.id).where(later).exists()).values(number=thread.last_number)
    )


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


def _hang(member: Viewer, post: Post, files: Files, protected: bool = False) -> bool:
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


def _refile(post: Post, files: Files) -> bool:
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


def _add_post(
    thread: Thread, author_id: int, body: str, at: datetime, send_key: str = "", reply_to_id: int | None = None
) -> Post:
    thread.last_number += 1
    post = Post(
        uid=new_key()[:16],
        thread_id=thread.id,
        number=thread.last_number,
        author_id=author_id,
        body=body,
        html="",
        created_at=at,
        send_key=send_key or None,
        reply_to_id=_post_of(thread, reply_to_id),
    )
    db.session.add(post)
    write_html(post)
    refresh_facts(thread.id)
    return post


def own_key(form: str, number: int, send_key: str) -> str:
    """The form's key for this very place: one that comes back elsewhere must not swallow what is written there."""
    return f"{form}-{number}-{tidy(send_key)[:_LONGEST_SEND_KEY]}" if send_key else ""


def _post_of(thread: Thread, post_id: int | None) -> int | None:
    """The post that is answered, if it stands in this thread; a foreign number is no answer."""
    if post_id is None:
        return None
    return db.session.scalar(select(Post.id).where(Post.id == post_id, Post.thread_id == thread.id))


def write_html(post: Post) -> None:
    """Make the post's HTML and note whom it mentions."""
    people = people_by_handle(mentioned(post.body))
    post.html = render(post.body, people)
    db.session.flush()
    db.session.execute(delete(Mention).where(Mention.post_id == post.id))
    if people:
        ids = {member_id for member_id, _name in people.values()}
        db.session.execute(insert(Mention), [{"post_id": post.id, "member_id": member_id} for member_id in ids])


def refresh_facts(*thread_ids: int) -> None:
    """Keep on threads what lists show of their visible posts: counted anew, so it cannot drift."""
    db.session.flush()
    db.session.execute(update(Thread).where(Thread.id.in_(thread_ids)).values(facts()))
    for thread in list(db.session.identity_map.values()):
        if isinstance(thread, Thread):
            db.session.expire(thread)


def facts() -> dict[str, Any]:
    """What lists show of a thread, as expressions over its posts; `forum check` compares them with what is kept."""
    seen = (Post.thread_id == Thread.id) & Post.deleted_at.is_(None)
    # Not as a condition: for one on the number, SQLite leaves the index that holds all of this and reads every post.
    reply = Post.number > 1
    # By time: posts that were merged in stand behind newer ones.
    newest = select(Post.created_at).where(seen).order_by(Post.created_at.desc(), Post.id.desc()).limit(1)
    authors = select(case((reply, Post.author_id))).where(seen).correlate(Thread)
    organisations = select(func.count(Member.organisation_id.distinct())).where(Member.id.in_(authors))
    return {
        "visible": and_(~Thread.held, select(Post.id).where(seen).exists()),
        "reply_count": select(func.count().filter(reply)).where(seen).correlate(Thread).scalar_subquery(),
        "organisation_count": organisations.correlate(Thread).scalar_subquery(),
        "recommended_count": select(func.count()).where(seen, Post.recommended).correlate(Thread).scalar_subquery(),
        "helpful_count": select(func.count()).where(seen, Post.helpful).correlate(Thread).scalar_subquery(),
        "thanks_count": func.coalesce(
            select(func.sum(Post.thanks_count)).where(seen).correlate(Thread).scalar_subquery(), 0
        ),
        "last_post_at": func.coalesce(newest.correlate(Thread).scalar_subquery(), Thread.last_post_at),
        "last_author_id": func.coalesce(
            newest.with_only_columns(Post.author_id).correlate(Thread).scalar_subquery(),
            Thread.last_author_id,
        ),
    }


def count_threads(*area_ids: int) -> None:
    """Keep on areas how many threads they show."""
    db.session.flush()
    # In order, so that two threads that change places do not wait for each other for ever.
    lock(select(Area.id).where(Area.id.in_(area_ids)).order_by(Area.id))
    db.session.execute(update(Area).where(Area.id.in_(area_ids)).values(thread_count=shown_threads()))


def shown_threads() -> Any:
    """How many threads an area shows to all who see it; what is kept from some is not counted for anybody."""
    shown = select(func.count()).where(Thread.area_id == Area.id, Thread.visible, is_common())
    return shown.correlate(Area).scalar_subquery()
