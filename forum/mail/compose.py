"""Mails written as things stand when they are sent: what a member may not read now, or does not want now, is dropped.

What many mails need is read for all of them at once; each post is rendered once for all who read it in one way.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import make_msgid
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import and_, bindparam, func, literal, select
from sqlalchemy.orm import aliased

from forum import clock
from forum.areas.models import Area
from forum.db import AnyRow, AnySelect, db, read
from forum.errors import N_
from forum.i18n import gettext as _
from forum.i18n import language, ngettext, speaking
from forum.mail import kinds
from forum.mail.addresses import addresses
from forum.mail.kinds import Place, Row, Shown, Telling, Told
from forum.mail.letter import House, Letter, List
from forum.mail.message import NoAddress, sendable
from forum.mail.plain_text import inert
from forum.members.models import KnownDevice, Member, Organisation, SignInLink, Viewer
from forum.members.queries import link_key, network
from forum.moderation.models import ModerationEntry
from forum.notifications import digests
from forum.notifications.models import Digest, MailKind, OutgoingMail
from forum.notifications.queries import Reader, choice, readers
from forum.notifications.recipients import Wanted, wanted, wanted_decisions, wanted_marks
from forum.outbox import Event
from forum.practices.models import Mark
from forum.threads.models import Attachment, Post, Thread

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


# Posts, and where they stand

_first = aliased(Post, name="first")
_POSTS: AnySelect = (
    select(
        *(Post.id, Post.uid, Post.message_id, Post.number, Post.created_at, Post.html),
        *(Member.name.label("author"), Organisation.name.label("organisation"), Organisation.city),
        *(Thread.id.label("thread_id"), Thread.slug, Thread.title, Thread.kind, Thread.locked, Thread.area_id),
        *(Area.slug.label("area_slug"), Area.title.label("area_title"), Area.access),
        *(_first.uid.label("first_uid"), _first.message_id.label("first_message_id")),
    )
    .join(Member, Member.id == Post.author_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .join(Thread, Thread.id == Post.thread_id)
    .join(Area, Area.id == Thread.area_id)
    .join(_first, and_(_first.thread_id == Post.thread_id, _first.number == 1))
    .where(Post.id.in_(bindparam("ids", expanding=True)))
)
_parent = aliased(Post, name="parent")
_answered = (
    select(Post.id.label("post_id"), Post.reply_to_id.label("id"), literal(1).label("step"))
    .where(Post.id.in_(bindparam("ids", expanding=True)), Post.reply_to_id.is_not(None))
    .cte("answered", recursive=True)
)
_answered = _answered.union_all(
    select(_answered.c.post_id, _parent.reply_to_id, _answered.c.step + 1)
    .join(_parent, _parent.id == _answered.c.id)
    .where(_parent.reply_to_id.is_not(None), _answered.c.step < kinds.MOST_REFERENCES)
)
# The posts that each answers, directly and at last: the farthest first.
_ANSWERED: AnySelect = (
    select(_answered.c.post_id, Post.uid, Post.message_id, Post.number, Post.deleted_at, Member.name.label("author"))
    .join(Post, Post.id == _answered.c.id)
    .join(Member, Member.id == Post.author_id)
    .order_by(_answered.c.post_id, _answered.c.step.desc())
)
_FILES: AnySelect = (
    select(Attachment.id, Attachment.post_id, Attachment.name)
    .where(Attachment.post_id.in_(bindparam("ids", expanding=True)))
    .order_by(Attachment.id)
)


def _posts(home: House, post_ids: Iterable[int]) -> dict[int, tuple[Shown, Place]]:
    """These posts, deleted or not, and where each stands: three statements."""
    ids = {"ids": list(set(post_ids))}
    answered, files = defaultdict(list), defaultdict(list)
    for row in read(_ANSWERED, ids):
        answered[row.post_id].append(row)
    for row in read(_FILES, ids):
        files[row.post_id].append((inert(row.name), f"{home.url}/files/{row.id}/{quote(row.name)}"))
    return {
        row.id: (_shown(home, row, answered[row.id], files[row.id]), _place(home, row, answered[row.id]))
        for row in read(_POSTS, ids)
    }


def _shown(home: House, row: AnyRow, answered: Sequence[AnyRow], files: Sequence[tuple[str, str]]) -> Shown:
    # That a reply answers the opening post goes without saying.
    direct = answered[-1] if answered and answered[-1].number > 1 and answered[-1].deleted_at is None else None
    return Shown(
        row.id,
        row.uid,
        row.message_id,
        inert(row.author),
        _organisation(row),
        row.created_at,
        row.html,
        f"{home.url}/posts/{row.id}",
        inert(direct.author) if direct else "",
        files,
    )


def _place(home: House, row: AnyRow, answered: Sequence[AnyRow]) -> Place:
    opening = home.addresses.message_id(_Name(row.first_uid, row.first_message_id))
    others = [home.addresses.message_id(post) for post in answered if post.number > 1]
    return Place(
        row.area_id,
        List(row.area_slug, row.area_title, row.access),
        row.thread_id,
        row.title,
        row.kind,
        row.locked,
        [opening, *others] if row.number > 1 else [],
    )


class _Name(NamedTuple):
    uid: str
    message_id: str | None


def _organisation(row: AnyRow) -> str:
    return inert(", ".join(filter(None, (row.organisation, row.city))))


def _prepare_posts(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    found = _posts(home, (mail.subject_id for mail in mails))
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

_MARKS: AnySelect = (
    select(
        *(Mark.id, Mark.post_id, Mark.for_what, Mark.reason),
        *(Member.name.label("by"), Organisation.name.label("organisation"), Organisation.city),
    )
    .join(Member, Member.id == Mark.member_id)
    .outerjoin(Organisation, Organisation.id == Member.organisation_id)
    .where(Mark.id.in_(bindparam("ids", expanding=True)))
)
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
    def letter(message_id: str, row: AnyRow, shown: Shown, place: Place) -> Letter:
        by = ", ".join(filter(None, (row.by, _organisation(row))))
        return kinds.mark(home, message_id, shown, place, by, row.for_what or "", row.reason or "")

    return _prepare_own(home, mails, _MARKS, wanted_marks, letter)


def _prepare_decisions(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    def letter(message_id: str, row: AnyRow, shown: Shown, place: Place) -> Letter:
        of_thread = row.own is None or row.act == "delete"
        url = f"{home.url}/threads/{row.thread_id}" if of_thread else shown.url
        html = shown.html if row.act == "delete" else ""
        return kinds.decision(home, message_id, row.act, url, place, row.by, row.reason, html)

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
    found = _posts(home, (row.post_id for row in rows.values()))

    def make(reader: Reader, mail_id: int, subject_id: int) -> Made:
        row = rows[subject_id]
        shown, place = found[row.post_id]
        place = replace(place, chain=[*place.chain, home.addresses.message_id(shown)])
        message_id = home.addresses.message_id_of_mail(mail_id)
        if asked[subject_id]:
            return Made(kinds.own_notice(home, message_id, shown.url, place).to(reader))
        return Made(letter(message_id, row, shown, place).to(reader))

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

_WHY: dict[digests.Why, str] = {
    "mentioned": N_("You are mentioned"),
    "own": N_("Your thread"),
    "followed": N_("You follow it"),
    "wrote": N_("You wrote here"),
    "new": "",
}


def _prepare_digests(home: House, mails: Sequence[OutgoingMail]) -> dict[int, Make]:
    def make(reader: Reader, mail_id: int, digest_id: int) -> Made | None:
        digest = db.session.get(Digest, digest_id)
        if digest is None or reader.stopped or choice(reader.viewer).rhythm == "off":
            return None
        contents = digests.contents(reader, digest)
        if contents.empty:
            return None
        letter, parts = _digest(home, home.addresses.message_id_of_mail(mail_id), digest.at, contents, reader)
        data = letter.apart(reader, parts) if reader.separate else letter.to(reader)
        return Made(data, lambda: digests.mark_skipped(digest_id, contents))

    return {mail.id: partial(make, mail_id=mail.id, digest_id=mail.subject_id) for mail in mails}


def coming_digest(reader: Reader) -> Letter | None:
    """The reader's next digest as it would be if it went now; none if there would be nothing in it."""
    home, contents = house(), digests.coming(reader)
    if contents.empty:
        return None
    return _digest(home, home.addresses.message_id_of_mail(0), clock.now(), contents, replace(reader, separate=False))[
        0
    ]


