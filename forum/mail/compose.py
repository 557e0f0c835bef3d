"""Mails written as things stand when they are sent: what a member may not read now, or does not want now, is dropped.

What many mails need is read for all of them at once; each post is rendered once for all who read it in one way.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import make_msgid
from functools import partial
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from forum import clock
from forum.db import AnyRow, AnySelect, db, read
from forum.errors import N_
from forum.i18n import language, speaking
from forum.mail import kinds, notices
from forum.mail.addresses import addresses
from forum.mail.digest import digest
from forum.mail.kinds import Place, Shown
from forum.mail.letter import House, Letter
from forum.mail.message import NoAddress, sendable
from forum.mail.plain_text import inert
from forum.mail.posts import organisation, posts
from forum.members.models import KnownDevice, Member, Organisation, SignInLink, Viewer
from forum.members.queries import link_key, network
from forum.moderation.models import ModerationEntry
from forum.notifications import digests
from forum.notifications.models import Digest, MailKind, OutgoingMail
from forum.notifications.queries import Reader, choice, readers
from forum.notifications.recipients import Wanted, wanted, wanted_decisions, wanted_marks, wanted_notifications
from forum.outbox import Event
from forum.practices.models import Mark
from forum.practices.rules import GIVEN, recommends
from forum.threads.models import Post

NOT_REACHED = N_("The member gets no mail: suspended, without an address, or mails come back.")
NOT_WANTED = N_("It is gone, the member may not read it now, or does not want to hear of it.")
WRONG_ADDRESS = N_("Nothing can be sent to such an address.")


@dataclass(frozen=True, slots=True)
class Ready:
    """A mail to be sent; `on_sent` is to run in the transaction that says that it was."""

    mail_id: int
    to: str
    envelope: str
    data: bytes
    on_sent: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A mail that is not to be sent any more, and why."""

    mail_id: int
    reason: str


class Made(NamedTuple):
    """The bytes of a mail."""

    data: bytes
    on_sent: Callable[[], None] | None = None


Make = Callable[[Reader], Made | None]


def compose(mails: Sequence[OutgoingMail]) -> Iterator[Ready | Dropped]:
    """Write these mails, in their order. To be called outside of a write transaction."""
    home = house()
    people = readers(mail.member_id for mail in mails)
    makes: dict[int, Make] = {}
    for kind, prepare in _PREPARE.items():
        if of_kind := [mail for mail in mails if mail.kind == kind and mail.member_id in people]:
            makes |= prepare(home, of_kind)
    for mail in mails:
        reader = people.get(mail.member_id)
        yield _composed(home, mail.id, reader, makes.get(mail.id)) if reader else Dropped(mail.id, NOT_REACHED)


def test_mail(to: str) -> Ready | Dropped:
    """A mail that says only that it came, in the language that is being spoken."""
    home = house()
    letter = kinds.test(home, make_msgid(domain=home.addresses.domain))
    reader = Reader(Viewer(0, "", "administrator", language()), to, 0)
    return _composed(home, 0, reader, lambda reader: Made(letter.to(reader)))


def house() -> House:
    """The network that is being served, as a sender."""
    here = network()
    return House(inert(here.name, 120) if here else "", addresses())


def _composed(home: House, mail_id: int, reader: Reader, make: Make | None) -> Ready | Dropped:
    settings = home.addresses.settings
    with speaking(reader.viewer.language, reader.zone or settings.time_zone):
        try:
            to = sendable(reader.email)
        except NoAddress:
            return Dropped(mail_id, WRONG_ADDRESS)
        made = make(reader) if make else None
    if made is None:
        return Dropped(mail_id, NOT_WANTED)
    return Ready(mail_id, to, home.addresses.bounce_address(mail_id, reader.viewer.id), *made)


# Posts


