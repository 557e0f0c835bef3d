"""A mail as it arrived becomes words, a sender, a time and attachments.

Pure functions: no database, no request. `parse` is the one way in; inbound mail and the import of archives
both use it. Everything is bounded and linear, because a mail may be written to hang whoever reads it.

The standard library's modern policy raised on one malformed mail in nine and hung on a header of 1 MB, so
here the old `compat32` parser only splits the mail into parts; charsets, encoded words (RFC 2047), parameters
(RFC 2231), addresses and dates are decoded by functions of this module. `inscriptis` was tried for HTML and
left out: it silently drops all text below 255 nested tags and pads a 100 kB table to 25 MB.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message
from email.parser import BytesParser
from email.policy import Policy, compat32
from email.utils import parsedate_tz
from itertools import groupby
from typing import Any
from urllib.parse import unquote_to_bytes

MAIL_BYTES = 25 * 1024 * 1024
MAIL_LINES = 500_000  # 25 MB of base64 have 345,000
LINES_TIMES_MULTIPARTS = 3_000_000
HEADER_BYTES = 100 * 1024
HEADER_FIELDS = 1_000
PARTS = 100
DEPTH = 20
BODY_CHARACTERS = 400_000  # of source, all text parts together
NAME_CHARACTERS = 150
MESSAGE_ID_CHARACTERS = 250
REFERENCES = 200

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


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with the mail. The name is safe to store and show: no path, no control characters."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


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
    message = _split(raw)
    headers = tuple((name.lower(), decode_header(value)) for name, value in message.raw_items())
    first = _first_values(headers)
    own_id = next(iter(message_ids(first.get("message-id", ""))), None)
    replied = next(iter(message_ids(first.get("in-reply-to", ""))), None)
    references = tuple(message_ids(first.get("references", ""))[-REFERENCES:])
    subject = first.get("subject", "")
    name, address = parse_address(_raw_header(message, "from"))
    reading = _read(message)
    body, whole = _body(reading.texts)
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
        attachments=tuple(_attachments([*reading.files, *whole])),
        headers=headers,
    )


def _first_values(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of repeated headers the topmost counts."""
    values: dict[str, str] = {}
    for name, value in headers:
        values.setdefault(name, value)
    return values


def _raw_header(message: Message, name: str) -> str:
    """A header as it was sent, unfolded, its bytes decoded but its encoded words not."""
    return next((_unfolded(value) for key, value in message.raw_items() if key.lower() == name), "")


# --- Splitting into parts ---------------------------------------------------------------


class _Part(Message):
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

    def get_content_type(self) -> str:
        """The media type, lower-case. `text/plain` when it is missing or broken (RFC 2045, 5.2)."""
        value = _raw_header(self, "content-type")
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
            self._parameters = parameters(_raw_header(self, "content-type"))
        return self._parameters.get(name, "")


def _split(raw: bytes) -> _Part:
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


def _counting_parts() -> Callable[..., _Part]:
    """A factory of parts that stops the parser early: its cost is lines times depth."""
    made = 0

    def part(policy: Policy = compat32) -> _Part:
        nonlocal made
        made += 1
        # The parser makes one part for trying, and one is the mail itself.
        if made > PARTS + 2:
            raise Unreadable("too_many_parts")
        return _Part(policy)

    return part


def _children(part: Message) -> list[_Part]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, _Part)] if isinstance(payload, list) else []


def _depth(message: Message) -> int:
    level, depth = [message], 0
    while level:
        level = [child for part in level for child in _children(part)]
        depth += 1
    return depth


# --- Charsets ---------------------------------------------------------------------------

# Latin-1 and ASCII are in truth the Windows page: its quotes and the euro sign are where they have controls.
_WINDOWS = "cp1252"
_CODECS = {
    "ascii": _WINDOWS,
    "us-ascii": _WINDOWS,
    "iso-8859-1": _WINDOWS,
    "iso8859-1": _WINDOWS,
    "latin1": _WINDOWS,
    "latin-1": _WINDOWS,
    "ansi_x3.110-1983": _WINDOWS,
    "ansi": _WINDOWS,
    "windows": _WINDOWS,
    "x-ansi": _WINDOWS,
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
}
# Not charsets of text, slow on long text, or known to warn.
_REFUSED_CODECS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
# Tab and newline stay. Half characters (surrogates) cannot be stored.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


