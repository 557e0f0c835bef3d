"""What members hear of: each event makes rows of those who hear of it by mail, and of those it is told in the inbox."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import and_, func, literal, or_, select, true, tuple_

from forum.db import AnyRow, db, insert_into, transaction
from forum.members.models import Member, SignInLink
from forum.members.queries import people_by_handle
from forum.moderation.models import ModerationEntry
from forum.notifications.inbox import TO_FLAG, notify
from forum.notifications.models import MailKind, NotificationKind, ThreadWatch
from forum.notifications.outgoing import Due, dropped, due, patience
from forum.notifications.recipients import (
    answer_entries,
    askers,
    decision_entries,
    flag_entries,
    held_entries,
    mark_entries,
    opened_entries,
    opening_entries,
    post_entries,
    post_recipients,
    wanted_decisions,
    wanted_marks,
)
from forum.outbox import Event, on
from forum.practices.models import Mark
from forum.text import mentioned
from forum.threads.models import Post, PostVersion, Thread
from forum.threads.queries import standing_thread

# What an act is told as, and whether by mail too: a published question reaches its asker's mailbox as any other.
_BY_MAIL: Mapping[NotificationKind, bool] = {"decision": False, "published": False, "returned": True}
_ABOUT = ("thread_id", "post_id", "by_id", "subject_id")


@on("thread.started", "post.created", batch=20)
def mail_posts(events: Sequence[Event]) -> None:
    """A new post: mail to everybody who watches for it, is mentioned or answered."""
    opening = _opening_posts(event.subject_id for event in events if event.name == "thread.started")
    for event in events:
        post_id = opening[event.subject_id] if event.name == "thread.started" else event.subject_id
        _mail_post(post_id, post_recipients(post_id), event)


@on("thread.started", "post.created", batch=20)
def tell_of_posts(events: Sequence[Event]) -> None:
    """A new post: an entry for everybody who is mentioned, is answered or follows the thread."""
    opening = _opening_posts(event.subject_id for event in events if event.name == "thread.started")
    for event in events:
        post_id = opening[event.subject_id] if event.name == "thread.started" else event.subject_id
        _tell_of_post(post_id, post_entries(post_id), event)


@on("post.edited", batch=20)
def tell_of_new_mentions(events: Sequence[Event]) -> None:
    """An edited post: an entry for whom it mentions now and did not mention before; who has one keeps it."""
    for event in events:
        hearing = post_entries(event.subject_id).get("mention", set())
        if hearing:
            _tell_of_post(event.subject_id, {"mention": hearing - _mentioned_before(event)}, event)


@on("post.edited", batch=20)
def mail_new_mentions(events: Sequence[Event]) -> None:
    """An edited post: mail to whom it mentions now and did not mention before."""
    for event in events:
        hearing = post_recipients(event.subject_id, only_mentioned=True)
        if hearing:
            _mail_post(event.subject_id, hearing - _mentioned_before(event), event)


@on("post.restored", batch=20)
def mail_restored_posts(events: Sequence[Event]) -> None:
    """A post that is there again: mail to those whose mail was dropped while it was deleted."""
    for event in events:
        _mail_post(event.subject_id, dropped("post", event.subject_id), event)


@on("post.recommended", "post.helped", batch=50)
def mail_marks(events: Sequence[Event]) -> None:
    """A mark that stands, and counts: mail to the author of the post."""
    marks = _marks_of(events)
    told = wanted_marks([mark.id for mark in marks])
    _mail_each("mark", [mark for mark in marks if mark.id in told], patience())


@on("post.recommended", "post.helped", batch=50)
def tell_of_marks(events: Sequence[Event]) -> None:
    """The same mark: an entry in the author's inbox."""
    _tell_each("mark", mark_entries([mark.id for mark in _marks_of(events)]))


