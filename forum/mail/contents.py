"""What the parts of a mail have to say: one body in Markdown, and files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from forum.files import safe_name
from forum.mail.charsets import decode_text
from forum.mail.headers import parameters
from forum.mail.markdown import to_markdown
from forum.mail.parts import Part, bytes_of, parts_of, raw_header
from forum.mail.plain import enriched_to_text, html_to_text, unflow

BODY_CHARACTERS = 400_000  # of source, all text parts together


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with the mail. The name is safe to store and show: no path, no control characters."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


_TEXT_RANKS = {"text/plain": 3, "text/enriched": 2, "text/richtext": 2, "text/html": 1}
# They prove who wrote a mail, they are nothing to read. The first list footer breaks the proof anyway.
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}


@dataclass(frozen=True, slots=True)
class File:
    """A part that is not meant to be read here, or that is too long for it."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Text:
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
class Reading:
    """What a part has to say: texts and files."""

    texts: list[Text] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    def rank(self) -> int:
        """How well the texts can be read: plain text best. 0 when there is none."""
        return max((_TEXT_RANKS[text.kind] for text in self.texts if text.content.strip()), default=0)


def read(part: Part, is_root: bool = True) -> Reading:
    """Read a part and what is below it; the depth is bounded already."""
    children = parts_of(part)
    if not children:
        return _read_leaf(part, is_root)
    readings = [read(child, False) for child in children]
    files = [file for reading in readings for file in reading.files]
    if part.get_content_type() == "multipart/alternative":
        return Reading(max(readings, key=Reading.rank).texts, files)
    return Reading([text for reading in readings for text in reading.texts], files)


def _read_leaf(part: Part, is_root: bool) -> Reading:
    kind = part.get_content_type()
    # A multipart without a boundary that works is one lump of text: ugly, but nothing is lost.
    kind = "text/plain" if kind.startswith("multipart/") else kind
    disposition = raw_header(part, "content-disposition")
    name = parameters(disposition).get("filename") or part.parameter("name")
    is_attached = disposition.lower().startswith("attachment") or (bool(name) and not is_root)
    if kind in _SIGNATURES:
        return Reading()
    content = bytes_of(part)
    if kind in _TEXT_RANKS and not is_attached:
        return Reading(texts=[_text(part, kind, content)])
    return Reading(files=[File(name, kind, content)] if content or name else [])


def _text(part: Part, kind: str, content: bytes) -> Text:
    charset = part.parameter("charset") or (_html_charset(content) if kind == "text/html" else "")
    flowed, delsp = part.parameter("format").lower(), part.parameter("delsp").lower()
    return Text(kind, content, charset, flowed == "flowed", delsp == "yes")


def _html_charset(content: bytes) -> str:
    found = re.search(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{2,40})", content[:2000])
    return found[1].decode("ascii") if found else ""


def body_of(texts: Iterable[Text]) -> tuple[str, list[File]]:
    """The texts as one body. Of what a page cannot bear the whole becomes a file, so that nothing is lost."""
    written, whole, left = [], [], BODY_CHARACTERS
    for text in texts:
        source, is_whole = text.source(left)
        left -= len(source)
        written.append(text.markdown(source))
        if not is_whole:
            written.append("[…]")
            whole.append(File("nachricht." + _EXTENSIONS.get(text.kind, "txt"), text.kind, text.content))
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


def attachments_of(files: Iterable[File]) -> Iterator[Attachment]:
    for number, file in enumerate(files, start=1):
        fallback = f"anhang-{number}.{_EXTENSIONS.get(file.media_type, 'bin')}"
        yield Attachment(safe_name(file.name) or fallback, file.media_type, file.content)
