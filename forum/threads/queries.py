"""Reads of threads and posts, viewer first. What the viewer may not see is not there.

The statements of the pages are built once, here, and only bound when a page asks: building one costs
as much as running it. Lists go by key and thread pages by post number, so that neither counts rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, select
from sqlalchemy.orm import aliased, contains_eager

from forum.areas.models import Area
from forum.areas.rules import VIEWER, facilitates
from forum.db import AnyRow, AnySelect, at_most, db, lock, read, writing
from forum.members.models import Member, Organisation, Viewer
from forum.threads.models import (
    POSTS_A_PAGE,
    Attachment,
    Bookmark,
    Post,
    PostVersion,
    ReadMarker,
    Thread,
    ThreadTag,
    Upload,
)
from forum.threads.protection import NOT_THE_ASKER, PERSONA_ID, PERSONA_NAME, acting, with_persona, written_by
from forum.threads.rules import may_see
from forum.threads.unread import HORIZON, NEWEST, of_viewer, with_horizon, with_marker

# What the page of a member or an organisation shows at most.
POSTS_SHOWN = 10
# A file counts as this many bytes at least, so that a million of them are not little.
_SMALL = 512 * 1024

_in_order = (
    select(ThreadTag.name)
    .where(ThreadTag.thread_id == Thread.id)
    .order_by(ThreadTag.position)
    .correlate(Thread)
    .subquery()
)
TAGS = select(func.aggregate_strings(_in_order.c.name, "\n")).scalar_subquery().label("tags")

_THREAD = with_marker(
    with_horizon(
        with_persona(
            select(
                Thread.id,
                Thread.slug,
                Thread.title,
                Thread.kind,
                TAGS,
                Thread.created_at,
                Thread.author_id,
                Thread.last_number,
                Thread.last_post_at,
                Thread.reply_count,
                Thread.organisation_count,
                Thread.recommended_count,
                Thread.outcome,
                Thread.outcome_note,
                Thread.outcome_at,
                Thread.pinned,
                Thread.locked,
                Thread.protected,
                Thread.held,
                Thread.merged_into_id,
                Thread.area_id,
                Area.slug.label("area_slug"),
                Area.title.label("area_title"),
                Area.access,
                and_(facilitates(), NOT_THE_ASKER).label("facilitates"),
                PERSONA_ID,
                PERSONA_NAME,
                ReadMarker.number.label("read_number"),
                ReadMarker.read_at,
                ReadMarker.kept_until,
                HORIZON.label("horizon"),
            )
            .select_from(Thread)
            .join(Area, Area.id == Thread.area_id)
        )
    )
).where(Thread.id == bindparam("thread_id"), may_see())


def readable_thread(viewer: Viewer, thread_id: int) -> AnyRow | None:
    """A thread with its area, the viewer's read marker, up to when all is read, and as whom they act (`acting`)."""
    return read(_THREAD, {**of_viewer(viewer), "thread_id": thread_id}).first()


