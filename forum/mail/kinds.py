"""A letter for each kind of mail: its subject, what its templates say, its headers, and what one click stops.

They are made from what they need to know, not from tables, so that invented ones can be looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from forum.errors import N_
from forum.i18n import day, ngettext
from forum.i18n import gettext as _
from forum.mail import message
from forum.mail.letter import House, Letter, List, Stop
from forum.mail.plain_text import inert
from forum.notifications.models import Scope

MOST_REFERENCES = 10
CONTENTS_OVER = 5  # threads in a digest from which on it has a table of contents


@dataclass(frozen=True, slots=True)
class Shown:
    """A post as mails show it."""

    id: int
    uid: str
    message_id: str | None
    author: str
    organisation: str
    at: datetime
    html: str = field(repr=False)
    url: str
    answers: str = ""
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a post stands. `chain`: the Message-IDs of the first post and of those it answers, the oldest first.

    `posts` are the numbers of the same posts, for mails without content.
    """

    area_id: int
    area: List
    thread_id: int
    title: str
    kind: str
    locked: bool = False
    chain: Sequence[str] = ()
    posts: Sequence[int] = ()

    @property
    def topic(self) -> str:
        """The thread's title for a place where it must do nothing."""
        return inert(self.title)


# Posts

_OVER = {
    "question": N_("New question in %(area)s"),
    "strategy": N_("New strategy in %(area)s"),
    "announcement": N_("New announcement in %(area)s"),
}
_WHY = {
    "mentioned": N_("You get this mail because you are mentioned in the post."),
    "answered": N_("You get this mail because somebody answered you."),
    "notify": N_("You get this mail because you want each new post by mail here."),
}


def post(house: House, shown: Shown, place: Place, why: str) -> Letter:
    """A post, for those who may read it in a mail."""
    over = N_("Reply in %(area)s") if place.chain else _OVER[place.kind]
    said = {
        "p": shown,
        "title": place.topic,
        "over": _(over, area=inert(place.area.title)),
        "answer": "" if place.locked else f"{house.url}/threads/{place.thread_id}?quote={shown.id}#reply",
    }
    return Letter(
        house, "post", _subject(house, place.topic, answers=bool(place.chain)), house.addresses.message_id(shown), said,
        why=_(_WHY[why]), by=short_name(shown.author), stops=_stops(place, "thread", "area", "all"),
        headers=[*_of_list(house, place.area, place.topic), *_in_thread(place.chain), _archived(shown.url)],
        of=place.area, answered_post=shown.id,
    )  # fmt: skip


def notice(house: House, shown: Shown, place: Place, why: str) -> Letter:
    """That there is a post: neither title nor text nor author, also not in a header."""
    title = _("New post in %(area)s", area=inert(place.area.title))
    return Letter(
        house, "notice", _subject(house, title, answers=bool(place.posts)),
        house.addresses.message_id_of_notice(shown.id), {"title": title, "url": shown.url},
        why=_(_WHY[why]), stops=_stops(place, "thread", "area", "all"),
        headers=[*_of_list(house, place.area, title), *_in_thread(_named_by_us(house, place)), _archived(shown.url)],
        of=place.area,
    )  # fmt: skip


# What happened to one's own post


class Given(NamedTuple):
    """A mark: by whom and, if it recommends, for what and why."""

    by: str
    for_what: str = ""
    reason: str = ""


def helped(house: House, message_id: str, shown: Shown, place: Place, by: str) -> Letter:
    """That a reply has helped who asked."""
    return _mark(house, message_id, shown, place, _("Your reply has helped"), {"by": inert(by), "marks": ()})


def recommended(
    house: House, message_id: str, shown: Shown, place: Place, given: Sequence[Given], further: bool
) -> Letter:
    """That a post is recommended practice now, by these marks; or, as it is already, by a further one."""
    title = _("One more recommendation of your post") if further else _("Your post is recommended practice now")
    marks = [Given(inert(by), inert(for_what), inert(reason, 1000)) for by, for_what, reason in given]
    return _mark(house, message_id, shown, place, title, {"marks": marks})


def _mark(house: House, message_id: str, shown: Shown, place: Place, title: str, what: Mapping[str, Any]) -> Letter:
    said = {"title": title, "thread": place.topic, "html": shown.html, "url": shown.url, **what}
    return _about_own(house, "mark", message_id, title, said, shown.url, place, _stops(place, "thread", "area", "all"))


def own_notice(house: House, message_id: str, url: str, place: Place) -> Letter:
    """That something happened to one's post or thread, and where: nothing else."""
    title = _("News about a post of yours in %(area)s", area=inert(place.area.title))
    said, place = {"title": title, "url": url}, replace(place, chain=_named_by_us(house, place))
    return _about_own(house, "notice", message_id, title, said, url, place, _stops(place, "all"))


