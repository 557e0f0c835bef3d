"""Header fields decoded: words (RFC 2047), parameters (RFC 2231), addresses, Message-IDs and subjects."""

import binascii
import hashlib
import re
from urllib.parse import unquote_to_bytes

from forum.mail.charsets import decode_text
from forum.mail.encodings import base64_and_rest

MESSAGE_ID_CHARACTERS = 250


_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bq])\?([^?]*+)\?=", re.IGNORECASE)


def decode_header(value: str) -> str:
    """A header in one line: encoded words (RFC 2047) and raw eight-bit text become what they mean."""
    return one_line(decode_words(unfolded(value)))


def unfolded(value: str) -> str:
    """The header in one line. The parser keeps eight-bit bytes as surrogates in otherwise plain ASCII."""
    return re.sub(r"\n[ \t]*", " ", decode_text(value.encode("utf-8", "surrogateescape"))).strip()


def decode_words(text: str) -> str:
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
    return base64_and_rest(raw)[0] if encoding in "bB" else binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)


def one_line(text: str) -> str:
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
            plain.setdefault(name, one_line(decode_words(text)))
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
    return one_line(decode_text(data, charset))


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
    name = one_line(decode_words(text)).strip("'\" ")
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