def _digest(
    home: House, message_id: str, at: datetime, contents: digests.Contents, reader: Reader
) -> tuple[Letter, list[tuple[Letter, datetime]]]:
    found = _posts(home, [post.id for thread in contents.threads for post in thread.posts])
    letter = kinds.digest(home, message_id, at, _telling(home, contents, found), reader.separate)
    posts = [found[post.id] for thread in contents.threads for post in thread.posts]
    return letter, [(kinds.part(home, shown, place), shown.at) for shown, place in posts if reader.separate]


def _telling(home: House, contents: digests.Contents, found: Mapping[int, tuple[Shown, Place]]) -> Telling:
    return Telling(
        total=contents.total,
        threads=[_told(home, thread, found) for thread in contents.threads],
        more=[Row(inert(thread.title), _first_new(home, thread), _why(thread)) for thread in contents.more],
        beyond=contents.beyond,
        quiet=[
            Row(inert(area.title), f"{home.url}/areas/{area.slug}", kinds.new_posts(area.new))
            for area in contents.quiet
        ],
        recommended=[
            Row(
                inert(row.title),
                f"{home.url}/posts/{row.post_id}",
                inert(", ".join(filter(None, (row.author_name, row.organisation_name)))),
                inert(row.for_what or ""),
            )
            for row in contents.recommended
        ],
        unanswered=[
            Row(inert(row.title), f"{home.url}/threads/{row.id}", f"{inert(row.author_name)}, {inert(row.area_title)}")
            for row in contents.unanswered
        ],
        saved=[Row(inert(saved.name), f"{home.url}{saved.address}", _hits(saved)) for saved in contents.saved],
        lines=[inert(line, 1000) for line in contents.lines],
    )


