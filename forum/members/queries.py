"""Reads of members. Names, organisations and cities are known to every member."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import joinedload

from forum import clock
from forum.db import AnyRow, AnySelect, at_most, db, read
from forum.members.models import (
    ContactMessage,
    Guess,
    Member,
    Network,
    Organisation,
    Profile,
    Purpose,
    SignIn,
    SignInLink,
    Viewer,
)
from forum.members.rules import listed
from forum.outbox import Event
from forum.tokens import derived_key, fingerprint

GUESSES_PER_ADDRESS, ADDRESS_WINDOW = 10, timedelta(minutes=15)
LINKS_PER_HOUR, LINKS_PER_DAY = 3, 30
GUESSES_PER_ORIGIN, ORIGIN_WINDOW = 50, timedelta(hours=1)
COLLEAGUES_SHOWN, ORGANISATIONS_A_PAGE = 30, 50

_SIGNED_IN = (
    select(
        Member.id,
        Member.name,
        Member.role,
        Member.language,
        Member.organisation_id,
        Member.caught_up_at,
        Member.email,
        Member.bounced_at,
        Member.theme,
        Member.keys,
        Profile.photo,
        SignIn.id.label("sign_in_id"),
        SignIn.seen_at,
        Network.name.label("network_name"),
        Network.language.label("network_language"),
    )
    .select_from(SignIn)
    .join(Member, Member.id == SignIn.member_id)
    .join(Network, Network.id == 1)
    .outerjoin(Profile, Profile.member_id == Member.id)
    .where(
        SignIn.key == bindparam("key"),
        SignIn.seen_at > bindparam("idle_since"),
        SignIn.created_at > bindparam("signed_in_since"),
        Member.state == "active",
    )
)


def signed_in(key: str, idle_days: int, days: int) -> AnyRow | None:
    """The member whose device holds this key, with the network's name, in one statement."""
    now = clock.now()
    since = {"idle_since": now - timedelta(days=idle_days), "signed_in_since": now - timedelta(days=days)}
    return read(_SIGNED_IN, {"key": fingerprint(key), **since}).first()


def network() -> Network | None:
    """The network, or None before `forum init`."""
    return db.session.get(Network, 1)


def member_by_email(email: str) -> Member | None:
    """The member with this mail address, spelt in any case."""
    return db.session.scalar(select(Member).where(Member.email == email.strip().lower()))


def member(member_id: int) -> Member:
    """The member of this number, who exists."""
    return db.session.get_one(Member, member_id)


def member_or_none(member_id: int) -> Member | None:
    """The member of this number, where a number came from outside and may be nobody's any more."""
    return db.session.get(Member, member_id)


def members_by_uid(uids: Sequence[str]) -> list[Member]:
    """The members whom exchanged files call so, in this order."""
    rows = db.session.scalars(select(Member).where(Member.uid.in_(uids)).options(joinedload(Member.organisation)))
    return sorted(rows, key=lambda row: uids.index(row.uid))


def viewer_by_email(email: str) -> Viewer | None:
    """Who acts on the command line in the name of this address."""
    member = member_by_email(email)
    return viewer_of(member) if member and member.state == "active" else None


def first_administrator() -> Viewer | None:
    """With whose eyes the operator looks, unless told otherwise."""
    active = (Member.role == "administrator") & (Member.state == "active")
    found = db.session.scalar(select(Member).where(active).order_by(Member.id).limit(1))
    return viewer_of(found) if found else None


def viewer_of(member: Member) -> Viewer:
    """The member as somebody who reads or acts."""
    return Viewer(
        member.id,
        member.name,
        member.role,
        member.language or "de",
        member.organisation_id,
        member.caught_up_at,
    )


def member_page(viewer: Viewer, member_id: int) -> Member | None:  # noqa: ARG001 - every member may know every other
    """A member with the organisation and what they say of themselves; a name one asks under has no page."""
    with_both = joinedload(Member.organisation), joinedload(Member.profile)
    known = select(Member).where(Member.id == member_id, Member.state != "protected")
    return db.session.scalar(known.options(*with_both))


_EVERYBODY: AnySelect = (
    select(
        Member.id,
        Member.name,
        Member.organisation_id,
        Organisation.name.label("organisation_name"),
        Organisation.city,
        Profile.function,
        Profile.expertise,
        Profile.photo,
    )
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .outerjoin(Profile, Profile.member_id == Member.id)
    .where(listed())
)
# What is shown of somebody, and who is shown at all, changes with one of these. Events stay, so that their count grows
# with each; the newest number would not tell of one that was committed late.
_CHANGES = ("member.added", "member.described", "member.suspended", "member.reinstated")
_version = select(func.count()).where(Event.name.in_(_CHANGES)).scalar_subquery()
_CHANGED: AnySelect = _EVERYBODY.add_columns(_version.label("version")).where(_version != bindparam("known"))
_OF_ORGANISATION = (
    _EVERYBODY.where(Member.organisation_id == bindparam("organisation_id"))
    .order_by(Member.name, Member.id)
    .limit(at_most(COLLEAGUES_SHOWN + 1))
)


def everybody(viewer: Viewer, known: int) -> Sequence[AnyRow]:  # noqa: ARG001 - every member may know every other
    """All members one can turn to, with what the directory shows of them, and a version; none if that is known."""
    return read(_CHANGED, {"known": known}).all()


def colleagues(viewer: Viewer, organisation_id: int) -> Sequence[AnyRow]:  # noqa: ARG001 - see above
    """The members of an organisation by name, one more than are shown."""
    return read(_OF_ORGANISATION, {"organisation_id": organisation_id}).all()


