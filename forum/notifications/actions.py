"""What members choose about their mail: signed in on a page, or with the link that stands in each mail."""

from sqlalchemy import select

from forum import clock, outbox
from forum.areas.models import Area
from forum.areas.queries import readable_area_by_id
from forum.db import db, lock
from forum.errors import Invalid, Missing, Refused
from forum.members.models import Viewer
from forum.notifications.digests import start
from forum.notifications.models import LEVELS, RHYTHMS, SCOPES, AreaWatch, MailChoice, Scope, ThreadWatch
from forum.notifications.queries import choice_of, last_stop, next_digest_of, thread_level, zones
from forum.threads.models import Thread
from forum.threads.queries import standing_thread

outbox.nobody_hears("mail.chosen", "mail.stopped", "mail.resumed", "area.watched", "thread.watched")


def choose(
    actor: Viewer,
    level: str,
    rhythm: str,
    weekday: int,
    hour: int,
    zone: str = "",
    html: bool = True,
    notice: bool = False,
    separate: bool = False,
) -> None:
    """Say how one wants to be mailed; no zone is the network's. A digest that was off tells what comes from now on."""
    _check(level in LEVELS, "level_unknown", "level")
    _check(rhythm in RHYTHMS, "rhythm_unknown", "rhythm")
    _check(0 <= weekday < 7, "weekday_unknown", "weekday")
    _check(0 <= hour < 24, "hour_unknown", "hour")
    _check(not zone or zone in zones(), "zone_unknown", "zone", zone)
    choice = _own_choice(actor.id)
    choice.level, choice.html, choice.notice, choice.separate = level, html, notice, separate
    was_off, before = choice.rhythm == "off", (choice.rhythm, choice.weekday, choice.hour, choice.zone)
    when = (rhythm, weekday, hour, zone or None)
    choice.rhythm, choice.weekday, choice.hour, choice.zone = when
    if was_off:
        start(choice, clock.now())
    elif when != before:
        choice.digest_at = next_digest_of(choice, clock.now())
    outbox.record("mail.chosen", actor.id, actor.id)


def watch_area(actor: Viewer, area_id: int, level: str | None, notice: bool | None = None) -> None:
    """Choose a level for an area, none for one's own; and whether its mails are without content, none as before."""
    _check(level is None or level in LEVELS, "level_unknown", "level")
    area = readable_area_by_id(actor, area_id)
    if area is None:
        raise Missing
    if notice is None:
        notice = _notice_of(actor.id, area_id)
    elif notice == (area.access == "closed"):
        # What the area's access asks for is not kept: an open area that is closed one day tells no content any more.
        notice = None
    if _set_area(actor.id, area_id, level, notice):
        outbox.record("area.watched", area_id, actor.id)


def watch_thread(actor: Viewer, thread_id: int, level: str | None) -> None:
    """Choose a level for a thread, none for that of its area."""
    _check(level is None or level in LEVELS, "level_unknown", "level")
    thread_id = standing_thread(thread_id)
    if thread_level(actor, thread_id) is None:
        raise Missing
    if _set_thread(actor.id, thread_id, level):
        outbox.record("thread.watched", thread_id, actor.id)


def stop(member_id: int, scope: Scope, number: int = 0) -> None:
    """Stop what a link speaks of: the mails of a thread, of an area, the digest, or all; twice is once."""
    number = _standing(scope, number)
    before = _present(member_id, scope, number)
    if before != "off":
        _set(member_id, scope, number, "off")
        ids = {"before": _known(scope).index(before)} if before else {}
        outbox.record("mail.stopped", member_id, member_id, scope=SCOPES.index(scope), number=number, **ids)


def start_again(actor: Viewer) -> None:
    """Get mails again, after however long: of what came in a longer pause no digest tells."""
    choice = _own_choice(actor.id)
    if not choice.stopped:
        return
    if last_stop(actor.id, "all") is None:
        start(choice, clock.now())
    choice.stopped = False
    outbox.record("mail.resumed", actor.id, actor.id, scope=SCOPES.index("all"), number=0)


def resume(member_id: int, scope: Scope, number: int = 0) -> None:
    """Take a stop of late back, as if it had not been; twice is once."""
    number = _standing(scope, number)
    if _take_back(member_id, scope, number):
        outbox.record("mail.resumed", member_id, member_id, scope=SCOPES.index(scope), number=number)


