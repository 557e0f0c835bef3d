"""S1: every route, every method, every kind of person, every state of the thing; what is not declared fails."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from forum import files
from forum.db import transaction
from forum.mail.addresses import addresses
from forum.notifications import lines
from forum.papers import Paper
from forum.search import saved, thesaurus
from forum.search.synonyms import typed
from forum.threads import drafts
from forum.threads.filing import upload
from forum.web.door import ROUTES
from tests.security import scene
from tests.security.scene import Thing, Visitor

# Beside the eight kinds of the catalogue: who asked, whose word recommends, and a facilitator who is in the circle.
PEOPLE = {
    "stranger": "stranger",
    "suspended": "sven",
    "member": "jonas",
    "of the circle": "bernd",
    "facilitator elsewhere": "frauke",
    "facilitator of one area": "nele",
    "administrator": "anke",
    "author": "frieda",
    "asker": "aylin",
    "facilitator of the circle": "robert",
}
CIRCLE = {"of the circle", "author", "asker", "facilitator of the circle"}
GUESTS = {"stranger", "suspended"}
IN_OPEN_AREA = {"open", "deleted", "beheaded", "locked"}


def may_know(person: str, state: str) -> bool:
    if person in GUESTS or state == "missing":
        return False
    return state != "closed" or person in CIRCLE


def moderates(person: str, state: str) -> bool:
    """Facilitators run every area they see, the one of a single area only that one."""
    if person == "facilitator of one area":
        return state in IN_OPEN_AREA
    return (may_know(person, state) and "facilitator" in person) or (
        person == "administrator" and may_know(person, state)
    )


Rule_ = Callable[[str, str], int]


def guarded(rule: Rule_, guest: int = 303) -> Rule_:
    """Guests are sent to the sign-in, and who may not know of the thing finds nothing."""

    def expected(person: str, state: str) -> int:
        if person in GUESTS:
            return guest
        return rule(person, state) if may_know(person, state) else 404

    return expected


def anyone(status: int, members: int = 0) -> Rule_:
    return lambda person, _state: status if person in GUESTS or not members else members


def member(status: int, guest: int = 303) -> Rule_:
    return lambda person, _state: guest if person in GUESTS else status


def reads(status: int = 200) -> Rule_:
    return guarded(lambda _person, _state: status)


def acts(rule: Rule_) -> Rule_:
    return guarded(rule, guest=401)


def edits(status: int) -> Rule_:
    """The author while the thread is open, and those who moderate; not what was deleted."""

    def rule(person: str, state: str) -> int:
        if state == "deleted":
            return 403
        own = person == "author" and state != "locked"
        return status if own or moderates(person, state) else 403

    return rule


def stands(status: int) -> Rule_:
    """What every reader may do with a post that was not deleted."""
    return lambda _person, state: 403 if state == "deleted" else status


def deletes(person: str, state: str) -> int:
    """Sent twice is sent once: deleting what is deleted leads back to the gap, for those who might."""
    own = person == "author" and state != "locked"
    return 303 if own or moderates(person, state) else 403


def restores(person: str, state: str) -> int:
    if state == "deleted":
        return 303 if person == "author" or moderates(person, state) else 403
    # There is nothing to restore. A facilitator's click that came too late does no harm.
    return 303 if moderates(person, state) else 403


def asks_to_restore(person: str, state: str) -> int:
    if state == "deleted":
        return 200 if person == "author" or moderates(person, state) else 403
    return 303


def history(person: str, state: str) -> int:
    return 200 if person == "author" or moderates(person, state) else 403


def marks(person: str, state: str) -> int:
    return 403 if state == "deleted" or person == "author" else 303


def asks_to_mark(person: str, state: str) -> int:
    return 403 if state == "deleted" or person == "author" else 200


def helps(person: str, state: str) -> int:
    """What helped is for the person who asked to say; announcements ask nothing."""
    return 303 if person == "asker" and state not in ("deleted", "announcement") else 403


def tells_outcome(status: int) -> Rule_:
    """How a question ended is for the person who asked to say, whatever became of it."""
    return lambda person, state: status if person == "asker" and state != "announcement" else 403


def starts(status: int) -> Rule_:
    def rule(person: str, state: str) -> int:
        return status if state != "announcement" or moderates(person, state) else 403

    return rule


def replies(person: str, state: str) -> int:
    return 303 if state != "locked" or moderates(person, state) else 403


def runs(status: int) -> Rule_:
    return lambda person, state: status if moderates(person, state) else 403


FACILITATORS = {"facilitator elsewhere", "facilitator of one area", "administrator", "facilitator of the circle"}


def facilitates(status: int, guest: int = 303) -> Rule_:
    """What belongs to all who facilitate anything is not there for others."""
    return lambda person, _state: guest if person in GUESTS else status if person in FACILITATORS else 404


def facilitates_all(status: int, guest: int = 303) -> Rule_:
    """What concerns the whole network is there for its facilitators, not for those of a single area."""
    return lambda person, _state: (
        guest if person in GUESTS else status if person in FACILITATORS - {"facilitator of one area"} else 404
    )


def administers(status: int, guest: int = 303) -> Rule_:
    """What belongs to administrators is not there for others."""
    return lambda person, _state: guest if person in GUESTS else status if person == "administrator" else 404


def redacts(status: int) -> Rule_:
    """As editing, but what was deleted may hold something as well."""

    def rule(person: str, state: str) -> int:
        own = person == "author" and state != "locked"
        return status if own or moderates(person, state) else 403

    return rule


def flags(status: int) -> Rule_:
    """Everybody who reads may have the facilitators look, but not at what is gone."""
    return lambda _person, state: 403 if state == "deleted" else status


def owns(status: int, others: int = 404, guest: int = 303) -> Rule_:
    """A saved search or a draft is there for the member whose it is alone."""
    return lambda person, _state: guest if person in GUESTS else status if person == "member" else others


# Endpoint and method → who gets which status. "missing" means the thing; a static file or a link that is not there too.
TABLE: dict[tuple[str, str], Rule_] = {
    ("access.sign_in", "GET"): anyone(200, members=303),
    ("access.do_sign_in", "POST"): anyone(422),
    ("access.sign_out", "POST"): anyone(303),
    ("access.forgotten", "GET"): anyone(200),
    ("access.ask_for_reset", "POST"): anyone(303),
    ("access.welcome", "GET"): anyone(422),
    ("access.do_welcome", "POST"): anyone(422),
    ("admin.index", "GET"): administers(303),
    ("admin.mail", "GET"): administers(200),
    ("admin.test_mail", "POST"): administers(200, guest=401),
    ("admin.retry", "POST"): administers(303, guest=401),
    ("admin.use_again", "POST"): administers(303, guest=401),
    ("admin.kinds", "GET"): administers(200),
    ("admin.kind", "GET"): administers(200),
    ("admin.kind_html", "GET"): administers(200),
    ("areas.show", "GET"): reads(),
    ("areas.new", "GET"): guarded(starts(200)),
    ("areas.similar_to", "GET"): reads(),
    ("areas.create", "POST"): acts(starts(303)),
    ("areas.tagged", "GET"): guarded(lambda _person, _state: 200),
    ("assets.file", "GET"): lambda _person, state: 404 if state == "missing" else 200,
    ("digest.digest", "GET"): facilitates_all(200),
    ("digest.add_line", "POST"): facilitates_all(303, guest=401),
    ("digest.remove_line", "POST"): facilitates_all(303, guest=401),
    ("drafts.index", "GET"): member(200),
    ("drafts.save", "POST"): member(303, guest=401),
    ("drafts.discard", "POST"): owns(303, guest=401),
    ("drafts.restore", "POST"): owns(303, guest=401),
    ("files.waiting", "GET"): owns(200),
    ("files.show", "GET"): guarded(lambda _person, state: 404 if state == "deleted" else 200),
    ("health.alive", "GET"): anyone(200),
    ("health.ready", "GET"): anyone(200),
    ("health.robots", "GET"): anyone(200),
    # Nothing waits here for anybody: tests/threads/test_protection.py has what does.
    ("held.publish", "POST"): acts(lambda _person, _state: 403),
    ("held.give_back", "GET"): guarded(lambda _person, _state: 403),
    ("held.do_give_back", "POST"): acts(lambda _person, _state: 403),
    ("held.send_again", "POST"): acts(lambda _person, _state: 403),
    ("helping.asked", "GET"): guarded(lambda _person, _state: 404),  # nobody was asked here
    ("helping.answer", "POST"): acts(lambda _person, _state: 404),
    ("helping.unanswered", "GET"): member(200),
    ("protected.index", "GET"): administers(200),
    ("protected.show", "GET"): administers(404),  # nothing was asked here without a name
    ("protected.ask", "POST"): administers(404, guest=401),
    ("protected.agree", "POST"): administers(404, guest=401),
    ("protected.told", "GET"): guarded(lambda _person, _state: 404),
    ("home.show", "GET"): anyone(200),
    ("inbox.show", "GET"): member(200),
    ("inbox.note_read", "POST"): member(303, guest=401),
    ("inbox.counts", "GET"): member(200),
    ("inbox.bookmarks", "GET"): member(200),
    ("inbox.threads", "GET"): member(200),
    ("inbox.gave", "GET"): member(200),
    ("mail.show", "GET"): member(200),
    ("mail.save", "POST"): member(303, guest=401),
    ("mail.preview", "GET"): member(200),
    ("mail.preview_html", "GET"): member(404),  # nothing is news here
    ("mail.works", "POST"): member(303, guest=401),
    ("members.index", "GET"): member(200),
    ("members.show", "GET"): lambda person, state: 303 if person in GUESTS else 404 if state == "missing" else 200,
    ("members.photo", "GET"): member(404),  # nobody shows one here
    ("members.organisations", "GET"): member(200),
    ("members.organisation", "GET"): lambda person, state: (
        303 if person in GUESTS else 404 if state == "missing" else 200
    ),
    ("merging.merge", "GET"): guarded(runs(200)),
    ("merging.do_merge", "POST"): acts(runs(422)),  # into itself
    ("merging.split", "GET"): guarded(runs(200)),
    ("merging.do_split", "POST"): acts(runs(422)),  # nothing is chosen
    ("messages.show", "GET"): member(404),  # nobody has written here
    ("messages.begin", "GET"): lambda person, state: (
        303 if person in GUESTS else 404 if state == "missing" else 403 if person == "author" else 200
    ),
    ("messages.write", "POST"): lambda person, state: (
        401 if person in GUESTS else 404 if state == "missing" else 403 if person == "author" else 303
    ),
    ("redaction.redact", "GET"): guarded(redacts(200)),
    ("redaction.do_redact", "POST"): acts(redacts(303)),
    ("moderation.index", "GET"): facilitates(303),
    ("moderation.log", "GET"): member(200),
    ("moderation.flag", "GET"): guarded(flags(200)),
    ("moderation.do_flag", "POST"): acts(flags(303)),
    ("moderation.queue", "GET"): facilitates(200),
    ("moderation.decide", "POST"): acts(runs(303)),
    ("offers.show", "GET"): member(200),
    ("outcome.show", "GET"): guarded(tells_outcome(200)),
    ("outcome.tell", "POST"): acts(tells_outcome(303)),
    ("more.show", "GET"): guarded(stands(200)),
    ("more.bookmark", "POST"): acts(stands(303)),
    ("more.share", "GET"): guarded(stands(200)),
    ("more.do_share", "POST"): acts(stands(422)),  # nobody is named
    ("posts.preview", "POST"): member(200, guest=401),
    ("posts.show", "GET"): reads(303),
    ("posts.edit", "GET"): guarded(edits(200)),
    ("posts.update", "POST"): acts(edits(303)),
    ("posts.delete", "GET"): guarded(edits(200)),
    ("posts.do_delete", "POST"): acts(deletes),
    ("posts.restore", "GET"): guarded(asks_to_restore),
    ("posts.do_restore", "POST"): acts(restores),
    ("posts.history", "GET"): guarded(history),
    ("posts.recommend", "GET"): guarded(asks_to_mark),
    ("posts.do_recommend", "POST"): acts(marks),
    ("posts.withdraw", "POST"): acts(lambda _person, _state: 403),  # nothing is recommended here yet
    ("posts.helpful", "POST"): acts(helps),
    ("posts.thanks", "POST"): acts(marks),
    ("practices.index", "GET"): lambda person, state: (
        303 if person in GUESTS else 200 if may_know(person, state) else 404
    ),
    ("profile.profile", "GET"): member(200),
    ("profile.save", "POST"): member(303, guest=401),
    ("profile.photo", "POST"): member(303, guest=401),
    ("saved.index", "GET"): member(200),
    ("saved.save", "POST"): member(303, guest=401),
    ("saved.show", "GET"): owns(303),
    ("saved.edit", "GET"): owns(200),
    ("saved.rename", "POST"): owns(303, guest=401),
    ("saved.delete", "POST"): owns(303, others=303, guest=401),  # twice is once, and of another's nothing is told
    ("search.show", "GET"): member(200),
    ("similar.show", "GET"): reads(),
    ("settings.index", "GET"): member(303),
    ("settings.account", "GET"): member(200),
    ("settings.reading", "GET"): member(200),
    ("settings.choose_reading", "POST"): member(303, guest=401),
    ("settings.keys", "GET"): member(200),
    ("settings.language", "POST"): member(303, guest=401),
    ("settings.password", "POST"): member(422, guest=401),
    ("settings.end_device", "POST"): member(303, guest=401),
    ("templates.index", "GET"): facilitates(200),
    ("templates.edit", "GET"): guarded(runs(200)),
    ("templates.write", "POST"): acts(runs(303)),
    ("thesaurus.index", "GET"): facilitates(200),
    ("thesaurus.new", "GET"): facilitates(200),
    ("thesaurus.add", "POST"): facilitates(303, guest=401),
    ("thesaurus.edit", "GET"): facilitates(200),
    ("thesaurus.update", "POST"): facilitates(303, guest=401),
    ("thesaurus.delete", "POST"): facilitates(303, guest=401),
    ("thesaurus.try_out", "POST"): facilitates(200, guest=401),
    ("thesaurus.starter", "POST"): facilitates(303, guest=401),
    ("thesaurus.missed", "GET"): facilitates(200),
    ("threads.show", "GET"): reads(),
    ("threads.show_named", "GET"): reads(),
    ("threads.create_post", "POST"): acts(replies),
    ("threads.moderate", "GET"): guarded(runs(200)),
    ("threads.do_moderate", "POST"): acts(runs(303)),
    ("unread.show", "GET"): member(200),
    ("unread.catch_up", "POST"): member(303, guest=401),
    ("unread.undo", "POST"): member(303, guest=401),
    ("unread.read", "POST"): acts(lambda _person, _state: 303),
    ("unread.keep_unread", "POST"): acts(lambda _person, _state: 303),
    ("unsubscribe.show", "GET"): anyone(200),  # whoever has the link
    ("unsubscribe.stop", "POST"): anyone(200),
    ("uploads.add", "POST"): member(200, guest=401),
    ("watch.area", "POST"): acts(lambda _person, _state: 303),
    ("watch.thread", "POST"): acts(lambda _person, _state: 303),
}
# The demonstration's own doors are walled up in a real network.
DEMO_ONLY = {("gallery.show", "GET"), ("access.demo_sign_in", "POST")}
# Where one thing is like any other, one state is enough.
WITHOUT_THING = {
    endpoint
    for endpoint, _ in TABLE
    if endpoint.split(".")[0]
    in (
        *("access", "admin", "digest", "drafts", "health", "home", "inbox", "mail", "profile", "saved", "search"),
        *("settings", "thesaurus"),
        *("unsubscribe", "uploads"),
    )
} | {
    *("files.waiting", "members.index", "members.organisations", "moderation.index", "moderation.log"),
    *("moderation.queue", "offers.show"),
    "templates.index",
    "posts.preview",
    "protected.index",
    *("unread.show", "unread.catch_up", "unread.undo"),
    "helping.unanswered",
}
# These are of people, whom every member may know.
OF_PEOPLE = {
    "members.show", "members.photo", "members.organisation", "messages.begin", "messages.show", "messages.write"
}  # fmt: skip

FORMS: dict[str, dict[str, str]] = {
    "access.do_sign_in": {"email": "niemand@weserufer.example", "password": "falsch und lang"},
    "access.do_welcome": {"password": "ein neues Kennwort", "repeated": "ein neues Kennwort"},
    "access.ask_for_reset": {"email": "niemand@weserufer.example"},
    "admin.retry": {"mail": "1"},
    "admin.use_again": {"member": "1"},
    "areas.create": {"kind": "", "title": "Neu", "body": "Text", "send_key": "matrix"},
    "digest.add_line": {"text": "Am 3. Dezember ist Treffen."},
    "digest.remove_line": {"line": "1"},
    "drafts.save": {"place": "thread:1", "send_key": "matrix", "body": "Angefangen"},
    "inbox.note_read": {"entry": "1"},
    "mail.save": {"rhythm": "daily", "weekday": "1", "hour": "8", "level": "notify"},
    "held.do_give_back": {"reason": "Grund"},
    "protected.ask": {"reason": "Grund"},
    "protected.agree": {"reason": "Grund"},
    "merging.do_merge": {"into": "987", "reason": "Grund"},
    "merging.do_split": {"title": "Neu", "reason": "Grund", "area": "1"},
    "redaction.do_redact": {"passage": "Antwort", "instead": "[entfernt]", "reason": "Grund", "asked": "1"},
    "moderation.do_flag": {"why": "unkind"},
    "moderation.decide": {"act": "dismiss", "reason": "Grund", "seen": "99"},
    "helping.answer": {"answer": "no"},
    "messages.write": {"subject": "Eine Frage", "body": "Guten Tag"},
    "outcome.tell": {"outcome": "solved"},
    "more.bookmark": {"note": "Für später"},
    "more.do_share": {"to": ""},
    "posts.preview": {"body": "Text"},
    "posts.update": {"body": "Anders", "version": "1", "reason": "Grund"},
    "posts.do_delete": {"reason": "Grund"},
    "posts.do_restore": {"reason": "Grund"},
    "posts.do_recommend": {"for_what": "wofür", "reason": "Grund"},
    "posts.withdraw": {"withdrawn_reason": "Grund"},
    "posts.helpful": {"on": "1"},
    "posts.thanks": {"on": "1"},
    "profile.save": {"expertise": "Vermüllung"},
    "profile.photo": {"remove": "1"},
    "saved.save": {"q": "Schimmel"},
    "saved.rename": {"name": "Keller"},
    "settings.language": {"language": "de"},
    "settings.choose_reading": {"theme": "dark"},
    "settings.password": {"present": "falsch", "password": "ein neues Kennwort", "repeated": "ein anderes Kennwort"},
    "settings.end_device": {"device": "0"},
    "thesaurus.add": {"words": "Lärm, Ruhestörung"},
    "thesaurus.update": {"words": "Messie, Horten", "version": "1"},
    "thesaurus.delete": {"version": "1"},
    "thesaurus.try_out": {"words": "Messie, Horten", "text": "Ding", "group": "1"},
    "templates.write": {"text": "**Lage**", "version": "0"},
    "threads.create_post": {"body": "Antwort", "send_key": "matrix"},
    "threads.do_moderate": {"act": "pin", "reason": "Grund"},
    "unread.catch_up": {"until": "1"},
    "unread.undo": {"until": "1"},
    "unread.keep_unread": {"number": "1"},
    "watch.area": {"level": "off"},
    "watch.thread": {"level": "notify"},
}


def doors(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            yield rule, method


def declared(rule: Rule, method: str) -> Rule_ | None:
    if method == "OPTIONS":
        return anyone(200)
    return TABLE.get((rule.endpoint, "GET" if method == "HEAD" else method))


def unsubscribe_token(app: Flask) -> str:
    """A link that stands in a mail to Jonas."""
    with app.app_context():
        return addresses().unsubscribe_token(scene.actor("jonas").id, "all")


def address(app: Flask, rule: Rule, thing: Thing, state: str) -> str:
    """Where this rule leads for this thing."""
    assets = app.extensions["forum.assets"]
    values: dict[str, Any] = {
        "slug": thing.area if rule.endpoint.startswith(("areas.", "templates.", "watch.")) else "ding",
        "kind": "announcement" if state == "announcement" else "question",
        "thread_id": thing.thread,
        "post_id": thing.post,
        "attachment_id": thing.attachment,
        "member_id": 987 if state == "missing" else 1,
        "message_id": 1,
        "organisation_id": 987 if state == "missing" else 1,
        "group_id": 1,
        "search_id": 1,
        "draft_id": 1,
        "upload_id": 1,
        "key": "x" * 43,
        "tag": thing.area,
        "name": "post" if rule.endpoint.startswith("admin.") else "plan.txt",
        "token": unsubscribe_token(app),
    }
    if rule.endpoint == "assets.file":
        values["name"] = "missing.css" if state == "missing" else assets.address("css/app.css").removeprefix("/static/")
    if rule.endpoint == "threads.show_named" and state != "missing":
        values["slug"] = f"ding-{state}"
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values[match[1]]), rule.rule)
    return f"{path}?area={thing.area}" if rule.endpoint == "practices.index" else path


def sends(somebody: Visitor, app: Flask, rule: Rule, method: str, thing: Thing, state: str) -> TestResponse:
    form = None
    if method == "POST":
        form = {"csrf_token": somebody.token, **FORMS.get(rule.endpoint, {})}
        if rule.endpoint == "areas.create":
            form["kind"] = "announcement" if state == "announcement" else "question"
    return somebody.asks(method, address(app, rule, thing, state), data=form)


@pytest.fixture
def people(app: Flask) -> dict[str, Visitor]:
    scene.more_people(app)
    with app.app_context(), transaction():
        thesaurus.save(scene.actor("robert"), typed("Messie, Vermüllung"))
        saved.save(scene.actor("jonas"), {"q": "Schimmel"})
        drafts.save_draft(scene.actor("jonas"), "thread:987", "form", "", {"body": "Angefangen"})
        digest = files.store(app.extensions["forum.settings"].instance / "files", b"Plan")
        upload(scene.actor("jonas"), Paper("plan.txt", "text/plain", b"Plan"), digest, 10**6)
        lines.add_line(scene.actor("robert"), "Das Treffen ist im Dezember.")
    return {kind: scene.visitor(app, key) for kind, key in PEOPLE.items()}


def test_every_route_is_declared(app: Flask) -> None:
    missing = [f"{rule.endpoint} {method}" for rule, method in doors(app) if declared(rule, method) is None]
    assert not missing, "say in TABLE who may use these"
    served = {(rule.endpoint, method) for rule, method in doors(app)}
    assert set(TABLE) <= served, "in TABLE, but not served"
    demo = {(entry.endpoint, method) for entry in ROUTES if entry.demo_only for method in entry.methods}
    assert demo == DEMO_ONLY
    assert not demo & served


@pytest.mark.parametrize("state", scene.STATES)
def test_matrix(app: Flask, people: dict[str, Visitor], state: str) -> None:
    """Everybody gets what is declared, and nothing else."""
    thing = scene.things(app)[state]
    kept = scene.snapshot(app)
    wrong = []
    for rule, method in doors(app):
        expected = declared(rule, method)
        if expected is None or (rule.endpoint in WITHOUT_THING and state != "open"):
            continue
        for kind, somebody in people.items():
            answer = sends(somebody, app, rule, method, thing, state)
            if answer.status_code != expected(kind, state):
                wrong.append(f"{method} {rule.rule} as {kind}: {answer.status}, not {expected(kind, state)}")
            if method in ("HEAD", "OPTIONS"):
                assert answer.data == b""
            if method == "POST":
                scene.restore(app, kept)
    assert not wrong, "\n".join(wrong)


def alike(answer: TestResponse, thing: Thing) -> tuple[str, dict[str, str], str]:
    """An answer without the words and numbers of its address."""
    words = re.compile(
        rf"{thing.area}|(?:threads|posts|files|protected)/(?:{thing.thread}|{thing.post}|{thing.attachment})\b"
    )
    left = {"Content-Length", "Set-Cookie", "Date"}
    headers = {name: words.sub("N", value) for name, value in answer.headers.items() if name not in left}
    return answer.status, headers, words.sub("N", scene.normal(answer.text))


def test_forbidden_is_missing(app: Flask, people: dict[str, Visitor]) -> None:
    """Who may not know of the closed area gets, byte for byte, what one gets for what never was."""
    made = scene.things(app)
    closed, missing = made["closed"], made["missing"]
    for rule, method in doors(app):
        if rule.endpoint in WITHOUT_THING | OF_PEOPLE | {"assets.file"}:
            continue
        for kind in PEOPLE.keys() - CIRCLE:
            hidden = sends(people[kind], app, rule, method, closed, "missing")
            absent = sends(people[kind], app, rule, method, missing, "missing")
            one, other = alike(hidden, closed), alike(absent, missing)
            lines = zip(one[2].split("\n"), other[2].split("\n"), strict=False)
            differing = [pair for pair in lines if len(set(pair)) > 1] or (one[:2], other[:2])
            assert one == other, f"{method} {rule.rule} as {kind}: {differing}"


def test_the_author_who_left_the_circle_finds_nothing(app: Flask, people: dict[str, Visitor]) -> None:
    """Having written it is no right to read it on."""
    from sqlalchemy import delete

    from forum.areas.models import AreaMember
    from forum.db import db, transaction

    thing = scene.things(app)["closed"]
    assert people["author"].asks("GET", f"/threads/{thing.thread}").status_code == 200
    with app.app_context(), transaction():
        db.session.execute(delete(AreaMember).where(AreaMember.area_id == thing.area_id))
    for rule, method in doors(app):
        if rule.endpoint in WITHOUT_THING | OF_PEOPLE | {"assets.file"} or method == "OPTIONS":
            continue
        answer = sends(people["author"], app, rule, method, thing, "closed")
        assert answer.status_code == 404, f"{method} {rule.rule}: {answer.status}"


@pytest.mark.parametrize("row", ["post 1", "all posts", "author's organisation", "memberships"])
def test_a_missing_row_opens_nothing(app: Flask, people: dict[str, Visitor], row: str) -> None:
    """Rules that hang on a row fail closed when the row is gone (Flarum CVE-2023-22489)."""
    from sqlalchemy import delete, update

    from forum.areas.models import AreaMember
    from forum.db import db, transaction
    from forum.members.models import Member
    from forum.moderation.models import Flag
    from forum.threads.models import Attachment, Mention, Post, ReadMarker

    thing = scene.things(app)["closed"]
    with app.app_context(), transaction():
        if row == "memberships":
            db.session.execute(delete(AreaMember))
        elif row == "author's organisation":
            db.session.execute(update(Member).values(organisation_id=None))
        else:
            for table in (Mention, ReadMarker, Attachment, Flag):
                db.session.execute(delete(table))
            first = Post.number == 1 if row == "post 1" else Post.number > 0
            db.session.execute(delete(Post).where(Post.thread_id == thing.thread, first))
    for rule, method in doors(app):
        if rule.endpoint in WITHOUT_THING | OF_PEOPLE | {"assets.file"} or method == "OPTIONS":
            continue
        for kind in ("member", "facilitator elsewhere", "administrator"):
            answer = sends(people[kind], app, rule, method, thing, "closed")
            assert answer.status_code == 404, f"{method} {rule.rule} as {kind}: {answer.status}"
