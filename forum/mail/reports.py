"""Reports of mails that could not be delivered: to whom, what the other server said, and whether for good.

Most are written for machines (RFC 3464); the others say it in words above the mail that came back. Pure functions,
bounded like those that read any other mail: a report may be written to hang whoever reads it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from forum.mail.contents import read as contents
from forum.mail.headers import decode_header, derived_message_id, message_ids, one_line, parse_address
from forum.mail.parts import Part, Unreadable, bytes_of, parts_of, raw_header, split
from forum.mail.plain import html_to_text

Kind = Literal["hard", "soft"]
Fields = dict[str, str]
DIAGNOSIS_CHARACTERS = 500
_TEXT_CHARACTERS = 20_000
_HEAD_BYTES = 64 * 1024
_STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED_TYPES = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_DAEMON = _any_of("^<>$", "mailer[- ]daemon", "post[- ]?master", "mail[. ]delivery?[. ](?:sub)?system", "mmsc ndr")
_FAILED = _any_of(
    "undeliver",
    "not deliver",
    "(?:could ?n.t|cannot) be delivered",
    "(?:un|not )able to deliver",
    r"deliver\w* (?:has )?fail",
    r"fail\w* (?:to )?deliver",
    "failure (?:notice|reasons)",
    "delivery error",
    "delivery status notification",
    "error.{0,40} deliver",
    "returned (?:mail|message)",
    "returning (?:message )?to sender",
    "trouble delivering",
    "did not reach",
    "mail failed",
    "bounce notification",
    "nicht zugestellt",
    "nicht zustellbar",
    "unzustellbar",
)
_DELAYED = _any_of(r"\bdelay", "not yet been delivered", "will (?:be retried|continue)", "noch nicht zugestellt")
# Here begins the mail that came back; what it says is its author's and no server's.
_RETURNED = re.compile(
    r"^[ \t>]*(?:(?:Received|Return-Path|Message-ID|DKIM-Signature|ARC-Seal|X-Received|X-Google-[\w-]{1,40}): "
    r"|-{2,}[^\n]{0,60}(?:original message|copy of the message)|[^\n]{0,20}(?:original message|headers) follows?\b)",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(r"[\w.+=/&'#-]{1,64}@[\w.-]{1,180}\w")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.@-])[45]\d\d(?=[ -])")

_FULL = _any_of(
    "(?:mailbox|mail ?folder|inbox) (?:is )?full",
    "over ?quota",
    "quota exceeded",
    "exceeded .{0,30}quota",
    "out of storage",
    "not enough (?:disk )?space",
    "disk full",
    "postfach .{0,20}voll",
)
# What the other side has against the mail or its sender says nothing of the address.
_AGAINST_US = _any_of(
    "spam",
    "block(?:ed|list)",
    "black ?list",
    "dnsbl",
    "reputation",
    r"\b(?:spf|dkim|dmarc|ptr)\b",
    "reverse dns",
    "polic(?:y|ies)",
    "virus",
    "content (?:was )?reject",
    "suspicious",
    "unsolicited",
    "relay(?:ing)? (?:access )?denied",
    "authenticat",
    "sender .{0,20}(?:reject|denied|not)",
    "mail ?from",
    "domain of sender",
    "(?:connection|rate|frequency) limit",
    "too (?:large|big|many)",
    "size (?:limit|exceeds)",
    "hop count",
    "mail loop",
    "(?:header error|duplicate header)",
)
_WHO = "(?:user|account|mailbox|address|recipient|domain|you tried to reach)"
_NOBODY = _any_of(
    "(?:user|recipient|host) unknown",
    "unknown (?:user|recipient|host|domain|local)",
    "no such (?:user|recipient|mailbox|domain|address|local)",
    f"{_WHO} .{{0,120}}do(?:es)? ?n.t exist",
    f"{_WHO} .{{0,120}}does not exist",
    rf"{_WHO} (?:\S{{1,80}} )?(?:was )?not found",
    r"(?:account|mailbox|tried to reach) (?:\S{1,80} )?(?:has been|is|was) (?:disabled|deactivated|closed|inactive)",
    "mailbox unavailable",
    "not our user",
    "not listed in",
    "no longer (?:on server|available|valid|active|exists)",
    "invalid (?:recipient|mailbox|user|domain|final delivery userid)",
    "destinataire invalide",
    "recipient name is not recognized",
    "have an? .{1,80} account",
    r"recipient address rejected(?:: access denied|\.?$)",
    "unroute?able",
    "nxdomain",
    r"(?:domain|host) (?:or domain )?(?:\S{1,80} )?(?:name )?not found",
    "couldn.t find any host",
    "no mx record",
    "unbekannter? (?:empf|benutzer)",
    r"(?:empf\S+|adresse|postfach) .{0,60}existiert nicht",
)
_ADDRESS_CODES = re.compile(r"5\.1\.(?:0|1|2|3|4|6|10|351)|5\.2\.1|5\.4\.4")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one mail; `kind` is none where it is only late, or arrived."""

    id: str
    recipient: str
    action: str
    status: str
    diagnosis: str
    kind: Kind | None
    message_id: str  # of the mail that came back
    sent_to: tuple[str, ...]  # where the report went: our address for this very mail, unless it is a fake


