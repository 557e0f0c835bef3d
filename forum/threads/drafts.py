"""Texts that are not sent yet: on every device of the member who writes them, and for nobody else.

A row is what was written in one open form. Another device goes on with the row that it was shown; if that has
changed meanwhile it gets a row of its own, so that no text takes the place of one that its writer has not seen.
Nothing is recorded: what somebody has not said is no event.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    JSON,
    ForeignKey,
    String,
    UniqueConstraint,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Mapped, aliased, mapped_column

from forum import clock
from forum.areas.models import Area
from forum.areas.queries import area_by_slug
from forum.db import AnyRow, Base, UTCDateTime, db, lock, read
from forum.errors import Invalid, Missing
from forum.members.models import Member, Viewer
from forum.text import MAX_SOURCE, tidy
from forum.threads.actions import own_key
from forum.threads.models import LONGEST_TITLE, Post, Thread
from forum.threads.queries import edit_sent, post_sent, standing_thread
from forum.threads.rules import may_see
from forum.tokens import new_key

MOST_DRAFTS = 100
# How long the place where a draft was discarded offers to take that back; the page of all drafts does so for longer.
OFFERED = timedelta(minutes=15)
KEPT_FIELDS = (
    *("kind", "title", "body", "tags", "reply_to", "upload", "alts", "version", "reason"),
    *("protected", "hidden"),
)
_WORDS = ("title", "body", "tags", "reason")
_LONGEST = MAX_SOURCE + 10 * LONGEST_TITLE
_PLACE = re.compile(r"(?:thread|post):[1-9][0-9]{0,8}|area:[a-z0-9][a-z0-9-]{0,59}")


class Draft(Base):
    """What a member wrote in one form: of a thread, of an area for a new one, or of a post that is edited."""

    __tablename__ = "draft"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    place: Mapped[str]
    form: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    discarded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fields: Mapped[dict[str, str]] = mapped_column(JSON)

    __table_args__ = (UniqueConstraint("member_id", "place", "form"),)

    @property
    def seen(self) -> str:
        """By what a form says which text it went on from."""
        return f"{self.id}:{self.version}"


_other = aliased(Draft)
_OTHERS = select(_other.id).where(
    _other.member_id == Draft.member_id,
    _other.place == Draft.place,
    _other.id != Draft.id,
    _other.discarded_at.is_(None),
)
_HERE = (
    select(
        Draft.id, Draft.version, Draft.fields, Draft.changed_at, Draft.discarded_at, _OTHERS.exists().label("others")
    )
    .where(
        Draft.member_id == bindparam("viewer_id"),
        Draft.place == bindparam("place"),
        or_(Draft.discarded_at.is_(None), Draft.discarded_at > bindparam("offered_since")),
    )
    .order_by(
        (Draft.id == bindparam("wanted")).desc(),
        Draft.discarded_at.is_not(None),
        Draft.changed_at.desc(),
        Draft.id.desc(),
    )
    .limit(1)
)


def draft_here(viewer: Viewer, place: str, wanted: int = 0) -> AnyRow | None:
    """The viewer's draft of this place: the wanted one, or the newest, or one that was discarded here just now."""
    values = {"place": place, "wanted": wanted, "offered_since": clock.now() - OFFERED}
    return read(_HERE, {"viewer_id": viewer.id, **values}).first()


def drafts(viewer: Viewer) -> Sequence[Draft]:
    """All drafts of the viewer, the newest first, discarded ones last."""
    mine = select(Draft).where(Draft.member_id == viewer.id)
    return db.session.scalars(mine.order_by(Draft.discarded_at.is_not(None), Draft.changed_at.desc(), Draft.id)).all()


def has_others(draft: Draft) -> bool:
    """Whether its member wrote something else in this place, on another device or before."""
    return db.session.scalar(select(_OTHERS.exists()).where(Draft.id == draft.id)) or False


def titles_of(viewer: Viewer, places: Sequence[str]) -> dict[str, str]:
    """What the viewer may see of where these drafts were written: place → title of its thread."""
    numbers = [place.partition(":")[::2] for place in places]
    threads = [int(number) for what, number in numbers if what == "thread"]
    posts = [int(number) for what, number in numbers if what == "post"]
    statement = (
        select(Thread.id, Thread.title, Post.id)
        .join(Area, Area.id == Thread.area_id)
        .outerjoin(Post, and_(Post.thread_id == Thread.id, Post.id.in_(posts), Post.deleted_at.is_(None)))
        .where(or_(Thread.id.in_(threads), Thread.id.in_(select(Post.thread_id).where(Post.id.in_(posts)))), may_see())
    )
    found: dict[str, str] = {}
    for thread_id, title, post_id in db.session.execute(statement, {"viewer_id": viewer.id}):
        found |= {f"thread:{thread_id}": title, f"post:{post_id}": title}
    return found


def follow(source_id: int, target_id: int) -> None:
    """Have what was written to one thread wait in the one it was merged into."""
    here, there = Draft.place == f"thread:{source_id}", f"thread:{target_id}"
    alike = select(_other.id).where(
        _other.member_id == Draft.member_id, _other.place == there, _other.form == Draft.form
    )
    # A form's key comes from outside: somebody may have used one in both places.
    for draft in db.session.scalars(select(Draft).where(here, alike.exists())):
        draft.form = new_key()
    db.session.execute(update(Draft).where(here).values(place=there))


