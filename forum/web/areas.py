"""An area: its threads, and starting one."""

from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Response, make_response, request

from forum.areas.queries import readable_area
from forum.db import AnyRow
from forum.errors import Invalid, Missing
from forum.notifications.queries import area_level
from forum.search.similar import similar
from forum.text import MAX_SOURCE, tidy
from forum.threads.actions import LONGEST_TAG, start_thread
from forum.threads.asking import ask_protected
from forum.threads.lists import SORTS, STATES, Choice, threads_of_area, threads_of_tag
from forum.threads.models import KINDS, LONGEST_TITLE, tag_slug
from forum.threads.queries import readable_thread
from forum.threads.rules import kinds_to_protect, kinds_to_start
from forum.threads.templates import beginnings, templates_of
from forum.web import uploads
from forum.web.door import route
from forum.web.drafts import sent_from_here, writing
from forum.web.pages import found, go_to_what_was_written, page, reader, said, sent
from forum.web.posts import rendered
from forum.web.session import viewer
from forum.web.templating import rendered as in_language

_MOST_SIMILAR = 3  # beside the title there is room for no more


@route("/areas/<slug>", allow="member")
def show(slug: str) -> Response:
    """The threads of an area: what is asked for, in the order asked for, further ones by key."""
    area = found(readable_area(viewer(), slug))
    choice, before = _choice(), request.args.get("before", "")
    threads = threads_of_area(viewer(), area.id, choice, before)

    def address(**other: str | None) -> str:
        """The same list, but for what is given."""
        asked = {**_asked(choice), **other}
        return f"/areas/{slug}{'?' if any(asked.values()) else ''}{urlencode({k: v for k, v in asked.items() if v})}"

    return page(
        "areas/show.html", here="threads", area=area, threads=threads.rows, choice=choice, address=address,
        older=threads.further and address(before=threads.further), paged=bool(before), narrowed=bool(_asked(choice)),
        kinds=kinds_to_start(viewer(), area), all_kinds=KINDS, states=tuple(STATES), sorts=tuple(SORTS),
        tag_name=_spelt(choice.tag, threads.rows), longest_tag=LONGEST_TAG, watched=area_level(viewer(), area.id),
        saved="watched" in request.args,
    )  # fmt: skip


def _choice() -> Choice:
    """What the address asks for; what it may not ask for leaves nothing out."""
    kind, state, sort = (request.args.get(name, "") for name in ("kind", "state", "sort"))
    tag = request.args.get("tag", "").strip()
    return Choice(
        kind if kind in KINDS else "",
        state if state in STATES else "",
        tag_slug(tag) if tag else "",
        sort if sort in SORTS else Choice.sort,
    )


def _asked(choice: Choice) -> dict[str, str]:
    """The choice as an address holds it: without what is as usual."""
    return {name: value for name, value in vars(choice).items() if value != getattr(Choice, name)}


def _spelt(tag: str, threads: Sequence[AnyRow]) -> str:
    """The tag as somebody wrote it; without a thread that has it, as it stands in the address."""
    names = (name for thread in threads[:1] for name in (thread.tags or "").split("\n"))
    return next((name for name in names if tag_slug(name) == tag), tag)


@route("/tags/<tag>", allow="member")
def tagged(tag: str) -> Response:
    """The threads with this tag in all areas the viewer sees; a tag that has none there does not exist."""
    before = request.args.get("before", "")
    threads = threads_of_tag(viewer(), tag, before)
    if not threads.rows:
        raise Missing
    return page(
        "areas/tagged.html", here="threads", threads=threads.rows, name=_spelt(tag, threads.rows), tag=tag,
        older=threads.further and f"/tags/{tag}?{urlencode({'before': threads.further})}", paged=bool(before),
    )  # fmt: skip


@route("/areas/<slug>/new", allow="member")
def new(slug: str) -> Response:
    """The form for a new thread; a search that found nothing can hand over its words as title."""
    kind = request.args.get("kind", "")
    return _form(slug, kind if kind in KINDS else "", request.args.get("title", "")[:LONGEST_TITLE])


@route("/areas/<slug>/new", allow="member", methods=("POST",), previews=True, receive=uploads.receive)
def create(slug: str) -> Response:
    """Start a thread."""
    area = found(readable_area(viewer(), slug))
    kind, title, body = sent("kind"), sent("title"), sent("body")
    if sent("preview"):
        return _form(slug, kind, title, body, shown=rendered(body))
    try:
        if tidy(body) in templates_of(area).values():  # whichever kind it began with
            raise Invalid("template_unfilled", "body")
        tags, files = sent("tags").split(","), uploads.form_files()
        if sent("protected"):
            hidden = bool(sent("hidden"))
            thread = ask_protected(viewer(), area, kind, title, body, sent("send_key"), tags, files, hidden)
        else:
            thread = start_thread(viewer(), area, kind, title, body, sent("send_key"), tags, files)
    except Invalid as problem:
        return _form(slug, kind, title, body, errors=said(problem), status=422)
    found(readable_thread(viewer(), thread.id))  # sent twice, it may have been moved out of sight in between
    sent_from_here(f"area:{slug}")
    return go_to_what_was_written(f"/threads/{thread.id}-{thread.slug}")


@route("/areas/<slug>/similar", allow="member")
def similar_to(slug: str) -> Response:
    """What there is already like a title that is being typed: a part of the form."""
    found(readable_area(viewer(), slug))
    reader()
    rows = similar(viewer(), request.args.get("title", "")[:LONGEST_TITLE], most=_MOST_SIMILAR, typing=True)
    return make_response(in_language("areas/_similar.html", rows=rows))


def _form(
    slug: str,
    kind: str = "",
    title: str = "",
    body: str = "",
    shown: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    area = found(readable_area(viewer(), slug))
    kinds = kinds_to_start(viewer(), area)
    if not kinds:
        return page("areas/announcements_only.html", 403, here="threads", area=area)
    # Who comes with a title wants to write something else.
    form = writing(f"area:{slug}", fresh=not title or "draft" in request.args)
    title = form.fields.get("title", title)
    texts, known_tags = beginnings(viewer(), area)
    kind = kind or form.fields.get("kind", "")
    kind = kind if kind in kinds else kinds[0]
    alike = [] if errors else similar(viewer(), title, body, most=_MOST_SIMILAR)
    return page(
        "areas/new.html", status, here="threads", area=area, kinds=kinds,
        kind=kind, title=title, body=body or form.fields.get("body", texts.get(kind, "")), templates=texts,
        form=form, shown=shown, errors=errors or {}, tags=sent("tags") or form.fields.get("tags", ""),
        protectable=bool(kinds_to_protect(viewer(), area, area.protected_allowed)),
        protected=bool(sent("protected") or form.fields.get("protected")),
        hidden=bool(sent("hidden") or form.fields.get("hidden")), known_tags=known_tags,
        files=uploads.shown(form.fields), longest_title=LONGEST_TITLE, longest_body=MAX_SOURCE,
        similar=alike,
    )  # fmt: skip
