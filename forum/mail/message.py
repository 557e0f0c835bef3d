"""From headers and texts to the bytes that go to the mail server: CRLF, ASCII, lines as short as the standards want.

The standard library's EmailMessage takes five milliseconds a mail, and its folding reads a title that looks like an
encoded word as one. So headers are encoded by its older `Header`, and parts put together here.
"""

import re
import secrets
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from email.header import Header
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

Headers = Iterable[tuple[str, str]]

_ATOMS = re.compile(r"[\w !#$%&'*+/^`{|}~-]*", re.ASCII)
_ADDRESS = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_WIDTH = 76


class NoAddress(ValueError):
    """An address to which nothing can be sent."""


@lru_cache(maxsize=2048)
def words(name: str, value: str) -> str:
    """A header's words, encoded so that they are nothing but words; they have come through `inert`."""
    if value.isascii() and "=?" not in value and len(name) + len(value) < _WIDTH:
        return value
    return _encoded(name, value)


@lru_cache(maxsize=2048)
def person(header: str, name: str, address: str) -> str:
    """A name and an address. No name can be taken for an address: what is more than letters goes encoded."""
    if not name:
        return address
    if not _ATOMS.fullmatch(name) or "=?" in name:
        return f"{_encoded(header, name)}\r\n <{address}>"
    fits = len(header) + len(name) + len(address) < _WIDTH - len(":  <>")
    return f"{name} <{address}>" if fits else f"{name}\r\n <{address}>"


def _encoded(header: str, value: str) -> str:
    return Header(value, "utf-8", maxlinelen=_WIDTH, header_name=header).encode(linesep="\r\n")


@lru_cache(maxsize=2048)
def sendable(address: str) -> str:
    """The address as mail servers take it: the domain in ASCII."""
    if _ADDRESS.fullmatch(address):
        return address
    try:
        ascii_only = validate_email(address, check_deliverability=False, test_environment=True).ascii_email
    except EmailNotValidError as error:
        raise NoAddress(address) from error
    if ascii_only is None:
        raise NoAddress(address)
    return ascii_only


def links(*addresses: str) -> str:
    """Addresses in angle brackets, one a line."""
    return ",\r\n ".join(f"<{address}>" for address in addresses)


def chain(message_ids: Sequence[str]) -> str:
    """Message-IDs, one a line."""
    return "\r\n ".join(message_ids)


def message(headers: Headers, body: bytes) -> bytes:
    """A whole message; `body` is one of those below."""
    head = "".join(f"{name}: {value}\r\n" for name, value in (*headers, ("MIME-Version", "1.0")))
    return head.encode("ascii") + body


def text(words: str, subtype: str = "plain") -> bytes:
    """A text with its headers."""
    lines = "\r\n".join([*words.strip().splitlines(), ""])
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + b2a_qp(lines.encode(), istext=True)


def whole(message: bytes) -> bytes:
    """A message as part of another, with its headers."""
    return b"Content-Type: message/rfc822\r\n\r\n" + message


def several(subtype: str, parts: Sequence[bytes]) -> bytes:
    """Several parts with their headers: alternative, mixed or digest."""
    boundary = f"=_{secrets.token_hex(12)}"
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    between = f"--{boundary}\r\n".encode()
    return head + b"".join(between + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
