"""The thesaurus as facilitators keep it, and the searches that found nothing."""

from datetime import UTC, datetime, time

from flask import Response, request

from forum.errors import Conflict, Invalid, Missing
from forum.i18n import sentence
from forum.search import missed as searches
from forum.search import thesaurus
from forum.search.synonyms import LONGEST_WORD, MOST_WORDS, Group, typed
from forum.search.thesaurus import ThesaurusGroup
from forum.search.trial import Trial
from forum.search.trial import try_out as compared
from forum.web.door import route
from forum.web.pages import found, go, number, page, said, sent
from forum.web.session import network, viewer

_SEARCHABLE_FROM = 12
_LIST = "/moderation/thesaurus"


@route("/moderation/thesaurus", allow="member")
def index() -> Response:
    """All groups, what was changed of late, and what of the start is not here."""
    _admit()
    letters = request.args.get("q", "")
    groups = [(row.id, row.value) for row in thesaurus.groups(viewer(), letters)]
    return page(
        "moderation/thesaurus.html", here="moderation", q=letters,
        equal=[(key, group) for key, group in groups if not group.head],
        narrower=[(key, group) for key, group in groups if group.head],
        searchable=bool(letters) or len(groups) > _SEARCHABLE_FROM,
        lacking=len(thesaurus.lacking(_language())), history=thesaurus.history(viewer()),
    )  # fmt: skip


@route("/moderation/thesaurus/new", allow="member")
def new() -> Response:
    """An empty form, or one with a word that was searched for in vain."""
    _admit()
    return _form(None, words=request.args.get("words", "")[:LONGEST_WORD])


@route("/moderation/thesaurus/new", allow="member", methods=("POST",))
def add() -> Response:
    """Add a group."""
    _admit()
    return _saved(0)


@route("/moderation/thesaurus/<int:group_id>", allow="member")
def edit(group_id: int) -> Response:
    """The form with a group."""
    _admit()
    group = found(thesaurus.group(viewer(), group_id))
    return _form(group, words="\n".join(group.words), head=group.head, text=group.value.first)


@route("/moderation/thesaurus/<int:group_id>", allow="member", methods=("POST",))
def update(group_id: int) -> Response:
    """Change a group."""
    _admit()
    return _saved(group_id)


@route("/moderation/thesaurus/<int:group_id>/delete", allow="member", methods=("POST",))
def delete(group_id: int) -> Response:
    """Delete a group, unless somebody has changed it meanwhile."""
    _admit()
    try:
        thesaurus.remove(viewer(), group_id, number(sent("version")))
    except Conflict as problem:
        return _conflict(group_id, problem)
    return go(_LIST)


@route("/moderation/thesaurus/try", allow="member", methods=("POST",), own_transaction=True)
def try_out() -> Response:
    """What a search would find if the group were saved; nothing is."""
    _admit()
    group_id = number(sent("group"))
    group = thesaurus.group(viewer(), group_id)
    try:
        draft = _typed()
        text = " ".join(sent("text").split()) or draft.first
        trial = compared(viewer(), text, thesaurus.with_draft(draft, group_id))
    except Invalid as problem:
        return _sent_form(group, said(problem), 422)
    return _sent_form(group, trial=trial)


@route("/moderation/thesaurus/starter", allow="member", methods=("POST",))
def starter() -> Response:
    """Add what a new network starts with and is not here."""
    _admit()
    thesaurus.add_starter(viewer(), _language())
    return go(f"{_LIST}#history")


@route("/moderation/searches", allow="member")
def missed() -> Response:
    """What was searched for in vain, without names."""
    _admit()
    rows = [(row, datetime.combine(row.last, time(12), UTC)) for row in searches.missed(viewer())]
    return page(
        "moderation/searches.html", here="moderation", rows=rows, days=searches.KEPT_DAYS,
        digits=searches.MOST_DIGITS, words=searches.MOST_WORDS,
    )  # fmt: skip


def _admit() -> None:
    """For those who facilitate anything; for others these pages are not there."""
    if not thesaurus.can_edit(viewer()):
        raise Missing


def _language() -> str:
    here = network()
    return here.language if here else ""


def _typed() -> Group:
    return typed(sent("words"), sent("head"))


def _saved(group_id: int) -> Response:
    try:
        thesaurus.save(viewer(), _typed(), group_id, number(sent("version")), join=sent("join") == "1")
    except Invalid as problem:
        clash = problem.code == "word_elsewhere"
        return _sent_form(thesaurus.group(viewer(), group_id), said(problem), 422, clash=clash)
    except Conflict as problem:
        return _conflict(group_id, problem)
    return go(_LIST)


def _conflict(group_id: int, problem: Conflict) -> Response:
    group = thesaurus.group(viewer(), group_id)
    return _sent_form(group, {"words": sentence(problem)}, 409, theirs=str(group.value) if group else "")


def _sent_form(
    group: ThesaurusGroup | None, errors: dict[str, str] | None = None, status: int = 200, theirs: str = "",
    clash: bool = False, trial: Trial | None = None,
) -> Response:  # fmt: skip
    text = trial.text if trial else sent("text")
    # After a conflict the form speaks of the version that is shown beside it.
    version = "" if theirs else sent("version")
    return _form(group, sent("words"), sent("head"), text, errors, status, theirs, clash, trial, version)


def _form(
    group: ThesaurusGroup | None,
    words: str,
    head: str = "",
    text: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
    theirs: str = "",
    clash: bool = False,
    trial: Trial | None = None,
    version: str = "",
) -> Response:
    return page(
        "moderation/thesaurus_group.html", status, here="moderation", group=group, words=words, head=head, text=text,
        version=version or (group.version if group else 0),
        errors=errors or {}, theirs=theirs, clash=clash, trial=trial, longest=LONGEST_WORD, most=MOST_WORDS,
    )  # fmt: skip