def read(raw: bytes) -> Report | None:
    """Read a mail as a report; none for any other mail, for an automatic answer, and for the report of a report."""
    try:
        return _read(split(raw), raw)
    except Unreadable:
        return None


def _read(message: Part, raw: bytes) -> Report | None:
    text, quoted = _text(message)
    returned = _returned(message) or quoted
    said = _for_machines(message) or _in_words(message, text)
    if said is None or _is_report(returned):
        return None
    told = _told(said, text)
    status = next(iter(_ENHANCED.findall(f"{said.get('status', '')} {told}")), "")
    action = said.get("action", "failed").lower()[:20]
    return Report(
        id=next(iter(message_ids(raw_header(message, "message-id"))), "") or derived_message_id(raw),
        recipient=_recipient(said),
        action=action,
        status=status,
        diagnosis=told[:DIAGNOSIS_CHARACTERS],
        kind=judged(status, told) if action == "failed" else None,
        message_id=next(iter(message_ids(returned.get("message-id", ""))), ""),
        sent_to=tuple(_sent_to(message)),
    )


def judged(status: str, told: str) -> Kind:
    """Whether what a server said means that the address is gone, or only that this mail was not taken.

    Words go before codes: many servers say 5.7.1 of an unknown user, or 5.1.1 of a mail they hold for spam.
    """
    codes = [code for code in [*_ENHANCED.findall(told), status] if code]
    code = next((code for code in codes if not code.endswith(".0.0")), status)
    for_now = told.startswith("4") or (code.startswith("4") and not code.endswith(".0.0"))
    if for_now or is_full(code, told) or _AGAINST_US.search(told):
        return "soft"
    if _NOBODY.search(told):
        return "hard"
    is_policy = any(code.startswith("5.7.") for code in codes)
    return "hard" if _ADDRESS_CODES.fullmatch(code) and not is_policy else "soft"


def is_full(status: str, told: str) -> bool:
    """Whether a server means that the mailbox has no room."""
    return status.endswith(".2.2") or bool(_FULL.search(told))


def _fields(part: Part) -> Fields:
    fields: Fields = {}
    for name, value in part.raw_items():
        fields.setdefault(name.lower(), decode_header(value))
    return fields


def _leaves(part: Part) -> Iterator[Part]:
    """The parts that hold something, from the top down; a status is one part, though the parser cut it in groups."""
    if part.get_content_type() in _STATUS_TYPES or not parts_of(part):
        yield part
        return
    for child in parts_of(part):
        yield from _leaves(child)


def _is_by_server(fields: Fields) -> bool:
    """Whether a mail server wrote the mail, and no person."""
    return "x-failed-recipients" in fields or bool(_DAEMON.search(fields.get("from", "")))


def _is_report(returned: Fields) -> bool:
    said = f"{returned.get('from', '')} {returned.get('content-type', '')}".lower()
    return "mailer-daemon" in said or "multipart/report" in said


