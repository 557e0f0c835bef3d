"""Bytes become text, whatever charset they claim. Nothing here raises, and no text becomes U+FFFD."""

import codecs
import re

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
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


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
    return CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


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
