"""Serving on one machine: pages and worker in one process, so that a small machine is enough.

Larger networks run `forum run --without-worker` on several cores or hosts, and `forum worker` beside it.
"""

import logging
import signal
import sys
import threading
from types import FrameType

import waitress
from flask import Flask

from forum import create_app
from forum.config import Settings
from forum.worker import work

log = logging.getLogger(__name__)

# Pages and worker share one interpreter: a search that reads files waits for its turn again after each of them,
# five milliseconds by default, while the worker merges.
SECONDS_OF_A_TURN = 0.0005


def serve(settings: Settings, host: str, port: int, with_worker: bool = True) -> None:
    """Serve until told to stop; pages that are being made are finished."""
    _speak_up(settings)
    sys.setswitchinterval(SECONDS_OF_A_TURN)
    app = create_app(settings)
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(app, settings, stop), name="worker", daemon=True)
    if with_worker:
        worker.start()
    server = waitress.create_server(
        app,
        host=host,
        port=port,
        threads=settings.web_threads,
        ident="",
        max_request_body_size=settings.largest_request,
        clear_untrusted_proxy_headers=not settings.trusted_proxies,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        server.run()
    except KeyboardInterrupt:
        log.info("stopping")
    finally:
        stop.set()
        server.close()
        if with_worker:
            worker.join(settings.job_lease_seconds)


def serve_worker(app: Flask) -> None:
    """Work off jobs until told to stop; the present job is finished."""
    settings: Settings = app.extensions["forum.settings"]
    _speak_up(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(app, settings, stop)


def _speak_up(settings: Settings) -> None:
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
