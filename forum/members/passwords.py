"""Passwords: hashed with Argon2id, and always hashed, so that time tells nobody who is a member."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from forum.errors import Invalid

SHORTEST, LONGEST = 10, 200

# OWASP's minimum for Argon2id: 19 MiB, two passes, one lane; about 60 ms here.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Guessing must not starve the pages: two at a time, the others wait.
_at_once = threading.BoundedSemaphore(2)
_nobody = _hasher.hash("the password of nobody")


def hashed(password: str) -> str:
    """The hash to keep; raises Invalid when the password is too short or too long."""
    if len(password) < SHORTEST:
        raise Invalid("password_short", "password", least=SHORTEST)
    if len(password) > LONGEST:
        raise Invalid("password_long", "password", most=LONGEST)
    with _at_once:
        return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether the password is right; takes as long for somebody who has none or does not exist."""
    with _at_once:
        try:
            right = _hasher.verify(kept or _nobody, password[:LONGEST])
        except (Argon2Error, InvalidHashError):
            return False
    return right and kept is not None