def clear(thread_ids: Collection[int], change: Callable[[str], str]) -> None:
    """Change the words of all that was written to these threads or is to become of posts in them."""
    in_threads = select(literal("thread:") + cast(Thread.id, String)).where(Thread.id.in_(thread_ids))
    of_posts = select(literal("post:") + cast(Post.id, String)).where(Post.thread_id.in_(thread_ids))
    for draft in db.session.scalars(select(Draft).where(Draft.place.in_(union_all(in_threads, of_posts)))):
        fields = {name: change(words) if name in _WORDS else words for name, words in draft.fields.items()}
        if "alts" in fields:
            fields["alts"] = json.dumps(
                {number: change(alt) for number, alt in json.loads(fields["alts"]).items()}, ensure_ascii=False
            )
        if fields != draft.fields:
            draft.fields, draft.version = fields, draft.version + 1


def save_draft(actor: Viewer, place: str, form: str, seen: str, fields: Mapping[str, str]) -> Draft | None:
    """Keep what the form holds by now; None if it was sent meanwhile. A text that was taken out can be taken back."""
    kept = _checked(place, form, fields)
    asked_for, place = place, _standing(place)
    _one_by_one(actor)
    if _was_sent(actor, asked_for, form):
        return None
    draft = _own_row(actor, place, form, seen)
    if not any(kept.get(name, "").strip() for name in _WORDS):
        if draft is not None:
            draft.discarded_at = clock.now()
        return None
    if draft is None:
        if _count(actor) >= MOST_DRAFTS:
            raise Invalid("drafts_full", "body", most=MOST_DRAFTS)
        draft = Draft(member_id=actor.id, place=place, form=form, version=0)
        db.session.add(draft)
    draft.form, draft.fields, draft.version = form, kept, draft.version + 1
    draft.changed_at, draft.discarded_at = clock.now(), None
    db.session.flush()
    return draft


def discard_draft(actor: Viewer, draft_id: int) -> Draft:
    """Put a draft away; for a while it can be taken back."""
    draft = _mine(actor, draft_id)
    draft.discarded_at = draft.discarded_at or clock.now()
    return draft


def take_back_draft(actor: Viewer, draft_id: int) -> Draft:
    """Have a draft again that was discarded."""
    draft = _mine(actor, draft_id)
    draft.discarded_at = None
    return draft


def forget_sent(actor: Viewer, place: str, form: str, seen: str) -> None:
    """Part of sending: what is said is no draft any more. What another device holds and this one did not see stays."""
    place = _standing(place)
    _one_by_one(actor)
    draft = _own_row(actor, place, form, seen)
    if draft is not None:
        db.session.delete(draft)


def forget_old(days: int, undo_hours: int) -> None:
    """Forget what nobody has gone on with for so long, and what was discarded and not taken back."""
    now = clock.now()
    old = Draft.changed_at < now - timedelta(days=days)
    db.session.execute(delete(Draft).where(or_(old, Draft.discarded_at < now - timedelta(hours=undo_hours))))


def _one_by_one(actor: Viewer) -> None:
    """A draft that is being saved while its text is sent must come before or after: it would outlive the sending."""
    lock(select(Member.id).where(Member.id == actor.id))


def _standing(place: str) -> str:
    """The place by now: a form may be open while its thread is merged. Thread before member, as whoever sends locks."""
    what, _, where = place.partition(":")
    return f"thread:{standing_thread(int(where))}" if what == "thread" else place


def _checked(place: str, form: str, fields: Mapping[str, str]) -> dict[str, str]:
    if not _PLACE.fullmatch(place) or not form or len(form) > LONGEST_TITLE:
        raise Missing
    kept = {name: tidy(fields[name]) for name in KEPT_FIELDS if name in fields}
    if sum(map(len, kept.values())) > _LONGEST:
        raise Invalid("body_long", "body", most=MAX_SOURCE)
    return kept


def _own_row(actor: Viewer, place: str, form: str, seen: str) -> Draft | None:
    """The form's own row, or the one that it was shown, as long as that is as it was shown."""
    number, _, version = seen.partition(":")
    shown = (Draft.id == _whole(number)) & (Draft.version == _whole(version))
    mine = select(Draft).where(Draft.member_id == actor.id, Draft.place == place, or_(Draft.form == form, shown))
    found = db.session.scalars(mine.order_by(Draft.form == form).execution_options(populate_existing=True)).all()
    return found[-1] if found else None


def _count(actor: Viewer) -> int:
    return db.session.scalar(select(func.count()).where(Draft.member_id == actor.id)) or 0


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _was_sent(actor: Viewer, place: str, form: str) -> bool:
    """Whether this came too late: its form was sent already."""
    what, _, where = place.partition(":")
    area = area_by_slug(where) if what == "area" else None
    key = own_key(what, area.id if area else _whole(where), form)
    return post_sent(actor, key) is not None or edit_sent(actor, key)


def _mine(actor: Viewer, draft_id: int) -> Draft:
    draft = db.session.scalar(select(Draft).where(Draft.id == draft_id, Draft.member_id == actor.id))
    if draft is None:
        raise Missing
    return draft
