"""Messages from member to member: neither sees the address of the other."""

from flask import Response, request

from forum.errors import Invalid, require
from forum.members import actions, queries
from forum.members.models import ContactMessage, Member
from forum.members.rules import can_write_to
from forum.web.door import route
from forum.web.pages import found, fresh_key, go, number, page, said, sent
from forum.web.session import viewer


@route("/members/<int:member_id>/write", allow="member")
def begin(member_id: int) -> Response:
    """The form for a message to a colleague."""
    return _form(found(queries.member_page(viewer(), member_id)), {"subject": "", "body": "", "send_key": ""})


@route("/members/<int:member_id>/messages", allow="member", methods=("POST",))
def write(member_id: int) -> Response:
    """Write to a colleague, or answer one who wrote."""
    member = found(queries.member_page(viewer(), member_id))
    answered = queries.message(viewer(), number(sent("answered")))
    try:
        message = actions.write_to(viewer(), member, sent("subject"), sent("body"), sent("send_key"), answered)
    except Invalid as problem:
        form = {"subject": sent("subject"), "body": sent("body"), "send_key": sent("send_key")}
        return _answering(answered, form, problem) if answered else _form(member, form, said(problem), 422)
    return go(f"/messages/{message.id}?sent")


def _form(member: Member, form: dict[str, str], errors: dict[str, str] | None = None, status: int = 200) -> Response:
    require(can_write_to(viewer(), member), "takes_no_messages")
    return page(
        "messages/write.html", status, here="members", member=member, form=form, errors=errors or {},
        send_key=form["send_key"] or fresh_key(),
    )  # fmt: skip


@route("/messages/<int:message_id>", allow="member")
def show(message_id: int) -> Response:
    """A message, for who wrote it and for whom it is; the latter can answer."""
    message = found(queries.message(viewer(), message_id))
    return _page(message, {"subject": f"Re: {message.subject.removeprefix('Re: ')}", "body": "", "send_key": ""})


def _answering(message: ContactMessage, form: dict[str, str], problem: Invalid) -> Response:
    return _page(message, form, said(problem), 422)


def _page(
    message: ContactMessage, form: dict[str, str], errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    by, to = (found(queries.member_page(viewer(), member_id)) for member_id in (message.by_id, message.to_id))
    return page(
        "messages/show.html", status, here="inbox", message=message, by=by, to=to, form=form, errors=errors or {},
        sent="sent" in request.args, answers=message.to_id == viewer().id and _can_answer(by),
        send_key=form["send_key"] or fresh_key(),
    )  # fmt: skip


def _can_answer(by: Member) -> bool:
    return by.state == "active"
