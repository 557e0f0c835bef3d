"""Takes the text out of one file, in a confined process: the file comes on standard input, the text goes out as JSON.

What the file is, its bytes say; a name can lie.
"""

import codecs
import io
import json
import re
import sys
import time
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.parsers import expat

import pypdf

MOST_BYTES = 25 * 1024 * 1024
MOST_CHARACTERS = 200_000
# When it stops by itself and gives what it has; a single page can take all the rest.
_ENOUGH_SECONDS = 10
_MOST_UNPACKED = 64 * 1024 * 1024
_MOST_MEMBERS = 5_000
_DEEPEST = 1_000
_CHUNK = 64 * 1024

_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\ufeff\ufffd\ud800-\udfff]")
# A line that ends within a word: „Mietschul-“, „den“; but not „Ein-“, „und Auszug“.
_DIVIDED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\s*\n\s*(?!(?:und|oder|bzw|sowie)\b)(?=[a-zäöüß])")
_STARTS_OF_TEXT = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Outcome(NamedTuple):
    """How reading ended: read, nothing, too_large, refused or failed; why; and the text."""

    state: str
    reason: str = ""
    text: str = ""


class Unreadable(Exception):
    """The file is not read, with state and reason."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(state, reason)
        self.outcome = Outcome(state, reason)


def main() -> None:
    """Read standard input and say on standard output what it holds."""
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    sys.stdout.buffer.write(json.dumps(extract(data), ensure_ascii=False).encode())


def extract(data: bytes) -> Outcome:
    """The text of a file; never raises."""
    if len(data) > MOST_BYTES:
        return Outcome("too_large", "file")
    try:
        return _outcome(_pieces(data))
    except Unreadable as unreadable:
        return unreadable.outcome
    except MemoryError:
        return Outcome("failed", "memory")
    except Exception:  # broken files raise whatever they like
        return Outcome("failed", "damaged")


def _outcome(pieces: Iterable[str]) -> Outcome:
    """The pieces in one, until there is enough."""
    until = time.monotonic() + _ENOUGH_SECONDS
    taken: list[str] = []
    length, cut = 0, False
    for piece in pieces:
        taken.append(piece)
        length += len(piece)
        cut = length > MOST_CHARACTERS or time.monotonic() > until
        if cut:
            break
    text = _tidied("".join(taken))
    if not text:
        return Outcome("failed", "time") if cut else Outcome("nothing")
    return Outcome("read", "cut" if cut or len(text) > MOST_CHARACTERS else "", text[:MOST_CHARACTERS])


def _tidied(text: str) -> str:
    """As it is searched: no divided words, ligatures or controls, single spaces."""
    joined = _DIVIDED.sub("", text)
    return " ".join(_UNSTORABLE.sub("", unicodedata.normalize("NFKC", joined)).split())


def _pieces(data: bytes) -> Iterator[str]:
    if b"%PDF-" in data[:1024]:
        return _pdf(data)
    if data.startswith(b"PK\x03\x04"):
        return _package(data)
    return _plain(data)


def _pdf(data: bytes) -> Iterator[str]:
    """Page by page; a broken page does not take the others with it."""
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not _opened(reader):
        raise Unreadable("refused", "encrypted")
    broken, found = False, False
    for page in reader.pages:
        try:
            text = page.extract_text()
        except Exception:  # as above
            broken = True
            continue
        found = found or bool(text.strip())
        yield text + "\n"
    if broken and not found:
        raise Unreadable("failed", "damaged")


def _opened(reader: pypdf.PdfReader) -> bool:
    """Many are locked against printing only and open with an empty password."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # a cipher that is not known here
        return False


class _Format(NamedTuple):
    """Where a text document in a package keeps its words, by the local names of its elements."""

    parts: re.Pattern[str]
    words: frozenset[str]
    breaks: frozenset[str]
    skipped: frozenset[str]


