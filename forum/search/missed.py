"""Searches that found nothing: what was asked how often, never by whom; facilitators learn which words are missing."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from forum import clock
from forum.db import AnyRow, Base, db, insert_into, read
from forum.errors import require
from forum.members.models import Viewer
from forum.search.thesaurus import can_edit
from forum.text import tidy

KEPT_DAYS = 90
MOST_DIGITS = 4
MOST_WORDS = 8
SHOWN = 200
LONGEST = 200

# Whoever types one of these searches for a person, not for a word.
_PERSON = re.compile(r"@|\b(?:frau|herrn?|familie|fam|eheleute|author|autor(?:in)?)\b")


class MissedSearch(Base):
    """How often nothing was found for these words on one day."""

    __tablename__ = "missed_search"

    text: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    count: Mapped[int]


_TIMES = func.sum(MissedSearch.count)
_LAST = func.max(MissedSearch.day)
_MISSED = (
    select(MissedSearch.text, _TIMES.label("times"), _LAST.label("last"))
    .group_by(MissedSearch.text)
    .order_by(_TIMES.desc(), _LAST.desc(), MissedSearch.text)
    .limit(SHOWN)
)


def note(text: str) -> None:
    """Count a search that found nothing, unless its words may belong to a single person or case."""
    words = " ".join(tidy(text).casefold().split())[:LONGEST]
    if not words or _is_delicate(words):
        return
    new = insert_into(MissedSearch).values(text=words, day=clock.now().date(), count=1)
    key = [MissedSearch.text, MissedSearch.day]
    db.session.execute(new.on_conflict_do_update(index_elements=key, set_={"count": MissedSearch.count + 1}))


def missed(viewer: Viewer) -> Sequence[AnyRow]:
    """What was searched for in vain, the most frequent first."""
    require(can_edit(viewer))
    return read(_MISSED, {}).all()


def forget_words(passage: str) -> None:
    """Forget what was searched for with these words, some of them or all, and no others."""
    words = set(passage.casefold().split())
    texts = db.session.scalars(select(MissedSearch.text).distinct()).all()
    if holding := [text for text in texts if words.issuperset(text.split())]:
        db.session.execute(delete(MissedSearch).where(MissedSearch.text.in_(holding)))


def forget_old() -> None:
    """Forget what was searched for longer ago than it is kept."""
    oldest = clock.now().date() - timedelta(days=KEPT_DAYS)
    db.session.execute(delete(MissedSearch).where(MissedSearch.day < oldest))


def _is_delicate(words: str) -> bool:
    digits = sum(letter.isdigit() for letter in words)
    return digits > MOST_DIGITS or len(words.split()) > MOST_WORDS or _PERSON.search(words) is not None