DECISIONS = {
    "edit": N_("Your post was changed"),
    "delete": N_("Your post was deleted"),
    "restore": N_("Your post is there again"),
    "pin": N_("Your thread stands on top of its area now"),
    "unpin": N_("Your thread no longer stands on top of its area"),
    "lock": N_("Your thread was closed for replies"),
    "unlock": N_("Your thread is open for replies again"),
    "move": N_("Your thread is in %(area)s now"),
    "redact": N_("A passage was taken out of your post"),
    "merge": N_("Your thread was merged into another one"),
    "split": N_("What you wrote is a thread of its own now"),
}


def decision(house: House, message_id: str, act: str, url: str, place: Place, by: str, reason: str) -> Letter:
    """What a facilitator did to one's post or thread, and why; not what was written: it may be what had to go."""
    title = _(DECISIONS[act], area=inert(place.area.title))
    said = {
        "title": title, "thread": place.topic, "url": url, "reason": inert(reason, 1000),
        "done": _("%(name)s, as a facilitator, gives this reason:", name=inert(by)),
    }  # fmt: skip
    return _about_own(house, "decision", message_id, title, said, url, place, _stops(place, "all"))


def _about_own(
    house: House, kind: str, message_id: str, title: str, said: Mapping[str, Any], url: str, place: Place,
    stops: Sequence[Stop],
) -> Letter:  # fmt: skip
    why = _("You get this mail because it is about what you wrote.")
    headers = [*_of_list(house, place.area, title), *_in_thread(place.chain), _archived(url)]
    return Letter(
        house, kind, _subject(house, title), message_id, said, why=why, stops=stops, headers=headers, of=place.area
    )


# What is told in the inbox and by mail


@dataclass(frozen=True, slots=True)
class Said:
    """What a letter says: its title; a sentence; what somebody wrote along; where it leads, in which words.

    `with_post`: the post it is about stands in it as well.
    """

    title: str
    url: str
    lead: str = ""
    words: str = ""
    label: str = ""
    with_post: bool = False


def notification(
    house: House, message_id: str, said: Said, shown: Shown | None = None, place: Place | None = None
) -> Letter:
    """What one kind of entry says; `shown`, `place`: the post it is about, if it is about one."""
    facts = {
        "title": said.title, "lead": said.lead, "words": said.words, "url": said.url,
        "label": said.label or _("Read in the forum"),
        "thread": place.topic if place else "", "p": shown if said.with_post else None,
    }  # fmt: skip
    return _to_inbox(house, "notification", message_id, said.title, facts, place)


def notification_notice(house: House, message_id: str, place: Place | None = None) -> Letter:
    """That there is something in the inbox: neither what nor from whom."""
    title = _("Something for you in %(area)s", area=inert(place.area.title)) if place else _("Something for you")
    return _to_inbox(house, "notice", message_id, title, {"title": title, "url": f"{house.url}/inbox"}, place)


def _to_inbox(
    house: House, kind: str, message_id: str, title: str, said: Mapping[str, Any], place: Place | None
) -> Letter:
    headers = _of_list(house, place.area, title) if place else _of_house(house)
    return Letter(
        house, kind, _subject(house, title), message_id, said, why=_("You get this mail because it is meant for you."),
        stops=_stops(place, "all"), headers=headers, of=place.area if place else None,
    )  # fmt: skip


# One's own access: these go to everybody, and nothing stops them.


def link(house: House, message_id: str, key: str, purpose: str, expires_at: datetime, inviter: str = "") -> Letter:
    """The link of an invitation, or to set a new password."""
    here = {"network": house.name}
    said: dict[str, Any]
    if purpose == "reset":
        said = {
            "title": _("Set a new password"),
            "label": _("Set a new password"),
            "lead": _("Somebody, we hope you, asked for a link to set a new password at %(network)s.", **here),
            "otherwise": _("If it was not you, there is nothing to do: your password stays as it is."),
        }
    else:
        invited = N_("%(name)s invites you to %(network)s, where colleagues ask and answer among themselves.")
        welcome = N_("You are invited to %(network)s, where colleagues ask and answer among themselves.")
        said = {
            "title": _("Welcome to %(network)s", **here),
            "label": _("Set a password and begin"),
            "lead": _(invited if inviter else welcome, name=inert(inviter), **here),
            "otherwise": _("If you do not want to take part, there is nothing to do."),
        }
    said |= {"url": f"{house.url}/welcome/{key}", "expires_at": expires_at}
    return Letter(house, "link", _subject(house, said["title"]), message_id, said)


def sign_in(house: House, message_id: str, device: str, at: datetime) -> Letter:
    """That somebody signed in from a device that was not known."""
    title = _("New sign-in")
    shown = inert(device) or _("a device that cannot be told")
    said = {"title": title, "device": shown, "at": at, "url": f"{house.url}/settings/account"}
    return Letter(house, "sign_in", _subject(house, title), message_id, said)


