"""Digests: whose is due, and what it says to this reader as things stand when it is sent.

`forum.notifications.news` says by which rule each post comes in exactly one digest of each member.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from flask import current_app
from sqlalchemy import ColumnElement, String, and_, bindparam, case, cast, func, or_, select, update

from forum import clock
from forum.areas.models import Area
from forum.areas.rules import may_read
from forum.config import Settings
from forum.db import AnyRow, AnySelect, at_most, db, lock, read, transaction
from forum.members.models import Member, Organisation, Viewer
from forum.notifications.lines import lines_between, lines_up_to, newest_line
from forum.notifications.models import Digest, MailChoice, News, OutgoingMail, ThreadWatch
from forum.notifications.news import newest, told_up_to
from forum.notifications.queries import Reader, choice, fresh_choice, next_digest_of, reachable
from forum.notifications.rules import VIEWER, level_of, takes_mail, tells_content, with_choices
from forum.notifications.schedule import FURTHEST, following
from forum.practices.models import Mark
from forum.search import saved as searches
from forum.threads.models import Mention, Post, Thread

THREADS_IN_FULL, POSTS_IN_FULL, MOST_LISTED = 10, 5, 60
MOST_RECOMMENDED, MOST_UNANSWERED = 10, 3
# In which areas a member writes is told from so many of their newest posts.
_NEWEST_OWN = 200
# So many members are begun in one write: whoever writes a post meanwhile waits for it, for milliseconds.
_TOGETHER = 50

Why = Literal["mentioned", "own", "followed", "wrote", "new"]
_WHYS: tuple[Why, ...] = get_args(Why)


@dataclass(frozen=True, slots=True)
class ThreadNews:
    """A thread with the posts that are new in it, some of them to be shown, and why it is told."""

    id: int
    slug: str
    title: str
    kind: str
    area_slug: str
    area_title: str
    recommended_count: int
    why: Why
    # Whether the thread itself is new.
    opened: bool
    post_ids: Sequence[int]
    posts: Sequence[AnyRow] = ()

    @property
    def new(self) -> int:
        """How many posts are new."""
        return len(self.post_ids)


@dataclass(frozen=True, slots=True)
class QuietNews:
    """An area that is told of without content: how many posts are new in it."""

    slug: str
    title: str
    new: int


@dataclass(frozen=True, slots=True)
class SavedNews:
    """A saved search with new hits; `more`: there are more than were counted."""

    name: str
    new: int
    more: bool
    address: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a digest says: threads with posts, more threads as a list, and how many there are beyond that list."""

    threads: Sequence[ThreadNews]
    more: Sequence[ThreadNews]
    beyond: int
    quiet: Sequence[QuietNews]
    recommended: Sequence[AnyRow]
    unanswered: Sequence[AnyRow]
    saved: Sequence[SavedNews]
    lines: Sequence[str]
    # How many posts are new.
    total: int
    # New posts that are deleted now: `mark_skipped` keeps them when the digest is sent.
    skipped: Sequence[int]

    @property
    def empty(self) -> bool:
        """Whether there is nothing new: lines, searches and old questions alone are no reason for a mail."""
        return not (self.total or self.recommended)


NOTHING = Contents((), (), 0, (), (), (), (), (), 0, ())


def begin_due(now: datetime | None = None) -> int:
    """Begin the digests that are due: a mail to each member for whom there is news; return how many.

    What is to be told is looked up first, so that each write is short; whoever was begun elsewhere meanwhile is left.
    """
    now = now or clock.now()
    _let_newcomers_begin(now)
    begun = 0
    while members := _due(now):
        begun += _write(_steps(members, now), now)
    return begun


def start(member: MailChoice, now: datetime) -> None:
    """Have a member's digests begin, or begin anew after a pause: with what comes from here on."""
    member.told_number, member.told_line = newest(), newest_line()
    member.digest_at = next_digest_of(member, now)


def coming(reader: Reader) -> Contents:
    """What the reader's next digest would say if it went now."""
    mine = choice(reader.viewer)
    if mine.digest_at is None:
        return NOTHING
    last = _last_digests([reader.viewer.id]).get(reader.viewer.id)
    after, after_line = _reached(mine, last)
    lines = lines_between(after_line, newest_line(), clock.now())
    return _contents(reader, after, max(after, newest()), lines)


