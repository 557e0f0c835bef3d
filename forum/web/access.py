"""Coming and going: sign in, sign out, and the link for who is new or lost the password."""

import json
from typing import Any

from flask import Response, current_app, request

from forum.db import transaction
from forum.errors import Invalid, Unready
from forum.members import actions, passwords, queries
from forum.members.models import Member
from forum.web import session
from forum.web.door import route
from forum.web.later import later
from forum.web.pages import go, own_path, page, said, sent


@route("/sign-in", allow="anyone")
def sign_in() -> Response:
    """The form; in the demonstration also the people one can be."""
    if session.network() is None:
        raise Unready("not_set_up")
    if session.viewer_or_none():
        return go(own_path(request.args.get("next", "/")))
    return _form(next_path=own_path(request.args.get("next", "/")))


@route("/sign-in", allow="anyone", methods=("POST",), own_transaction=True)
def do_sign_in() -> Response:
    """Check address and password, alike in words and time whether the address or the password is wrong."""
    email, origin = sent("email").strip().lower(), request.remote_addr or ""
    if queries.too_many_guesses(email, origin):
        return _form(email, "too_many_guesses", 429)
    member = queries.member_by_email(email)
    # The hash takes a while: no transaction waits for it, and it is made for strangers as well.
    if not passwords.matches(member.password if member else None, sent("password")):
        with transaction():
            actions.note_guess(email, origin)
        return _form(email, "sign_in_failed", 422)
    if member is None or member.state != "active":
        return _form(email, "suspended", 403)
    member_id = member.id
    with transaction():
        session.remember(queries.member(member_id))
    return _onward()


def _onward() -> Response:
    """Back to where one wanted to go; what a lost session's form held is offered to be sent again."""
    kept = _kept(sent("resend"))
    if kept is None:
        return go(own_path(sent("next") or "/"))
    fields = [(name, value) for name, value in kept["fields"]]
    return page("errors/expired.html", action=kept["action"], fields=fields, secret=())


def _kept(resend: str) -> dict[str, Any] | None:
    try:
        kept = json.loads(resend)
        fields = [(str(name), str(value)) for name, value in kept["fields"]]
        action = own_path(str(kept["action"]))
        "".join((action, *(text for field in fields for text in field))).encode()  # half a character cannot be shown
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return {"action": action, "fields": fields} if fields and action != "/" else None


def _form(email: str = "", code: str = "", status: int = 200, next_path: str = "") -> Response:
    errors = said(Invalid(code, "email")) if code else {}
    return page(
        "access/sign_in.html", status, here="sign-in", errors=errors, email=email,
        next=next_path or own_path(sent("next") or "/"), resend=sent("resend"), text="", people=demo_people(),
    )  # fmt: skip


def demo_people() -> list[Member]:
    """The three people of the demonstration; none in a real network."""
    if not session.settings().demo:
        return []
    return queries.members_by_uid(("frieda", "robert", "administrator"))


@route("/sign-out", allow="anyone", methods=("POST",))
def sign_out() -> Response:
    """Sign this device out; what the browser keeps of texts that were not sent goes with it."""
    if session.viewer_or_none():
        session.forget()
    answer = go("/sign-in")
    answer.headers["Clear-Site-Data"] = '"storage"'
    return answer


@route("/sign-in/forgotten", allow="anyone")
def forgotten() -> Response:
    """Ask for a mail with a link, or read that it is on its way."""
    return page("access/forgotten.html", here="sign-in", asked="asked" in request.args)


@route("/sign-in/forgotten", allow="anyone", methods=("POST",), own_transaction=True)
def ask_for_reset() -> Response:
    """Answer everybody alike; whether the address is a member's is looked up when the answer has gone."""
    email, origin, secret = sent("email"), request.remote_addr or "", str(current_app.secret_key)
    if not queries.too_many_from(origin):
        later(lambda: actions.ask_for_reset(email, origin, secret))
    return go("/sign-in/forgotten?asked")


@route("/welcome/<key>", allow="anyone")
def welcome(key: str) -> Response:
    """What a sign-in link shows; a mail scanner that fetches it uses nothing up."""
    return _choice_of_password(key)


@route("/welcome/<key>", allow="anyone", methods=("POST",))
def do_welcome(key: str) -> Response:
    """Set the password and sign in."""
    try:
        member = actions.use_link(key, sent("password"), sent("repeated"))
    except Invalid as problem:
        return _choice_of_password(key, problem)
    session.remember(member)
    return go("/")


def _choice_of_password(key: str, problem: Invalid | None = None) -> Response:
    link = queries.open_link(key)
    if link is None:
        raise Invalid("link_used_up")
    return page(
        "access/welcome.html", problem.status if problem else 200, key=key, reset=link.purpose == "reset",
        errors=said(problem) if problem else {}, least=passwords.SHORTEST,
    )  # fmt: skip


@route("/demo/sign-in", allow="anyone", methods=("POST",), demo_only=True)
def demo_sign_in() -> Response:
    """One click, one invented person."""
    chosen = [member for member in demo_people() if member.uid == sent("person")]
    if not chosen:
        raise Invalid("member_unknown", "person", value=sent("person")[:40])
    session.remember(chosen[0])
    return go(own_path(sent("next") or "/"))
