"""What is done with members. Pages, commands and imports all come through here."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import ColumnElement, delete, select, update

from forum import clock, i18n, outbox
from forum.db import db, lock
from forum.errors import Invalid, Missing, Refused, require, together
from forum.members import passwords, queries
from forum.members.models import (
    ROLES,
    THEMES,
    ContactMessage,
    Guess,
    KnownDevice,
    Member,
    Network,
    Organisation,
    Profile,
    Purpose,
    SignIn,
    SignInLink,
    Viewer,
    device_name,
)
from forum.members.rules import can_administer, can_sign_in, can_write_to
from forum.text import slug, tidy
from forum.tokens import fingerprint, new_key

RESET_LASTS = timedelta(hours=1)
_SEEN_EVERY = timedelta(minutes=10)
# A name that a mail program would turn into a link is a way to send people elsewhere in our name.
_LINK_IN_NAME = re.compile(r"://|www\.|@|\.(?:com|de|net|org|info|eu)\b", re.IGNORECASE)
LONGEST_NAME = 120
MOST_EXPERTISE, LONGEST_EXPERTISE = 12, 40
LONGEST_FUNCTION, LONGEST_ABOUT = 100, 1000
MESSAGES_A_DAY, LONGEST_SUBJECT, LONGEST_MESSAGE = 20, 120, 5000
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ()/.–-]{2,38}")

outbox.nobody_hears(
    "network.created",
    "member.added",
    "member.role_changed",
    "member.suspended",
    "member.reinstated",
    "member.signed_in",
    "member.address_works",
    "member.described",
)


def create_network(name: str, language: str) -> Network:
    """Make the one row of this installation."""
    if queries.network() is not None:
        raise Refused("already_set_up")
    network = Network(id=1, name=_name(name), language=_language(language) or "de", created_at=clock.now())
    db.session.add(network)
    db.session.flush()
    outbox.record("network.created", network.id, None)
    return network


def add_organisation(name: str, city: str = "", domains: list[str] | None = None, uid: str = "") -> Organisation:
    """Add a member company."""
    organisation = Organisation(
        uid=uid or new_key()[:16], name=_name(name), city=tidy(city).strip(), domains=domains or []
    )
    db.session.add(organisation)
    db.session.flush()
    return organisation


def add_member(
    name: str,
    email: str | None,
    role: str = "member",
    organisation: Organisation | None = None,
    password: str | None = None,
    uid: str = "",
    joined_at: datetime | None = None,
) -> Member:
    """Add a person; without mail address it is the author of imported posts and has no access."""
    if role not in ROLES:
        raise Invalid("role_unknown", "role", value=role)
    name, now = _name(name), clock.now()
    member = Member(
        uid=uid or new_key()[:16],
        name=name,
        handle=_free_handle(name),
        email=_free_email(email),
        organisation_id=organisation.id if organisation else None,
        role=role,
        state="active" if email else "imported",
        password=passwords.hashed(password) if password else None,
        joined_at=joined_at or now,
        caught_up_at=joined_at or now,
    )
    db.session.add(member)
    db.session.flush()
    outbox.record("member.added", member.id, None)
    return member


def add_persona(name: str) -> Member:
    """A name under which somebody acts in one thread alone: nobody can guess what it is called elsewhere."""
    now = clock.now()
    persona = Member(
        uid=new_key()[:16], name=name, handle=new_key(), email=None, organisation_id=None, role="member",
        state="protected", password=None, joined_at=now, caught_up_at=now,
    )  # fmt: skip
    db.session.add(persona)
    db.session.flush()
    return persona


def change_role(actor: Viewer | None, member: Member, role: str) -> None:
    """Make somebody member, facilitator or administrator; without actor it is the operator's command."""
    require(actor is None or can_administer(actor))
    if role not in ROLES:
        raise Invalid("role_unknown", "role", value=role)
    if member.role == "administrator" and role != "administrator":
        _keep_an_administrator()
    member.role = role
    outbox.record("member.role_changed", member.id, actor.id if actor else None)


