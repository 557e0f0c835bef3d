"""Keys that cannot be guessed, and what we store of them."""

import hashlib
import secrets


def new_key() -> str:
    """A fresh key of 256 bits, safe in cookies and addresses."""
    return secrets.token_urlsafe(32)


def fingerprint(key: str) -> str:
    """What the database keeps instead of a key, so that a copy of it opens nothing."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