def test(house: House, message_id: str) -> Letter:
    """The administrator's mail to try out whether mails arrive."""
    title = _("A mail to try it out")
    return Letter(house, "test", _subject(house, title), message_id, {"title": title, "url": f"{house.url}/admin/mail"})


# The digest


@dataclass(frozen=True, slots=True)
class Told:
    """A thread in a digest; `left`: how many of its new posts are not shown."""

    title: str
    url: str
    facts: str
    new: int
    left: int = 0
    posts: Sequence[Shown] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: a link, and what is to know of it."""

    title: str
    url: str
    facts: str
    for_what: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a digest tells."""

    total: int
    threads: Sequence[Told] = ()
    more: Sequence[Row] = ()
    beyond: int = 0
    quiet: Sequence[Row] = ()
    recommended: Sequence[Row] = ()
    unanswered: Sequence[Row] = ()
    saved: Sequence[Row] = ()
    lines: Sequence[str] = ()


def digest(house: House, message_id: str, at: datetime, telling: Telling, apart: bool = False) -> Letter:
    """What is new, in one mail; `apart`: the posts follow as messages of their own."""
    title = _("Digest of %(day)s", day=day(at))
    posts = sum(len(thread.posts) for thread in telling.threads)
    contents = len(telling.threads) > CONTENTS_OVER
    said = {"title": title, "t": telling, "apart": apart, "share": posts or 1, "contents": contents}
    addresses = house.addresses
    name = message.person("List-Id", _("Digest"), f"digest.{addresses.domain}")
    headers = [("Thread-Topic", message.words("Thread-Topic", title)), ("List-Id", name), ("List-Post", "NO")]
    return Letter(
        house, "digest", _subject(house, title), message_id, said,
        why=_("You get this mail because you take the digest."), stops=_stops(None, "digest", "all"),
        headers=[*headers, ("List-Archive", f"<{house.url}/>"), *_of_house(house)],
    )  # fmt: skip


def part(house: House, shown: Shown, place: Place) -> Letter:
    """A post as one of the messages of a digest."""
    subject = _subject(house, place.topic, answers=bool(place.chain))
    headers = [*_of_list(house, place.area, place.topic), *_in_thread(place.chain), _archived(shown.url)]
    return Letter(
        house, "part", subject, house.addresses.message_id(shown), {"p": shown},
        by=short_name(shown.author), headers=headers, answered_post=shown.id,
    )  # fmt: skip


def new_posts(count: int) -> str:
    """ "2 new posts" """
    return ngettext("%(num)s new post", "%(num)s new posts", count)


# What they share


def short_name(name: str) -> str:
    """A person as a sender: "Frieda M."."""
    first, *rest = inert(name, 120).split() or [""]
    initial = next((letter for letter in rest[-1] if letter.isalpha()), "") if rest else ""
    return f"{first} {initial.upper()}." if initial else first


def _subject(house: House, title: str, answers: bool = False) -> str:
    return f"{'Re: ' if answers else ''}[{inert(house.short_name, 60)}] {title}"


def _stops(place: Place | None, *scopes: Scope) -> list[Stop]:
    found: list[Stop] = []
    for scope in scopes:
        if scope == "thread" and place:
            found.append((_("this thread"), scope, place.thread_id))
        elif scope == "area" and place:
            found.append((_("area %(area)s", area=inert(place.area.title)), scope, place.area_id))
        elif scope == "digest":
            found.append((_("the digest"), scope, 0))
        else:
            found.append((_("all mails"), scope, 0))
    return found


def _of_list(house: House, area: List, topic: str) -> list[tuple[str, str]]:
    listed = message.person("List-Id", inert(area.title), f"{area.slug}.{house.addresses.domain}")
    return [
        ("Thread-Topic", message.words("Thread-Topic", topic)),
        ("List-Id", listed),
        ("List-Archive", f"<{house.url}/areas/{area.slug}>"),
        *_of_house(house),
    ]


def _of_house(house: House) -> list[tuple[str, str]]:
    # Some answering machines know nothing newer than Precedence.
    return [
        ("List-Help", f"<{house.url}/settings/mail>"),
        ("List-Owner", f"<mailto:{house.addresses.settings.mail_address}>"),
        ("Precedence", "list"),
    ]


def _in_thread(chain: Sequence[str]) -> list[tuple[str, str]]:
    if not chain:
        return []
    kept = [chain[0], *chain[1:][1 - MOST_REFERENCES :]]
    return [("In-Reply-To", chain[-1]), ("References", message.chain(kept))]


def _named_by_us(house: House, place: Place) -> list[str]:
    return [house.addresses.message_id_of_notice(post_id) for post_id in place.posts]


def _archived(url: str) -> tuple[str, str]:
    return "Archived-At", f"<{url}>"