def contents(reader: Reader, digest: Digest) -> Contents:
    """What a digest says to its reader now that it is sent; nothing, if a later one has told it."""
    later = (Digest.member_id == digest.member_id) & (Digest.id > digest.id)
    if db.session.scalar(select(Digest.id).where(later, Digest.after_number < digest.up_to_number).limit(1)):
        return NOTHING
    lines = lines_between(digest.after_line, digest.up_to_line, digest.at)
    return _contents(reader, digest.after_number, digest.up_to_number, lines)


def mark_skipped(digest_id: int, contents: Contents) -> None:
    """Keep what was deleted when the digest was sent, in the transaction that says that it was."""
    db.session.execute(update(Digest).where(Digest.id == digest_id).values(skipped=list(contents.skipped)))


_PAUSED = and_(MailChoice.digest_at.is_(None), MailChoice.rhythm != "off", takes_mail())
_WITHOUT_DIGESTS = (
    select(Member.id)
    .outerjoin(MailChoice, MailChoice.member_id == Member.id)
    .where(reachable(), or_(MailChoice.member_id.is_(None), _PAUSED))
    .order_by(Member.id)
    .limit(at_most(_TOGETHER))
)


def _let_newcomers_begin(now: datetime) -> None:
    """Have digests begin for everybody who can be mailed and takes them, but has none coming."""
    while ids := read(_WITHOUT_DIGESTS, {}).scalars().all():
        with transaction():
            for member_id in ids:
                member = db.session.get(MailChoice, member_id) or fresh_choice(member_id)
                start(member, now)
                db.session.add(member)


_NOW = bindparam("now", type_=MailChoice.digest_at.type)
# So far ahead that the clock must have been put back since.
_TOO_FAR = [
    and_(MailChoice.rhythm == rhythm, MailChoice.digest_at > bindparam(rhythm, type_=MailChoice.digest_at.type))
    for rhythm in FURTHEST
]
_DUE = (
    select(*MailChoice.__table__.columns)
    .join(Member, Member.id == MailChoice.member_id)
    .where(or_(MailChoice.digest_at <= _NOW, *_TOO_FAR), MailChoice.rhythm != "off", takes_mail(), reachable())
    .order_by(MailChoice.digest_at, MailChoice.member_id)
    .limit(at_most(_TOGETHER))
)


def _due(now: datetime) -> Sequence[AnyRow]:
    """Some of the members whose digest is due."""
    return read(_DUE, {"now": now} | {rhythm: now + most for rhythm, most in FURTHEST.items()}).all()


@dataclass(frozen=True, slots=True)
class _Step:
    """What to write for a member: when the next digest is due, and the window that is done with this."""

    member: AnyRow
    digest_at: datetime | None
    window: Digest | None = None
    mailed: bool = False


def _steps(members: Sequence[AnyRow], now: datetime) -> list[_Step]:
    last, up_to, up_to_line = _last_digests([member.member_id for member in members]), told_up_to(now), lines_up_to(now)
    return [_step(member, last.get(member.member_id), up_to, up_to_line, now) for member in members]


def _step(member: AnyRow, last: AnyRow | None, up_to: int, up_to_line: int, now: datetime) -> _Step:
    after, after_line = _reached(member, last)
    later = _Step(member, next_digest_of(member, now))
    # One that still waits to be sent is enough: the next covers what has come since.
    if member.digest_at > now or up_to <= after or (last and last.state == "waiting"):
        return later
    window = Digest(
        member_id=member.member_id,
        after_number=after,
        up_to_number=up_to,
        after_line=after_line,
        up_to_line=max(after_line, up_to_line),
        at=now,
        skipped=[],
    )
    if not _is_news(member.member_id, after, up_to):
        found = _find(member.member_id, after, up_to)
        if not found.told:
            window.up_to_line, window.skipped = after_line, list(found.gone)
            return replace(later, window=window)
    return replace(later, window=window, mailed=True, digest_at=_following(member, now))


def _write(steps: Sequence[_Step], now: datetime) -> int:
    """Write the steps down, each unless another worker did since it was looked up; return how many mails there are."""
    mine = MailChoice.member_id.in_([step.member.member_id for step in steps])
    with transaction():
        lock(select(MailChoice.member_id).where(mine).order_by(MailChoice.member_id))
        standing = {choice.member_id: choice for choice in db.session.scalars(select(MailChoice).where(mine))}
        mailed = [step.window for step in steps if _apply(step, standing[step.member.member_id], now)]
        db.session.flush()
        db.session.add_all(_mail(window) for window in mailed if window)
    return len(mailed)


