"""Pictures, made anew: upright, no larger than needed, and without what was hidden in them."""

import json
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from forum import confined
from forum.errors import Invalid

REMAKING = Path(__file__).with_name("remaking.py")
MOST_MEGAPIXELS = 40
SECONDS = 10
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
PROBLEMS = ("picture_unknown", "picture_damaged", "picture_large")
_MOST_BYTES_SAID = 64 * 1024 * 1024
# Each may take half a gigabyte: members wait for each other rather than for the machine.
_ROOM = threading.BoundedSemaphore(2)


class Picture(NamedTuple):
    """A picture as it is stored and shown: JPEG or PNG."""

    content: bytes
    media_type: str
    width: int
    height: int


def picture(content: bytes, longest: int = 2400, field: str = "picture", square: bool = False) -> Picture:
    """Make a JPEG, PNG, WebP or GIF anew, with no side longer than `longest` pixels; raise Invalid for all else.

    `square`: only its middle is kept. What moves becomes a picture that stands still.
    Call it before a transaction: it may take seconds.
    """
    with _ROOM, tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        limits = str(longest), str(MOST_MEGAPIXELS * 1_000_000), str(int(square))
        ended = confined.run(REMAKING, file, *limits, seconds=SECONDS, most_said=_MOST_BYTES_SAID)
    head, _end, made = ended.said.partition(b"\n")
    # What is said there is not believed: the process read a foreign file.
    try:
        said = json.loads(head)
        if said.get("problem") not in PROBLEMS and len(made) == said["size"]:
            return Picture(made, MEDIA_TYPES[said["kind"]], int(said["width"]), int(said["height"]))
        problem = str(said.get("problem"))
    except (ValueError, KeyError, TypeError, AttributeError):
        problem = "picture_large" if ended.killed else "picture_damaged"
    raise Invalid(problem if problem in PROBLEMS else "picture_large", field, most=MOST_MEGAPIXELS)
