"""The directory of members and of their organisations, a member's page, and what is shown of faces."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request, send_file

from forum import files
from forum.db import AnyRow
from forum.members import queries
from forum.members.models import initials
from forum.members.rules import can_write_to
from forum.search.people import directory
from forum.threads.queries import given_by, posts_by, recommended_of
from forum.web.door import route
from forum.web.files import UNDATED
from forum.web.pages import found, number, page, with_openings
from forum.web.session import settings, viewer

MEMBERS_A_PAGE = 30
_EXTRACT = 180


@dataclass(frozen=True)
class Choice:
    """An organisation or a city: how many members it leaves, and where it is chosen or taken away again."""

    words: str
    count: int
    chosen: bool
    href: str


@route("/members", allow="member")
def index() -> Response:
    """Who is there and who knows about what: by words, organisation and city."""
    asked = {name: request.args.get(name, "").strip() for name in ("q", "organisation", "city")}
    people = directory(viewer(), asked["q"])
    shown = [person for person in people if _in_house(person, asked) and _in_city(person, asked)]
    begin = _behind(shown, number(request.args.get("after", "")))
    rows = shown[begin : begin + MEMBERS_A_PAGE]
    further = _address(asked, after=str(rows[-1].id)) if len(shown) > begin + MEMBERS_A_PAGE else ""
    return page(
        "members/index.html",
        here="members",
        asked=asked,
        people=[_with_initials(row) for row in rows],
        total=len(shown),
        further=further,
        newer=_address(asked) if begin else "",
        house=_chosen_house(people, asked["organisation"]),
        without={name: _address(asked | {name: ""}) for name in ("organisation", "city")},
        organisations=_choices(asked, "organisation", [p for p in people if _in_city(p, asked)]),
        cities=_choices(asked, "city", [p for p in people if _in_house(p, asked)]),
    )


def _in_house(person: AnyRow, asked: dict[str, str]) -> bool:
    return not asked["organisation"] or str(person.organisation_id) == asked["organisation"]


def _in_city(person: AnyRow, asked: dict[str, str]) -> bool:
    return not asked["city"] or person.city == asked["city"]


def _behind(people: Sequence[AnyRow], last: int) -> int:
    """Where the list goes on behind this member; from its beginning when they are not in it."""
    return next((place for place, person in enumerate(people, 1) if person.id == last), 0)


def _address(asked: dict[str, str], **others: str) -> str:
    fields = {name: value for name, value in (asked | others).items() if value}
    return f"/members?{urlencode(fields)}" if fields else "/members"


def _chosen_house(people: Sequence[AnyRow], wanted: str) -> str:
    return next((person.organisation_name for person in people if str(person.organisation_id) == wanted), "")


def _choices(asked: dict[str, str], name: str, people: Sequence[AnyRow]) -> list[Choice]:
    """What narrows these people, the most frequent first; none where there is nothing to choose from."""
    key, words = {"organisation": ("organisation_id", "organisation_name"), "city": ("city", "city")}[name]
    counts = Counter((getattr(person, key), getattr(person, words)) for person in people if getattr(person, key))
    if len(counts) < 2 and not asked[name]:
        return []
    most_first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0][1]))
    return [
        Choice(said, count, str(value) == asked[name], _address(asked, **{name: str(value)}))
        for (value, said), count in most_first
    ]


def _with_initials(person: AnyRow) -> dict[str, object]:
    return person._asdict() | {"initials": initials(person.name)}


@route("/members/<int:member_id>", allow="member")
def show(member_id: int) -> Response:
    """Who it is, what they know about, and what they wrote that the viewer may read."""
    member = found(queries.member_page(viewer(), member_id))
    return page(
        "members/show.html",
        here="members",
        member=member,
        profile=member.profile,
        initials=initials(member.name),
        given=given_by(viewer(), member.id),
        posts=with_openings(posts_by(viewer(), member.id), _EXTRACT),
        may_write=can_write_to(viewer(), member),
    )


@route("/members/<int:member_id>/photo", allow="member")
def photo(member_id: int) -> Response:
    """A member's picture; its address changes with it, so that it can be kept."""
    member = found(queries.member_page(viewer(), member_id))
    digest = found(member.profile.photo if member.profile else None)
    path = files.location(settings().instance / "files", digest)
    found(path.is_file() or None)
    with path.open("rb") as opened:
        kind = "image/png" if opened.read(4) == b"\x89PNG" else "image/jpeg"
    answer = send_file(path, kind, etag=digest, max_age=0, last_modified=UNDATED)
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


@route("/organisations", allow="member")
def organisations() -> Response:
    """The member companies."""
    after = request.args.get("after", "")
    rows = queries.organisations_after(viewer(), after)
    shown = rows[: queries.ORGANISATIONS_A_PAGE]
    further = f"/organisations?{urlencode({'after': shown[-1].name})}" if len(rows) > len(shown) else ""
    return page("members/organisations.html", here="members", organisations=shown, further=further, paged=bool(after))


@route("/organisations/<int:organisation_id>", allow="member")
def organisation(organisation_id: int) -> Response:
    """A member company: who works there, and which of their answers were recommended."""
    house = found(queries.organisation_page(viewer(), organisation_id))
    people = queries.colleagues(viewer(), organisation_id)
    recommended = recommended_of(viewer(), organisation_id)
    return page(
        "members/organisation.html",
        here="members",
        house=house,
        people=[_with_initials(row) for row in people[: queries.COLLEAGUES_SHOWN]],
        more=len(people) > queries.COLLEAGUES_SHOWN,
        recommended=with_openings(recommended, _EXTRACT),
    )