def _mail(window: Digest) -> OutgoingMail:
    at = clock.now()
    return OutgoingMail(
        key=f"digest:{window.id}",
        member_id=window.member_id,
        kind="digest",
        subject_id=window.id,
        made_at=at,
        due_at=at,
    )


def _apply(step: _Step, member: MailChoice, now: datetime) -> bool:
    """Move a member on; whether a mail goes with it."""
    if (member.digest_at, member.told_number) != (step.member.digest_at, step.member.told_number):
        return False
    member.digest_at = step.digest_at
    if step.window:
        member.told_number = step.window.up_to_number
        if step.mailed or step.window.skipped:
            db.session.add(step.window)
    if step.window and step.mailed:
        member.told_line, member.last_digest_at = step.window.up_to_line, now
    return step.mailed


def _following(member: AnyRow, now: datetime) -> datetime | None:
    settings: Settings = current_app.extensions["forum.settings"]
    return following(member.rhythm, member.weekday, member.hour, member.zone or settings.time_zone, now)


def _last_digests(member_ids: Sequence[int]) -> dict[int, AnyRow]:
    """The last digest of each of these members with the state of its mail, if it has one."""
    last = select(func.max(Digest.id)).where(Digest.member_id.in_(member_ids)).group_by(Digest.member_id)
    statement = (
        select(Digest.member_id, Digest.after_number, Digest.up_to_number, Digest.after_line, OutgoingMail.state)
        .outerjoin(OutgoingMail, and_(OutgoingMail.kind == "digest", OutgoingMail.subject_id == Digest.id))
        .where(Digest.id.in_(last))
    )
    return {row.member_id: row for row in db.session.execute(statement)}


def _reached(member: MailChoice | AnyRow, last: AnyRow | None) -> tuple[int, int]:
    """Up to which news and which line a member was told; a digest that was not sent told nothing."""
    if last and last.state in ("dropped", "dead") and last.up_to_number == member.told_number:
        return last.after_number, last.after_line
    return member.told_number, member.told_line


_BETWEEN = and_(News.number > bindparam("after"), News.number <= bindparam("up_to"))
_STANDS = Post.deleted_at.is_(None)
_OF_OTHERS = Post.author_id != VIEWER
_FOR_READER = and_(may_read(), level_of() == "digest")


def _of_news(*columns: Any) -> AnySelect:
    """News with post, thread and area, and what the reader chose for them."""
    statement = select(*columns).select_from(News).join(Post, Post.id == News.post_id)
    joined = statement.join(Thread, Thread.id == Post.thread_id).join(Area, Area.id == Thread.area_id)
    return with_choices(joined, VIEWER).where(_BETWEEN, _STANDS, _OF_OTHERS, _FOR_READER)


