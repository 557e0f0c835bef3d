"""The one door for pages: every route says who is allowed, or the app does not start.

What asks to change something runs inside one transaction from its first statement on; what it answers
with an error is rolled back. A role that does not suffice answers like a page that does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

from flask import Flask, Response, make_response, request
from sqlalchemy.exc import DBAPIError

from forum.db import collided, db, transaction
from forum.errors import Missing
from forum.web.later import forget_later
from forum.web.session import SignInNeeded, viewer_or_none

Allow = Literal["anyone", "member", "facilitator", "administrator"]
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Route:
    """One address, what answers there, and who is allowed."""

    rule: str
    endpoint: str
    view: Callable[..., Any]
    methods: tuple[str, ...]
    allow: Allow
    demo_only: bool
    without_form: bool
    with_files: bool


ROUTES: list[Route] = []


def route(
    rule: str,
    *,
    allow: Allow,
    methods: tuple[str, ...] = ("GET",),
    own_transaction: bool = False,
    previews: bool = False,
    receive: Callable[[], None] | None = None,
    with_files: bool = False,
    demo_only: bool = False,
    without_form: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Serve an address. `own_transaction`: the view does slow work first and opens the transaction itself, if at all.

    `previews`: the form has a button "preview" too, which only shows what was written, and holds no writer up.
    `receive`: takes in the files of the form before the transaction, as that may take seconds.
    `with_files`: the form may be larger than others; any that receives files may.
    `without_form`: what is sent need not come from a page of ours, because the address itself says who may: it holds
    a key that no foreign page knows.
    """

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        guarded = _guarded(view, allow, own_transaction, previews, receive)
        endpoint = f"{view.__module__.rsplit('.', 1)[-1]}.{view.__name__}"
        large = with_files or receive is not None
        ROUTES.append(Route(rule, endpoint, guarded, methods, allow, demo_only, without_form, large))
        return guarded

    return register


def _guarded(
    view: Callable[..., Any], allow: Allow, own_transaction: bool, previews: bool, receive: Callable[[], None] | None
) -> Callable[..., Any]:
    @wraps(view)
    def guarded(**values: Any) -> Any:
        if receive:
            _admit(allow)
            receive()
        only_shows = request.method not in _CHANGING or (previews and request.form.get("preview"))
        if only_shows or own_transaction:
            _admit(allow)
            return view(**values)
        try:
            return _changing(view, allow, values)
        except DBAPIError as error:
            if not collided(error):
                raise
            # Another request was first to take a unique key (a double click, the first visit on two devices)
            # or both waited for each other. Nothing of this one is kept, so it is done anew, once: now it
            # finds what the first did, and answers to that as if it had come a moment later.
            forget_later()
            return _changing(view, allow, values)

    return guarded


def _changing(view: Callable[..., Any], allow: Allow, values: dict[str, Any]) -> Response:
    with transaction():
        _admit(allow)
        response = make_response(view(**values))
        if response.status_code >= 400:
            db.session.rollback()
        return response


def _admit(allow: Allow) -> None:
    if allow == "anyone":
        return
    viewer = viewer_or_none()
    if viewer is None:
        raise SignInNeeded
    if (allow == "facilitator" and not viewer.is_facilitator) or (
        allow == "administrator" and not viewer.is_administrator
    ):
        raise Missing


def add_routes(app: Flask, demo: bool) -> None:
    """Put all routes into the app; refuse to start when one did not come through here."""
    for entry in ROUTES:
        if demo or not entry.demo_only:
            app.add_url_rule(entry.rule, entry.endpoint, entry.view, methods=list(entry.methods))
    declared = {entry.endpoint for entry in ROUTES}
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in declared:
            raise RuntimeError(f"{rule.rule} does not say who is allowed: use forum.web.door.route")