def weekly_instead(member_id: int, scope: Scope, number: int = 0) -> None:
    """Have a digest instead of what was stopped of late: weekly, but for a thread or area in one's own rhythm."""
    number = _standing(scope, number)
    if not _take_back(member_id, scope, number):
        return
    if scope in ("thread", "area"):
        _set(member_id, scope, number, "digest")
    choice, now = _own_choice(member_id), clock.now()
    if scope == "all" and choice.level == "notify":
        choice.level = "digest"
    if choice.rhythm == "off":
        choice.rhythm = "weekly"
        start(choice, now)
    elif scope in ("digest", "all") and choice.rhythm != "weekly":
        choice.rhythm = "weekly"
        choice.digest_at = next_digest_of(choice, now)
    outbox.record("mail.chosen", member_id, member_id)


def _take_back(member_id: int, scope: Scope, number: int) -> bool:
    """Undo a stop of late; whether anything was stopped."""
    if _present(member_id, scope, number) != "off":
        return False
    stopped = last_stop(member_id, scope, number)
    if stopped is None:
        raise Refused("resume_too_late")
    before = stopped.ids.get("before")
    _set(member_id, scope, number, None if before is None else _known(scope)[before])
    if scope == "digest":  # what was told stands where it stood: a slip of the hand loses nothing
        choice = _own_choice(member_id)
        choice.digest_at = next_digest_of(choice, stopped.at)
    return True


def _standing(scope: Scope, number: int) -> int:
    """What a link speaks of, where it stands now: a thread may have been merged since."""
    return standing_thread(number) if scope == "thread" else number


def _present(member_id: int, scope: Scope, number: int) -> str | None:
    """What was chosen for this, "off" where it is stopped."""
    if scope == "thread":
        return _level_of(db.session.get(ThreadWatch, (member_id, number)))
    if scope == "area":
        return _level_of(db.session.get(AreaWatch, (member_id, number)))
    choice = _own_choice(member_id)
    if scope == "digest":
        return choice.rhythm
    return "off" if choice.stopped else None


def _set(member_id: int, scope: Scope, number: int, value: str | None) -> None:
    if scope in ("thread", "area") and db.session.get(Thread if scope == "thread" else Area, number) is None:
        raise Missing
    if scope == "thread":
        _set_thread(member_id, number, value)
    elif scope == "area":
        _set_area(member_id, number, value, _notice_of(member_id, number))
    else:
        choice = _own_choice(member_id)
        if scope == "all":
            choice.stopped = value == "off"
        else:
            choice.rhythm = value or "weekly"
            choice.digest_at = next_digest_of(choice, clock.now())


def _level_of(watch: AreaWatch | ThreadWatch | None) -> str | None:
    return watch.level if watch else None


def _known(scope: Scope) -> tuple[str, ...]:
    return RHYTHMS if scope == "digest" else LEVELS


def _notice_of(member_id: int, area_id: int) -> bool | None:
    watch = db.session.get(AreaWatch, (member_id, area_id))
    return watch.notice if watch else None


def _set_area(member_id: int, area_id: int, level: str | None, notice: bool | None) -> bool:
    """Keep what was chosen for an area; whether anything changed."""
    watch = db.session.get(AreaWatch, (member_id, area_id))
    if (level, notice) == ((watch.level, watch.notice) if watch else (None, None)):
        return False
    if watch and level is None and notice is None:
        db.session.delete(watch)
    else:
        db.session.merge(AreaWatch(member_id=member_id, area_id=area_id, level=level, notice=notice))
    db.session.flush()
    return True


def _set_thread(member_id: int, thread_id: int, level: str | None) -> bool:
    """Keep what was chosen for a thread; whether anything changed."""
    watch = db.session.get(ThreadWatch, (member_id, thread_id))
    if level == _level_of(watch):
        return False
    if watch and level is None:
        db.session.delete(watch)
    else:
        db.session.merge(ThreadWatch(member_id=member_id, thread_id=thread_id, level=level))
    db.session.flush()
    return True


def _own_choice(member_id: int) -> MailChoice:
    """The member's row, which nobody else changes meanwhile; where there is none yet, one that begins now."""
    lock(select(MailChoice.member_id).where(MailChoice.member_id == member_id))
    choice = choice_of(member_id)
    if choice not in db.session:
        db.session.add(choice)
        start(choice, clock.now())
    return choice


def _check(holds: bool, code: str, field: str, value: str = "") -> None:
    if not holds:
        raise Invalid(code, field, value=value)