@on("moderation.decided", batch=50)
def mail_decisions(events: Sequence[Event]) -> None:
    """What a facilitator did to a post or thread: mail to its author."""
    told = wanted_decisions([event.subject_id for event in events])
    author = func.coalesce(Post.author_id, Thread.author_id).label("member_id")
    entries = (
        select(ModerationEntry.id, author, ModerationEntry.at)
        .join(Thread, Thread.id == ModerationEntry.thread_id)
        .outerjoin(Post, Post.id == ModerationEntry.post_id)
        .where(ModerationEntry.id.in_(told))
        .order_by(ModerationEntry.id)
    )
    _mail_each("decision", db.session.execute(entries).all(), patience())


@on("moderation.decided", batch=50)
def tell_of_decisions(events: Sequence[Event]) -> None:
    """The same act: an entry in the author's inbox, and for whom a question was returned a mail to look there."""
    entries = decision_entries([event.subject_id for event in events])
    for kind, by_mail in _BY_MAIL.items():
        _tell_each(kind, [row for row in entries if row.kind == kind], by_mail=by_mail)


@on("thread.held", batch=50)
def follow_held(events: Sequence[Event]) -> None:
    """A question without a name: who asks it follows it as anybody does, so that no mail, nor its links, shows who."""
    followers = [{**row._mapping, "level": "notify"} for row in askers([event.subject_id for event in events])]
    with transaction():
        db.session.execute(insert_into(ThreadWatch).values(followers).on_conflict_do_nothing())


@on("thread.held", "thread.sent_again", batch=50)
def tell_of_held(events: Sequence[Event]) -> None:
    """A question without a name: an entry for all who run the area, the asker too if it is one of them, and a mail."""
    for event in events:
        facilitators = held_entries(event.subject_id)
        with transaction():
            notify(
                "flagged", facilitators, key=f"held:{event.id}", at=event.at, thread_id=event.subject_id, by_mail=True
            )


@on("thread.merged", "thread.split", batch=20)
def carry_watches(events: Sequence[Event]) -> None:
    """Posts that stand elsewhere now: who followed them, or asked the question, follows them there.

    What was chosen there already stands. To have muted a thread that was merged is no reason to mute the other.
    """
    for event in events:
        with transaction():
            target = standing_thread(event.subject_id)
            split = event.name == "thread.split" and target == event.subject_id
            _carry_watches(event.ids["from_thread_id"], target, all_levels=split)


@on("name.opened", batch=50)
def tell_of_openings(events: Sequence[Event]) -> None:
    """A name was opened: an entry for the asker, and a mail that says to look there."""
    _tell_each("opened", opened_entries([event.subject_id for event in events]), by_mail=True)


@on("name.asked_for", batch=50)
def tell_of_requests(events: Sequence[Event]) -> None:
    """An administrator asks for a name: an entry for the others, and a mail without the reason."""
    _tell_each("opening", opening_entries([event.subject_id for event in events]), by_mail=True)


@on("post.flagged", batch=50)
def tell_of_flags(events: Sequence[Event]) -> None:
    """A flag: an entry for all who run the area, and a mail that says neither why nor by whom."""
    _tell_each("flagged", flag_entries([event.ids["flag_id"] for event in events]), by_mail=True)


@on("flags.answered", batch=50)
def tell_of_answers(events: Sequence[Event]) -> None:
    """A decision on flags: an entry for each who flagged."""
    _tell_each("decision", answer_entries([event.subject_id for event in events]), key=TO_FLAG)


@on("member.link_made", batch=50)
def mail_links(events: Sequence[Event]) -> None:
    """A link that lets somebody in: mail at once, since somebody waits for it."""
    made = SignInLink.id.in_([event.subject_id for event in events])
    links = select(SignInLink.id, SignInLink.member_id, SignInLink.created_at.label("at")).where(made)
    _mail_each("link", db.session.execute(links).all())


@on("member.signed_in_anew", batch=50)
def mail_sign_ins(events: Sequence[Event]) -> None:
    """A sign-in from a device that is new: mail at once, in case it was somebody else."""
    signed_in = select(Event.id, Event.actor_id.label("member_id"), Event.at)
    _mail_each("sign_in", db.session.execute(signed_in.where(Event.id.in_([event.id for event in events]))).all())