def suspend(actor: Viewer | None, member: Member) -> None:
    """Shut somebody out for now, on every device at once; links and reply addresses are worth nothing any more."""
    require(actor is None or can_administer(actor))
    if member.role == "administrator" and member.state == "active":
        _keep_an_administrator()
    member.state = "suspended"
    member.mail_epoch += 1
    _end_links(member.id)
    db.session.execute(delete(SignIn).where(SignIn.member_id == member.id))
    outbox.record("member.suspended", member.id, actor.id if actor else None)


def reinstate(actor: Viewer | None, member: Member) -> None:
    """Let a suspended member in again."""
    require(actor is None or can_administer(actor))
    member.state = "active" if member.email else "imported"
    outbox.record("member.reinstated", member.id, actor.id if actor else None)


def make_link(
    member: Member, purpose: Purpose, lasts: timedelta, secret: str, inviter: Viewer | None = None
) -> SignInLink:
    """Make a link that lets the member in once; `queries.link_key` says its key."""
    require(can_sign_in(member), "suspended")
    # A new invitation replaces the one before. Of resets several may be open: mails overtake each other,
    # and anybody may ask for one, which must not take from the member the one that is just being used.
    if purpose == "welcome":
        _end_links(member.id, SignInLink.purpose == "welcome")
    now = clock.now()
    link = SignInLink(
        nonce=new_key(),
        purpose=purpose,
        member_id=member.id,
        inviter_id=inviter.id if inviter else None,
        created_at=now,
        expires_at=now + lasts,
    )
    link.key = fingerprint(queries.link_key(link, secret))
    db.session.add(link)
    db.session.flush()
    return link


def invite(actor: Viewer | None, member: Member, lasts: timedelta, secret: str) -> SignInLink:
    """Mail a link to a member who has not been here yet; without actor it is the network that invites."""
    require(actor is None or can_administer(actor))
    require(member.password is None, "already_here")
    return _mail_link(member, "welcome", lasts, secret, actor)


def ask_for_reset(email: str, origin: str, secret: str) -> None:
    """Mail a link to whoever has this address; who asked learns nothing, also not that it was too often."""
    note_guess("", origin)  # not for the address: others must not keep its owner from signing in
    member = queries.member_by_email(email)
    if member is not None:
        with suppress(Refused):
            _mail_link(member, "reset", RESET_LASTS, secret)


def _mail_link(
    member: Member, purpose: Purpose, lasts: timedelta, secret: str, inviter: Viewer | None = None
) -> SignInLink:
    """Have a link mailed, unless that would fill the member's mailbox."""
    lock(select(Member.id).where(Member.id == member.id))
    require(not queries.too_many_links(member.id, purpose), "too_many_links")
    link = make_link(member, purpose, lasts, secret, inviter)
    outbox.record("member.link_made", link.id, inviter.id if inviter else None)
    return link


def use_link(key: str, password: str, repeated: str) -> Member:
    """Set the password of the member whose link this is, and use all links of the member up."""
    whose = select(SignInLink.member_id).where(SignInLink.key == fingerprint(key)).scalar_subquery()
    lock(select(Member.id).where(Member.id == whose))
    link = queries.open_link(key)
    if link is None:
        raise Invalid("link_used_up")
    member = db.session.get_one(Member, link.member_id)
    member.password, _same = together(lambda: passwords.hashed(password), lambda: _repeated(password, repeated))
    _end_links(member.id)
    db.session.execute(delete(SignIn).where(SignIn.member_id == member.id))
    return member


def sign_in(member: Member, device: str) -> str:
    """Remember a device of the member; return the key that its cookie holds."""
    require(can_sign_in(member), "suspended")
    key, now = new_key(), clock.now()
    entry = SignIn(key=fingerprint(key), member_id=member.id, device=tidy(device)[:200], created_at=now, seen_at=now)
    db.session.add(entry)
    db.session.flush()
    outbox.record("member.signed_in", member.id, member.id)
    _note_device(member, device_name(device))
    return key


