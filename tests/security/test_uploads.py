"""S13: files that were made to break whoever opens them. None gets in but what is harmless; nothing breaks."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from forum import confined
from forum.db import db
from forum.errors import SENTENCES, Invalid
from forum.papers import MEDIA_TYPES, Paper, paper
from forum.threads.models import Attachment, Upload
from tests.cast import Person
from tests.paper import SECRET, packed, photograph, workbook
from tests.search.papers import docx, odt, pdf

Case = tuple[str, str, bytes]
SCRIPT = b"<script>alert(document.cookie)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
MEGABYTE = 1024 * 1024


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, content: bytes = b"", *more: bytes, depth: int = 8, colours: int = 2) -> bytes:
    """A PNG that claims to be this large."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def gif(width: int, height: int, comment: bytes = b"") -> bytes:
    """A GIF of one pixel on a screen of this size."""
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff"
    said = b"!\xfe" + bytes([len(comment)]) + comment + b"\0" if comment else b""
    return screen + said + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def saved(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, kind)
    return out.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    """A Word file with one part more."""
    return packed({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>", name: content})


def nested(depth: int, content: bytes) -> bytes:
    """Packages in packages."""
    for _ in range(depth):
        content = packed({f"{n}.zip": content for n in range(4)})
    return with_part("word/embeddings/a.zip", content)


def overlapping(parts: int) -> bytes:
    """A Word file whose parts are all one and the same megabyte, many times in the directory."""
    whole = bytearray(with_part("word/media/a", b"\0" * MEGABYTE * 40))
    place = whole.rindex(b"PK\x01\x02")
    entry, end = bytes(whole[place:-22]), bytes(whole[-22:])
    added = b"".join(entry.replace(b"word/media/a", b"word/medi%03d" % n) for n in range(parts))
    count, size, start = parts + 3, len(whole) - 22 - struct.unpack("<I", end[16:20])[0] + len(added), end[16:20]
    finish = end[:8] + struct.pack("<HHI", count, count, size) + start + end[20:]
    return bytes(whole[:-22]) + added + finish


def lying(content: bytes) -> bytes:
    """The same package, its last part declared to be a kilobyte."""
    place = content.rindex(b"PK\x01\x02") + 24
    return content[:place] + struct.pack("<I", 1000) + content[place + 4 :]


def floods() -> Iterator[Case]:
    """Few bytes that want to become many."""
    for side in (6_400, 13_000, 30_000, 65_535, 2**31 - 1):
        yield f"a PNG of {side}²", "a.png", png(side, side, zlib.compress(b"\0" * 1000))
    yield "a flat PNG", "a.png", png(40_000_000, 2, zlib.compress(b"\0"))
    for depth, colours in ((16, 6), (1, 0), (8, 3)):
        yield f"a PNG of {depth} bits of kind {colours}", "a.png", png(9_000, 9_000, b"", depth=depth, colours=colours)
    yield (
        "a PNG with a huge comment",
        "a.png",
        png(9, 9, b"", chunk(b"zTXt", b"c\0\0" + zlib.compress(b"x" * 99 * MEGABYTE))),
    )
    yield (
        "a PNG with a huge profile",
        "a.png",
        png(9, 9, b"", chunk(b"iCCP", b"c\0\0" + zlib.compress(b"x" * 99 * MEGABYTE))),
    )
    for side in (6_500, 30_000, 65_535):
        yield f"a GIF of {side}²", "a.gif", gif(side, side)
    webp = bytearray(saved("WEBP"))
    webp[26:30] = struct.pack("<HH", 16_383, 16_383)
    yield "a WebP of 16,383²", "a.webp", bytes(webp)
    jpeg = bytearray(saved("JPEG"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = b"\xff\xff\xff\xff"
    yield "a JPEG of 65,535²", "a.jpg", bytes(jpeg)


def bombs() -> Iterator[Case]:
    """Packages that unpack to far more."""
    for size in (120, 300):
        yield f"a DOCX of {size} MB", "a.docx", with_part("word/media/a", b"\0" * size * MEGABYTE)
    yield "one that lies about it", "a.docx", lying(with_part("word/media/a", b"\0" * 120 * MEGABYTE))
    yield "packages in packages", "a.docx", nested(2, packed({"a": b"\0" * 9 * MEGABYTE}))
    for depth in (3, 5):
        yield f"packages {depth} deep", "a.docx", nested(depth, b"a")
    yield "parts in each other's place", "a.docx", overlapping(900)
    yield (
        "six thousand parts",
        "a.docx",
        packed({f"word/{n}": b"" for n in range(6_000)} | {"[Content_Types].xml": b""}),
    )
    yield "a ZIP", "a.zip", packed({"a.txt": b"a"})
    yield "a ZIP that calls itself a text", "a.docx", packed({"a.txt": b"a"})
    yield "a package with macros", "a.docx", with_part("word/vbaProject.bin", b"Sub AutoOpen()")
    yield "a workbook with macros", "a.xlsx", workbook(**{"xl/vbaProject.bin": b"Sub Auto_Open()"})
    yield from active()
    yield "a package cut off", "a.docx", docx("Text" * 500)[:-40]
    yield "a package with its parts cut off", "a.docx", docx("Text" * 500)[:30] + docx("Text" * 500)[90:]
    yield "paths that climb", "a.zip", packed({"../../../etc/cron.d/a": b"a"})


def linked(kind: str, target: str, part: str = "word/_rels/settings.xml.rels", mode: str = "External") -> bytes:
    """A Word file with something that lies elsewhere."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    one = f'<Relationship Id="rId1" Type="{office}/{kind}" Target="{target}" TargetMode="{mode}"/>'
    return with_part(part, f"<Relationships>{one}</Relationships>".encode())


def typed(declaration: str = "", charset: str = "utf-8", macro: str = "macro") -> bytes:
    """A Word file that says that it has macros."""
    kind = f"application/vnd.ms-word.document.{macro}Enabled.main+xml"
    types = f'{declaration}<Types><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>'
    return packed({"[Content_Types].xml": types.encode(charset), "word/document.xml": b"<w/>"})


def active() -> Iterator[Case]:
    """What does something when it is opened."""
    text = {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"}
    yield "an ODT with macros", "a.odt", packed({**text, "Basic/Standard/Module1.xml": b"<script:module/>"})
    yield "an ODT with a script", "a.odt", packed({**text, "Scripts/python/a.py": b"import os"})
    yield "a DOCX that says it has macros", "a.docx", typed()
    yield "one that says so in UTF-16", "a.docx", typed('<?xml version="1.0" encoding="utf-16"?>', "utf-16")
    yield "one that says so in other letters", "a.docx", typed(macro="&#109;acro")
    yield "macros in what is embedded", "a.docx", with_part("word/embeddings/a.xlsx", typed())
    for kind in ("attachedTemplate", "oleObject", "frame"):
        for target in ("https://fremd.example/a.dotm", r"file:///\\fremd.example\a\a.dotm", "//fremd.example/a"):
            yield f"{kind} from {target}", "a.docx", linked(kind, target)


def disguises() -> Iterator[Case]:
    """What is not what it says."""
    contents = {
        "html": b"<!doctype html>" + SCRIPT, "svg": SVG, "exe": b"MZ\x90\0\3\0\0\0" + bytes(200),
        "elf": b"\x7fELF\2\1\1\0",
        "sh": b"#!/bin/sh\nrm -rf /\n", "js": b"alert(1)", "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "bmp": saved("BMP"), "tiff": saved("TIFF"), "mp4": b"\0\0\0\x18ftypmp42" + bytes(90), "gz": zlib.compress(b"a"),
        "rtf": b"{\\rtf1 {\\object}}", "ico": saved("ICO"), "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n", "psd": b"8BPS\0\1",
        "lnk": b"L\0\0\0\1\x14\2\0", "eml": b"From: a@b.de\nSubject: x\n\n" + SCRIPT,
        "xml": b"<?xml version='1.0'?><a/>",
        "heic": b"\0\0\0\x18ftypheic" + bytes(90), "": b"\0\1\2\3",
    }  # fmt: skip
    for ending, content in contents.items():
        yield f"{ending or 'nothing known'} under its own name", f"a.{ending}".rstrip("."), content
        for other in ("png", "pdf", "docx"):
            yield f"{ending or 'nothing known'} as {other}", f"a.{other}", content
    for own, content in (
        ("pdf", pdf("x")),
        ("docx", docx("x")),
        ("odt", odt("x")),
        ("png", saved("PNG")),
        ("txt", b"x"),
    ):
        for other in ("exe", "html", "svg", "docm", "pdf", "jpg", "xlsx", "txt"):
            if other != own and (own, other) != ("png", "jpg"):
                yield f"{own} as {other}", f"a.{other}", content
    for name in ("a.png.exe", "a.pdf\u202egnp.exe", "a.exe\0.png", "a.php;.png"):
        yield f"a name like {name!r}", name, pdf("x")


def broken() -> Iterator[Case]:
    """Good files with something wrong in them: read, or refused, but never more than that."""
    chance = random.Random(13)
    good = {
        "a.jpg": saved("JPEG"), "a.png": saved("PNG"), "a.gif": saved("GIF"), "a.webp": saved("WEBP"),
        "a.docx": docx("Text" * 99), "a.odt": odt("Text" * 99),
    }  # fmt: skip
    for name, content in good.items():
        for step in range(6):
            wrong = bytearray(content)
            for _ in range(1 + step * 4):
                wrong[chance.randrange(len(wrong))] = chance.randrange(256)
            yield f"{name} with {1 + step * 4} wrong bytes", name, bytes(wrong)
        yield f"half of {name}", name, content[: len(content) // 2]


REFUSED = [*floods(), *bombs(), *disguises()]
BROKEN = [*broken()]


def test_there_are_two_hundred() -> None:
    assert len(REFUSED) + len(BROKEN) + len(POLYGLOTS) >= 200


def taken(name: str, content: bytes) -> Paper | str:
    """What comes of a file: it is taken, or refused with the code of a sentence."""
    try:
        return paper(name, content)
    except Invalid as refused:
        return refused.code


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_dangerous_is_refused_with_a_sentence(case: Case) -> None:
    came = taken(*case[1:])
    assert isinstance(came, str), came
    assert came in SENTENCES


@pytest.mark.parametrize(
    "content",
    [
        linked("hyperlink", "https://www.bremen.example/wohngeld", "word/_rels/document.xml.rels"),
        linked("image", "media/a.png", "word/_rels/document.xml.rels", "Internal"),
        # Each letter written with the template of one's organisation names it.
        linked("attachedTemplate", r"file:///P:\Vorlagen\Brief.dotx"),
    ],
)
def test_links_are_taken(content: bytes) -> None:
    assert isinstance(taken("a.docx", content), Paper)


@pytest.mark.parametrize("case", BROKEN, ids=[case[0] for case in BROKEN])
def test_what_is_broken_harms_nobody(case: Case) -> None:
    came = taken(*case[1:])
    assert came in SENTENCES if isinstance(came, str) else came.media_type in {*MEDIA_TYPES.values(), *SHOWN}


SHOWN = ("image/jpeg", "image/png")
POLYGLOTS = {
    "a GIF that is a script": ("a.gif", gif(1, 1, b"*/=1;" + SCRIPT)),
    "a GIF with a page behind it": ("a.gif", gif(1, 1) + SCRIPT),
    "a JPEG with a page behind it": ("a.jpg", photograph() + SCRIPT),
    "a JPEG with a ZIP behind it": ("a.jpg", photograph() + packed({"a": SCRIPT})),
    "a PNG of too much": ("a.png", png(100, 100, zlib.compress(b"\0" * 200 * MEGABYTE))),
    "a PNG with a page in it": ("a.png", saved("PNG")[:33] + chunk(b"tEXt", b"c\0" + SCRIPT) + saved("PNG")[33:]),
}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_of_a_picture_only_the_picture_is_left(name: str) -> None:
    file = taken(*POLYGLOTS[name])
    assert isinstance(file, Paper)
    assert file.media_type in SHOWN
    assert SCRIPT not in file.content
    assert b"PK" not in file.content[-100:]


def test_a_page_in_a_document_is_never_run(app: Flask, jonas: Person, frieda: Person) -> None:
    """A PDF or text that is a page as well goes out as what it is, to be saved, and nothing in it may do anything."""
    thread = frieda.asks("Wer hat das?")
    both = pdf("x").replace(b"%PDF-1.4", b"%PDF-1.4\n" + SCRIPT, 1)
    assert SCRIPT in both
    jonas.reads(f"/threads/{thread}")
    brought = [(io.BytesIO(both), "a.pdf"), (io.BytesIO(b"<!doctype html>" + SCRIPT), "b.txt")]
    jonas.sends(f"/threads/{thread}/posts", body="Anbei.", files=brought)
    with app.app_context():
        rows = db.session.execute(select(Attachment.id, Attachment.name)).all()
    assert len(rows) == 2
    for row in rows:
        answer = frieda.reads(f"/files/{row.id}/x.html")
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.mimetype in ("application/pdf", "text/plain")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\frieda\\Mieter.pdf", "Mieter.pdf"),
        ("..", "file.pdf"),
        ("Rechnung\u202efdp.pdf", "Rechnungfdp.pdf"),
        ("a\0b\r\nc.pdf", "abc.pdf"),
        ("<img src=x>.pdf", "<img src=x>.pdf"),
        ("x" * 400 + ".pdf", "x" * 146 + ".pdf"),
        ("Merkblatt", "Merkblatt.pdf"),
        ("  . Plan .PDF ", "Plan .PDF"),
    ],
)
def test_names_are_tidied(name: str, kept: str) -> None:
    assert paper(name, pdf("x")).name == kept


def test_nothing_of_where_a_picture_was_taken_is_on_the_disk(app: Flask, jonas: Person, frieda: Person) -> None:
    thread = frieda.asks("Wer kennt das Haus?")
    jonas.reads(f"/threads/{thread}")
    kinds = ("JPEG", "PNG", "WEBP")
    brought = [(io.BytesIO(photograph(kind)), f"a.{kind.lower()}") for kind in kinds]
    assert all(SECRET in photograph(kind) for kind in kinds)
    jonas.sends(f"/threads/{thread}/posts", body="Anbei.", files=brought)
    folder: Path = app.extensions["forum.settings"].instance / "files"
    stored = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(stored) == 3
    assert not [content for content in stored if SECRET in content or b"Exif" in content]


def test_a_thousand_little_files_are_ten(app: Flask, jonas: Person, frieda: Person) -> None:
    thread = frieda.asks("Wer bringt viel?")
    jonas.reads(f"/threads/{thread}")
    brought = [(io.BytesIO(b"%d" % n), f"{n}.txt") for n in range(900)]
    answer = jonas.sends(f"/threads/{thread}/posts", body="Anbei.", files=brought)
    assert answer.status_code == 422
    with app.app_context():
        assert len(db.session.scalars(select(Upload.id)).all()) == 10
    answer.request.environ["wsgi.input"].close()


def test_the_process_that_opens_pictures_has_little_room(tmp_path: Path) -> None:
    program = tmp_path / "greedy.py"
    program.write_text("from PIL import Image\nImage.new('RGBA', (20_000, 10_000))")
    with (tmp_path / "file").open("w+b") as file:
        assert confined.run(program, file, seconds=10, most_said=10).said == b""
