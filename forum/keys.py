"""Lists that go by key, so that none counts rows: how they are sorted, and the place of a row in an address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ColumnElement, bindparam, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from forum import clock
from forum.db import AnyRow, AnySelect, UTCDateTime

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Page:
    """One page of a list and the key of the next."""

    rows: Sequence[AnyRow]
    further: str | None


@dataclass(frozen=True)
class Order:
    """How a list is sorted, downwards, and the key by which it goes on."""

    columns: tuple[InstrumentedAttribute[Any], ...]

    def sort(self, statement: AnySelect) -> AnySelect:
        """The statement in this order."""
        return statement.order_by(*[column.desc() for column in self.columns])

    def further(self) -> ColumnElement[bool]:
        """What comes after the bound key."""
        return tuple_(*self.columns) < tuple_(*[bindparam(column.key, type_=column.type) for column in self.columns])

    def page(self, rows: Sequence[AnyRow], most: int) -> Page:
        """As many rows as a page holds; one more than that tells that it goes on."""
        return Page(rows[:most], self._key(rows[most - 1]) if len(rows) > most else None)

    def _key(self, row: AnyRow) -> str:
        return "-".join(_written(getattr(row, column.key)) for column in self.columns)

    def read(self, text: str) -> dict[str, object]:
        """The key in an address; what is none is the beginning."""
        try:
            parts = zip(self.columns, text.split("-"), strict=True)
            return {column.key: _as(column, int(part)) for column, part in parts}
        except (ValueError, OverflowError):
            return {}


def in_address(at: datetime) -> str:
    """A moment as addresses and forms hold it."""
    return str((at - LONG_AGO) // timedelta(microseconds=1))


def moment(text: str) -> datetime | None:
    """The moment that an address or a form holds; one that is still to come is none."""
    try:
        at = LONG_AGO + timedelta(microseconds=int(text))
    except (ValueError, OverflowError):
        return None
    return at if at <= clock.now() + timedelta(minutes=1) else None


def _written(value: datetime | int) -> str:
    return in_address(value) if isinstance(value, datetime) else str(int(value))


def _as(column: InstrumentedAttribute[Any], value: int) -> object:
    """The number as the column holds it; one that no row can have is none."""
    if isinstance(column.type, UTCDateTime):
        return LONG_AGO + timedelta(microseconds=value)
    if not 0 <= value < 2**31:
        raise ValueError(value)
    return bool(value) if isinstance(column.type, Boolean) else value