def _note_device(member: Member, name: str) -> None:
    """Remember this kind of device; of one that is new the member hears, but for the very first."""
    lock(select(Member.id).where(Member.id == member.id))
    known = set(db.session.scalars(select(KnownDevice.device).where(KnownDevice.member_id == member.id)))
    if name in known:
        return
    device = KnownDevice(member_id=member.id, device=name, at=clock.now())
    db.session.add(device)
    db.session.flush()
    if known:
        outbox.record("member.signed_in_anew", device.id, member.id)


def note_guess(email: str, origin: str) -> None:
    """Remember an attempt to get in, and forget those of yesterday."""
    now = clock.now()
    db.session.execute(delete(Guess).where(Guess.at < now - timedelta(days=1)))
    db.session.add(Guess(email=email[:254], origin=origin, at=now))


def is_news(seen_at: datetime) -> bool:
    """Whether a visit is worth writing down: every ten minutes is enough to know who is idle."""
    return clock.now() - seen_at >= _SEEN_EVERY


def note_visit(sign_in_id: int) -> None:
    """Keep a device from counting as idle."""
    db.session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=clock.now()))


def sign_out(actor: Viewer, sign_in_id: int) -> None:
    """End one of the actor's own devices; the key in its cookie opens nothing any more."""
    db.session.execute(delete(SignIn).where(SignIn.id == sign_in_id, SignIn.member_id == actor.id))


def choose_language(actor: Viewer, language: str) -> None:
    """Speak this language with the actor from now on; empty means the network's."""
    member = db.session.get_one(Member, actor.id)
    member.language = _language(language)


def describe(
    actor: Viewer,
    *,
    function: str = "",
    expertise: Iterable[str] = (),
    about: str = "",
    telephone: str = "",
    takes_messages: bool = True,
    takes_questions: bool = True,
) -> None:
    """Say what colleagues read of the actor, and whether they may write and ask."""
    profile = _own_profile(actor)
    profile.function = _short(function, "function", LONGEST_FUNCTION)
    profile.expertise = _expertise(expertise)
    profile.about = _long(about, "about", LONGEST_ABOUT)
    profile.telephone = _telephone(telephone)
    profile.takes_messages, profile.takes_questions = takes_messages, takes_questions
    outbox.record("member.described", actor.id, actor.id)


def show_photo(actor: Viewer, digest: str | None) -> None:
    """Show this stored picture of the actor, or none any more."""
    _own_profile(actor).photo = digest
    outbox.record("member.described", actor.id, actor.id)


def write_to(
    actor: Viewer, member: Member, subject: str, body: str, send_key: str = "", answered: ContactMessage | None = None
) -> ContactMessage:
    """Write to a colleague, who gets it in the inbox and by mail without an address; sent twice it is one message."""
    mine = (ContactMessage.by_id == actor.id) & (ContactMessage.send_key == tidy(send_key)[:100])
    if send_key and (sent := db.session.scalar(select(ContactMessage).where(mine))):
        return sent
    answers = answered is not None and (answered.by_id, answered.to_id) == (member.id, actor.id)
    require(can_write_to(actor, member, answers), "takes_no_messages")
    lock(select(Member.id).where(Member.id == actor.id))
    require(queries.messages_of_late(actor) < MESSAGES_A_DAY, "too_many_messages")
    subject, body = together(
        lambda: _filled(_short(subject, "subject", LONGEST_SUBJECT), "subject", "subject_empty"),
        lambda: _filled(_long(body, "body", LONGEST_MESSAGE), "body", "body_empty"),
    )
    message = ContactMessage(
        by_id=actor.id,
        to_id=member.id,
        subject=subject,
        body=body,
        send_key=tidy(send_key)[:100] or None,
        at=clock.now(),
    )
    db.session.add(message)
    db.session.flush()
    outbox.record("member.written_to", message.id, actor.id)
    return message


def _own_profile(actor: Viewer) -> Profile:
    profile = db.session.get(Profile, actor.id)
    if profile is None:
        profile = Profile(member_id=actor.id)
        db.session.add(profile)
        db.session.flush()
    return profile


def _short(text: str, field: str, most: int) -> str:
    text = " ".join(tidy(text).split())
    if len(text) > most:
        raise Invalid("words_long", field, most=most)
    return text


