"""Stopping mails with one click and without signing in: the token in the address says whose, and which (RFC 8058)."""

from typing import Any

from flask import Response, make_response, request

from forum.mail.addresses import addresses
from forum.members.queries import member_or_none
from forum.notifications import actions
from forum.notifications.models import Scope
from forum.notifications.queries import choice_of, last_stop, remaining, title_of
from forum.web.door import route
from forum.web.pages import found, page, sent
from forum.web.session import speak_to

_ACTS = {"stop": actions.stop, "resume": actions.resume, "weekly": actions.weekly_instead}


@route("/unsubscribe/<token>", allow="anyone")
def show(token: str) -> Response:
    """What would stop; a mail scanner that opens it stops nothing."""
    return _page("unsubscribe/show.html", token, *_opened(token))


@route("/unsubscribe/<token>", allow="anyone", methods=("POST",), without_form=True)
def stop(token: str) -> Response:
    """Stop these mails, or take that back. Mail programs send it by themselves, without a cookie."""
    member_id, scope, about = _opened(token)
    act = sent("act") if sent("act") in _ACTS else "stop"
    offers_weekly = scope != "digest" or choice_of(member_id).rhythm == "daily"
    _ACTS[act](member_id, scope, about)
    if "List-Unsubscribe" in request.form:
        return make_response("stopped\n", 200, {"Content-Type": "text/plain"})
    return _page(
        "unsubscribe/done.html", token, member_id, scope, about, act=act, offers_weekly=offers_weekly,
        can_resume=last_stop(member_id, scope, about) is not None, remaining=remaining(member_id),
    )  # fmt: skip


def _opened(token: str) -> tuple[int, Scope, int]:
    """Whose mails, and which; a token that is not ours is an address that does not exist."""
    member_id, scope, about = found(addresses().opened_unsubscribe(token))
    speak_to(found(member_or_none(member_id)))
    return member_id, scope, about


def _page(template: str, token: str, member_id: int, scope: Scope, about: int, **context: Any) -> Response:
    title = title_of(member_id, scope, about)
    return page(template, here="unsubscribe", token=token, scope=scope, title=title, **context)