_gone = aliased(Post, name="gone")
# Where a post went is told to those who may see it there.
_moved_to_title = (
    select(Thread.title)
    .join(_gone, _gone.thread_id == Thread.id)
    .join(Area, Area.id == Thread.area_id)
    .where(_gone.id == Post.moved_to_id, may_see())
    .correlate(Post)
    .scalar_subquery()
)
_POSTS = (
    select(
        Post.id,
        Post.number,
        Post.author_id,
        Post.created_at,
        Post.edited_at,
        Post.version,
        Post.deleted_at,
        Post.deleted_by_id,
        Post.recommended,
        Post.helpful,
        Post.thanks_count.label("thanks"),
        Post.moved_to_id,
        Post.came_from,
        _moved_to_title.label("moved_to_title"),
        Post.html,
        Member.name.label("author_name"),
        (Member.state == "protected").label("nameless"),
        Organisation.name.label("organisation_name"),
        Organisation.city,
        Bookmark.id.is_not(None).label("bookmarked"),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .outerjoin(Bookmark, (Bookmark.post_id == Post.id) & (Bookmark.member_id == VIEWER))
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .order_by(Post.number)
)


def posts_of_page(viewer: Viewer, thread: AnyRow, page: int) -> Sequence[AnyRow]:
    """The posts of one page of a thread that was found readable, deleted and moved ones as gaps."""
    first = (page - 1) * POSTS_A_PAGE + 1
    bound = {"viewer_id": viewer.id, "thread_id": thread.id, "first": first, "last": first + POSTS_A_PAGE - 1}
    return read(_POSTS, bound).all()


_ATTACHMENTS = (
    select(
        Attachment.id,
        Attachment.post_id,
        Attachment.name,
        Attachment.size,
        Attachment.alt,
        Attachment.width,
        Attachment.height,
    )
    .join(Post, Post.id == Attachment.post_id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number.between(bindparam("first"), bindparam("last")))
    .order_by(Attachment.id)
)


def attachments_of_page(thread: AnyRow, page: int) -> dict[int, list[AnyRow]]:
    """The files of the posts of one page: post id → files."""
    first = (page - 1) * POSTS_A_PAGE + 1
    bound = {"thread_id": thread.id, "first": first, "last": first + POSTS_A_PAGE - 1}
    found: dict[int, list[AnyRow]] = {}
    for row in read(_ATTACHMENTS, bound):
        found.setdefault(row.post_id, []).append(row)
    return found


def marked(thread: AnyRow) -> bool:
    """Whether the viewer's marker says what is unread: one from before they caught up says nothing any more."""
    return any(at is not None and at > thread.horizon for at in (thread.read_at, thread.kept_until))


def is_read(thread: AnyRow) -> bool:
    """Whether all of the thread counts as read, without a look at its posts."""
    kept = thread.kept_until is not None and thread.kept_until > thread.horizon
    return thread.last_number <= (thread.read_number or 0) or (thread.last_post_at <= thread.horizon and not kept)


def first_unread_number(thread: AnyRow) -> int:
    """The number of the first post the viewer has not read; behind the last one if all are read."""
    if is_read(thread):
        return int(thread.last_number) + 1
    if marked(thread):
        return int(thread.read_number) + 1
    if thread.created_at > thread.horizon:
        return 1
    newer = select(func.min(Post.number)).where(Post.thread_id == thread.id, Post.created_at > thread.horizon)
    return db.session.scalar(newer) or thread.last_number + 1


_posts_since = (
    select(Post.id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.thread_id == bindparam("thread_id"), Post.number > bindparam("number"), Post.deleted_at.is_(None))
    .where(may_see())
    .limit(at_most(NEWEST))
)
_COUNT_SINCE: AnySelect = select(func.count()).select_from(_posts_since.subquery())


def posts_since(viewer: Viewer, thread_id: int, number: int) -> int:
    """How many visible posts came after this number, up to a hundred; none in a thread the viewer may not see."""
    return read(_COUNT_SINCE, {"viewer_id": viewer.id, "thread_id": thread_id, "number": number}).scalar() or 0


@dataclass(frozen=True)
class Opened:
    """A thread that a viewer was allowed to open, with what the rules ask about its area.

    `actor` is who acts in it: the viewer or, for the asker of a protected thread, the name it was asked under. All that
    others may see is done as `actor`; what is the viewer's alone, as how far they have read, is kept for `viewer`.
    """

    thread: Thread
    access: str
    facilitates: bool
    viewer: Viewer
    actor: Viewer
    # The number in the address: that of a thread which was merged into this one leads here too.
    asked_for: int

    def acts(self, actor: Viewer) -> None:
        """Stop who would do something under the own name and not the one they asked under: that is a bug."""
        if self.thread.protected and actor.id != self.actor.id:
            raise RuntimeError("an asker must act under the name that the thread gives them")

    @property
    def kind(self) -> str:
        """question, strategy or announcement."""
        return self.thread.kind

    @property
    def locked(self) -> bool:
        """Whether replies have ended."""
        return self.thread.locked

    @property
    def held(self) -> bool:
        """Whether it waits for a facilitator."""
        return self.thread.held

    @property
    def author_id(self) -> int:
        """Who started it."""
        return self.thread.author_id


_TO_CHANGE = (
    with_persona(
        select(
            Thread, Area.access, and_(facilitates(), NOT_THE_ASKER).label("facilitates"), PERSONA_ID, PERSONA_NAME
        ).join(Thread.area)
    )
    .where(may_see())
    .options(contains_eager(Thread.area))
)


def open_thread(viewer: Viewer, thread_id: int) -> Opened | None:
    """A thread to be changed; its row is locked first, so that numbers and facts come one by one."""
    lock(select(Thread.id).where(Thread.id == thread_id))
    anew = {"populate_existing": writing()}
    statement = _TO_CHANGE.where(Thread.id == thread_id)
    row = db.session.execute(statement, {"viewer_id": viewer.id}, execution_options=anew).first()
    if row and row.Thread.merged_into_id:
        opened = open_thread(viewer, row.Thread.merged_into_id)
        return opened and replace(opened, asked_for=thread_id)
    return Opened(row.Thread, row.access, row.facilitates, viewer, acting(viewer, row), thread_id) if row else None


def open_both(viewer: Viewer, one: int, other: int) -> tuple[Opened | None, Opened | None]:
    """Two threads to be changed together, locked in one order, so that two who want both do not wait crosswise."""
    lock(select(Thread.id).where(Thread.id.in_((one, other))).order_by(Thread.id))
    return open_thread(viewer, one), open_thread(viewer, other)


def open_post(viewer: Viewer, post_id: int) -> tuple[Opened, Post] | None:
    """A post to be changed, with its thread; the number of a place that it left finds it too."""
    row = db.session.execute(select(Post.thread_id, Post.moved_to_id).where(Post.id == post_id)).first()
    if row and row.moved_to_id:
        return open_post(viewer, row.moved_to_id)
    opened = open_thread(viewer, row.thread_id) if row else None
    post = db.session.get(Post, post_id, populate_existing=True) if opened else None
    if opened and post and post.thread_id != opened.thread.id:  # it was moved while we waited for its thread
        return open_post(viewer, post_id)
    return (opened, post) if opened and post else None


def standing_thread(thread_id: int) -> int:
    """The number under which a thread stands now: its own, or that of the one it was merged into."""
    lock(select(Thread.id).where(Thread.id == thread_id))
    into = db.session.scalar(select(Thread.merged_into_id).where(Thread.id == thread_id))
    return standing_thread(into) if into else thread_id


def first_moved(thread_id: int) -> int | None:
    """The post that opened a thread which was merged into another."""
    places = select(Post.moved_to_id).where(Post.thread_id == thread_id, Post.moved_to_id.is_not(None))
    return db.session.scalar(places.order_by(Post.number).limit(1))


_MOVABLE: AnySelect = (
    select(Post.id, Post.number, Post.author_id, Post.created_at, Post.deleted_at.is_not(None).label("deleted"))
    .where(Post.thread_id == bindparam("thread_id"), Post.moved_to_id.is_(None))
    .order_by(Post.number)
)


def movable_posts(opened: Opened) -> Sequence[AnyRow]:
    """The posts that stand in a thread, deleted ones too."""
    return read(_MOVABLE, {"thread_id": opened.thread.id}).all()


def post_sent(actor: Viewer, send_key: str) -> Post | None:
    """The post that came from this form already, if it was sent before."""
    return (
        db.session.scalar(select(Post).where(written_by(actor, Post.author_id), Post.send_key == send_key))
        if send_key
        else None
    )


def edit_sent(actor: Viewer, send_key: str) -> bool:
    """Whether a post was changed by this form already."""
    mine = select(PostVersion.id).where(written_by(actor, PostVersion.editor_id), PostVersion.send_key == send_key)
    return bool(send_key) and db.session.scalar(mine.limit(1)) is not None


def versions(post_id: int) -> Sequence[AnyRow]:
    """What the post said before, newest first; who may ask is decided by `can_see_history`."""
    return db.session.execute(
        select(PostVersion.version, PostVersion.body, PostVersion.replaced_at, Member.name.label("editor_name"))
        .join(Member, Member.id == PostVersion.editor_id)
        .where(PostVersion.post_id == post_id)
        .order_by(PostVersion.version.desc())
    ).all()


_GIVEN: AnySelect = (
    select(
        func.count().label("posts"),
        func.count().filter(Post.recommended).label("recommended"),
        func.count().filter(Post.helpful).label("helpful"),
    )
    .select_from(Post)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .where(Post.author_id == bindparam("member_id"), Post.deleted_at.is_(None), may_see())
)


def given_by(viewer: Viewer, member_id: int) -> AnyRow:
    """How many posts of a member the viewer may read, and how many of them were recommended or have helped."""
    return read(_GIVEN, {"viewer_id": viewer.id, "member_id": member_id}).one()


_POSTS_SHOWN: AnySelect = (
    select(
        Post.id,
        Post.number,
        Post.created_at,
        Post.html,
        Post.recommended,
        Thread.title,
        Area.title.label("area_title"),
        Member.name.label("author_name"),
    )
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(Member, Member.id == Post.author_id)
    .where(Post.deleted_at.is_(None), may_see())
    .order_by(Post.created_at.desc(), Post.id.desc())
    .limit(at_most(POSTS_SHOWN))
)
_BY_MEMBER = _POSTS_SHOWN.where(Post.author_id == bindparam("member_id"))
_RECOMMENDED_OF = _POSTS_SHOWN.where(Member.organisation_id == bindparam("organisation_id"), Post.recommended)


def posts_by(viewer: Viewer, member_id: int) -> Sequence[AnyRow]:
    """The newest posts of a member that the viewer may read."""
    return read(_BY_MEMBER, {"viewer_id": viewer.id, "member_id": member_id}).all()


def recommended_of(viewer: Viewer, organisation_id: int) -> Sequence[AnyRow]:
    """The newest recommended posts from an organisation that the viewer may read."""
    return read(_RECOMMENDED_OF, {"viewer_id": viewer.id, "organisation_id": organisation_id}).all()


def readable_posts(viewer: Viewer, ids: Sequence[int]) -> dict[int, AnyRow]:
    """Those of these posts that exist and the viewer may read, with what a hit shows: id → row."""
    statement = (
        select(
            Post.id.label("post_id"),
            Post.thread_id,
            Post.number,
            Post.created_at,
            Post.html,
            Post.recommended,
            Post.helpful,
            Thread.title,
            Thread.slug,
            Thread.kind,
            Thread.reply_count,
            Thread.recommended_count,
            Area.title.label("area_title"),
            Area.slug.label("area_slug"),
            Member.name.label("author_name"),
            Organisation.name.label("organisation_name"),
        )
        .join(Thread, Thread.id == Post.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .join(Member, Member.id == Post.author_id)
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .where(Post.id.in_(ids), Post.deleted_at.is_(None), may_see())
    )
    return {row.post_id: row for row in db.session.execute(statement, {"viewer_id": viewer.id})}


def readable_attachment(viewer: Viewer, attachment_id: int) -> Attachment | None:
    """A file, if its post may be read."""
    statement = (
        select(Attachment)
        .join(Post, Post.id == Attachment.post_id)
        .join(Thread, Thread.id == Post.thread_id)
        .join(Area, Area.id == Thread.area_id)
        .where(Attachment.id == attachment_id, Post.deleted_at.is_(None), may_see())
    )
    return db.session.scalar(statement, {"viewer_id": viewer.id})


def attachments_of(post_id: int) -> Sequence[Attachment]:
    """The files of a post that was found readable."""
    return db.session.scalars(select(Attachment).where(Attachment.post_id == post_id).order_by(Attachment.id)).all()


def uploads_of(viewer: Viewer, ids: Collection[int]) -> Sequence[Upload]:
    """Those of these uploads that are the viewer's own and still here, in the order asked for."""
    if not ids:
        return ()
    mine = select(Upload).where(Upload.id.in_(ids), Upload.member_id == viewer.id, Upload.digest != "")
    return sorted(db.session.scalars(mine), key=lambda one: list(ids).index(one.id))


def at_least(size: int) -> int:
    """What a file counts for the quota."""
    return max(size, _SMALL)


def roughly(size: int) -> int:
    """Somewhat more than this size, the same for many files: so that it does not tell which one it was."""
    return -(-size // _SMALL) * _SMALL


def size_of_uploads(member_id: int, since: datetime) -> int:
    """How many bytes a member brought since then."""
    counted = case((Upload.size < _SMALL, _SMALL), else_=Upload.size)
    brought = select(func.sum(counted)).where(Upload.member_id == member_id, Upload.created_at > since)
    return db.session.scalar(brought) or 0