def _expertise(phrases: Iterable[str]) -> list[str]:
    said = (_short(phrase, "expertise", LONGEST_EXPERTISE) for phrase in phrases)
    kept: dict[str, str] = {}
    for phrase in said:
        if any(map(str.isalnum, phrase)):
            kept.setdefault(phrase.casefold(), phrase)
    if len(kept) > MOST_EXPERTISE:
        raise Invalid("expertise_many", "expertise", most=MOST_EXPERTISE)
    return list(kept.values())


def _long(text: str, field: str, most: int) -> str:
    text = tidy(text).strip()
    if len(text) > most:
        raise Invalid("words_long", field, most=most)
    return text


def _filled(text: str, field: str, otherwise: str) -> str:
    if not any(map(str.isalnum, text)):
        raise Invalid(otherwise, field)
    return text


def _telephone(text: str) -> str:
    text = " ".join(tidy(text).split())
    if text and not _TELEPHONE.fullmatch(text):
        raise Invalid("telephone_invalid", "telephone")
    return text


def choose_reading(actor: Viewer, theme: str, keys: bool) -> None:
    """How pages look for the actor, and whether single keys do something."""
    if theme not in THEMES:
        raise Invalid("theme_unknown", "theme", value=theme[:20])
    member = db.session.get_one(Member, actor.id)
    member.theme, member.keys = theme, keys


def change_password(actor: Viewer, present: str, new: str, repeated: str) -> None:
    """Set a new password; every other device is signed out."""
    member = db.session.get_one(Member, actor.id)
    _present, member.password, _same = together(
        lambda: _known(member, present), lambda: passwords.hashed(new), lambda: _repeated(new, repeated)
    )
    _end_links(actor.id)
    db.session.execute(delete(SignIn).where(SignIn.member_id == actor.id, SignIn.id != actor.sign_in_id))


def _known(member: Member, present: str) -> str:
    """The present password of a member who has one."""
    if member.password and not passwords.matches(member.password, present):
        raise Invalid("password_wrong", "present")
    return present


def _repeated(password: str, repeated: str) -> str:
    if password != repeated:
        raise Invalid("passwords_differ", "repeated")
    return repeated


def address_works(actor: Viewer, member_id: int | None = None) -> None:
    """Have mails sent again to an address that did not take them: one's own or, as administrator, another's."""
    member = db.session.get(Member, actor.id if member_id is None else member_id)
    if member is None:
        raise Missing
    require(member.id == actor.id or can_administer(actor))
    member.bounced_at = None
    outbox.record("member.address_works", member.id, actor.id)


def _end_links(member_id: int, *which: ColumnElement[bool]) -> None:
    mine = update(SignInLink).where(SignInLink.member_id == member_id, SignInLink.used_at.is_(None), *which)
    db.session.execute(mine.values(used_at=clock.now()))


def _keep_an_administrator() -> None:
    lock(select(Member.id).where(Member.role == "administrator").order_by(Member.id))
    require(queries.administrators() > 1, "last_administrator")


def _language(code: str) -> str | None:
    if code and code not in i18n.languages():
        raise Invalid("language_unknown", "language", value=code)
    return code or None


def _name(name: str) -> str:
    name = " ".join(tidy(name).split())
    if not name:
        raise Invalid("name_empty", "name")
    hidden = any(unicodedata.category(character) in ("Cc", "Cf") for character in name)
    if hidden or len(name) > LONGEST_NAME or _LINK_IN_NAME.search(name):
        raise Invalid("name_invalid", "name", value=name[:LONGEST_NAME])
    return name


def _free_email(email: str | None) -> str | None:
    if not email:
        return None
    try:
        address = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid("email_invalid", "email", value=email[:254]) from error
    if db.session.scalar(select(Member.id).where(Member.email == address)):
        raise Invalid("email_taken", "email", value=address)
    return address


def _free_handle(name: str) -> str:
    """`frieda-moor`, or `frieda-moor-2` for the second of that name."""
    wanted = slug(name) or "person"
    taken = queries.taken_handles(wanted)
    if wanted not in taken:
        return wanted
    return next(f"{wanted}-{n}" for n in range(2, len(taken) + 3) if f"{wanted}-{n}" not in taken)
