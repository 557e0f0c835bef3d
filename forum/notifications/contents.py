"""What a digest says to this reader, as things stand when it is sent.

`forum.notifications.news` says by which rule each post comes in exactly one digest of each member.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, String, and_, bindparam, case, cast, func, or_, select

from forum.areas.models import Area
from forum.areas.rules import VIEWER
from forum.db import AnyRow, AnySelect, at_most, db, read
from forum.members.models import Member, Organisation, Viewer
from forum.notifications.models import Digest, News, ThreadWatch
from forum.notifications.queries import Reader, levels
from forum.notifications.rules import level_of, tells_content, with_choices
from forum.practices.models import Mark
from forum.search import saved as searches
from forum.threads.models import Mention, Post, Thread
from forum.threads.rules import may_see

THREADS_IN_FULL, POSTS_IN_FULL, MOST_LISTED = 10, 5, 60
MOST_RECOMMENDED, MOST_UNANSWERED, MOST_SEARCHED = 10, 3, 5
# In which areas a member writes is told from so many of their newest posts.
_NEWEST_OWN = 200

Why = Literal["mentioned", "own", "followed", "wrote", "new"]
_WHYS: tuple[Why, ...] = get_args(Why)


@dataclass(frozen=True, slots=True)
class ThreadNews:
    """A thread with the posts that are new in it, some of them to be shown, and why it is told."""

    title: str
    area_title: str
    why: Why
    # Whether the thread itself is new.
    opened: bool
    post_ids: Sequence[int]
    shown: Sequence[int] = ()

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
    # How many searches the reader has besides: a digest does not wait for all of them.
    searches_left: int
    lines: Sequence[str]
    # How many posts are new.
    total: int
    # New posts that are deleted now: `mark_skipped` keeps them when the digest is sent.
    skipped: Sequence[int]

    @property
    def empty(self) -> bool:
        """Whether there is nothing new: lines, searches and old questions alone are no reason for a mail."""
        return not (self.total or self.recommended)


NOTHING = Contents((), (), 0, (), (), (), (), 0, (), 0, ())


_BETWEEN = and_(News.number > bindparam("after"), News.number <= bindparam("up_to"))
_STANDS = Post.deleted_at.is_(None)
_OF_OTHERS = Post.author_id != VIEWER
_FOR_READER = and_(may_see(), ~Thread.held, level_of() == "digest")


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
        _for_what.label("for_what"),
        Thread.title,
        Member.name.label("author_name"),
        Organisation.name.label("organisation_name"),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(News.what == "recommended", Post.recommended, tells_content())
    .order_by(News.number.desc())
)
_IS_NEWS = select(or_(_of_news(News.number).where(News.what == "post").exists(), _RECOMMENDED.order_by(None).exists()))


def is_news(viewer_id: int, after: int, up_to: int) -> bool:
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
        *(Thread.id, Thread.title, Thread.recommended_count),
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
class Found:
    """The threads in which something is new for the reader, and all posts that would be new but are deleted."""

    told: Sequence[AnyRow]
    gone: Sequence[int]


def find(viewer_id: int, after: int, up_to: int) -> Found:
    """What is new for the reader in these news, and what is gone."""
    owed = _owed(viewer_id, after, up_to)
    rows = read(_FOUND, {"viewer_id": viewer_id, "after": after, "up_to": up_to, "owed": owed}).all()
    return Found([row for row in rows if row.told], sorted(number for row in rows for number in _read(row.gone)))


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


def say(reader: Reader, after: int, up_to: int, lines: Sequence[str]) -> Contents:
    """What there is to say to the reader of the news after this number up to that one, with these lines."""
    viewer, found = reader.viewer, find(reader.viewer.id, after, up_to)
    rows = sorted((row for row in found.told if row.tells_content), key=_importance)
    full, listed = rows[:THREADS_IN_FULL], rows[THREADS_IN_FULL:][:MOST_LISTED]
    bound = {"viewer_id": viewer.id, "after": after, "up_to": up_to}
    # A mailbox that others read gets to see no words at all.
    mine = [] if reader.notice else searches.saved_searches(viewer)[::-1]
    return Contents(
        threads=[_thread(row, _to_show(row)) for row in full],
        more=[_thread(row) for row in listed],
        beyond=len(rows) - len(full) - len(listed),
        quiet=_quiet([row for row in found.told if not row.tells_content]),
        recommended=_once(read(_RECOMMENDED, bound).all())[:MOST_RECOMMENDED],
        unanswered=_unanswered(viewer, after, {row.id for row in rows}),
        saved=_saved(viewer, mine[:MOST_SEARCHED]),
        searches_left=len(mine[MOST_SEARCHED:]),
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
    return sorted(sorted(_read(row.new), key=lambda number: (number not in mentions, number))[:POSTS_IN_FULL])


def _thread(row: AnyRow, shown: Sequence[int] = ()) -> ThreadNews:
    return ThreadNews(row.title, row.area_title, _why(row), row.first == 1, sorted(_read(row.new)), shown)


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
    _of_news(Thread.id, Thread.title, Area.title.label("area_title"), Member.name.label("author_name"))
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


def _saved(viewer: Viewer, mine: Sequence[searches.SavedSearch]) -> list[SavedNews]:
    """Those of these searches that find something new to be told of; being told of it is no look at it."""
    told = {area.slug for area in levels(viewer) if not area.notice} if mine else set()
    news = [searches.news_of(viewer, saved, told) for saved in mine]
    return [SavedNews(one.saved.name, one.new, one.more, f"/search/saved/{one.saved.id}") for one in news if one.new]