def _windows_bytes(error: UnicodeError) -> tuple[str, int]:
    """What a charset cannot read is nearly always a byte of the Windows page, so no text becomes U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    return "".join(_WINDOWS_CHARACTERS[byte] for byte in stray), error.end


_WINDOWS_CHARACTERS = [bytes([byte]).decode(_WINDOWS, "replace").replace("\ufffd", "") for byte in range(256)]
codecs.register_error("fachkreis-windows-bytes", _windows_bytes)


def decode_text(data: bytes, charset: str = "") -> str:
    """Bytes as text: the declared charset, else UTF-8, and stray bytes as Windows-1252. Never raises.

    Valid UTF-8 beats a declared one-byte charset: no real text in one of those looks like it.
    """
    codec = codec_name(charset) or "utf-8"
    if codec.startswith(("cp125", "iso8859")) and _is_utf8(data):
        codec = "utf-8"
    try:
        text = data.decode(codec, "fachkreis-windows-bytes")
    except (ValueError, LookupError, TypeError):
        text = data.decode("utf-8", "fachkreis-windows-bytes")
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def codec_name(charset: str) -> str:
    """Python's name for a declared charset; empty when it says nothing (`unknown-8bit`, nonsense)."""
    name = charset.strip().strip("\"'").lower()
    if not re.fullmatch(r"[a-z0-9_.:+-]{2,40}", name):
        return ""
    for candidate in (name, name.removeprefix("x-"), name.removeprefix("charset=")):
        codec = _known_codec(candidate)
        if codec:
            return codec
    return ""


def _known_codec(name: str) -> str:
    try:
        found = codecs.lookup(_CODECS.get(name, name)).name
        found = _CODECS.get(found.replace("_", "-"), found)
        "a".encode(found)  # refuses codecs that are not for text, such as hex
    except (LookupError, ValueError, TypeError):
        return ""
    return found if found.replace("_", "-") not in _REFUSED_CODECS else ""


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# --- Headers ----------------------------------------------------------------------------

_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bq])\?([^?]*+)\?=", re.IGNORECASE)


def decode_header(value: str) -> str:
    """A header in one line: encoded words (RFC 2047) and raw eight-bit text become what they mean."""
    return _one_line(_decode_words(_unfolded(value)))


def _unfolded(value: str) -> str:
    """The header in one line. The parser keeps eight-bit bytes as surrogates in otherwise plain ASCII."""
    return re.sub(r"\n[ \t]*", " ", decode_text(value.encode("utf-8", "surrogateescape"))).strip()


def _decode_words(text: str) -> str:
    """Neighbouring encoded words of one charset are joined as bytes: a character may be cut between them."""
    words: list[str] = []
    end, charset, data = 0, "", b""
    for found in _ENCODED_WORD.finditer(text):
        between = text[end : found.start()]
        if not (data and charset == found[1].lower() and not between.strip()):
            words.append(decode_text(data, charset))
            words.append("" if data and not between.strip() else between)
            data = b""
        charset, end = found[1].lower(), found.end()
        data += _word_bytes(found[2], found[3])
    return "".join([*words, decode_text(data, charset), text[end:]])


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return _base64(raw)[0] if encoding in "bB" else binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


_PARAMETER = re.compile(r""";\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;]*+))""", re.DOTALL)


def parameters(value: str) -> dict[str, str]:
    """The parameters of a MIME header, decoded: pieces and charsets of RFC 2231, and words of RFC 2047."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in _PARAMETER.finditer(value):
        text = _unquoted(found[2]) if found[2] is not None else found[3].strip().strip("'\"")
        name, star, rest = found[1].lower().partition("*")
        if not star:
            plain.setdefault(name, _one_line(_decode_words(text)))
            continue
        number = rest.rstrip("*")
        if re.fullmatch(r"[0-9]{0,3}", number):
            pieces.setdefault(name, {}).setdefault(int(number or 0), (text, rest.endswith("*") or not rest))
    return plain | {name: _joined(parts) for name, parts in pieces.items()}


def _joined(pieces: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231, 4.1: `charset'language'percent-encoded`, cut into numbered pieces."""
    charset, data = "", b""
    for number, (text, is_encoded) in sorted(pieces.items()):
        if number == min(pieces) and is_encoded and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)  # noqa: PLW2901
        data += unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace")
    return _one_line(decode_text(data, charset))


_ADDRESS_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]++|\\.)*+)"?|\((?P<comment>[^()]*+)\)?|<(?P<angle>[^<>]*+)>?'
    r'|(?P<comma>,)|(?P<text>[^"(<,]++)',
    re.DOTALL,
)


def parse_address(value: str) -> tuple[str, str]:
    """Name and lower-case address of the first mailbox. The address is empty when there is none.

    Structure is read before encoded words are decoded: a name may say `<someone@else>` and stays a name.
    """
    words: list[str] = []
    comments: list[str] = []
    for token in _ADDRESS_TOKEN.finditer(value):
        if token["angle"] is not None:
            return _sender_name("".join(words)), _address(token["angle"])
        if token["comment"] is not None:
            comments.append(token["comment"])
        elif token["comma"] and "@" in "".join(words[-1:]):
            break
        else:
            words.append(token[0] if token["quoted"] is None else _unquoted(token["quoted"]))
    return _sender_name("".join(comments)), _address("".join(words).rpartition(":")[2].strip(" ;"))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _address(text: str) -> str:
    address = text.strip().lower().removeprefix("mailto:")
    return address if len(address) <= 254 and re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", address) else ""


