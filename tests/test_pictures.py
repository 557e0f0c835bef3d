"""Pictures come out upright, small and with nothing in them but what is seen."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from forum import pictures
from forum.errors import Invalid
from forum.pictures import picture

SECRET = b"Ottersberg 52.6178 N"


def drawn(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """White, with its upper left corner dark."""
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill="black")
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture's file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def position(orientation: int = 1) -> Image.Exif:
    """What a telephone writes into a picture: where it was taken, by whom, and how it was held."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x010E] = orientation, SECRET.decode(), SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 37.0, 4.08), 3: "E", 4: (9.0, 8.0, 52.0)})
    return exif


def text_chunk() -> PngImagePlugin.PngInfo:
    """A comment and XMP, as PNG keeps them."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET.decode())
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return info


def opened(content: bytes) -> Image.Image:
    """A picture, whole."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (saved(drawn(), "JPEG"), "image/jpeg"),
        (saved(drawn("L"), "JPEG"), "image/jpeg"),
        (saved(drawn().convert("CMYK"), "JPEG"), "image/jpeg"),
        (saved(drawn(), "MPO", save_all=True, append_images=[drawn()]), "image/jpeg"),
        (saved(drawn(), "PNG"), "image/png"),
        (saved(drawn("1"), "PNG"), "image/png"),
        (saved(drawn("P"), "GIF"), "image/png"),
        (saved(drawn("RGBA"), "PNG"), "image/png"),
        (saved(drawn(), "WEBP"), "image/jpeg"),
        (saved(drawn(), "GIF", save_all=True, append_images=[Image.new("RGB", (60, 40), "red")]), "image/png"),
    ],
    ids=["JPEG", "grey JPEG", "JPEG for print", "JPEG of iPhones", "PNG", "black and white", "GIF", "see-through",
         "WebP", "moving GIF"],
)  # fmt: skip
def test_a_picture_is_made_anew(content: bytes, media_type: str) -> None:
    made = picture(content)
    shown = opened(made.content).convert("L")
    assert (made.media_type, made.width, made.height, shown.size) == (media_type, 60, 40, (60, 40))
    assert shown.getpixel((5, 5)) < 60
    assert shown.getpixel((50, 30)) > 200
    assert getattr(opened(made.content), "n_frames", 1) == 1


@pytest.mark.parametrize(
    "content",
    [
        saved(drawn(), "JPEG", exif=position(), comment=SECRET, xmp=SECRET, icc_profile=SECRET),
        saved(drawn(), "JPEG", exif=position()) + SECRET,
        saved(drawn(), "PNG", exif=position(), pnginfo=text_chunk(), icc_profile=SECRET),
        saved(drawn("RGBA"), "PNG", exif=position(), pnginfo=text_chunk()) + SECRET,
        saved(drawn(), "WEBP", exif=position(), xmp=SECRET, icc_profile=SECRET),
        saved(drawn("P"), "GIF", comment=SECRET) + SECRET,
    ],
    ids=["JPEG", "after a JPEG", "PNG", "after a PNG", "WebP", "GIF"],
)
def test_what_was_hidden_in_it_is_gone(content: bytes) -> None:
    assert SECRET in content
    made = picture(content)
    assert b"Ottersberg" not in made.content
    assert opened(made.content).getexif() == {}
    assert not {"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp"} & set(opened(made.content).info)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "dark"),
    [(1, (5, 5)), (3, (55, 35)), (6, (35, 5)), (8, (5, 55))],
    ids=["upright", "upside down", "to the left", "to the right"],
)
def test_it_stands_upright(kind: str, orientation: int, dark: tuple[int, int]) -> None:
    made = picture(saved(drawn(), kind, exif=position(orientation)))
    assert (made.width, made.height) == ((60, 40) if orientation in (1, 3) else (40, 60))
    assert opened(made.content).convert("L").getpixel(dark) < 60


def test_greys_of_sixteen_bits_stay_greys() -> None:
    made = picture(saved(Image.new("I;16", (8, 8), 40_000), "PNG"))
    assert opened(made.content).getpixel((4, 4)) == pytest.approx(40_000 / 256, abs=1)


def test_what_is_seen_through_stays_so() -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    for content in (saved(clear, "PNG"), saved(clear, "WEBP", lossless=True), saved(clear, "GIF")):
        assert opened(picture(content).content).convert("RGBA").getpixel((4, 4))[3] == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_one_becomes_as_large_as_needed(kind: str) -> None:
    content = saved(drawn(size=(7000, 5000)), kind)
    assert (picture(content).width, picture(content).height) == (2400, 1714)
    assert (picture(content, longest=400).width, picture(content, longest=400).height) == (400, 286)


def claiming(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that claims to be this large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "picture_unknown"),
        (b"Mietschulden", "picture_unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_unknown"),
        (saved(drawn(), "BMP"), "picture_unknown"),
        (saved(drawn(), "TIFF"), "picture_unknown"),
        (saved(drawn(), "JPEG2000"), "picture_unknown"),
        (saved(drawn(), "JPEG")[:-200], "picture_damaged"),
        (saved(drawn(size=(300, 200)), "PNG")[:120], "picture_damaged"),
        (claiming(30_000, 30_000), "picture_large"),
        (claiming(13_000, 13_000), "picture_large"),
        (claiming(6_400, 6_400), "picture_large"),
        (claiming(6_000, 6_000), "picture_damaged"),
    ],
    ids=["nothing", "text", "SVG", "BMP", "TIFF", "JPEG 2000", "half a JPEG", "half a PNG", "30,000²", "13,000²",
         "6,400²", "6,000² that are not there"],
)  # fmt: skip
def test_all_else_is_refused_with_a_reason(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        picture(content, field="photo")
    assert (refused.value.code, refused.value.field) == (code, "photo")


def test_the_largest_that_is_allowed_has_room() -> None:
    largest = (8000, 5000)
    noise = Image.effect_noise(largest, 20)
    assert picture(saved(noise.convert("RGBA"), "PNG", compress_level=1)).width == 2400
    assert picture(saved(noise.convert("RGB"), "JPEG", progressive=True)).width == 2400


def test_one_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 0.01)
    with pytest.raises(Invalid, match="picture_large"):
        picture(saved(drawn(), "JPEG"))