def _prepare_posts(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    found = posts(home, (mail.subject_id for mail in mails))
    letters: dict[tuple[object, ...], Letter] = {}

    def make(reader: Reader, post_id: int, asked: Wanted) -> Made:
        shown, place = found[post_id]
        key = post_id, asked, reader.viewer.language, reader.zone
        if key not in letters:
            letters[key] = (kinds.notice if asked.notice else kinds.post)(home, shown, place, asked.why)
        return Made(letters[key].to(reader))

    makes: dict[int, Make] = {}
    for post_id, of_post in _by_subject(mails).items():
        asked = wanted(post_id, [mail.member_id for mail in of_post])
        for mail in of_post:
            if mail.member_id in asked and post_id in found:
                makes[mail.id] = partial(make, post_id=post_id, asked=asked[mail.member_id])
    return makes


def _by_subject(mails: Sequence[OutgoingMail]) -> dict[int, list[OutgoingMail]]:
    found: dict[int, list[OutgoingMail]] = defaultdict(list)
    for mail in mails:
        found[mail.subject_id].append(mail)
    return found


# What happened to one's own post

_FURTHER = recommends(GIVEN.post_id == Mark.post_id, GIVEN.id < Mark.id)
_MARKS: AnySelect = select(Mark.id, Mark.post_id, Mark.kind, _FURTHER.label("further")).where(
    Mark.id.in_(bindparam("ids", expanding=True))
)
_told = aliased(Mark, name="told")
# The mark itself, after those before it that were not enough to recommend the post.
_BY_MARK: AnySelect = (
    select(
        *(Mark.id, _told.for_what, _told.reason),
        *(Member.name.label("by"), Organisation.name.label("organisation"), Organisation.city),
    )
    .select_from(Mark)
    .join(_told, and_(_told.post_id == Mark.post_id, _told.kind == Mark.kind, _told.withdrawn_at.is_(None)))
    .join(Member, Member.id == _told.member_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(Mark.id.in_(bindparam("ids", expanding=True)), or_(_told.id == Mark.id, and_(_told.id < Mark.id, ~_FURTHER)))
    .order_by(Mark.id, _told.id)
)
_first = aliased(Post, name="first")
_DECISIONS: AnySelect = (
    select(
        *(ModerationEntry.id, ModerationEntry.act, ModerationEntry.reason, ModerationEntry.thread_id),
        *(ModerationEntry.post_id.label("own"), Post.id.label("post_id"), Member.name.label("by")),
    )
    .join(Member, Member.id == ModerationEntry.actor_id)
    .join(_first, and_(_first.thread_id == ModerationEntry.thread_id, _first.number == 1))
    .join(Post, Post.id == func.coalesce(ModerationEntry.post_id, _first.id))
    .where(ModerationEntry.id.in_(bindparam("ids", expanding=True)))
)


def _prepare_marks(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    given = defaultdict(list)
    for row in read(_BY_MARK, {"ids": [mail.subject_id for mail in mails]}):
        by = ", ".join(filter(None, (row.by, organisation(row))))
        given[row.id].append(kinds.Given(by, row.for_what or "", row.reason or ""))

    def letter(message_id: str, row: AnyRow, shown: Shown, place: Place) -> Letter:
        if row.kind == "helpful":
            return kinds.helped(home, message_id, shown, place, given[row.id][-1].by)
        return kinds.recommended(home, message_id, shown, place, given[row.id], bool(row.further))

    return _prepare_own(home, mails, _MARKS, wanted_marks, letter)


def _prepare_decisions(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    def letter(message_id: str, row: AnyRow, shown: Shown, place: Place) -> Letter:
        of_thread = row.own is None or row.act == "delete"
        url = f"{home.url}/threads/{row.thread_id}" if of_thread else shown.url
        return kinds.decision(home, message_id, row.act, url, place, row.by, row.reason)

    return _prepare_own(home, mails, _DECISIONS, wanted_decisions, letter)


def _prepare_own(
    home: House,
    mails: Sequence[OutgoingMail],
    statement: AnySelect,
    asked_for: Callable[[Collection[int]], dict[int, bool]],
    letter: Callable[[str, AnyRow, Shown, Place], Letter],
) -> dict[int, Make]:
    asked = asked_for([mail.subject_id for mail in mails])
    rows = {row.id: row for row in read(statement, {"ids": list(asked)})}
    found = posts(home, (row.post_id for row in rows.values()))

    def make(reader: Reader, mail_id: int, subject_id: int) -> Made:
        row = rows[subject_id]
        shown, place = found[row.post_id]
        chain, numbers = [*place.chain, home.addresses.message_id(shown)], [*place.posts, shown.id]
        place = replace(place, chain=chain, posts=numbers)
        message_id = home.addresses.message_id_of_mail(mail_id)
        if asked[subject_id]:
            return Made(kinds.own_notice(home, message_id, shown.url, place).to(reader))
        return Made(letter(message_id, row, shown, place).to(reader))

    return {
        mail.id: partial(make, mail_id=mail.id, subject_id=mail.subject_id) for mail in mails if mail.subject_id in rows
    }


# What is told in the inbox


def _prepare_notifications(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    asked = wanted_notifications([mail.subject_id for mail in mails])
    rows = notices.rows(asked)
    found = posts(home, (row.post_id for row in rows.values() if row.post_id))

    def make(reader: Reader, mail_id: int, subject_id: int) -> Made:
        row, message_id = rows[subject_id], home.addresses.message_id_of_mail(mail_id)
        secret = notices.is_secret(row)
        shown, place = (None, None) if secret else found.get(row.post_id, (None, None))
        if secret or asked[subject_id]:
            return Made(kinds.notification_notice(home, message_id, place).to(reader))
        said = notices.LETTERS[row.kind](home, row)
        return Made(kinds.notification(home, message_id, said, shown, place).to(reader))

    return {
        mail.id: partial(make, mail_id=mail.id, subject_id=mail.subject_id) for mail in mails if mail.subject_id in rows
    }


# One's own access

_inviter = aliased(Member, name="inviter")
_LINKS = (
    select(SignInLink, _inviter.name)
    .outerjoin(_inviter, _inviter.id == SignInLink.inviter_id)
    .where(SignInLink.id.in_(bindparam("ids", expanding=True)), SignInLink.used_at.is_(None))
)
_SIGN_INS: AnySelect = (
    select(Event.id, Event.at, KnownDevice.device)
    .join(KnownDevice, KnownDevice.id == Event.subject_id)
    .where(Event.id.in_(bindparam("ids", expanding=True)))
)


def _prepare_links(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    rows = db.session.execute(_LINKS, {"ids": [mail.subject_id for mail in mails]}).all()
    found = {
        link.id: (link_key(link, home.addresses.secret), link.purpose, link.expires_at, inviter or "")
        for link, inviter in rows
        if link.expires_at > clock.now()
    }
    return _each(home, mails, lambda message_id, link_id: kinds.link(home, message_id, *found[link_id]), found)


def _prepare_sign_ins(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    rows = read(_SIGN_INS, {"ids": [mail.subject_id for mail in mails]})
    found = {row.id: (row.device, row.at) for row in rows}
    return _each(home, mails, lambda message_id, event_id: kinds.sign_in(home, message_id, *found[event_id]), found)


def _each(
    home: House, mails: Sequence[OutgoingMail], letter: Callable[[str, int], Letter], found: Collection[int]
) -> dict[int, Make]:
    """A letter of its own for each mail whose subject was found."""

    def make(reader: Reader, mail_id: int, subject_id: int) -> Made:
        return Made(letter(home.addresses.message_id_of_mail(mail_id), subject_id).to(reader))

    return {
        mail.id: partial(make, mail_id=mail.id, subject_id=mail.subject_id)
        for mail in mails
        if mail.subject_id in found
    }


# Digests: each is read when its turn comes


def _prepare_digests(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    def make(reader: Reader, mail_id: int, digest_id: int) -> Made | None:
        window = db.session.get(Digest, digest_id)
        if window is None or reader.stopped or choice(reader.viewer).rhythm == "off":
            return None
        contents = digests.contents(reader, window)
        if contents.empty:
            return None
        message_id = home.addresses.message_id_of_mail(mail_id)
        letter, parts = digest(home, message_id, window.at, contents, reader.separate)
        data = letter.apart(reader, parts) if reader.separate else letter.to(reader)
        return Made(data, lambda: digests.mark_skipped(digest_id, contents))

    return {mail.id: partial(make, mail_id=mail.id, digest_id=mail.subject_id) for mail in mails}


def coming_digest(reader: Reader) -> Letter | None:
    """The reader's next digest as it would be if it went now; none if there would be nothing in it."""
    home, contents = house(), digests.coming(reader)
    if contents.empty:
        return None
    letter, _parts = digest(home, home.addresses.message_id_of_mail(0), clock.now(), contents, apart=False)
    return letter


_PREPARE: dict[MailKind, Callable[[House, Sequence[OutgoingMail]], dict[int, Make]]] = {
    "post": _prepare_posts,
    "digest": _prepare_digests,
    "link": _prepare_links,
    "sign_in": _prepare_sign_ins,
    "mark": _prepare_marks,
    "decision": _prepare_decisions,
    "notification": _prepare_notifications,
}
