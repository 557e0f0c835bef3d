"""A mail is cut into its parts, or refused by name when it was written to hang whoever reads it.

The standard library's modern policy raised on one malformed mail in nine and hung on a header of 1 MB, so
here the old `compat32` parser only splits the mail; what the parts say is decoded by functions of our own.
"""

import re
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from email.policy import Policy, compat32
from typing import Any

from forum.mail.encodings import undone
from forum.mail.headers import parameters, unfolded

MAIL_BYTES = 25 * 1024 * 1024
MAIL_LINES = 500_000  # 25 MB of base64 have 345,000
LINES_TIMES_MULTIPARTS = 3_000_000
HEADER_BYTES = 100 * 1024
HEADER_FIELDS = 1_000
PARTS = 100
DEPTH = 20

REASONS = {
    "empty": "The message has no content.",
    "too_large": "The message is larger than 25 MB.",
    "too_many_lines": "The message has more than 500,000 lines, or too many for its parts.",
    "header_too_large": "The header of the message or of one of its parts is larger than 100 kB.",
    "too_many_headers": "The message or one of its parts has more than 1,000 header fields.",
    "too_many_parts": "The message has more than 100 parts.",
    "too_deep": "The parts of the message are nested more than 20 levels deep.",
}


class Unreadable(Exception):
    """These bytes cannot be read as a mail; `reason` is stable, the sentence is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: {REASONS[reason]}")
        self.reason = reason
        self.sentence = REASONS[reason]


def raw_header(message: Message, name: str) -> str:
    """A header as it was sent, unfolded, its bytes decoded but its encoded words not."""
    return next((unfolded(value) for key, value in message.raw_items() if key.lower() == name), "")


class Part(Message):
    """A MIME part whose header is bounded and whose Content-Type is read by our own linear parser."""

    def __init__(self, policy: Policy = compat32) -> None:
        super().__init__(policy=policy)
        self._header_bytes = 0
        self._parameters: dict[str, str] | None = None

    def set_raw(self, name: str, value: str) -> None:
        """Called by the parser for each header field; the right moment to refuse a bomb."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            raise Unreadable("header_too_large")
        if len(self) >= HEADER_FIELDS:
            raise Unreadable("too_many_headers")
        super().set_raw(name, value)

    def get_payload(self, i: int | None = None, decode: bool = False) -> Any:  # noqa: ARG002 - the library's signature
        """The payload as it came: the library would decode it by whatever the mail calls its charset, and may raise."""
        return self._payload  # type: ignore[attr-defined]  # the stubs leave it out

    def get_content_type(self) -> str:
        """The media type, lower-case. `text/plain` when it is missing or broken (RFC 2045, 5.2)."""
        value = raw_header(self, "content-type")
        found = re.match(r"\s*([\w.+-]{1,60}/[\w.+-]{1,100})", value, re.ASCII)
        return found[1].lower() if found else self.get_default_type() if not value.strip() else "text/plain"

    def get_content_maintype(self) -> str:
        """The first half of the media type. An enclosed mail stays in one piece, so that it cannot nest."""
        kind = self.get_content_type()
        return "application" if kind.startswith("message/") else kind.partition("/")[0]

    def get_boundary(self, failobj: Any = None) -> Any:
        """What separates the parts; an absurdly long one counts as missing."""
        boundary = self.parameter("boundary").rstrip()
        return boundary if 0 < len(boundary) <= 200 else failobj

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, decoded; empty when missing."""
        if self._parameters is None:
            self._parameters = parameters(raw_header(self, "content-type"))
        return self._parameters.get(name, "")


def split(raw: bytes) -> Part:
    """Cut the mail into its parts, or refuse it by name."""
    if not raw.strip():
        raise Unreadable("empty")
    if len(raw) > MAIL_BYTES:
        raise Unreadable("too_large")
    lines = max(raw.count(b"\n"), raw.count(b"\r"))
    # The parser compares each line with the boundary of each multipart around it.
    if lines > MAIL_LINES or lines * raw.lower().count(b"boundary") > LINES_TIMES_MULTIPARTS:
        raise Unreadable("too_many_lines")
    try:
        message = BytesParser(_counting_parts(), policy=compat32).parsebytes(raw)
    except RecursionError:
        raise Unreadable("too_deep") from None
    if _depth(message) > DEPTH:
        raise Unreadable("too_deep")
    return message  # type: ignore[return-value]


def _counting_parts() -> Callable[..., Part]:
    """A factory of parts that stops the parser early: its cost is lines times depth."""
    made = 0

    def part(policy: Policy = compat32) -> Part:
        nonlocal made
        made += 1
        # The parser makes one part for trying, and one is the mail itself.
        if made > PARTS + 2:
            raise Unreadable("too_many_parts")
        return Part(policy)

    return part


def parts_of(part: Message) -> list[Part]:
    """The parts of a multipart; none of any other."""
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Part)] if isinstance(payload, list) else []


def _depth(message: Message) -> int:
    level, depth = [message], 0
    while level:
        level = [child for part in level for child in parts_of(part)]
        depth += 1
    return depth


def bytes_of(part: Part) -> bytes:
    """The part's bytes."""
    payload = part.get_payload()
    data = payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""
    encoding = raw_header(part, "content-transfer-encoding").lower()[:40]
    return undone(data, re.sub(r"[^a-z0-9-]", "", encoding))