def _sender_name(text: str) -> str:
    """A name without the quotes that Outlook adds and without Mailman's "via list"."""
    name = _one_line(_decode_words(text)).strip("'\" ")
    return re.sub(r"'? via [^<>]{1,80}$", "", name)[:200].strip("'\" ")


def message_ids(value: str) -> list[str]:
    """The Message-IDs in a header (RFC 5322, 3.6.4), without angle brackets, each once."""
    found = re.findall(r"<([^<>]+)>", value)
    found = found or [word.strip("<>") for word in value.split()[:1] if "@" in word]
    # A program that folds a long Message-ID leaves a space in it.
    identifiers = ("".join(identifier.split()) for identifier in found)
    return list(dict.fromkeys(_short_id(identifier) for identifier in identifiers if identifier))


def _short_id(identifier: str) -> str:
    if len(identifier) <= MESSAGE_ID_CHARACTERS:
        return identifier
    return hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()[:40] + "@long-message-id.invalid"


def derived_message_id(raw: bytes) -> str:
    """A stable Message-ID for a mail without one. Line endings do not count: archives differ in them."""
    content = raw.replace(b"\r\n", b"\n").strip(b"\n")
    return hashlib.sha256(content).hexdigest()[:40] + "@no-message-id.invalid"


_COUNTED = r"\s*(?:\[\d{1,4}\]|\(\d{1,4}\)|\^\d{1,4})?\s*[:：]"
_REPLY = re.compile(rf"(?:re|aw|antw|antwort|sv|vs|rif){_COUNTED}", re.IGNORECASE)
_PREFIX = re.compile(
    rf"\s+|(?:re|aw|antw|antwort|sv|vs|rif|wg|fwd|fw){_COUNTED}|\[[^\[\]]{{1,60}}\](?=\s*\S)", re.IGNORECASE
)


def base_subject(subject: str) -> str:
    """The subject without reply and forward prefixes and list tags at its front, however many."""
    position = 0
    while found := _PREFIX.match(subject, position):
        position = found.end()
    return subject[position:].strip()


def has_reply_prefix(subject: str) -> bool:
    """Whether the subject says that this is an answer. A forward (WG:, Fwd:) alone is none."""
    position = 0
    while found := _PREFIX.match(subject, position):
        if _REPLY.match(subject, position):
            return True
        position = found.end()
    return False


_GERMAN_MONTHS = {
    "januar": "Jan", "februar": "Feb", "mär": "Mar", "mrz": "Mar", "märz": "Mar", "mai": "May", "juni": "Jun",
    "juli": "Jul", "okt": "Oct", "oktober": "Oct", "dez": "Dec", "dezember": "Dec",
}  # fmt: skip
_ZONES = {
    "cet": "+0100", "cest": "+0200", "met": "+0100", "mest": "+0200", "mez": "+0100", "mesz": "+0200",
    "wet": "+0000", "west": "+0100", "bst": "+0100", "eet": "+0200", "eest": "+0300", "msk": "+0300",
    "ist": "+0530", "jst": "+0900", "utc": "+0000", "gmt": "+0000", "z": "+0000",
}  # fmt: skip
_FIRST_YEAR, _LAST_YEAR = 1971, 2100


