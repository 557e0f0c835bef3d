"""The text of files that members attach; and files that were made to break whoever opens them."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from forum.search.attachments import MOST_CHARACTERS, Outcome, extract
from tests.search.papers import ODT_TYPE, docx, odt, package, pdf, pdf_of, stream

Read = Callable[[bytes], Outcome]

CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
ONE_PAGE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>"
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)


def locked(content: bytes, password: str) -> bytes:
    """A PDF that opens with this password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    writer.encrypt(password, owner_password="Vorstand", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def word_with(document: bytes) -> bytes:
    """A DOCX whose main part is this."""
    return package({"[Content_Types].xml": "<Types/>", "word/document.xml": document})


def lying_about_size(archive: bytes) -> bytes:
    """The same ZIP, its last member declared to be a kilobyte."""
    place = archive.rindex(b"PK\x01\x02") + 24
    return archive[:place] + struct.pack("<I", 1000) + archive[place + 4 :]


def form(draws: bytes) -> bytes:
    """A drawing of a PDF that draws itself."""
    return stream(draws, b" /Type /XObject /Subtype /Form /Resources << /XObject << /X 5 0 R >> >>")


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: bytes) -> Outcome:
        file = tmp_path / "file"
        file.write_bytes(content)
        return extract(file)

    return read


READABLE = {
    "PDF": (pdf("Räumungsklage abgewendet", "Seite zwei"), "Räumungsklage abgewendet Seite zwei"),
    "PDF that may not be printed": (locked(pdf("Aushang"), ""), "Aushang"),
    "PDF after a mail's greeting": (b"\r\n" + pdf("Aushang"), "Aushang"),
    "DOCX": (docx("Mietschulden &amp; Räumung", "Ratenplan"), "Mietschulden & Räumung Ratenplan"),
    "ODT": (odt("Verwahrlosung", "in der Wohnung"), "Verwahrlosung in der Wohnung"),
    "divided words": (
        "Mietschul-\nden, Ein-\nund Auszug, Stra\u00adße, ﬁnden".encode(),
        "Mietschulden, Ein- und Auszug, Straße, finden"),
    "UTF-8": ("Grüße – „so“ 🙂".encode(), "Grüße – „so“ 🙂"),
    "UTF-8 with its mark": ("Grüße".encode("utf-8-sig"), "Grüße"),
    "UTF-16": ("Grüße aus Nienburg".encode("utf-16"), "Grüße aus Nienburg"),
    "the Windows page": ("Grüße – „so“ für 5 €".encode("cp1252"), "Grüße – „so“ für 5 €"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READABLE)
def test_a_file_is_read(kind: str, read: Read) -> None:
    content, text = READABLE[kind]
    assert read(content) == Outcome("read", "", text)


HOSTILE = {
    "nothing at all": (b"", "nothing", ""),
    "a PDF of pictures": (pdf("", ""), "nothing", ""),
    "an empty DOCX": (docx(), "nothing", ""),
    "a locked PDF": (locked(pdf("Aushang"), "geheim"), "refused", "encrypted"),
    "a PDF cut off": (pdf("Aushang")[:300], "failed", "damaged"),
    "a PDF whose pages hold themselves": (
        pdf_of([CATALOGUE, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]), "failed", "damaged"),
    "a PDF nested without end": (
        pdf_of([CATALOGUE, *(b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (n + 3) for n in range(5000))]),
        "failed", "damaged"),
    "a PDF that claims two thousand million pages": (
        pdf_of([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>", b"<< /Type /Page /Parent 2 0 R >>"]),
        "nothing", ""),
    "a PDF that draws itself": (
        pdf_of([CATALOGUE, ONE_PAGE, PAGE, stream(b"/X Do"), form(b"/X Do /X Do")]), "nothing", ""),
    "a PDF that unpacks to 300 MB": (
        pdf_of([CATALOGUE, ONE_PAGE, PAGE, stream(b" " * 300_000_000, packed=True), b"<< >>"]), "failed", "damaged"),
    "a DOCX of ten thousand million laughs": (docx("&j;", beginning=LAUGHS), "refused", "entities"),
    "an ODT of the same": (odt("&j;", beginning=LAUGHS), "refused", "entities"),
    "a DOCX that wants a file of ours": (
        docx("&a;", beginning='<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "refused", "entities"),
    "a DOCX that unpacks to 100 MB": (word_with(b"<a>" + b" " * 100_000_000), "too_large", "unpacked"),
    "one that lies about it": (
        lying_about_size(word_with(b"<a>" + b" " * 100_000_000)), "failed", "damaged"),
    "a DOCX of six thousand parts": (package({f"{n}.xml": "" for n in range(6000)}), "too_large", "members"),
    "a DOCX nested without end": (word_with(b"<a>" * 1_000_000), "refused", "too_deep"),
    "a DOCX that is no XML": (word_with(b"Mietschulden"), "failed", "damaged"),
    "a DOCX cut off": (docx("Mietschulden" * 100)[:-30], "failed", "damaged"),
    "a locked ODT": (odt("x", manifest="<m><encryption-data/></m>"), "refused", "encrypted"),
    "a locked ODT of the new kind": (
        package({"mimetype": ODT_TYPE, "encrypted-package": b"\0"}), "refused", "encrypted"),
    "a table that calls itself a text": (
        package({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<a/>"}), "refused", "unknown_form"),
    "a picture that calls itself a text": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "refused", "unknown_form"),
    "a text of Word 97": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "refused", "unknown_form"),
    "26 MB": (b"Miete " * 4_600_000, "too_large", "file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_cannot_be_read_is_said_so(kind: str, read: Read) -> None:
    content, state, reason = HOSTILE[kind]
    assert read(content) == Outcome(state, reason)


@pytest.mark.parametrize(
    "content",
    [("Straße " * 400_000).encode(), docx(*["Straße um Straße"] * 20_000), odt(*["Straße um Straße"] * 20_000)],
    ids=["TXT", "DOCX", "ODT"],
)
def test_a_long_text_is_cut_and_says_so(content: bytes, read: Read) -> None:
    outcome = read(content)
    assert (outcome.state, outcome.reason, len(outcome.text)) == ("read", "cut", MOST_CHARACTERS)
    assert outcome.text.startswith("Straße ")


def test_what_cannot_be_stored_is_left_out(read: Read) -> None:
    paged = pdf("Räumung\x01s\x07klage")
    assert read(paged).text == "Räumungsklage"
    assert read(b"M\xc3\xbcll\x0b\x1f im Flur" * 100).text.startswith("Müll im Flur")