_DOCX = _Format(
    re.compile(r"word/(?:document\d*|footnotes|endnotes)\.xml"),
    words=frozenset({"t"}),
    breaks=frozenset({"p", "br", "cr", "tab"}),
    skipped=frozenset({"Fallback"}),  # the same again, for older programs
)
_ODT = _Format(
    re.compile(r"content\.xml"),
    words=frozenset({"p", "h"}),
    breaks=frozenset({"p", "h", "s", "tab", "line-break"}),
    skipped=frozenset({"tracked-changes", "annotation"}),
)


def _package(data: bytes) -> Iterator[str]:
    """DOCX and ODT: XML in a ZIP, neither of which is trusted with a size of its own."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        members = package.infolist()
        if len(members) > _MOST_MEMBERS:
            raise Unreadable("too_large", "members")
        names = {member.filename for member in members}
        if "encrypted-package" in names or any(member.flag_bits & 1 for member in members):
            raise Unreadable("refused", "encrypted")
        form = _form(package, names)
        parts = [member for member in members if form.parts.fullmatch(member.filename)]
        if sum(member.file_size for member in parts) > _MOST_UNPACKED:
            raise Unreadable("too_large", "unpacked")
        for part in parts:
            yield from _words(_chunks(package, part), form)


def _form(package: zipfile.ZipFile, names: set[str]) -> _Format:
    if "[Content_Types].xml" in names and any(_DOCX.parts.fullmatch(name) for name in names):
        return _DOCX
    if {"mimetype", "content.xml"} <= names:
        with package.open("mimetype") as file:
            if file.read(100).strip() == b"application/vnd.oasis.opendocument.text":
                _refuse_locked(package, names)
                return _ODT
    raise Unreadable("refused", "unknown_form")


def _refuse_locked(package: zipfile.ZipFile, names: set[str]) -> None:
    if "META-INF/manifest.xml" in names:
        with package.open("META-INF/manifest.xml") as file:
            if b"encryption-data" in file.read(_MOST_UNPACKED):
                raise Unreadable("refused", "encrypted")


def _chunks(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    unpacked = 0
    with package.open(part) as file:
        while chunk := file.read(_CHUNK):
            unpacked += len(chunk)
            if unpacked > _MOST_UNPACKED:
                raise Unreadable("too_large", "unpacked")
            yield chunk


def _words(chunks: Iterable[bytes], form: _Format) -> Iterator[str]:
    """What stands in the elements with words, read as a stream so that its size costs no memory."""
    heard = _Ear(form)
    for chunk in chunks:
        heard.parser.Parse(chunk, False)
        yield heard.said()
    heard.parser.Parse(b"", True)
    yield heard.said()


class _Ear:
    """Listens to an XML parser. Declared entities can grow without end, so there must be none."""

    def __init__(self, form: _Format) -> None:
        self._form, self._pieces = form, [""]
        self._depth, self._in_words, self._in_skipped = 0, 0, 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def said(self) -> str:
        """What was heard since last asked."""
        said = "".join(self._pieces)
        self._pieces.clear()
        return said

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unreadable("refused", "too_deep")
        self._in_skipped += local in self._form.skipped
        self._in_words += local in self._form.words
        if local in self._form.breaks:
            self._pieces.append("\n")

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        self._depth -= 1
        self._in_skipped -= local in self._form.skipped
        self._in_words -= local in self._form.words

    def _text(self, text: str) -> None:
        if self._in_words and not self._in_skipped:
            self._pieces.append(text)

    def _refuse(self, *_declared: object) -> None:
        raise Unreadable("refused", "entities")


def _plain(data: bytes) -> Iterator[str]:
    """UTF-8 or UTF-16 where it says so, else UTF-8, else the Windows page. What is cut off may cut a letter."""
    head = data[: 4 * MOST_CHARACTERS + 4]
    charset = next((name for start, name in _STARTS_OF_TEXT.items() if head.startswith(start)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(charset)().decode(head, final=len(head) == len(data))
    except UnicodeDecodeError:
        text = head.decode("cp1252", "replace")
    if sum(map(text.count, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\ufffd")) * 100 > len(text):
        raise Unreadable("refused", "unknown_form")
    yield text


if __name__ == "__main__":
    main()
