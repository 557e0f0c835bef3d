"""Transfer encodings (RFC 2045, 6) are undone as far as possible: damage costs its own place, not the mail."""

import binascii
import re


def undone(data: bytes, encoding: str) -> bytes:
    """The bytes as they were before they were encoded for the journey."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding == "base64":
        decoded, rest = base64_and_rest(data)
        return decoded + rest
    return _uudecoded(data) if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"} else data


def base64_and_rest(data: bytes) -> tuple[bytes, bytes]:
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