def parse_date(value: str) -> datetime | None:
    """A date of RFC 5322, of a "From " line, or ISO 8601, as UTC. None when it is missing or absurd.

    Tolerant of two-digit years, German month names and zone names; without a zone the time counts as UTC.
    """
    words = [_date_word(word) for word in re.sub(r"\([^()]*\)", " ", value[:120]).split()]
    text = " ".join(words)
    try:
        parsed = parsedate_tz(text)
        moment = _moment(parsed) if parsed else datetime.fromisoformat(text.replace(" +", "+"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC) if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _date_word(word: str) -> str:
    plain = word.strip(".,").lower()
    return _GERMAN_MONTHS.get(plain) or _ZONES.get(plain) or (plain if plain.isdigit() else word)


def _moment(parsed: tuple[int | None, ...]) -> datetime:
    year, month, day, hour, minute, second = (int(number or 0) for number in parsed[:6])
    offset = timedelta(seconds=parsed[9] or 0)
    zone = timezone(offset) if abs(offset) < timedelta(hours=24) else UTC
    # A leap second is not a moment for Python; and "24:00" is the next day's midnight.
    moment = datetime(year, month, day, tzinfo=zone)
    return moment + timedelta(hours=min(hour, 24), minutes=min(minute, 59), seconds=min(second, 59))


# --- Content of a part ------------------------------------------------------------------


def _content(part: _Part) -> bytes:
    """The part's bytes, its transfer encoding undone as far as possible (RFC 2045, 6)."""
    payload = part.get_payload()
    data = payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""
    encoding = re.sub(r"[^a-z0-9-]", "", _raw_header(part, "content-transfer-encoding").lower()[:40])
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding == "base64":
        decoded, rest = _base64(data)
        return decoded + rest
    return _uudecoded(data) if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"} else data


def _base64(data: bytes) -> tuple[bytes, bytes]:
    """What base64 says, and what follows it in clear: some lists add their footer below the last padding."""
    end = re.search(rb"=\s*(?:=\s*)?", data)
    head, rest = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    letters = re.sub(rb"[^A-Za-z0-9+/]+", b"", head)
    # One letter carries six bits, too few for a byte: such a rest is damage.
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    decoded = binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    if rest.strip() and re.fullmatch(rb"[A-Za-z0-9+/=\s]*+", rest) and re.search(rb"[A-Za-z0-9+/]{4}", rest):
        more = re.sub(rb"[^A-Za-z0-9+/]+", b"", rest)
        more = more[: len(more) - (len(more) % 4 == 1)]
        return decoded + binascii.a2b_base64(more + b"=" * (-len(more) % 4)), b""
    return decoded, rest if rest.strip(b"= \r\n\t") else b""


def _uudecoded(data: bytes) -> bytes:
    """The lines between `begin` and `end`; anything else stays as it is."""
    found = re.search(rb"^begin [0-7]{3,4} [^\n]*\n", data, re.MULTILINE)
    if not found:
        return data
    decoded = []
    for line in data[found.end() :].splitlines():
        if line.strip() == b"end":
            break
        decoded.append(_uudecoded_line(line))
    return b"".join(decoded)


def _uudecoded_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""


# --- Body and attachments ---------------------------------------------------------------

_TEXT_RANKS = {"text/plain": 3, "text/enriched": 2, "text/richtext": 2, "text/html": 1}
# They prove who wrote a mail, they are nothing to read. The first list footer breaks the proof anyway.
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Text:
    """A part that is meant to be read, still as bytes: of two versions one is never decoded."""

    kind: str
    content: bytes
    charset: str
    flowed: bool
    delsp: bool

    def source(self, limit: int) -> tuple[str, bool]:
        """The decoded text, `limit` characters at most, and whether that is all of it."""
        is_html = self.kind == "text/html"
        # Pictures inside HTML are long and nothing to read.
        content = re.sub(rb"data:[^\"'\s>]{200,}", b"", self.content) if is_html else self.content
        text = decode_text(content[: 4 * limit], self.charset)
        is_whole = len(content) <= 4 * limit and len(text) <= limit
        return (text, True) if is_whole else (text[:limit].rpartition("\n")[0], False)

    def markdown(self, source: str) -> str:
        """The source as Markdown, or the beginning of it."""
        if self.kind == "text/html":
            return to_markdown(html_to_text(source), wrapped=False)
        if self.kind != "text/plain":
            return to_markdown(enriched_to_text(source), wrapped=False)
        return to_markdown(unflow(source, self.delsp) if self.flowed else source)


@dataclass(slots=True)
class _Reading:
    """What a part has to say: texts and files."""

    texts: list[_Text] = field(default_factory=list)
    files: list[_File] = field(default_factory=list)

    def rank(self) -> int:
        return max((_TEXT_RANKS[text.kind] for text in self.texts if text.content.strip()), default=0)


def _read(part: _Part, is_root: bool = True) -> _Reading:
    """Read a part and what is below it; the depth is bounded already."""
    children = _children(part)
    if not children:
        return _read_leaf(part, is_root)
    readings = [_read(child, False) for child in children]
    files = [file for reading in readings for file in reading.files]
    if part.get_content_type() == "multipart/alternative":
        return _Reading(max(readings, key=_Reading.rank).texts, files)
    return _Reading([text for reading in readings for text in reading.texts], files)


def _read_leaf(part: _Part, is_root: bool) -> _Reading:
    kind = part.get_content_type()
    # A multipart without a boundary that works is one lump of text: ugly, but nothing is lost.
    kind = "text/plain" if kind.startswith("multipart/") else kind
    disposition = _raw_header(part, "content-disposition")
    name = parameters(disposition).get("filename") or part.parameter("name")
    is_attached = disposition.lower().startswith("attachment") or (bool(name) and not is_root)
    if kind in _SIGNATURES:
        return _Reading()
    content = _content(part)
    if kind in _TEXT_RANKS and not is_attached:
        return _Reading(texts=[_text(part, kind, content)])
    return _Reading(files=[_File(name, kind, content)] if content or name else [])


def _text(part: _Part, kind: str, content: bytes) -> _Text:
    charset = part.parameter("charset") or (_html_charset(content) if kind == "text/html" else "")
    flowed, delsp = part.parameter("format").lower(), part.parameter("delsp").lower()
    return _Text(kind, content, charset, flowed == "flowed", delsp == "yes")


def _html_charset(content: bytes) -> str:
    found = re.search(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{2,40})", content[:2000])
    return found[1].decode("ascii") if found else ""


def _body(texts: Iterable[_Text]) -> tuple[str, list[_File]]:
    """The texts as one body. Of what a page cannot bear the whole becomes a file, so that nothing is lost."""
    written, whole, left = [], [], BODY_CHARACTERS
    for text in texts:
        source, is_whole = text.source(left)
        left -= len(source)
        written.append(text.markdown(source))
        if not is_whole:
            written.append("[…]")
            whole.append(_File("nachricht." + _EXTENSIONS.get(text.kind, "txt"), text.kind, text.content))
    return "\n\n".join(block for block in written if block), whole


_EXTENSIONS = {
    "text/plain": "txt", "text/html": "html", "text/calendar": "ics", "text/csv": "csv", "text/vcard": "vcf",
    "text/x-vcard": "vcf", "message/rfc822": "eml", "message/delivery-status": "txt",
    "application/pdf": "pdf",
    "text/rfc822-headers": "txt", "application/zip": "zip", "image/jpeg": "jpg", "image/jpg": "jpg",
    "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/svg+xml": "svg", "image/tiff": "tif",
    "application/msword": "doc", "application/rtf": "rtf", "text/rtf": "rtf", "application/ms-tnef": "dat",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.text": "odt", "application/json": "json", "audio/mpeg": "mp3",
}  # fmt: skip


def _attachments(files: Iterable[_File]) -> Iterator[Attachment]:
    for number, file in enumerate(files, start=1):
        fallback = f"anhang-{number}.{_EXTENSIONS.get(file.media_type, 'bin')}"
        yield Attachment(safe_name(file.name) or fallback, file.media_type, file.content)


def safe_name(name: str) -> str:
    """A file name without path, control and direction characters, 150 characters at most; may be empty."""
    base = unicodedata.normalize("NFC", name[:1000]).replace("\\", "/").rpartition("/")[2]
    # Category C: controls, direction marks, halves of characters, private use.
    shown = "".join(character for character in base if unicodedata.category(character)[0] != "C")
    clean = _one_line(shown).strip(". ")
    stem, dot, extension = clean.rpartition(".")
    if len(clean) <= NAME_CHARACTERS or not dot or len(extension) > 10:
        return clean[:NAME_CHARACTERS].strip(". ")
    return stem[: NAME_CHARACTERS - len(extension) - 1].rstrip(". ") + "." + extension


# --- Flowed, enriched and HTML text to plain text ---------------------------------------


def unflow(text: str, delsp: bool = False) -> str:
    """Join the lines that the sender's program broke (RFC 3676): a line that ends in a space flows on.

    A change of quote depth ends a paragraph, and so does the signature line, which ends in a space itself.
    """
    paragraphs: list[tuple[int, list[str]]] = []
    flows = False
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        is_signature = content == "-- "
        if flows and paragraphs[-1][0] == depth and not is_signature:
            paragraphs[-1][1].append(content)
        else:
            paragraphs.append((depth, [content]))
        flows = content.endswith(" ") and not is_signature
        if flows and delsp:
            paragraphs[-1][1][-1] = content[:-1]
    return "\n".join(">" * depth + " " * bool(depth) + "".join(pieces) for depth, pieces in paragraphs)


def enriched_to_text(text: str) -> str:
    """Rich text of the nineties (RFC 1896) without its commands: one newline is a space, n are n - 1."""
    text = re.sub(r"<param>[^<]*</param>", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\n+", lambda breaks: "\n" * (len(breaks[0]) - 1) or " ", text)
    return re.sub(r"<(?:<|/?[A-Za-z][A-Za-z0-9-]{0,60}>)", lambda tag: "<" if tag[0] == "<<" else "", text)


_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<hidden>style|script|title)\b[^>]*>.*?(?:</(?P=hidden)\b[^>]*>|\Z)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:]*)(?P<attributes>[^>]*)>"
    r"|<[!?/][^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "hr", "dl", "form", "fieldset"}
