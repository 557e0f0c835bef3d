"""Who may mark what."""

from forum.members.models import Viewer
from forum.threads.models import Post
from forum.threads.queries import Opened
from forum.threads.rules import can_moderate


def is_answer(kind: str, number: int) -> bool:
    """A question cannot be recommended, its answers can; a strategy is offered by its first post already."""
    return number > 1 or kind == "strategy"


def can_mark(actor: Viewer, opened: Opened, post: Post) -> bool:
    """Every reader may mark what another wrote and what still stands."""
    return post.author_id != actor.id and post.deleted_at is None and is_answer(opened.thread.kind, post.number)


def decides(actor: Viewer, opened: Opened) -> bool:
    """The asker's and a facilitator's mark recommends by itself; others need a second house."""
    return actor.id == opened.author_id or can_moderate(actor, opened)


def can_say_helpful(actor: Viewer, opened: Opened) -> bool:
    """What helped is for the person who asked to say."""
    return actor.id == opened.author_id and opened.thread.kind == "question"