_for_what = (
    select(Mark.for_what)
    .where(Mark.post_id == Post.id, Mark.kind == "recommended", Mark.withdrawn_at.is_(None))
    .order_by(Mark.id.desc())
    .limit(at_most(1))
    .scalar_subquery()
)
_RECOMMENDED = (
    _of_news(
        Post.id.label("post_id"),
        Post.number,
        _for_what.label("for_what"),
        Thread.id.label("thread_id"),
        Thread.slug,
        Thread.title,
        Area.slug.label("area_slug"),
        Area.title.label("area_title"),
        Member.name.label("author_name"),
        Organisation.name.label("organisation_name"),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(News.what == "recommended", Post.recommended, tells_content())
    .order_by(News.number.desc())
)
_IS_NEWS = select(or_(_of_news(News.number).where(News.what == "post").exists(), _RECOMMENDED.order_by(None).exists()))


def _is_news(viewer_id: int, after: int, up_to: int) -> bool:
    """Whether there is something new for the reader for sure; the database stops at the first."""
    return bool(read(_IS_NEWS, {"viewer_id": viewer_id, "after": after, "up_to": up_to}).scalar())


def _numbers(condition: ColumnElement[bool]) -> ColumnElement[str]:
    """The posts for which it holds, in one text: a digest reads a row for each thread, not for each post."""
    return func.coalesce(func.aggregate_strings(case((condition, cast(Post.id, String))), ","), "")


_in_window = (
    select(
        Post.thread_id,
        func.count(case((_STANDS, Post.id))).label("new_count"),
        _numbers(_STANDS).label("new"),
        _numbers(and_(_STANDS, Mention.member_id.is_not(None))).label("mentions"),
        _numbers(~_STANDS).label("gone"),
        func.min(case((_STANDS, Post.number))).label("first"),
    )
    .select_from(News)
    .join(Post, Post.id == News.post_id)
    .outerjoin(Mention, and_(Mention.post_id == Post.id, Mention.member_id == VIEWER))
    .where(_BETWEEN, _OF_OTHERS, or_(News.what == "post", News.number.in_(bindparam("owed", expanding=True))))
    .group_by(Post.thread_id)
    .subquery()
)
_wrote = select(Post.id).where(Post.thread_id == Thread.id, _STANDS, Post.author_id == VIEWER).exists()
# Threads that the reader is not told of are read too, for their deleted posts: on PostgreSQL, of two statements the
# second sees what was deleted or restored in between, and a post could get lost.
_FOUND: AnySelect = with_choices(
    select(
        *(Thread.id, Thread.slug, Thread.title, Thread.kind, Thread.recommended_count),
        *(Area.slug.label("area_slug"), Area.title.label("area_title")),
        *(_in_window.c.new, _in_window.c.mentions, _in_window.c.gone, _in_window.c.first),
        _in_window.c.new_count,
        and_(_FOR_READER, _in_window.c.new_count > 0).label("told"),
        tells_content().label("tells_content"),
        (Thread.author_id == VIEWER).label("own"),
        (ThreadWatch.level == "digest").label("followed"),
        _wrote.label("wrote"),
    )
    .select_from(_in_window)
    .join(Thread, Thread.id == _in_window.c.thread_id)
    .join(Area, Area.id == Thread.area_id),
    VIEWER,
)


@dataclass(frozen=True, slots=True)
class _Found:
    """The threads in which something is new for the reader, and all posts that would be new but are deleted."""

    told: Sequence[AnyRow]
    gone: Sequence[int]


def _find(viewer_id: int, after: int, up_to: int) -> _Found:
    owed = _owed(viewer_id, after, up_to)
    rows = read(_FOUND, {"viewer_id": viewer_id, "after": after, "up_to": up_to, "owed": owed}).all()
    return _Found([row for row in rows if row.told], sorted(number for row in rows for number in _read(row.gone)))


def _read(numbers: str) -> list[int]:
    return [int(number) for number in numbers.split(",")] if numbers else []


_NEWS_OF_POSTS = News.what.in_(("post", "restored"))


def _owed(viewer_id: int, after: int, up_to: int) -> list[int]:
    """The restorations in this window by which the reader gets a post that was skipped when it came by before."""
    here = (News.number > after) & (News.number <= up_to) & (News.what == "restored")
    rows = db.session.execute(
        select(News.post_id, func.min(News.number).label("number")).where(here).group_by(News.post_id)
    ).all()
    restored = {row.post_id: row.number for row in rows}
    if not restored:
        return []
    before = _NEWS_OF_POSTS & News.post_id.in_(restored) & (News.number <= after)
    came_by = db.session.execute(select(News.post_id, func.max(News.number)).where(before).group_by(News.post_id)).all()
    mine = (Digest.member_id == viewer_id) & (Digest.up_to_number <= after)
    since = min((number for _post, number in came_by), default=after + 1)
    digests = db.session.scalars(select(Digest).where(mine, Digest.up_to_number >= since).order_by(Digest.id)).all()
    return [restored[post_id] for post_id, number in came_by if _skipped(post_id, number, digests)]


def _skipped(post_id: int, number: int, digests: Sequence[Digest]) -> bool:
    """Whether a post was skipped in the last digest that held this piece of news."""
    held = [digest for digest in digests if digest.after_number < number <= digest.up_to_number]
    return bool(held) and post_id in held[-1].skipped


_POSTS = (
    select(
        *(Post.id, Post.uid, Post.message_id, Post.reply_to_id, Post.thread_id, Post.number, Post.author_id),
        *(Post.created_at, Post.edited_at, Post.recommended, Post.helpful, Post.html),
        *(Member.name.label("author_name"), Organisation.name.label("organisation_name"), Organisation.city),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(Post.id.in_(bindparam("ids", expanding=True)), _STANDS)
    .order_by(Post.number)
)


def _contents(reader: Reader, after: int, up_to: int, lines: Sequence[str]) -> Contents:
    viewer, found = reader.viewer, _find(reader.viewer.id, after, up_to)
    rows = sorted((row for row in found.told if row.tells_content), key=_importance)
    full, listed = rows[:THREADS_IN_FULL], rows[THREADS_IN_FULL:][:MOST_LISTED]
    posts = read(_POSTS, {"ids": [number for row in full for number in _to_show(row)]}).all()
    bound = {"viewer_id": viewer.id, "after": after, "up_to": up_to}
    return Contents(
        threads=[_thread(row, [post for post in posts if post.thread_id == row.id]) for row in full],
        more=[_thread(row) for row in listed],
        beyond=len(rows) - len(full) - len(listed),
        quiet=_quiet([row for row in found.told if not row.tells_content]),
        recommended=_once(read(_RECOMMENDED, bound).all())[:MOST_RECOMMENDED],
        unanswered=_unanswered(viewer, after, {row.id for row in rows}),
        # A mailbox that others read gets to see no words at all.
        saved=[] if reader.notice else _saved(viewer),
        lines=[] if reader.notice else lines,
        total=sum(row.new_count for row in found.told),
        skipped=found.gone,
    )


def _importance(row: AnyRow) -> tuple[int, bool, int, int]:
    """What matters most to the reader comes first, then what was recommended, then where most is new."""
    return _WHYS.index(_why(row)), not row.recommended_count, -row.new_count, -row.id


def _why(row: AnyRow) -> Why:
    """The best reason for which the reader is told of a thread."""
    if row.mentions:
        return "mentioned"
    if row.own:
        return "own"
    if row.followed:
        return "followed"
    return "wrote" if row.wrote else "new"


def _to_show(row: AnyRow) -> list[int]:
    """The first posts that are new in a thread, but before others those that mention the reader."""
    mentions = set(_read(row.mentions))
    return sorted(_read(row.new), key=lambda number: (number not in mentions, number))[:POSTS_IN_FULL]


def _thread(row: AnyRow, posts: Sequence[AnyRow] = ()) -> ThreadNews:
    return ThreadNews(
        id=row.id,
        slug=row.slug,
        title=row.title,
        kind=row.kind,
        area_slug=row.area_slug,
        area_title=row.area_title,
        recommended_count=row.recommended_count,
        why=_why(row),
        opened=row.first == 1,
        post_ids=sorted(_read(row.new)),
        posts=posts,
    )


def _quiet(rows: Sequence[AnyRow]) -> list[QuietNews]:
    """How much is new in each area that is told of without content."""
    new = Counter[tuple[str, str]]()
    for row in rows:
        new[row.area_title, row.area_slug] += row.new_count
    return [QuietNews(slug, title, count) for (title, slug), count in sorted(new.items())]


def _once(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """Each post once, though it was recommended again in the meantime."""
    return list({row.post_id: row for row in rows}.values())


_newest_own = (
    select(Post.thread_id)
    .where(Post.author_id == VIEWER, _STANDS)
    .order_by(Post.created_at.desc())
    .limit(at_most(_NEWEST_OWN))
    .subquery()
)
_writes_in = (
    select(Thread.area_id, func.count().label("posts"))
    .join(_newest_own, _newest_own.c.thread_id == Thread.id)
    .group_by(Thread.area_id)
    .subquery()
)
_UNANSWERED = (
    _of_news(
        *(Thread.id, Thread.slug, Thread.title, Thread.created_at),
        *(Area.slug.label("area_slug"), Area.title.label("area_title"), Member.name.label("author_name")),
    )
    .join(_writes_in, _writes_in.c.area_id == Area.id)
    .join(Member, Member.id == Post.author_id)
    .where(News.what == "post", Post.number == 1, Thread.kind == "question", Thread.reply_count == 0, tells_content())
    .order_by(_writes_in.c.posts.desc(), Thread.id.desc())
    .limit(at_most(MOST_UNANSWERED))
)


def _unanswered(viewer: Viewer, after: int, new: Collection[int]) -> list[AnyRow]:
    """Questions that were new in the digest before and that nobody has answered since: told once more, and no further.

    Only of areas in which the reader writes, because there they may know.
    """
    mine = (Digest.member_id == viewer.id) & (Digest.up_to_number <= after)
    before = db.session.scalar(
        select(Digest).where(mine).order_by(Digest.up_to_number.desc(), Digest.id.desc()).limit(1)
    )
    if before is None:
        return []
    bound = {"viewer_id": viewer.id, "after": before.after_number, "up_to": before.up_to_number}
    return [row for row in read(_UNANSWERED, bound) if row.id not in new]


def _saved(viewer: Viewer) -> list[SavedNews]:
    """The reader's searches that find something new; being told of it is no look at it."""
    return [
        SavedNews(news.saved.name, news.new, news.more, f"/search/saved/{news.saved.id}")
        for news in searches.news(viewer)
        if news.new
    ]