_LINES = {
    "div", "tr", "address", "article", "section", "header", "footer", "dt", "dd", "center", "caption", "body",
}  # fmt: skip
_QUOTE_DEPTH, _LIST_DEPTH = 8, 3


def html_to_text(source: str) -> str:
    """HTML as plain text with `> ` quotes, list items and the targets of links. Linear; no text is lost."""
    page = _Page()
    # Behind the last ">" there is no tag: with that known, an open tag cannot make the search quadratic.
    last, position = source.rfind(">") + 1, 0
    for tag in _TAG.finditer(source, 0, last):
        page.text(html.unescape(source[position : tag.start()]))
        position = tag.end()
        if tag["name"]:
            page.tag(tag["name"].lower(), bool(tag["end"]), tag["attributes"])
    page.text(html.unescape(source[position:]))
    return page.result()


class _Page:
    """Lines of text that grow while tags come by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self.quotes = 0
        self.lists: list[int] = []  # the last number of each open list; -1 for bullets
        self.bullet = ""
        self.preformatted = 0
        self.link: tuple[str, int] | None = None  # the target, and which word comes first

    def text(self, text: str) -> None:
        """Words flow; only in preformatted text a newline is one."""
        text = _CONTROLS.sub("", text)
        if not self.preformatted:
            flowing = re.sub(r"[ \t\n\r\f]+", " ", text)
            flowing = flowing if self.words else flowing.lstrip()
            self.words += [flowing] * bool(flowing)
            return
        first, *others = text.split("\n")
        self.words.append(first)
        for other in others:
            self.end_line(keep_empty=True)
            self.words.append(other)

    def tag(self, name: str, is_end: bool, attributes: str) -> None:
        """What a tag does to the line."""
        if name == "br":
            self.end_line(keep_empty=True)
        elif name in _PARAGRAPHS:
            self.end_paragraph()
        elif name in _LINES:
            self.end_line()
        elif name in {"blockquote", "pre", "ul", "ol", "li"}:
            self.block(name, is_end)
        elif name in {"td", "th"} and not is_end:
            self.words += [" | "] * bool(self.words)
        elif name == "a":
            self.end_link()
            self.link = None if is_end else (_attribute(attributes, "href"), len(self.words))
        elif name == "img":
            # Emoji arrive as pictures with themselves as description; longer descriptions are logos.
            description = _attribute(attributes, "alt")
            self.words += [description] * (0 < len(description) <= 8)

    def block(self, name: str, is_end: bool) -> None:
        """Quotes, lists and preformatted text change how the following lines begin."""
        if name == "li":
            self.end_line()
            self.bullet = "" if is_end else self.next_bullet()
            return
        self.end_line() if self.lists and name != "blockquote" else self.end_paragraph()
        change = -1 if is_end else 1
        if name == "blockquote":
            self.quotes = max(0, self.quotes + change)
        elif name == "pre":
            self.preformatted = max(0, self.preformatted + change)
        elif not is_end:
            self.lists.append(0 if name == "ol" else -1)
        elif self.lists:
            self.lists.pop()
            if not self.lists:
                self.end_paragraph()

    def next_bullet(self) -> str:
        if not self.lists or self.lists[-1] < 0:
            return "- "
        self.lists[-1] += 1
        return f"{self.lists[-1]}. "

    def end_link(self) -> None:
        """The target stands behind the words, unless the words say it already."""
        if self.link is None:
            return
        target, start = self.link
        words = "".join(self.words[start:]).strip()
        bare = re.sub(r"^(?:mailto:|tel:|https?://(?:www\.)?)", "", target).rstrip("/")
        is_wanted = re.match(r"(?:https?://|mailto:|tel:)\S+\Z", target)
        if words and is_wanted and bare not in words:
            self.words.append(f" ({re.sub(r'^(?:mailto|tel):', '', target)})")

    def end_line(self, keep_empty: bool = False) -> None:
        line = "".join(self.words)
        line = line.rstrip() if self.preformatted else re.sub(r" {2,}", " ", line.strip())
        self.words.clear()
        self.link = (self.link[0], 0) if self.link else None
        if line or keep_empty:
            self.lines.append((self.quote() + self.margin() + line).rstrip())
            self.bullet = "" if line else self.bullet

    def quote(self) -> str:
        return ">" * min(self.quotes, _QUOTE_DEPTH) + " " * bool(self.quotes)

    def margin(self) -> str:
        """The indentation of a list item or of preformatted text."""
        level = min(len(self.lists), _LIST_DEPTH + 1)
        indent = "   " * (level - 1 if self.bullet else level)
        return "    " + indent if self.preformatted else indent + self.bullet

    def end_paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(self.quote().rstrip())

    def result(self) -> str:
        self.end_line()
        return "\n".join(self.lines)


def _attribute(attributes: str, name: str) -> str:
    value = r"""(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
    found = re.search(rf"(?<![\w-]){name}\s{{0,9}}=\s{{0,9}}{value}", attributes[:8000], re.IGNORECASE)
    return _one_line(html.unescape(found[1] or found[2] or found[3] or "")) if found else ""


# --- Plain text to Markdown -------------------------------------------------------------


def to_markdown(text: str, *, wrapped: bool = True) -> str:
    """Plain text as Markdown that shows what the author typed. Linear.

    Quotes and lists become quotes and lists. Drawn tables, columns and indented text are fenced. All else
    that Markdown would read as markup is escaped. Lines break where they were broken (two trailing spaces),
    except inside paragraphs which a mail program wrapped, when `wrapped` says that such may be here.
    """
    lines = (_quoted(line) for line in text.replace("\r\n", "\n").expandtabs(8).split("\n"))
    written: list[str] = []
    gap = 0
    for depth, run in groupby(lines, key=lambda pair: pair[0]):
        prose = _Prose([content for _, content in run], wrapped).markdown()
        gap = min(gap, depth)
        if not prose:
            continue
        written += [("> " * gap).rstrip()] * bool(written)
        written += [("> " * depth + line) if line else ("> " * depth).rstrip() for line in prose]
        gap = depth
    return "\n".join(written)


def _quoted(line: str) -> tuple[int, str]:
    """Quote depth and content of a line. Deeper than eight levels nobody can tell them apart."""
    marks = re.match(r" {0,3}(?:> ?)++", line) if ">" in line[:4] else None
    if not marks:
        return 0, line.rstrip()
    return min(marks[0].count(">"), _QUOTE_DEPTH), line[marks.end() :].rstrip()


_URL = r"(?:[Hh]ttps?|HTTPS?|ftp)://(?:\([^\s()<>\"]{0,200}\)|[^\s()<>\"])++"
_SIGN = re.compile(
    r"`"
    r"|(?<=\S)\*|\*(?=\S)"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word an underscore is a letter
    r"|\\(?=[!-/:-@\[-`{-~]|\Z|https?://|ftp://)"
    r"|~(?=~)|(?<=~)~"
    r"|<(?=\S)"
    r"|&(?=\#|[A-Za-z])"
    r"|\](?=[(:])"
    r"|\^(?=\[)"
)
_SPECIAL = re.compile(rf"(?P<url>(?<![A-Za-z]){_URL})|{_SIGN.pattern}")
_START = re.compile(r"#{1,6}(?!\S)|>|[-+*](?!\S)|:(?=[\s:])|~(?!\S)|\[(?=[ xX]\])|!!!|\?\?\?")
_ITEM = re.compile(r"( *)([-*+•·▪‣◦]|[0-9]{1,9}[.)]) +(?=\S)")
_NUMBER = re.compile(r"([0-9]{1,9})([.)])(?!\S)")
_CODE = re.compile(r"\s*</?(?!https?:|mailto:)[A-Za-z!?][\w:.-]*(?:[\s>].*)?|.*(?:[{}]|\);)")
_DRAWING = re.compile(r"[\u2500-\u257f]|\+[-=]{3,}+\+")
_WRAP_AT_LEAST, _WRAP_AT_MOST = 60, 100


def _escaped(text: str) -> str:
    """A line whose markup is taken literally; addresses of pages stay whole."""
    return _SPECIAL.sub(lambda found: _link(found) if found["url"] else "\\" + found[0], text)


def _link(found: re.Match[str]) -> str:
    """An address stays bare where Markdown leaves it alone; else it goes into angle brackets."""
    link = found[0].rstrip(".,;:!?'*_~`]})\\") if "(" not in found[0] else found[0].rstrip(".,;:!?'*_~`]}\\")
    rest = re.sub(r"([\\`*_~\]])", r"\\\1", found[0][len(link) :])
    after = found.string[found.end() : found.end() + 1].strip(" .,;:!?)")
    is_harmless = not after and not rest.startswith("\\") and not _SIGN.search(link)
    return (link if is_harmless else f"<{link}>") + rest


def _line(text: str) -> str:
    """A line of prose: escaped within, and at its start where Markdown looks for blocks."""
    text = text.strip()
    if _is_ruler(text):
        return "\\" + text
    number = _NUMBER.match(text)
    if number:
        return f"{number[1]}\\{number[2]}{_escaped(text[number.end() :])}"
    escaped = _escaped(text)
    return "\\" + escaped if _START.match(text) and not escaped.startswith("\\") else escaped


def _is_ruler(text: str) -> bool:
    """Rows of one sign: underlines that would become headings, rules, and the second line of a table."""
    bare = text.replace(" ", "")
    is_one_sign = len(set(bare)) == 1 and bare[0] in "-=_*~+#"
    return is_one_sign or ("-" in bare and not bare.strip("-:|"))


class _Prose:
    """The lines of one quote depth on their way to Markdown."""

    def __init__(self, lines: list[str], wrapped: bool) -> None:
        self.lines = lines
        self.width = _wrap_width(lines) if wrapped else 0
        self.out: list[str] = []
        self.items: list[tuple[int, int]] = []  # for each open list the indentation typed, and of its content
        self.number = 0
        self.in_signature = False
        self.is_fenced = False  # the last thing written is a fence

    def markdown(self) -> list[str]:
        for paragraph in _paragraphs(self.lines):
            self.paragraph(paragraph)
        return self.out

    def paragraph(self, lines: list[str]) -> None:
        self.in_signature = self.in_signature or lines[0] == "--"
        if self.items and not lines[0].startswith("  ") and not _ITEM.match(lines[0]):
            self.items.clear()
        if not self.items and _is_preformatted(lines):
            self.fence(lines)
            return
        self.is_fenced = False
        self.blank()
        for before, line, after in zip(["", *lines[:-1]], lines, [*lines[1:], ""], strict=True):
            self.line(line, before, after)

    def blank(self) -> None:
        if self.out and self.out[-1]:
            self.out.append("")

    def fence(self, lines: list[str]) -> None:
        """Text that only reads well as it stands. Neighbouring pieces share one fence."""
        longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        if self.is_fenced and self.out[-1] == fence:
            self.out[-1:] = ["", *lines, fence]
        else:
            self.blank()
            self.out += [fence, *lines, fence]
        self.is_fenced = True

    def line(self, line: str, before: str, after: str) -> None:
        item = _ITEM.match(line)
        if item and not _is_ruler(line) and self.is_item(item, before, after):
            self.item(item, line)
            return
        continues = bool(before) and self.fills(before, line)
        if self.items and not continues and len(line) - len(line.lstrip()) < 2:
            self.items.clear()
            self.blank()
        elif before and not continues:
            self.out[-1] += "  "
        self.out.append(" " * (self.items[-1][1] if self.items else 0) + _line(line))

    def is_item(self, item: re.Match[str], before: str, after: str) -> bool:
        """A dash may be a dash and "3." a date: a list begins a paragraph, follows a colon or goes on."""
        mark = item[2]
        if mark[0].isdigit() and int(mark[:-1]) not in {1, self.number + 1}:
            return False
        following = _ITEM.match(after)
        is_one_of_many = following is not None and following[2][-1] == mark[-1]
        return not before or bool(self.items) or before.endswith(":") or is_one_of_many

    def item(self, item: re.Match[str], line: str) -> None:
        indent, mark = len(item[1]), item[2]
        if not self.items:
            self.blank()
        while self.items and self.items[-1][0] >= indent:
            self.items.pop()
        del self.items[_LIST_DEPTH - 1 :]
        margin = self.items[-1][1] if self.items else 0
        sign = mark if mark[0].isdigit() or mark in "*+" else "-"
        self.number = int(mark[:-1]) if mark[0].isdigit() else self.number
        self.items.append((indent, margin + len(sign) + 1))
        self.out.append(f"{' ' * margin}{sign} {_line(line[item.end() :])}")

    def fills(self, before: str, line: str) -> bool:
        """Whether a mail program broke here because the next word did not fit any more."""
        if not self.width or self.in_signature or len(re.sub(_URL, "", before)) > _WRAP_AT_MOST:
            return False
        return len(before) + 1 + len(line.lstrip().partition(" ")[0]) > self.width


def _wrap_width(lines: list[str]) -> int:
    """Where lines were wrapped, in characters: the longest of them. 0 when nothing looks wrapped."""
    lengths = [len(line) for line in lines if " " in line.strip() and "://" not in line]
    width = max((length for length in lengths if length <= _WRAP_AT_MOST), default=0)
    return width if width >= _WRAP_AT_LEAST else 0


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines between blank lines; a signature ("--") begins a paragraph too."""
    paragraphs: list[list[str]] = []
    fresh = True
    for line in lines:
        if not line.strip():
            fresh = True
        elif fresh or line == "--":
            paragraphs.append([line])
            fresh = False
        else:
            paragraphs[-1].append(line)
    return paragraphs


def _is_preformatted(lines: list[str]) -> bool:
    """Indented text, drawings, columns and program code lose their sense when spaces collapse."""
    if all(line.startswith("    ") for line in lines):
        return True
    if len(lines) < 2:
        return False
    columns = sum(bool(re.search(r"\S {3,}\S", line)) for line in lines)
    code = sum(bool(_CODE.fullmatch(line)) for line in lines)
    return any(_DRAWING.search(line) for line in lines) or max(columns, code) * 2 >= max(len(lines), 4)