def message(viewer: Viewer, message_id: int) -> ContactMessage | None:
    """A message, for the two whom it concerns."""
    own = or_(ContactMessage.by_id == viewer.id, ContactMessage.to_id == viewer.id)
    return db.session.scalar(select(ContactMessage).where(ContactMessage.id == message_id, own))


def messages_of_late(viewer: Viewer) -> int:
    """How many messages the viewer has written within a day."""
    late = (ContactMessage.by_id == viewer.id) & (ContactMessage.at > clock.now() - timedelta(days=1))
    return db.session.scalar(select(func.count()).select_from(ContactMessage).where(late)) or 0


def people_by_handle(handles: Iterable[str]) -> Mapping[str, tuple[int, str]]:
    """Whom these handles mean: handle → (id, name)."""
    wanted = sorted(set(handles))
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Member.handle, Member.id, Member.name).where(Member.handle.in_(wanted), Member.state != "protected")
    )
    return {handle: (member_id, name) for handle, member_id, name in rows}


def names(viewer: Viewer, ids: Collection[int]) -> Sequence[str]:  # noqa: ARG001 - every member may know every other
    """What these members are called, by name."""
    known = Member.id.in_(ids) & (Member.state == "active")
    return db.session.scalars(select(Member.name).where(known).order_by(Member.name)).all()


def taken_handles(like: str) -> set[str]:
    """Handles that begin like this."""
    return set(db.session.scalars(select(Member.handle).where(Member.handle.startswith(like, autoescape=True))))


def organisation_by_name(name: str) -> Organisation | None:
    """The organisation that is called so."""
    return db.session.scalar(select(Organisation).where(Organisation.name == name))


def organisations() -> Sequence[AnyRow]:
    """All organisations by name, for choosing one."""
    return db.session.execute(select(Organisation.id, Organisation.name).order_by(Organisation.name)).all()


_members = func.count(Member.id).label("members")
_WITH_MEMBERS: AnySelect = (
    select(Organisation.id, Organisation.name, Organisation.city, _members)
    .outerjoin(Member, (Member.organisation_id == Organisation.id) & listed())
    .group_by(Organisation.id)
    .order_by(Organisation.name)
)


def organisations_after(viewer: Viewer, name: str = "") -> Sequence[AnyRow]:  # noqa: ARG001 - see above
    """Organisations by name behind this one, with how many members one can turn to; one more than a page."""
    return db.session.execute(_WITH_MEMBERS.where(Organisation.name > name).limit(ORGANISATIONS_A_PAGE + 1)).all()


def organisation_page(viewer: Viewer, organisation_id: int) -> AnyRow | None:  # noqa: ARG001 - see above
    """One organisation with how many members one can turn to."""
    return db.session.execute(_WITH_MEMBERS.where(Organisation.id == organisation_id)).first()


def organisation_names(ids: Collection[int]) -> dict[int, str]:
    """The names of these organisations: id → name."""
    if not ids:
        return {}
    found = db.session.execute(select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids)))
    return {row.id: row.name for row in found}


def devices(viewer: Viewer) -> Sequence[SignIn]:
    """The viewer's own devices that are signed in, last used first."""
    return db.session.scalars(
        select(SignIn).where(SignIn.member_id == viewer.id).order_by(SignIn.seen_at.desc(), SignIn.id)
    ).all()


def link_key(link: SignInLink, secret: str) -> str:
    """The key of a link, made again from its row: it stands in the address `/welcome/KEY`."""
    return derived_key(secret, link.purpose, link.nonce, str(link.member_id))


def too_many_links(member_id: int, purpose: Purpose) -> bool:
    """Whether as many links for this were made for the member of late as may be mailed to one address."""
    since = {timedelta(hours=1): LINKS_PER_HOUR, timedelta(days=1): LINKS_PER_DAY}
    mine = (SignInLink.member_id == member_id) & (SignInLink.purpose == purpose)
    made = select(func.count()).select_from(SignInLink).where(mine)
    return any(
        (db.session.scalar(made.where(SignInLink.created_at > clock.now() - window)) or 0) >= most
        for window, most in since.items()
    )


def open_link(key: str) -> SignInLink | None:
    """The sign-in link with this key, if it can still be used."""
    return db.session.scalar(
        select(SignInLink).where(
            SignInLink.key == fingerprint(key),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > clock.now(),
        )
    )


def too_many_guesses(email: str, origin: str) -> bool:
    """Whether this address or this origin has guessed wrong too often of late."""
    of_late = _guesses(Guess.email == email, clock.now() - ADDRESS_WINDOW)
    return of_late >= GUESSES_PER_ADDRESS or too_many_from(origin)


def too_many_from(origin: str) -> bool:
    """Whether this origin alone has guessed wrong, or asked for new passwords, too often of late."""
    return _guesses(Guess.origin == origin, clock.now() - ORIGIN_WINDOW) >= GUESSES_PER_ORIGIN


def _guesses(of: Any, since: datetime) -> int:
    return db.session.scalar(select(func.count()).select_from(Guess).where(of, Guess.at > since)) or 0


def active_administrators() -> Sequence[AnyRow]:
    """The administrators one can turn to, by name."""
    active = (Member.role == "administrator") & (Member.state == "active")
    return db.session.execute(select(Member.id, Member.name).where(active).order_by(Member.name, Member.id)).all()


def administrators() -> int:
    """How many active administrators there are."""
    active = select(func.count()).select_from(Member).where(Member.role == "administrator", Member.state == "active")
    return db.session.scalar(active) or 0
