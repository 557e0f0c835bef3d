"""Tables of the mail channel: what came back."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from forum.db import Base, UTCDateTime


class Bounce(Base):
    """A mail that came back: for good (hard) or for now (soft), with what the other server said."""

    __tablename__ = "bounce"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    # The report's own Message-ID, or a fingerprint of it: read twice it is one.
    report: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    status: Mapped[str]
    diagnosis: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("kind IN ('hard', 'soft')", name="kind"), Index(None, "member_id", "at"))
