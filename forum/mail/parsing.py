"""A mail as it arrived becomes words, a sender, a time and attachments.

Pure functions: no database, no request. `parse` is the one way in; inbound mail and the import of archives
both use it. Everything is bounded and linear, because a mail may be written to hang whoever reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from forum.mail.contents import Attachment, attachments_of, body_of, read
from forum.mail.dates import parse_date
from forum.mail.headers import (
    base_subject,
    decode_header,
    derived_message_id,
    has_reply_prefix,
    message_ids,
    parse_address,
)
from forum.mail.parts import raw_header, split

REFERENCES = 200


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """What a mail says, decoded. Headers keep their order; their names are lower-case."""

    message_id: str
    message_id_derived: bool  # the mail had none; this one comes from its bytes, the same at each import
    in_reply_to: str | None
    references: tuple[str, ...]  # oldest first
    subject: str
    base_subject: str
    is_reply: bool
    sent_at: datetime | None  # UTC
    from_name: str
    from_address: str  # lower-case, or empty; always what "From" says, never another header
    body: str = field(repr=False)  # Markdown
    attachments: tuple[Attachment, ...]
    headers: tuple[tuple[str, str], ...] = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first header of this name, decoded."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[str]:
        """All headers of this name, from the top of the mail down."""
        return [value for key, value in self.headers if key == name.lower()]


def parse(raw: bytes, envelope_date: datetime | None = None) -> ParsedMail:
    """Read a mail. Raises `Unreadable` and nothing else. `envelope_date` stands in for a missing date."""
    message = split(raw)
    headers = tuple((name.lower(), decode_header(value)) for name, value in message.raw_items())
    first = _first_values(headers)
    own_id = next(iter(message_ids(first.get("message-id", ""))), None)
    replied = next(iter(message_ids(first.get("in-reply-to", ""))), None)
    references = tuple(message_ids(first.get("references", ""))[-REFERENCES:])
    subject = first.get("subject", "")
    name, address = parse_address(raw_header(message, "from"))
    reading = read(message)
    body, whole = body_of(reading.texts)
    return ParsedMail(
        message_id=own_id or derived_message_id(raw),
        message_id_derived=own_id is None,
        in_reply_to=replied,
        references=references,
        subject=subject,
        base_subject=base_subject(subject),
        is_reply=has_reply_prefix(subject) or bool(replied or references),
        sent_at=parse_date(first.get("date", "")) or envelope_date,
        from_name=name,
        from_address=address,
        body=body,
        attachments=tuple(attachments_of([*reading.files, *whole])),
        headers=headers,
    )


def _first_values(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of repeated headers the topmost counts."""
    values: dict[str, str] = {}
    for name, value in headers:
        values.setdefault(name, value)
    return values
