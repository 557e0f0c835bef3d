"""The addresses that stand in mails: one to answer to, one that mails come back to, one to stop with, one to write to.

Those meant for one member are signed, so that nobody can answer, bounce or stop in another's name. Names of posts
are made here too, since answers are found again by them.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

from flask import current_app

from forum import tokens
from forum.config import Settings
from forum.notifications.models import SCOPES, Scope

# Whether a member may answer a mail by mail. Mails say so, or how else to answer.
ANSWERS_BY_MAIL = False
LONGEST_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,250}")


class Named(Protocol):
    """A post as somebody has read it."""

    @property
    def uid(self) -> str:
        """Its name in exchanged files."""

    @property
    def message_id(self) -> str | None:
        """The name it came with, if it was a mail."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """All addresses of one network."""

    settings: Settings
    secret: str

    @property
    def domain(self) -> str:
        """The domain that mails come from."""
        return self.settings.mail_address.rpartition("@")[2]

    def message_id(self, post: Named) -> str:
        """The Message-ID of a post, the same in every mail about it; a post that was a mail keeps its own."""
        if post.message_id and _MESSAGE_ID.fullmatch(post.message_id):
            return f"<{post.message_id}>"
        return f"<post.{quote(post.uid, safe='').replace('.', '%2E')}@{self.domain}>"

    def message_id_of_notice(self, post_id: int) -> str:
        """The Message-ID of a post of which nothing may be told: one it came with may name its author's house."""
        return f"<notice.{post_id}@{self.domain}>"

    def message_id_of_mail(self, mail_id: int) -> str:
        """The Message-ID of a mail that is about no post: sent a second time, it is the same mail."""
        return f"<mail.{mail_id}@{self.domain}>"

    def reply_address(self, member_id: int, epoch: int, post_id: int) -> str:
        """Where this member answers this post. Counting the member's epoch up ends all of them."""
        return self._address("r-" + tokens.signed(self.secret, "mail.reply", member_id, epoch, post_id))

    def opened_reply(self, address: str) -> tuple[int, int, int] | None:
        """Member, epoch and post of a reply address of ours."""
        match tokens.opened(self.secret, "mail.reply", self._tag(address, "r-")):
            case (member_id, epoch, post_id):
                return member_id, epoch, post_id
        return None

    def bounce_address(self, mail_id: int, member_id: int) -> str:
        """Where this mail to this member comes back to if it cannot be delivered."""
        return self._address("b-" + tokens.signed(self.secret, "mail.bounce", mail_id, member_id))

    def opened_bounce(self, address: str) -> tuple[int, int] | None:
        """Mail and member of a bounce address of ours."""
        match tokens.opened(self.secret, "mail.bounce", self._tag(address, "b-")):
            case (mail_id, member_id):
                return mail_id, member_id
        return None

    def unsubscribe_token(self, member_id: int, scope: Scope, number: int = 0) -> str:
        """What lets this member stop these mails without signing in; `number` is the thread's or the area's."""
        return tokens.signed(self.secret, "mail.unsubscribe", member_id, SCOPES.index(scope), number)

    def opened_unsubscribe(self, token: str) -> tuple[int, Scope, int] | None:
        """Member, scope and number of an unsubscribe token of ours."""
        match tokens.opened(self.secret, "mail.unsubscribe", token):
            case (member_id, scope, number) if scope < len(SCOPES):
                return member_id, SCOPES[scope], number
        return None

    def unsubscribe_url(self, member_id: int, scope: Scope, number: int = 0) -> str:
        """The page that stops them."""
        return f"{self.settings.address}/unsubscribe/{self.unsubscribe_token(member_id, scope, number)}"

    def unsubscribe_address(self, member_id: int, scope: Scope, number: int = 0) -> str:
        """A mail to this address stops them too."""
        return self._address("u-" + self.unsubscribe_token(member_id, scope, number))

    def opened_unsubscribe_address(self, address: str) -> tuple[int, Scope, int] | None:
        """Member, scope and number of an address to stop with."""
        return self.opened_unsubscribe(self._tag(address, "u-"))

    def list_address(self, area_slug: str) -> str:
        """Where a mail starts a thread in this area."""
        return self._address(area_slug)

    def _address(self, tag: str) -> str:
        if self.settings.mail_domain:
            return f"{tag}@{self.settings.mail_domain}"
        own, _at, domain = self.settings.mail_address.rpartition("@")
        room = LONGEST_LOCAL_PART - len(own) - 1
        # Tokens always fit; the name of an area may not, and two long ones may begin alike.
        if len(tag) > room:
            tag = f"{tag[: room - 9].rstrip('-')}-{sha256(tag.encode()).hexdigest()[:8]}"
        return f"{own}+{tag}@{domain}"

    def _tag(self, address: str, kind: str) -> str:
        """What an address of ours of this kind says; those given before `mail_domain` was set go on working."""
        local, _at, domain = address.strip().lower().rpartition("@")
        own, _at, own_domain = self.settings.mail_address.rpartition("@")
        if domain == own_domain and local.startswith(f"{own}+{kind}"):
            return local.removeprefix(f"{own}+{kind}")
        return local.removeprefix(kind) if domain and domain == self.settings.mail_domain else ""


def addresses() -> Addresses:
    """The addresses of the network that is being served."""
    return Addresses(current_app.extensions["forum.settings"], str(current_app.secret_key))
