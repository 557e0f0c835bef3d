"""Makes one picture anew, in a confined process: the old one on standard input, the new one on standard output.

A line of JSON goes before it. Only what is seen gets through: what else the file held (position, camera, comments,
previews, scripts behind its end) is not copied.
"""

import io
import json
import sys
import warnings
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

KINDS = ("JPEG", "PNG", "WEBP", "GIF")


def main() -> None:
    """Say what came of it; a problem has the code of its sentence."""
    longest, most_pixels, square = map(int, sys.argv[1:])
    content = b""
    try:
        content, said = remake(sys.stdin.buffer, longest, most_pixels, bool(square))
    except UnidentifiedImageError:
        said = {"problem": "picture_unknown"}
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        said = {"problem": "picture_large"}
    except Exception:  # broken files raise whatever they like
        said = {"problem": "picture_damaged"}
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + content)


def remake(file: BinaryIO, longest: int, most_pixels: int, square: bool = False) -> tuple[bytes, dict[str, object]]:
    """The picture as JPEG if it was one, or a WebP without transparency; else as PNG, which loses nothing."""
    Image.MAX_IMAGE_PIXELS = most_pixels
    # Up to twice the limit Pillow only warns, and loads.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    opened = Image.open(file, formats=KINDS)
    opened.draft(None, (2 * longest, 2 * longest))  # a JPEG is not unpacked larger than needed
    image = _in_common_mode(opened)
    if square:
        side = min(longest, *image.size)
        image = ImageOps.fit(image, (side, side))
    image.thumbnail((longest, longest))
    ImageOps.exif_transpose(image, in_place=True)
    image.info.clear()  # from here Pillow would take comments and profiles along
    made = io.BytesIO()
    if opened.format in ("JPEG", "MPO", "WEBP") and image.mode != "RGBA":
        image.save(made, kind := "JPEG", quality=85, progressive=True)
    else:
        image.save(made, kind := "PNG")
    content = made.getvalue()
    width, height = image.size
    return content, {"kind": kind, "width": width, "height": height, "size": len(content)}


def _in_common_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # greys of 16 bits, of which Pillow would keep the darkest
        image = image.convert("I").point(lambda grey: grey / 256)
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L", "I") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # a copy may be more than there is room for


if __name__ == "__main__":
    main()
