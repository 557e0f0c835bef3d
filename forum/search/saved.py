"""Searches that a member keeps, and how many new hits each has had since the member last looked."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ForeignKey, Select, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, mapped_column

from forum import clock, outbox
from forum.db import Base, UTCDateTime, db
from forum.errors import Invalid, Missing
from forum.members.models import Viewer
from forum.search.queries import Wish, search, wish_of
from forum.search.query import LONGEST_TEXT
from forum.text import tidy

MOST_SAVED = 20
LONGEST_NAME = 80

outbox.nobody_hears("search.saved", "search.renamed", "search.removed")


class SavedSearch(Base):
    """What a member searches for again and again: the filled fields of the search page, as its address has them."""

    __tablename__ = "saved_search"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    name: Mapped[str]
    query: Mapped[str]
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime)
    looked_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("member_id", "query"),)

    @property
    def wish(self) -> Wish:
        """What is searched for."""
        return wish_of(dict(parse_qsl(self.query)))

    @property
    def fields(self) -> dict[str, str]:
        """All fields of the search page; those that were left open are empty."""
        return self.wish.fields


@dataclass(frozen=True)
class News:
    """A saved search with the number of its new hits; `more`: there are more than were counted."""

    saved: SavedSearch
    new: int
    more: bool


def saved_searches(viewer: Viewer) -> list[SavedSearch]:
    """The viewer's own, in the order they were saved."""
    return list(db.session.scalars(_own(viewer).order_by(SavedSearch.id)))


def saved_search(viewer: Viewer, search_id: int) -> SavedSearch | None:
    """One of the viewer's own."""
    return db.session.scalar(_own(viewer).where(SavedSearch.id == search_id))


def news(viewer: Viewer) -> Iterator[News]:
    """The viewer's searches, each with what has come since the last look; one search for each of them."""
    return (news_of(viewer, saved) for saved in saved_searches(viewer))


def news_of(viewer: Viewer, saved: SavedSearch, areas: Collection[str] | None = None) -> News:
    """What has come for one search since the last look; in these areas alone, if they are given."""
    # An operator knows days, not moments: so the newest hits are looked at one by one. It comes first, because a long
    # text is cut at its end.
    wish = saved.wish
    since = f"after:{saved.looked_at.date()} {wish.text}"
    results = search(viewer, replace(wish, text=since, by_date=True), within=areas)
    if results.found.loosened or (results.correction and results.correction.used):  # not what was asked for
        return News(saved, 0, more=False)
    new = sum(hit.post.created_at > saved.looked_at and not hit.by_meaning for hit in results.posts)
    return News(saved, new, more=0 < new == len(results.posts) < results.found.total)


def save(actor: Viewer, fields: Mapping[str, str], name: str = "") -> SavedSearch:
    """Keep a search under a name, or under its words; the same one twice is one, renamed."""
    query = query_of(fields)
    if not fields.get("q", "").strip():
        raise Invalid("search_empty", "name")
    name = _name(name) or _name(fields["q"][:LONGEST_NAME])
    mine = saved_searches(actor)
    known = next((saved for saved in mine if saved.query == query), None)
    if known:
        known.name = name
        outbox.record("search.renamed", known.id, actor.id)
        return known
    if len(mine) >= MOST_SAVED:
        raise Invalid("searches_full", "name", most=MOST_SAVED)
    now = clock.now()
    saved = SavedSearch(member_id=actor.id, name=name, query=query, saved_at=now, looked_at=now)
    db.session.add(saved)
    db.session.flush()
    outbox.record("search.saved", saved.id, actor.id)
    return saved


def rename(actor: Viewer, search_id: int, name: str) -> None:
    """Call a search otherwise; without a name it is called by its words again."""
    saved = _mine(actor, search_id)
    saved.name = _name(name) or _name(saved.wish.text[:LONGEST_NAME])
    outbox.record("search.renamed", saved.id, actor.id)


def remove(actor: Viewer, search_id: int) -> None:
    """Keep a search no longer; twice is once."""
    saved = saved_search(actor, search_id)
    if saved:
        db.session.delete(saved)
        outbox.record("search.removed", saved.id, actor.id)


def note_look(viewer: Viewer, search_id: int) -> None:
    """Remember that the viewer has looked at what a search finds now."""
    mine = (SavedSearch.id == search_id) & (SavedSearch.member_id == viewer.id)
    db.session.execute(update(SavedSearch).where(mine).values(looked_at=clock.now()))


def query_of(fields: Mapping[str, str]) -> str:
    """The filled fields of the search page, as its address has them."""
    wish = wish_of(fields)
    wish = replace(wish, text=tidy(wish.text)[:LONGEST_TEXT].strip(), area=tidy(wish.area)[:LONGEST_NAME].strip())
    return urlencode({name: value for name, value in wish.fields.items() if value})


def _own(viewer: Viewer) -> Select[SavedSearch]:
    return select(SavedSearch).where(SavedSearch.member_id == viewer.id)


def _mine(actor: Viewer, search_id: int) -> SavedSearch:
    saved = saved_search(actor, search_id)
    if saved is None:
        raise Missing
    return saved


def _name(name: str) -> str:
    name = " ".join(tidy(name).split())
    if len(name) > LONGEST_NAME:
        raise Invalid("for_long", "name", most=LONGEST_NAME)
    return name