def _for_machines(message: Part) -> Fields | None:
    """The first recipient of a delivery status that failed, or else the first at all."""
    if message.get_content_type() != "multipart/report" and not _is_by_server(_fields(message)):
        return None
    statuses = (part for part in _leaves(message) if part.get_content_type() in _STATUS_TYPES)
    groups = [group for part in statuses for group in _groups(part)]
    recipients = [group for group in groups if "final-recipient" in group or "action" in group]
    failed = (group for group in recipients if group.get("action", "failed").lower() == "failed")
    return next(failed, None) or next(iter(recipients), None)


def _groups(part: Part) -> Iterable[Fields]:
    """The groups of fields of a delivery status: the first about the whole, the others about a recipient each."""
    if groups := parts_of(part):
        return [_fields(group) for group in groups]
    blocks = re.split(rb"\r?\n[ \t]*\r?\n", bytes_of(part)[:_HEAD_BYTES])
    return [_fields(split(block)) for block in blocks[:50] if block.strip()]


def _in_words(message: Part, text: str) -> Fields | None:
    """What a report for people says, as if it were one for machines."""
    fields = _fields(message)
    if not _is_by_server(fields) or not _FAILED.search(text):
        return None
    to = parse_address(raw_header(message, "to"))[1]
    named = _ADDRESS.findall(fields.get("x-failed-recipients", "")[:1000] or text)
    return {
        "action": "delayed" if _DELAYED.search(text[:1000]) else "failed",
        "final-recipient": next((address for address in named if address.lower() != to), ""),
    }


def _told(said: Fields, text: str) -> str:
    """What the other server said: its own words, or else what the report tells people."""
    diagnosis = said.get("diagnostic-code", "")[:2000]
    own = one_line(re.sub(r"^\s*[\w-]{1,40}\s*;", "", diagnosis))
    return own if re.search(r"[^\W\d]{3}", own) else f"{own} {_telling(text)}".strip()


def _telling(text: str) -> str:
    """The paragraph that gives the reason: the first with a code, or else with words that are known."""
    paragraphs = re.split(r"\n[ \t]*\n", text)
    for pattern in (_ENHANCED, _REPLY, _FULL, _NOBODY, _AGAINST_US):
        if found := next((paragraph for paragraph in paragraphs if pattern.search(paragraph)), ""):
            return one_line(found)[:2000]
    return ""


def _text(message: Part) -> tuple[str, Fields]:
    """What the report says to people, and the head of the mail that came back if it follows in the same text."""
    parts = [decode_header(raw_header(message, "subject"))[:500]]
    for text in contents(message).texts[:5]:
        source = text.source(_TEXT_CHARACTERS)[0]
        parts.append(html_to_text(source) if text.kind == "text/html" else source)
    whole = "\n\n".join(parts)[:_TEXT_CHARACTERS].replace("\r\n", "\n")
    begin = _RETURNED.search(whole)
    if begin is None:
        return whole, {}
    return whole[: begin.start()], _head(whole[begin.start() :].encode("utf-8", "replace"))


def _returned(message: Part) -> Fields:
    """The head of the mail that came back, where it is a part of its own."""
    part = next((part for part in _leaves(message) if part.get_content_type() in _RETURNED_TYPES), None)
    return _head(bytes_of(part)) if part else {}


def _head(raw: bytes) -> Fields:
    head = re.split(rb"\r?\n\r?\n", raw[:_HEAD_BYTES].lstrip(), maxsplit=1)[0]
    return _fields(split(head)) if head else {}


def _recipient(said: Fields) -> str:
    for name in ("original-recipient", "final-recipient"):
        if found := _ADDRESS.search(said.get(name, "")[:1000]):
            return found[0].lower()
    return ""


def _sent_to(message: Part) -> Iterator[str]:
    """The addresses that the report itself went to, each once; of very many the first."""
    named = {"delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"}
    values = [str(value)[:1000] for key, value in message.raw_items() if key.lower() in named]
    found = (address.lower() for value in values[:10] for address in _ADDRESS.findall(value))
    yield from list(dict.fromkeys(found))[:20]
