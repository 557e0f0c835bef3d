"""Posts as the index sees them: always read anew from the database, so that handlers may repeat."""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import func, or_, select

from forum.db import AnyRow, AnySelect, db
from forum.members.models import Member
from forum.search.attachments import texts_of
from forum.search.engine import Document, Tally
from forum.text import plain
from forum.threads.models import Post, Thread
from forum.threads.protection import hidden_from

_AT_ONCE = 500

_DOCUMENTS = (
    select(
        Post.id,
        Post.thread_id,
        Thread.area_id,
        Thread.kind,
        Thread.title,
        Post.html,
        Member.name.label("author"),
        Member.organisation_id,
        hidden_from(),
        Post.number,
        Post.created_at,
        Post.recommended,
        Post.helpful,
        Thread.reply_count,
        Thread.outcome,
    )
    .join(Thread, Thread.id == Post.thread_id)
    .join(Member, Member.id == Post.author_id)
    .where(Post.deleted_at.is_(None), ~Thread.held)
    .order_by(Post.id)
)


def documents_of(post_ids: Collection[int]) -> list[Document]:
    """The documents of those of these posts that stand."""
    ids = sorted(post_ids)
    parts = (ids[i : i + _AT_ONCE] for i in range(0, len(ids), _AT_ONCE))
    return [document for part in parts for document in _read(_DOCUMENTS.where(Post.id.in_(part)))]


def all_documents() -> Iterator[Document]:
    """Every post that stands, in steps, so that a rebuild holds neither memory nor a long transaction."""
    last = 0
    while found := _read(_DOCUMENTS.where(Post.id > last).limit(_AT_ONCE)):
        last = found[-1].key
        yield from found


def posts_of_threads(thread_ids: Collection[int], openings_of: Collection[int]) -> set[int]:
    """All posts of some threads, and the opening posts of others."""
    wanted = or_(Post.thread_id.in_(thread_ids), Post.thread_id.in_(openings_of) & (Post.number == 1))
    return set(db.session.scalars(select(Post.id).where(wanted)))


def posts_between(first: int, last: int) -> set[int]:
    """The posts with these numbers, as an import wrote them."""
    return set(db.session.scalars(select(Post.id).where(Post.id.between(first, last))))


def standing_by_area() -> dict[int, Tally]:
    """What the index should hold: area id → posts."""
    counted = (
        select(Thread.area_id, func.count(), func.sum(Post.id))
        .select_from(Post)
        .join(Thread, Thread.id == Post.thread_id)
        .where(Post.deleted_at.is_(None), ~Thread.held)
        .group_by(Thread.area_id)
    )
    return {area_id: Tally(posts, int(keys)) for area_id, posts, keys in db.session.execute(counted)}


def _read(statement: AnySelect) -> list[Document]:
    rows = db.session.execute(statement).all()
    files = texts_of([row.id for row in rows])
    db.session.rollback()
    return [_document(row, files) for row in rows]


def _document(row: AnyRow, files: Mapping[int, str]) -> Document:
    return Document(
        key=row.id,
        thread_id=row.thread_id,
        area_id=row.area_id,
        kind=row.kind,
        title=row.title,
        body=plain(row.html),
        author=row.author,
        number=row.number,
        created_at=row.created_at,
        recommended=row.recommended,
        helpful=row.helpful,
        answered=row.reply_count > 0,
        outcome=row.outcome or "",
        organisation_id=row.organisation_id,
        hidden_from_id=row.hidden_from_id,
        files=files.get(row.id, ""),
    )
