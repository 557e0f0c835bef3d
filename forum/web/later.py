"""What nobody has to wait for: done when the answer is on its way."""

import logging
from collections.abc import Callable

from flask import Flask, Response, current_app, g

from forum.db import transaction

log = logging.getLogger(__name__)


def later(work: Callable[[], None]) -> None:
    """Do this in a transaction of its own once the answer has gone; a failure costs the reader nothing."""
    g.setdefault("later", []).append(work)


def forget_later() -> None:
    """Forget what was put off by a request that is done anew."""
    g.pop("later", None)


def hang_on(answer: Response) -> Response:
    """Have the answer do what was put off, as soon as the server is through with it."""
    waiting: list[Callable[[], None]] = g.pop("later", [])
    if waiting:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the app behind the proxy
        answer.call_on_close(lambda: _do(app, waiting))
    return answer


def _do(app: Flask, waiting: list[Callable[[], None]]) -> None:
    try:
        with app.app_context(), transaction():
            for work in waiting:
                work()
    except Exception:
        log.exception("something put off until after the answer failed")
