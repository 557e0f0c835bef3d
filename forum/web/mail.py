"""How a member hears of things by mail: what was chosen, and what the next digest would say."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from babel.dates import get_day_names, get_timezone_location
from flask import Response, request

from forum import clock, i18n
from forum.errors import Invalid
from forum.i18n import gettext as _
from forum.members.actions import address_works
from forum.members.queries import active_administrators, member
from forum.notifications import actions, queries
from forum.notifications.models import MailChoice
from forum.web.door import route
from forum.web.letters import as_document, coming
from forum.web.pages import found, go, number, page, said, sent
from forum.web.session import settings, viewer

_CONTINENTS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_CHOICES = ("rhythm", "weekday", "hour", "zone", "level")
_CHECKS = ("plain", "notice", "separate", "stopped")


@dataclass(frozen=True)
class Row:
    """An area or a thread on the form: what was chosen for it, and whether its mails come without content."""

    id: int
    slug: str
    title: str
    chosen: str
    without: bool = False


@route("/settings/mail", allow="member")
def show() -> Response:
    """What was chosen."""
    return _form(_kept(queries.choice(viewer())), _areas(), _threads())


@route("/settings/mail", allow="member", methods=("POST",))
def save() -> Response:
    """Choose all of it anew."""
    shown_areas, shown_threads = _areas(), _threads()
    areas = [_sent_row(row, "area") for row in shown_areas]
    threads = [_sent_row(row, "thread") for row in shown_threads]
    form = {name: sent(name) for name in _CHOICES} | {name: bool(sent(name)) for name in _CHECKS}
    try:
        _save(
            form,
            [row for row in areas if row not in shown_areas],
            [row for row in threads if row not in shown_threads],
        )
    except Invalid as problem:
        return _form(form, areas, threads, said(problem), 422)
    return go("/settings/mail?saved")


def _save(form: dict[str, Any], areas: list[Row], threads: list[Row]) -> None:
    """Keep the form, and of the areas and threads those that were changed on it."""
    who = viewer()
    actions.choose(
        who, form["level"], form["rhythm"], number(form["weekday"], -1), number(form["hour"], -1), form["zone"],
        html=not form["plain"], notice=form["notice"], separate=form["separate"],
    )  # fmt: skip
    if form["stopped"]:
        actions.stop(who.id, "all")
    else:
        actions.start_again(who)
    for area in areas:
        actions.watch_area(who, area.id, area.chosen or None, area.without)
    for thread in threads:
        actions.watch_thread(who, thread.id, thread.chosen or None)


def _kept(choice: MailChoice) -> dict[str, Any]:
    """What was chosen, as the form's fields hold it."""
    zone = "" if choice.zone == settings().time_zone else choice.zone or ""
    return {
        "rhythm": choice.rhythm, "weekday": str(choice.weekday), "hour": str(choice.hour), "zone": zone,
        "level": choice.level, "plain": not choice.html, "notice": choice.notice, "separate": choice.separate,
        "stopped": choice.stopped,
    }  # fmt: skip


def _areas() -> list[Row]:
    rows = queries.levels(viewer())
    return [Row(row.id, row.slug, row.title, row.chosen or "", bool(row.own_notice)) for row in rows]


def _threads() -> list[Row]:
    return [Row(row.id, row.slug, row.title, row.level) for row in queries.followed(viewer())]


def _sent_row(row: Row, kind: str) -> Row:
    """The row as it was sent; one that was not on the form, because it came since, stays as it is."""
    level = f"{kind}-{row.id}"
    if level not in request.form:
        return row
    without = kind == "area" and bool(sent(f"notice-{row.id}"))
    return Row(row.id, row.slug, row.title, sent(level), without)


def _form(
    form: dict[str, Any],
    areas: list[Row],
    threads: list[Row],
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    code = i18n.language()
    return page(
        "settings/mail.html", status, here="settings", form=form, areas=areas, errors=errors or {},
        threads=threads[: queries.MOST_FOLLOWED], more=len(threads) > queries.MOST_FOLLOWED,
        saved="saved" in request.args, next=_next(), address=member(viewer().id).email or "",
        administrators=active_administrators(),
        weekdays=sorted(get_day_names("wide", locale=code).items()),
        hours=[(hour, f"{hour}:00") for hour in range(24)],
        zones=_zones(settings().time_zone, code),
    )  # fmt: skip


def _next() -> str:
    """When the next digest comes, on the member's own clock; empty when none does."""
    choice = queries.choice(viewer())
    zone = choice.zone or settings().time_zone
    moment = choice.digest_at or queries.next_digest_of(choice, clock.now())
    if moment is None or choice.stopped:
        return ""
    with i18n.speaking(i18n.language(), zone):
        return i18n.appointment(moment)


@cache
def _zones(usual: str, code: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Time zones by their cities: the network's, those of Europe, others; of several with one city one is enough."""
    europe: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    for zone in queries.zones():
        if zone.split("/")[0] in _CONTINENTS and zone != usual:
            (europe if zone.startswith("Europe/") else elsewhere).setdefault(_city(zone, code), zone)
    groups = ((_("Europe"), europe), (_("Elsewhere"), elsewhere))
    return [
        ("", [("", _city(usual, code))]),
        *((name, [(zone, city) for city, zone in sorted(cities.items())]) for name, cities in groups),
    ]


def _city(zone: str, code: str) -> str:
    return str(get_timezone_location(zone, locale=code, return_city=True))


@route("/settings/mail/preview", allow="member")
def preview() -> Response:
    """What the next digest would be if it went now."""
    return page("settings/mail_preview.html", here="settings", next=_next(), coming=coming(viewer()))


@route("/settings/mail/preview/html", allow="member")
def preview_html() -> Response:
    """The same as a mail program would show it."""
    would_come = coming(viewer())
    mail = found(would_come.mail if would_come.as_html else None)
    return as_document(mail.html)


@route("/settings/mail/works", allow="member", methods=("POST",))
def works() -> Response:
    """The address takes mails after all."""
    address_works(viewer())
    return go("/settings/mail")
