"""Tables of the network, its organisations and members, and facts about one of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from forum.db import STORED_FILE, Base, UTCDateTime

Purpose = Literal["welcome", "reset"]
Role = Literal["member", "facilitator", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)
# An imported person wrote posts elsewhere and has no access here; a protected one is the name under which somebody
# asks in one thread alone. A closed account is work of a later day.
State = Literal["active", "suspended", "imported", "protected"]
Theme = Literal["", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)


class Network(Base):
    """This installation; there is one row."""

    __tablename__ = "network"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Organisation(Base):
    """A member company."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    city: Mapped[str]
    domains: Mapped[list[str]] = mapped_column(JSON)


class Profile(Base):
    """What a member says of themselves to colleagues; who has said nothing has none."""

    __tablename__ = "profile"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    function: Mapped[str] = mapped_column(default="")
    # What colleagues may ask about, in short words or phrases.
    expertise: Mapped[list[str]] = mapped_column(JSON, default=list)
    about: Mapped[str] = mapped_column(default="")
    telephone: Mapped[str] = mapped_column(default="")
    # Its picture lies under this SHA-256 in the files folder.
    photo: Mapped[str | None] = mapped_column(info=STORED_FILE)
    takes_messages: Mapped[bool] = mapped_column(default=True)
    takes_questions: Mapped[bool] = mapped_column(default=True)


class Member(Base):
    """A person: `uid` names it in exchanged files, `handle` in mentions."""

    __tablename__ = "member"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    handle: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    role: Mapped[str]
    state: Mapped[str]
    password: Mapped[str | None]
    language: Mapped[str | None]
    joined_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # What was written before this moment counts as read, so that a newcomer does not start with a debt.
    caught_up_at: Mapped[datetime] = mapped_column(UTCDateTime)
    # What it was before the member said "all read": to take that back is to go there.
    caught_up_before: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Since when mails to the address come back for good; none are sent until the member says that it works.
    bounced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Part of every reply address given to the member: counted up, all of them stop working.
    mail_epoch: Mapped[int] = mapped_column(default=0)
    # How pages look: light, dark, or empty for as the device is set; and whether single keys do something.
    theme: Mapped[str] = mapped_column(default="")
    keys: Mapped[bool] = mapped_column(default=True)

    organisation: Mapped[Organisation | None] = relationship()
    profile: Mapped[Profile | None] = relationship()

    __table_args__ = (
        CheckConstraint("role IN ('member', 'facilitator', 'administrator')", name="role"),
        CheckConstraint("state IN ('active', 'suspended', 'imported', 'protected')", name="state"),
        CheckConstraint("theme IN ('', 'light', 'dark')", name="theme"),
    )


class ContactMessage(Base):
    """What a member wrote to another through the network, which shows neither address; kept for some weeks."""

    __tablename__ = "contact_message"

    id: Mapped[int] = mapped_column(primary_key=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    subject: Mapped[str]
    body: Mapped[str]
    # The form's own key: the second of a double click is the first.
    send_key: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

    __table_args__ = (UniqueConstraint("by_id", "send_key"), Index(None, "by_id", "at"))


class SignIn(Base):
    """One device that is signed in. The cookie holds the key, this row its fingerprint."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    device: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


class KnownDevice(Base):
    """A kind of device from which a member has signed in, and when first: a mail tells of one that is new."""

    __tablename__ = "known_device"

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    # Its `device_name`; empty for all that cannot be told.
    device: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("member_id", "device"),)


class Guess(Base):
    """One attempt to sign in that failed, or, without address, to get a new password; a restart forgives nobody."""

    __tablename__ = "guess"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    origin: Mapped[str]
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index(None, "email", "at"), Index(None, "origin", "at"))


class SignInLink(Base):
    """A link that lets a member in once to set a password; the row holds its fingerprint.

    The key is made from the row's nonce with the network's secret, so that the mail can be written when it is sent.
    """

    __tablename__ = "sign_in_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    nonce: Mapped[str]
    purpose: Mapped[str]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    # Who invites; none is the operator, or the member asking for a reset.
    inviter_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("purpose IN ('welcome', 'reset')", name="purpose"),)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads or acts: the few facts that each page needs, read in one statement."""

    id: int
    name: str
    role: str
    language: str
    organisation_id: int | None = None
    caught_up_at: datetime | None = None
    sign_in_id: int | None = None
    # The own address while mails to it come back, so that every page can say so.
    bounced_address: str | None = None
    theme: str = ""
    keys: bool = True
    photo: str | None = None

    @property
    def is_facilitator(self) -> bool:
        """Whether the person facilitates the whole network; each role includes the one before it."""
        return self.role in ("facilitator", "administrator")

    @property
    def is_administrator(self) -> bool:
        """Whether the person runs the network."""
        return self.role == "administrator"

    @property
    def initials(self) -> str:
        """Two letters in place of a face."""
        return initials(self.name)


# What a browser says of itself, in the order in which one gives the other's name as well.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS": "Firefox", "Chrome/": "Chrome", "CriOS": "Chrome", "Safari/": "Safari"}  # fmt: skip  # noqa: E501
_SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "Mac", "Linux": "Linux"}  # fmt: skip  # noqa: E501


def device_name(user_agent: str) -> str:
    """A device as its owner would call it: "Firefox, Windows"; empty when it cannot be told."""
    parts = (next((name for sign, name in signs.items() if sign in user_agent), "") for signs in (_BROWSERS, _SYSTEMS))
    return ", ".join(part for part in parts if part)


def initials(name: str) -> str:
    """First letters of the first and the last part of a name."""
    parts = name.split()
    return (parts[0][:1] + parts[-1][:1] if len(parts) > 1 else name[:2]).upper()
