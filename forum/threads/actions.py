"""What is done with threads and posts. Pages, commands and later mail and API all come through here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import and_, case, delete, func, insert, select, update

from forum import clock, outbox
from forum.areas.models import Area
from forum.db import db, insert_into, lock
from forum.errors import Conflict, Invalid, require
from forum.members.models import Member, Viewer
from forum.members.queries import people_by_handle
from forum.text import MAX_SOURCE, mentioned, render, slug, tidy
from forum.threads.filing import NO_FILES, Files, checked_files, refile
from forum.threads.models import (
    KINDS,
    LONGEST_NOTE,
    LONGEST_TITLE,
    OUTCOMES,
    Mention,
    Post,
    PostVersion,
    ReadMarker,
    Thread,
    ThreadTag,
    tag_slug,
)
from forum.threads.queries import Opened, post_sent
from forum.threads.rules import (
    InArea,
    can_delete,
    can_edit,
    can_reply,
    can_restore,
    can_tell_outcome,
    is_common,
    kinds_to_start,
)
from forum.tokens import new_key

MOST_TAGS, LONGEST_TAG = 10, 40
_LONGEST_SEND_KEY = 100

outbox.nobody_hears("thread.tagged")


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
    tagged, filed = checked_tags(tags or []), checked_files(actor, files)
    thread = new_thread(area.id, kind, title, actor.id, now, tagged)
    refile(add_post(thread, actor.id, body, now, send_key), filed)
    mark_read(actor.id, thread.id, 1)
    count_threads(area.id)
    outbox.record("thread.started", thread.id, actor.id)
    return thread


def reply(
    actor: Viewer,
    opened: Opened,
    body: str,
    reply_to_id: int | None = None,
    send_key: str = "",
    files: Files = NO_FILES,
) -> Post:
    """Add a post to a thread; sent twice with one key it is one post. Page, API and mail all come through here."""
    send_key = own_key("thread", opened.asked_for, send_key)
    opened.acts(actor)
    if sent := post_sent(actor, send_key):
        return sent
    require(can_reply(actor, opened), "thread_locked")
    body, filed = checked_body(body), checked_files(opened.viewer, files)
    post = add_post(opened.thread, actor.id, body, clock.now(), send_key, reply_to_id)
    refile(post, filed, opened.thread.protected)
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
    send_key: str = "",
) -> Post:
    """Change a post, keeping what it said; `version` is the one the editor saw, so that nobody's edit is lost."""
    opened.acts(actor)
    require(can_edit(actor, opened, post.author_id))
    require(post.deleted_at is None, "post_deleted")
    if version != post.version:
        raise Conflict("edited_meanwhile")
    body, filed = checked_body(body), checked_files(opened.viewer, files, post)
    if title is not None and post.number == 1:
        retitle(actor, opened, title)
    if tags is not None and post.number == 1:
        retag(actor, opened, tags)
    refiled = refile(post, filed, opened.thread.protected)
    if body == post.body and not refiled:
        return post
    if body != post.body:
        before = PostVersion(post_id=post.id, version=post.version, body=post.body, editor_id=actor.id)
        before.replaced_at, before.send_key = clock.now(), own_key("post", post.id, send_key) or None
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
    pass_gaps(opened.thread)
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
    _fill_gap(post)
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
    read = {"number": number, "read_at": clock.now()}
    new = insert_into(ReadMarker).values(member_id=viewer_id, thread_id=thread_id, **read)
    key = [ReadMarker.member_id, ReadMarker.thread_id]
    db.session.execute(new.on_conflict_do_update(index_elements=key, set_=read, where=ReadMarker.number < number))


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


def add_post(
    thread: Thread, author_id: int, body: str, at: datetime, send_key: str = "", reply_to_id: int | None = None
) -> Post:
    """A further post of a thread, in the present transaction."""
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


def pass_gaps(thread: Thread) -> None:
    """Behind whose marker only gaps are left has read all."""
    later = (Post.thread_id == thread.id) & (Post.number > ReadMarker.number) & Post.deleted_at.is_(None)
    behind = (ReadMarker.thread_id == thread.id) & (ReadMarker.number < thread.last_number)
    db.session.execute(
        update(ReadMarker).where(behind, ~select(Post.id).where(later).exists()).values(number=thread.last_number)
    )


def _fill_gap(post: Post) -> None:
    """Who has passed the gap, and was not here since the post was written, has it before them."""
    passed = (ReadMarker.thread_id == post.thread_id) & (ReadMarker.number >= post.number)
    unseen = ReadMarker.read_at <= post.created_at
    db.session.execute(update(ReadMarker).where(passed, unseen).values(number=post.number - 1))


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
