"""Tables of areas and of the members who are named for them."""

from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import Base

Access = Literal["open", "closed", "announcement"]
ACCESSES: tuple[Access, ...] = get_args(Access)


class Area(Base):
    """An area: open to all members, closed but for named ones, or for announcements."""

    __tablename__ = "area"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    access: Mapped[str]
    position: Mapped[int]
    # How many threads everybody sees who sees the area.
    thread_count: Mapped[int] = mapped_column(default=0)
    # Whether questions may be asked here without a name.
    protected_allowed: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (CheckConstraint("access IN ('open', 'closed', 'announcement')", name="access"),)


class AreaMember(Base):
    """A member who is named for an area: lets into a closed one, and may facilitate any."""

    __tablename__ = "area_member"

    area_id: Mapped[int] = mapped_column(ForeignKey("area.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True, index=True)
    facilitates: Mapped[bool] = mapped_column(default=False)
