"""Keys that cannot be guessed, what we store of them, and signed tokens that need no storing."""

import hashlib
import hmac
import secrets
from base64 import b32decode, b32encode, urlsafe_b64encode

_SIGNATURE = 16  # bytes: 128 bits


def new_key() -> str:
    """A fresh key of 256 bits, safe in cookies and addresses."""
    return secrets.token_urlsafe(32)


def derived_key(secret: str, purpose: str, *parts: str) -> str:
    """A key of 256 bits that we alone can make of these parts, and make again; it opens what `new_key` would."""
    said = "\0".join((purpose, *parts))
    return urlsafe_b64encode(hmac.digest(secret.encode(), said.encode(), "sha256")).decode().rstrip("=")


def fingerprint(key: str) -> str:
    """What the database keeps instead of a key, so that a copy of it opens nothing."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def signed(secret: str, purpose: str, *numbers: int) -> str:
    """A token that says these numbers for this purpose alone; letters and digits, in any case.

    It may stand before the @ of a mail address, which some servers write in capitals.
    """
    said = b"".join(_packed(number) for number in numbers)
    return b32encode(said + _signature(secret, purpose, said)).decode().rstrip("=").lower()


def opened(secret: str, purpose: str, token: str) -> tuple[int, ...] | None:
    """The numbers that a token says; None for one that we did not sign for this purpose."""
    if not token.isascii() or not token.isalnum() or len(token) > 100:
        return None
    try:
        raw = b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        return None
    said, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    # One token has one spelling: spare bits at its end must not make another of it.
    same = b32encode(raw).decode().rstrip("=") == token.upper()
    return _unpacked(said) if same and hmac.compare_digest(signature, _signature(secret, purpose, said)) else None


def _signature(secret: str, purpose: str, said: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + said, "sha256")[:_SIGNATURE]


def _packed(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _packed(rest) if rest else bytes([low])


def _unpacked(said: bytes) -> tuple[int, ...]:
    numbers, number, shift = [], 0, 0
    for byte in said:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return tuple(numbers)