def _told(home: House, thread: digests.ThreadNews, found: Mapping[int, tuple[Shown, Place]]) -> Told:
    posts = [found[post.id][0] for post in thread.posts]
    url = _first_new(home, thread)
    return Told(inert(thread.title), url, _why(thread), thread.new, thread.new - len(posts), posts)


def _first_new(home: House, thread: digests.ThreadNews) -> str:
    return f"{home.url}/posts/{thread.post_ids[0]}"


def _why(thread: digests.ThreadNews) -> str:
    """Why the reader is told, and where it is: "You follow it · Arrears · 2 new posts"."""
    new = N_("New thread") if thread.opened else N_("New replies")
    return " · ".join((_(_WHY[thread.why] or new), inert(thread.area_title), kinds.new_posts(thread.new)))


def _hits(saved: digests.SavedNews) -> str:
    if saved.more:
        return _("more than %(num)s new hits", num=saved.new)
    return ngettext("%(num)s new hit", "%(num)s new hits", saved.new)


_PREPARE: dict[MailKind, Callable[[House, Sequence[OutgoingMail]], dict[int, Make]]] = {
    "post": _prepare_posts,
    "digest": _prepare_digests,
    "link": _prepare_links,
    "sign_in": _prepare_sign_ins,
    "mark": _prepare_marks,
    "decision": _prepare_decisions,
}
