"""Questions without a name: asked, held until a facilitator has looked, published or given back."""

from collections.abc import Iterable

from sqlalchemy import select, update

from forum import clock, i18n, outbox
from forum.db import db
from forum.errors import Conflict, Invalid, require
from forum.members.actions import add_persona
from forum.members.models import Viewer
from forum.members.queries import network
from forum.threads.actions import (
    StartableArea,
    add_post,
    checked_body,
    checked_tags,
    checked_title,
    count_threads,
    mark_read,
    new_thread,
    own_key,
    refresh_facts,
)
from forum.threads.filing import NO_FILES, Files, checked_files, refile
from forum.threads.models import Post, PostVersion, Thread
from forum.threads.protection import note_sent, protect, sent_at, somebody_looks
from forum.threads.queries import Opened, post_sent
from forum.threads.rules import (
    can_moderate,
    kinds_to_protect,
)

outbox.nobody_hears("thread.returned")


def ask_protected(
    actor: Viewer,
    area: StartableArea,
    kind: str,
    title: str,
    body: str,
    send_key: str = "",
    tags: list[str] | None = None,
    files: Files = NO_FILES,
    hidden: bool = False,
) -> Thread:
    """Ask without a name; a facilitator looks at it before others see it. `hidden`: colleagues never see it."""
    send_key = own_key("area", area.id, send_key)
    if sent := post_sent(actor, send_key):
        return sent.thread
    if kind not in kinds_to_protect(actor, area, area.protected_allowed):
        raise Invalid("not_without_name", "protected")
    if not somebody_looks(actor, area.id, hidden):
        raise Invalid("nobody_looks", "protected")
    title, body, now = checked_title(title), checked_body(body), clock.now()
    tagged, filed = checked_tags(tags or []), checked_files(actor, files)
    persona = add_persona(_persona_name())
    hides = hidden and actor.organisation_id is not None
    thread = new_thread(area.id, kind, title, persona.id, now, tagged, protected=True, held=True, hidden=hides)
    protect(thread, persona.id, actor, hides, now, send_key)
    refile(add_post(thread, persona.id, body, now, send_key), filed, protected=True)
    mark_read(actor.id, thread.id, 1)
    outbox.record("thread.held", thread.id, persona.id)
    return thread


def _persona_name() -> str:
    """The same in every thread and in the network's language, so that neither tells anything of the asker."""
    here = network()
    with i18n.speaking(here.language if here else "de"):
        return i18n.gettext("Colleague A")


def as_it_reads(title: str, tags: Iterable[str], version: int) -> str:
    """What a facilitator has looked at: a title, tags and this version of the text and its files."""
    return " · ".join((str(version), title, *tags))


def publish(actor: Viewer, opened: Opened, seen: str) -> None:
    """Let everybody have a question that was held, if it still reads as it was seen.

    It begins now, and so it tells nothing of when it was asked.
    """
    _require_waiting(actor, opened)
    thread, now = opened.thread, clock.now()
    version = db.session.scalars(select(Post.version).where(Post.thread_id == thread.id, Post.number == 1)).one()
    if seen != as_it_reads(thread.title, [tag.name for tag in thread.tagged], version):
        raise Conflict("question_changed")
    thread.held, thread.created_at = False, now
    note_sent(thread.id, None)
    db.session.execute(update(Post).where(Post.thread_id == thread.id).values(created_at=now, edited_at=None))
    posts = select(Post.id).where(Post.thread_id == thread.id)
    db.session.execute(update(PostVersion).where(PostVersion.post_id.in_(posts)).values(replaced_at=now))
    refresh_facts(thread.id)
    count_threads(thread.area_id)
    outbox.record("thread.started", thread.id, thread.author_id)


def give_back(actor: Viewer, opened: Opened) -> None:
    """Leave a question that was held to its asker, to be changed and sent again."""
    _require_waiting(actor, opened)
    note_sent(opened.thread.id, None)
    outbox.record("thread.returned", opened.thread.id, actor.id)


def send_again(actor: Viewer, opened: Opened) -> None:
    """Have a question that was returned looked at anew; twice is once."""
    opened.acts(actor)
    require(actor.id == opened.author_id and opened.held)
    if sent_at(opened.thread.id) is None:
        note_sent(opened.thread.id, clock.now())
        outbox.record("thread.sent_again", opened.thread.id, actor.id)


def _require_waiting(actor: Viewer, opened: Opened) -> None:
    opened.acts(actor)
    require(can_moderate(actor, opened))
    require(opened.held and sent_at(opened.thread.id) is not None, "not_waiting")
