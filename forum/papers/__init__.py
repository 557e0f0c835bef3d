"""Files that people bring: what each is, its content says; few kinds are taken, and pictures are made anew."""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from forum import confined
from forum.errors import Invalid
from forum.files import LONGEST_NAME, safe_name
from forum.pictures import picture

WEIGHING = Path(__file__).with_name("weighing.py")
SECONDS = 10
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": f"{_OFFICE}wordprocessingml.document",
    "xlsx": f"{_OFFICE}spreadsheetml.sheet",
    "pptx": f"{_OFFICE}presentationml.presentation",
    "odt": f"{_OPEN}text",
    "ods": f"{_OPEN}spreadsheet",
    "odp": f"{_OPEN}presentation",
    "txt": "text/plain",
}
PICTURES = ("jpg", "jpeg", "png", "webp", "gif")
# For the browser's own dialogue; "image/jpeg" has a telephone hand over its pictures as such.
ACCEPT = ",".join(("image/jpeg", "image/png", "image/webp", "image/gif", *(f".{ending}" for ending in MEDIA_TYPES)))
_STARTS_OF_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")


class Paper(NamedTuple):
    """A file as it is stored; a picture has a size."""

    name: str
    media_type: str
    content: bytes
    width: int | None = None
    height: int | None = None


def paper(name: str, content: bytes) -> Paper:
    """The file as it may be kept; raise Invalid for what is not taken. May take seconds, so not in a transaction."""
    name = safe_name(name) or "file"
    if not content:
        raise Invalid("file_empty", "files")
    if content.startswith(_STARTS_OF_PICTURES) or (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
        made = picture(content, field="files")
        kind = made.media_type.removeprefix("image/").replace("jpeg", "jpg")
        name = _renamed(_rightly_named(name, *PICTURES), kind)
        return Paper(name, made.media_type, made.content, made.width, made.height)
    kind = _kind(content)
    return Paper(_renamed(_rightly_named(name, kind), kind), MEDIA_TYPES[kind], content)


def _kind(content: bytes) -> str:
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return _kind_of_package(content)
    if _is_text(content):
        return "txt"
    raise Invalid("file_kind", "files")


def _kind_of_package(content: bytes) -> str:
    """The kind of an office document, all of which was unpacked once to see that it can be."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        ended = confined.run(WEIGHING, file, seconds=SECONDS, most_said=1000)
    try:
        said = json.loads(ended.said)
    except ValueError:
        said = {"problem": "file_swells" if ended.killed else "file_damaged"}
    if "kind" not in said:
        raise Invalid(said["problem"], "files")
    return str(said["kind"])


def _is_text(content: bytes) -> bool:
    """Whether all of it can be read: in UTF-8 or UTF-16 where it says so, else in UTF-8, else on the Windows page."""
    charsets = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    for charset in charsets:
        try:
            text = content.decode(charset)
        except UnicodeDecodeError:
            continue
        return not any(character < " " and character not in "\t\n\r\f" for character in set(text))
    return False


def _rightly_named(name: str, *endings: str) -> str:
    """The name, if what it promises is what the file is: nobody is to open something else than they believe."""
    _stem, dot, ending = name.rpartition(".")
    if dot and ending.lower() not in endings:
        raise Invalid("file_misnamed" if ending.lower() in (*MEDIA_TYPES, *PICTURES) else "file_kind", "files")
    return name


def _renamed(name: str, kind: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if dot and ending.lower().replace("jpeg", "jpg") == kind:
        return name
    return f"{(stem if dot else name)[: LONGEST_NAME - 5] or 'file'}.{kind}"
