"""A member's own settings: language, password, signed-in devices, how one reads."""

from flask import Response

from forum import i18n
from forum.errors import Invalid
from forum.members import actions, passwords, queries
from forum.members.models import device_name
from forum.web.door import route
from forum.web.pages import go, number, page, said, sent
from forum.web.session import forget, viewer


@route("/settings", allow="member")
def index() -> Response:
    """Lead to the first page."""
    return go("/settings/account")


@route("/settings/account", allow="member")
def account() -> Response:
    """The forms."""
    return _form()


def _form(errors: dict[str, str] | None = None, status: int = 200) -> Response:
    return page(
        "settings/account.html", status, here="settings", member=queries.member(viewer().id), errors=errors or {},
        devices=[(device, device_name(device.device) or device.device[:60]) for device in queries.devices(viewer())],
        languages=i18n.languages(), least=passwords.SHORTEST,
    )  # fmt: skip


@route("/settings/account/language", allow="member", methods=("POST",))
def language() -> Response:
    """Speak another language."""
    actions.choose_language(viewer(), sent("language"))
    return go("/settings/account")


@route("/settings/reading", allow="member")
def reading() -> Response:
    """How pages look, and whether single keys do something."""
    return page("settings/reading.html", here="settings", errors={})


@route("/settings/reading", allow="member", methods=("POST",))
def choose_reading() -> Response:
    """Choose that."""
    try:
        actions.choose_reading(viewer(), sent("theme"), keys=sent("keys") == "1")
    except Invalid as problem:
        return page("settings/reading.html", 422, here="settings", errors=said(problem))
    return go("/settings/reading")


@route("/settings/keys", allow="member")
def keys() -> Response:
    """What keys do; a script shows it where it is asked for."""
    return page("settings/keys.html", here="settings")


@route("/settings/account/password", allow="member", methods=("POST",))
def password() -> Response:
    """Set a new password; other devices are signed out."""
    try:
        actions.change_password(viewer(), sent("present"), sent("password"), sent("repeated"))
    except Invalid as problem:
        return _form(said(problem), 422)
    return go("/settings/account#devices")


@route("/settings/account/devices", allow="member", methods=("POST",))
def end_device() -> Response:
    """Sign one of the own devices out."""
    device = number(sent("device"))
    if device == viewer().sign_in_id:
        forget()
        return go("/sign-in")
    actions.sign_out(viewer(), device)
    return go("/settings/account#devices")