def _carry_watches(source_id: int, target_id: int, all_levels: bool) -> None:
    """Have who follows a thread, or started it, follow the one into which posts of it came; twice is once."""
    watch = (ThreadWatch.thread_id == source_id) & (ThreadWatch.level != "off" if not all_levels else true())
    mine = select(ThreadWatch.level).where(ThreadWatch.member_id == Member.id, ThreadWatch.thread_id == source_id)
    asker = select(Member.id, literal(target_id), literal("notify")).join(Thread, Thread.author_id == Member.id)
    for followers in (
        select(ThreadWatch.member_id, literal(target_id), ThreadWatch.level).where(watch),
        asker.where(Thread.id == source_id, Thread.merged_into_id.is_not(None), ~mine.exists()),
    ):
        new = insert_into(ThreadWatch).from_select(["member_id", "thread_id", "level"], followers)
        db.session.execute(new.on_conflict_do_nothing())


def _mail_post(post_id: int, member_ids: Collection[int], event: Event) -> None:
    """Let these hear of a post; a transaction for each post, so that a large circle holds nobody up."""
    if member_ids:
        with transaction():
            due("post", [Due(post_id, member_id, event.at + patience()) for member_id in member_ids])


def _tell_of_post(post_id: int, entries: Mapping[NotificationKind, Collection[int]], event: Event) -> None:
    """Put a post into these inboxes."""
    thread_id, author_id = db.session.execute(select(Post.thread_id, Post.author_id).where(Post.id == post_id)).one()
    with transaction():
        for kind, member_ids in entries.items():
            notify(
                kind, member_ids, key=f"post:{post_id}", at=event.at, thread_id=thread_id, post_id=post_id,
                by_id=author_id,
            )  # fmt: skip


def _tell_each(kind: NotificationKind, rows: Sequence[AnyRow], by_mail: bool = False, key: str = "") -> None:
    """Tell one member of each of these rows, of post and person where it names them; its subject is else the row."""
    with transaction():
        for row in rows:
            named = {name: row._mapping[name] for name in _ABOUT if name in row._mapping}
            notify(
                kind, [row.member_id], key=f"{key or f'{kind}:'}{row.id}", at=row.at, by_mail=by_mail,
                **{"subject_id": row.id, **named},
            )  # fmt: skip


def _mail_each(kind: MailKind, rows: Sequence[AnyRow], wait: timedelta = timedelta()) -> None:
    """Let one member hear of each of these."""
    if rows:
        with transaction():
            due(kind, [Due(row.id, row.member_id, row.at + wait) for row in rows])


def _marks_of(events: Sequence[Event]) -> Sequence[AnyRow]:
    """The marks of which these events speak, with the authors of the posts."""
    given = [event.ids["mark_id"] for event in events if event.name == "post.recommended"]
    helped = [(event.subject_id, event.actor_id) for event in events if event.name == "post.helped"]
    by_asker = and_(tuple_(Mark.post_id, Mark.member_id).in_(helped), Mark.kind == "helpful")
    return db.session.execute(
        select(Mark.id, Post.author_id.label("member_id"), Mark.created_at.label("at"))
        .join(Post, Post.id == Mark.post_id)
        .where(or_(Mark.id.in_(given), by_asker))
        .order_by(Mark.id)
    ).all()


def _opening_posts(thread_ids: Iterable[int]) -> dict[int, int]:
    """The first posts of these threads: thread → post."""
    post_id = func.coalesce(Post.moved_to_id, Post.id).label("id")
    first = select(Post.thread_id, post_id).where(Post.thread_id.in_(list(thread_ids)), Post.number == 1)
    return {row.thread_id: row.id for row in db.session.execute(first)}


def _mentioned_before(event: Event) -> set[int]:
    """Whom the post mentioned before this edit."""
    replaced = (PostVersion.post_id == event.subject_id) & (PostVersion.version == event.ids["version"] - 1)
    body = db.session.scalar(select(PostVersion.body).where(replaced)) or ""
    return {member_id for member_id, _name in people_by_handle(mentioned(body)).values()}
