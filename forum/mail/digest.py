"""What a digest says, as a letter."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from forum.errors import N_
from forum.i18n import gettext as _
from forum.i18n import ngettext
from forum.mail import kinds
from forum.mail.kinds import Place, Row, Shown, Telling, Told
from forum.mail.letter import House, Letter
from forum.mail.plain_text import inert
from forum.mail.posts import posts
from forum.notifications.contents import Contents, SavedNews, ThreadNews, Why

_WHY: dict[Why, str] = {
    "mentioned": N_("You are mentioned"),
    "own": N_("Your thread"),
    "followed": N_("You follow it"),
    "wrote": N_("You wrote here"),
    "new": "",
}


def digest(
    home: House, message_id: str, at: datetime, contents: Contents, apart: bool
) -> tuple[Letter, list[tuple[Letter, datetime]]]:
    """A digest and, if its posts go apart, a letter for each of them with its moment."""
    shown = [post_id for thread in contents.threads for post_id in thread.shown]
    found = posts(home, shown, gone=False)
    letter = kinds.digest(home, message_id, at, _telling(home, contents, found), apart)
    parts = [found[post_id] for post_id in shown if apart and post_id in found]
    return letter, [(kinds.part(home, post, place), post.at) for post, place in parts]


def _telling(home: House, contents: Contents, found: Mapping[int, tuple[Shown, Place]]) -> Telling:
    return Telling(
        total=contents.total,
        threads=[_told(home, thread, found) for thread in contents.threads],
        more=[Row(inert(thread.title), _first_new(home, thread), _why(thread)) for thread in contents.more],
        beyond=contents.beyond,
        quiet=[
            Row(inert(area.title), f"{home.url}/areas/{area.slug}", kinds.new_posts(area.new))
            for area in contents.quiet
        ],
        recommended=[
            Row(
                inert(row.title),
                f"{home.url}/posts/{row.post_id}",
                inert(", ".join(filter(None, (row.author_name, row.organisation_name)))),
                inert(row.for_what or ""),
            )
            for row in contents.recommended
        ],
        unanswered=[
            Row(inert(row.title), f"{home.url}/threads/{row.id}", f"{inert(row.author_name)}, {inert(row.area_title)}")
            for row in contents.unanswered
        ],
        saved=[*_saved(home, contents)],
        lines=[inert(line, 1000) for line in contents.lines],
    )


def _told(home: House, thread: ThreadNews, found: Mapping[int, tuple[Shown, Place]]) -> Told:
    shown = [found[post_id][0] for post_id in thread.shown if post_id in found]
    url = _first_new(home, thread)
    return Told(inert(thread.title), url, _why(thread), thread.new, thread.new - len(shown), shown)


def _first_new(home: House, thread: ThreadNews) -> str:
    return f"{home.url}/posts/{thread.post_ids[0]}"


def _why(thread: ThreadNews) -> str:
    """Why the reader is told, and where it is: "You follow it · Arrears · 2 new posts"."""
    new = N_("New thread") if thread.opened else N_("New replies")
    return " · ".join((_(_WHY[thread.why] or new), inert(thread.area_title), kinds.new_posts(thread.new)))


def _saved(home: House, contents: Contents) -> Iterator[Row]:
    for saved in contents.saved:
        yield Row(inert(saved.name), f"{home.url}{saved.address}", _hits(saved))
    if left := contents.searches_left:
        title = ngettext("%(num)s more search of yours", "%(num)s more searches of yours", left)
        yield Row(title, f"{home.url}/search/saved", _("What is new there is shown in the forum."))


def _hits(saved: SavedNews) -> str:
    if saved.more:
        return _("more than %(num)s new hits", num=saved.new)
    return ngettext("%(num)s new hit", "%(num)s new hits", saved.new)
