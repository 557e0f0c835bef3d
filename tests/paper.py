"""Files as members have them on their machines."""

import io
import zipfile

from PIL import Image, ImageDraw

SECRET = b"Ottersberg 52.6178 N"


def photograph(kind: str = "JPEG", size: tuple[int, int] = (600, 400), orientation: int = 1) -> bytes:
    """What a telephone takes, with its place and its owner in it."""
    image = Image.new("RGB", size, "lightgrey")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill="black")
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 37.0, 4.08), 3: "E", 4: (9.0, 8.0, 52.0)})
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


def packed(parts: dict[str, bytes]) -> bytes:
    """A package of parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


def workbook(**parts: bytes) -> bytes:
    """An Excel file."""
    return packed({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", **parts})
