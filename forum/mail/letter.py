"""A letter: what a mail says and its headers, until it is a mail to one reader.

Everybody with the same wishes gets the same letter, rendered once; what is personal in it, the links to stop with
and the addresses, is put in last.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any

from forum import clock
from forum.i18n import gettext as _
from forum.i18n import language
from forum.mail import message, templates
from forum.mail.addresses import ANSWERS_BY_MAIL, Addresses
from forum.mail.plain_text import inert
from forum.members.models import Viewer
from forum.notifications.models import Scope
from forum.notifications.queries import Reader

Stop = tuple[str, Scope, int]  # the label of a link, and what it stops

# Stands in a letter where the link of its reader comes; no member can write it into a post, since it is another each
# time this program starts.
_PLACE = secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class House:
    """Who sends: the network, and its addresses."""

    name: str
    addresses: Addresses

    @property
    def url(self) -> str:
        """Where it is."""
        return self.addresses.settings.address

    @property
    def short_name(self) -> str:
        """How it is called where room is scarce."""
        return self.addresses.settings.mail_short_name or self.name


@dataclass(frozen=True, slots=True)
class List:
    """An area as the list that a mail belongs to."""

    slug: str
    title: str
    access: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A mail as one looks at it."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Letter:
    """What one kind of mail says to all with the same wishes; to be made and read in their language."""

    house: House
    template: str
    subject: str
    message_id: str
    said: Mapping[str, Any]
    why: str = ""
    by: str = ""
    stops: Sequence[Stop] = ()
    headers: Sequence[tuple[str, str]] = ()
    of: List | None = None
    answered_post: int | None = None
    language: str = field(default_factory=language)

    @cached_property
    def text(self) -> str:
        """Its text."""
        return templates.text(self.template, **self._facts)

    @cached_property
    def html(self) -> str:
        """Its HTML."""
        return templates.html(self.template, **self._facts)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return {
            "subject": self.subject, "network": self.house.name, "address": self.house.url, "why": self.why,
            "sender": self.house.addresses.settings.mail_address, "answers_by_mail": ANSWERS_BY_MAIL,
            "stops": [(label, f"{_PLACE}-{scope}") for label, scope, _number in self.stops], **self.said,
        }  # fmt: skip

    @cached_property
    def _head(self) -> list[tuple[str, str]]:
        ours = self.house.addresses.settings.mail_address
        name = _("%(name)s via %(network)s", name=self.by, network=self.house.name) if self.by else self.house.name
        return [
            ("From", message.person("From", name, ours)),
            ("Subject", message.words("Subject", self.subject)),
            ("Message-ID", self.message_id),
            *self.headers,
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("Feedback-ID", f"{self.template}:fachkreis"),
            ("Content-Language", self.language),
        ]

    def seen_by(self, member: Viewer) -> Seen:
        """What this member would see."""
        text, html = self._personal(self.text, member), self._personal(self.html, member)
        return Seen(self.subject, text, html)

    def to(self, reader: Reader) -> bytes:
        """The whole mail to one reader."""
        body = message.text(self._personal(self.text, reader.viewer))
        if reader.html:
            html = message.text(self._personal(self.html, reader.viewer), "html")
            body = message.several("alternative", [body, html])
        return message.message(self._head_to(reader), body)

    def apart(self, reader: Reader, posts: Sequence[tuple["Letter", datetime]]) -> bytes:
        """The whole mail as text with these letters behind it, each a message of the moment that goes with it."""
        messages = [
            message.whole(message.message(letter._head_to(reader, at), message.text(letter.text)))
            for letter, at in posts
        ]
        own = message.text(self._personal(self.text, reader.viewer))
        body = message.several("mixed", [own, message.several("digest", messages)])
        return message.message(self._head_to(reader), body)

    def _head_to(self, reader: Reader, at: datetime | None = None) -> list[tuple[str, str]]:
        # The date is that of sending: a mail of yesterday's would be sorted among those that were read already.
        date = format_datetime(at or clock.now())
        to = message.person("To", inert(reader.viewer.name), message.sendable(reader.email))
        return [*self._head, ("To", to), ("Date", date), *self._of_reader(reader)]

    def _of_reader(self, reader: Reader) -> list[tuple[str, str]]:
        addresses, member = self.house.addresses, reader.viewer
        found = []
        if self.answered_post is not None:
            found.append(("Reply-To", addresses.reply_address(member.id, reader.epoch, self.answered_post)))
        if self.of:
            found.append(("List-Post", _list_post(addresses, self.of, member)))
        if self.stops:
            _label, scope, number = self.stops[0]
            mail_to = f"mailto:{addresses.unsubscribe_address(member.id, scope, number)}"
            web = addresses.unsubscribe_url(member.id, scope, number)
            found += [
                ("List-Unsubscribe", message.links(mail_to, web)),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ]
        return found

    def _personal(self, words: str, member: Viewer) -> str:
        for _label, scope, number in self.stops:
            url = self.house.addresses.unsubscribe_url(member.id, scope, number)
            words = words.replace(f"{_PLACE}-{scope}", url)
        return words


def _list_post(addresses: Addresses, area: List, member: Viewer) -> str:
    if area.access == "announcement" and not member.is_facilitator:
        return "NO"
    return message.links(f"mailto:{addresses.list_address(area.slug)}")
