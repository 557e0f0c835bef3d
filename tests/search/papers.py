"""Files as members attach them, and as nobody should, made by hand."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_OFFICE = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)
ODT_TYPE = "application/vnd.oasis.opendocument.text"


def package(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def docx(*paragraphs: str, beginning: str = "") -> bytes:
    """A text of Word: each paragraph in two runs, as Word likes to divide them."""
    runs = (
        f"<w:p><w:r><w:t>{one[:3]}</w:t></w:r><w:del><w:delText>gelöscht</w:delText></w:del>"
        f"<w:r><w:t>{one[3:]}</w:t></w:r></w:p>"
        for one in paragraphs
    )
    document = f'<?xml version="1.0"?>{beginning}<w:document {_WORD}><w:body>{"".join(runs)}</w:body></w:document>'
    return package({"[Content_Types].xml": "<Types/>", "word/document.xml": document})


def odt(*paragraphs: str, beginning: str = "", manifest: str = "<manifest/>") -> bytes:
    """A text of LibreOffice, with something that was deleted in it."""
    gone = "<text:tracked-changes><text:p>gelöscht</text:p></text:tracked-changes>"
    body = "".join(f"<text:p>{one[:3]}<text:span>{one[3:]}</text:span></text:p>" for one in paragraphs)
    content = (
        f'<?xml version="1.0"?>{beginning}<office:document-content {_OFFICE}><office:body><office:text>'
        f"{gone}{body}</office:text></office:body></office:document-content>"
    )
    return package({"mimetype": ODT_TYPE, "content.xml": content, "META-INF/manifest.xml": manifest})


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(stream(b"BT /F1 12 Tf 40 700 Td (" + text.encode("cp1252") + b") Tj ET"))
    return pdf_of(objects)


def stream(content: bytes, entries: bytes = b"", packed: bool = False) -> bytes:
    """A stream of a PDF."""
    body = zlib.compress(content, 9) if packed else content
    filtered = b" /Filter /FlateDecode" if packed else b""
    return b"<< /Length %d%s%s >>\nstream\n%s\nendstream" % (len(body), filtered, entries, body)


def pdf_of(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, the first of which is the catalogue."""
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)
